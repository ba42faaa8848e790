// What stands between two messages: a day, the line where the unread begin, or nothing, where the
// second shares the head of the first.

import { timeOf } from "./message.js";
import { dayLabel, dayOf } from "./times.js";
import { clone } from "./words.js";

// `src/views/messages.rs` groups the first HTML with the same window.
const GROUP_MS = 5 * 60 * 1000;

// Puts right what stands above this message; `newAfter` is the last that was read.
export function arrange(element, newAfter) {
  let above = element.previousElementSibling;
  while (above && !above.classList.contains("message")) {
    const separator = above;
    above = above.previousElementSibling;
    separator.remove();
  }
  const time = timeOf(element);
  const beginsDay = !above || dayOf(timeOf(above)) !== dayOf(time);
  const beginsNew = newAfter > 0 && Number(element.dataset.seq) === newAfter + 1;
  if (beginsDay) {
    const day = clone("day");
    day.querySelector("h2").textContent = dayLabel(time);
    element.before(day);
  }
  if (beginsNew) element.before(clone("new-line"));
  const continues = !beginsDay && !beginsNew && above.dataset.user === element.dataset.user;
  element.classList.toggle("continues", continues && time - timeOf(above) < GROUP_MS);
}
