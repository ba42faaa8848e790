// Keeps the reader's place in the log. The scroller is laid out from its end (column-reverse), so its
// `scrollTop` is 0 at the latest message and negative above; adding at the top moves nothing.

import { chunks } from "./chunks.js";

const END_PX = 48;
const AWAY_PX = 400;
const OLDER_PX = 1_200;

const bottomOf = (element) => element.getBoundingClientRect().bottom;

export class Scroll {
  constructor(scroller) {
    this.scroller = scroller;
  }

  get atEnd() {
    return this.scroller.scrollTop > -END_PX;
  }

  get away() {
    return this.scroller.scrollTop < -AWAY_PX;
  }

  get nearBeginning() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    return scrollHeight - clientHeight + scrollTop < OLDER_PX;
  }

  get nearEnd() {
    return this.scroller.scrollTop > -OLDER_PX;
  }

  // Some of what was in view stays there.
  turnPage(direction) {
    this.scroller.scrollTop += direction * this.scroller.clientHeight * 0.875;
  }

  toEnd() {
    this.scroller.scrollTop = 0;
  }

  // Goes to the line above the unread messages, if it is above what is visible at the end.
  toView(line) {
    this.toEnd();
    if (line && !this.isBelowTop(line)) this.toTop(line);
  }

  // Its margin leaves something of what is above it in view.
  toTop(line) {
    line.scrollIntoView({ block: "start" });
  }

  isBelowTop(element) {
    return element.getBoundingClientRect().top >= this.scroller.getBoundingClientRect().top;
  }

  // What is at the top of the view, and how far below that it begins.
  place(page) {
    const { top } = this.scroller.getBoundingClientRect();
    const list = chunks(page).find((one) => bottomOf(one) > top);
    const message = [...(list?.children ?? [])].find((one) => bottomOf(one) > top);
    return message && { message, below: message.getBoundingClientRect().top - top };
  }

  restore({ message, below }) {
    message.scrollIntoView({ block: "start" });
    this.scroller.scrollTop -= below;
  }

  // Changes something below what is being read, without moving what is being read.
  keepPlace(change) {
    if (this.atEnd) {
      const { scrollTop } = this.scroller;
      change();
      // At the very end it stays there by itself.
      if (scrollTop) this.toEnd();
      return;
    }
    const before = this.scroller.scrollHeight;
    change();
    this.scroller.scrollTop -= this.scroller.scrollHeight - before;
  }

  // Adds something at the end, without moving what is being read, even there.
  hold(change) {
    const before = this.scroller.scrollHeight;
    const { scrollTop } = this.scroller;
    change();
    this.scroller.scrollTop = scrollTop - (this.scroller.scrollHeight - before);
  }
}
