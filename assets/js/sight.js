// Which messages count as read: those whose end was in view for a second, in a window that has the focus.

import { isMessage, lastList, listAbove } from "./chunks.js";

const READ_MS = 1_000;

export class Sight {
  #log;
  #scroll;
  #again;
  #timer = 0;
  // Since when, by `seq`.
  #inView = new Map();

  // `again` is called when something may have been in view for long enough.
  constructor(log, scroll, again) {
    [this.#log, this.#scroll, this.#again] = [log, scroll, again];
  }

  // The last message that has been read, of those after `seen`.
  look(seen, isLookedAt) {
    clearTimeout(this.#timer);
    const now = performance.now();
    const before = this.#inView;
    this.#inView = new Map();
    if (!isLookedAt) return seen;
    let [read, soonest] = [seen, Infinity];
    for (const seq of this.#found(seen)) {
      const began = before.get(seq) ?? now;
      this.#inView.set(seq, began);
      if (now - began >= READ_MS) read = Math.max(read, seq);
      else soonest = Math.min(soonest, began + READ_MS - now);
    }
    if (soonest < Infinity) this.#timer = setTimeout(this.#again, soonest);
    return read;
  }

  end() {
    clearTimeout(this.#timer);
    this.#inView.clear();
  }

  // The messages after `seen` whose end is in view, from the last upwards.
  #found(seen) {
    const found = [];
    const { scroller } = this.#scroll;
    const { top, bottom } = scroller.getBoundingClientRect();
    for (let list = lastList(this.#log.page); list; list = listAbove(list)) {
      const box = list.getBoundingClientRect();
      if (box.top > bottom) continue;
      if (box.bottom < top) break;
      for (let one = list.lastElementChild; one; one = one.previousElementSibling) {
        const seq = isMessage(one) ? Number(one.dataset.seq) : 0;
        if (!seq) continue;
        if (seq <= seen) return found;
        const end = one.getBoundingClientRect().bottom;
        if (end <= top) return found;
        if (end <= bottom + 4) found.push(seq);
      }
    }
    return found;
  }
}
