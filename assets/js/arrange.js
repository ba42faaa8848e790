// What stands between two messages: a day, the line above the unread ones, or nothing, in which case
// the second message shares the first one's head.

import { after, before, isMessage, messageAbove, messageBelow } from "./chunks.js";
import { timeOf } from "./message.js";
import { dayLabel, dayOf } from "./times.js";
import { clone } from "./words.js";

// `src/http/views/messages.rs` groups the first HTML with the same window, which begins with the head.
const GROUP_MS = 5 * 60 * 1000;

// When the head began that a message has or shares.
const heads = new WeakMap();

// Corrects what stands above these messages, in their order, and which head is shared by those below them;
// `newAfter` is the last `seq` that was read, or null.
export function arrange(elements, newAfter) {
  elements.forEach((element, at) => {
    clearAbove(element);
    const above = messageAbove(element);
    const isNext = before(element) === above;
    const time = timeOf(element);
    const beginsDay = !above || dayOf(timeOf(above)) !== dayOf(time);
    const beginsNew = newAfter !== null && Number(element.dataset.seq) === newAfter + 1;
    if (beginsDay) {
      const day = clone("day");
      day.querySelector("h2").textContent = dayLabel(time);
      element.before(day);
      if (!messageBelow(element)) labelDays(element.closest(".page"));
    }
    if (beginsNew) element.before(clone("new-line"));
    shareHead(element, isNext && !beginsDay && !beginsNew ? above : null);
    if (after(element) !== elements[at + 1]) shareBelow(element);
  });
}

// With the message above it, if nothing stands between them; returns whether that changed anything.
function shareHead(element, above) {
  const [time, had] = [timeOf(element).getTime(), heads.get(element)];
  const head = heads.get(above) ?? time;
  const continues = above?.dataset.user === element.dataset.user && time - head < GROUP_MS;
  element.classList.toggle("continues", continues);
  heads.set(element, continues ? head : time);
  return heads.get(element) !== had;
}

// Those that follow without anything between them, as far as their head is another one now.
function shareBelow(element) {
  let above = element;
  for (let one = after(above); one && isMessage(one) && shareHead(one, above); one = after(one)) above = one;
}

// At midnight the names of the latest days change; earlier days are called by their date.
export function labelDays(page) {
  for (const day of [...page.querySelectorAll(".day")].slice(-3)) {
    day.querySelector("h2").textContent = dayLabel(timeOf(messageBelow(day)));
  }
}

// Removes what stands between this message and the one above it, but for what happened there.
export function clearAbove(element) {
  let one = before(element);
  while (one && !isMessage(one)) {
    const above = before(one);
    if (!one.classList.contains("note")) one.remove();
    one = above;
  }
}
