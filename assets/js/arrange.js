// What stands between two messages: a day, the line above the unread ones, or nothing, in which case
// the second message shares the first one's head.

import { before, isMessage, messageAbove, messageBelow } from "./chunks.js";
import { timeOf } from "./message.js";
import { dayLabel, dayOf } from "./times.js";
import { clone } from "./words.js";

// `src/http/views/messages.rs` groups the first HTML with the same window, which begins with the head.
const GROUP_MS = 5 * 60 * 1000;

// Corrects what stands above these messages, in their order, and above those below them that shared a head
// with one of them; `newAfter` is the last `seq` that was read, or null.
export function arrange(elements, newAfter) {
  const done = new Set();
  for (const element of elements) {
    let one = element;
    do {
      if (done.has(one)) break;
      done.add(one);
      arrangeOne(one, newAfter);
      one = messageBelow(one);
    } while (one?.classList.contains("continues"));
  }
}

function arrangeOne(element, newAfter) {
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
  const continues = isNext && !beginsDay && !beginsNew && above.dataset.user === element.dataset.user;
  element.classList.toggle("continues", continues && time - timeOf(headOf(above)) < GROUP_MS);
}

function headOf(message) {
  let head = message;
  for (let above = head; above && head.classList.contains("continues"); above = messageAbove(head)) head = above;
  return head;
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
