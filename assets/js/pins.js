// What a chat keeps in sight: a line below its title with the last pin, and a list in its panel, or in one of its
// own. They follow what becomes of the messages. Knows nothing of the socket.

import { call } from "./api.js";
import { beginning } from "./cut.js";
import { clone, fillAttributes } from "./words.js";

const AGAIN_MS = 2_000;

// Changes so far, by which an answer of the server is known to be out of date.
let changes = 0;

// A message of the chat that this view shows is another one now.
export function changePin({ element }, message) {
  changes += 1;
  const pins = listOf(element, message.pinned);
  if (!pins) return;
  keepFocus(element, () => {
    const old = pins.querySelector(`[data-seq="${message.seq}"]`)?.parentElement;
    if (!message.pinned) old?.remove();
    else if (old) old.replaceWith(build(message));
    else pins.prepend(build(message));
    showLast(element, pins);
  });
}

// After a gap, in which anything may have been pinned or unpinned.
export async function reloadPins(view, chats) {
  const { element, chat } = view;
  const before = changes;
  const { ok, status, answer } = await call(`${chats}/${chat}/pins`);
  if (!status) return setTimeout(() => reloadPins(view, chats), AGAIN_MS);
  if (!ok) return;
  if (changes !== before) return reloadPins(view, chats);
  const pins = listOf(element, answer.messages.length > 0);
  if (!pins) return;
  keepFocus(element, () => {
    pins.replaceChildren(...answer.messages.map(build));
    showLast(element, pins);
  });
}

const listOf = (element, isNeeded) => element.querySelector(".pins ul") ?? (isNeeded ? put(element) : null);

// It stays on the same pin, or goes to the neighbour of one that is gone, or to what is left if all are gone.
function keepFocus(element, change) {
  const focused = document.activeElement;
  const place = focused?.closest(".pins ul, .pin-line, .pins-panel");
  const links = () => (place.isConnected ? [...place.querySelectorAll("a")] : []);
  const at = place && links().indexOf(focused);
  change();
  if (!place || focused.isConnected) return;
  const left = links();
  const same = left.find(({ dataset }) => dataset.seq && dataset.seq === focused.dataset.seq);
  const rest = element.querySelector(".panel:target") ?? element.querySelector(".scroller");
  (same ?? left[Math.min(at, left.length - 1)] ?? rest).focus();
}

function build({ seq, username, content }) {
  const pin = fillAttributes(clone("pin"), { seq });
  const link = pin.firstElementChild;
  link.querySelector(".author").textContent = username;
  const words = content.trim().replace(/\s+/g, " ");
  link.querySelector("q").textContent = beginning(words, Number(document.getElementById("pin").dataset.chars));
  return pin;
}

function put(element) {
  element.querySelector(".chat-head").after(clone("pin-line"));
  const panel = element.querySelector(".panel");
  if (panel) panel.querySelector(".members").parentElement.before(clone("pins"));
  else element.append(clone("pins-panel"));
  return element.querySelector(".pins ul");
}

function showLast(element, pins) {
  const line = element.querySelector(".pin-line");
  const last = pins.querySelector("a");
  if (last) line.querySelector(".reply").replaceWith(last.cloneNode(true));
  else for (const one of [line, pins.closest(".pins-panel") ?? pins.parentElement]) one.remove();
  for (const count of element.querySelectorAll(".pins-count")) count.textContent = pins.childElementCount;
}

// A pin leads to its message as a quoted line does, without loading a page.
document.addEventListener("click", (event) => {
  const pin = event.target.closest(".pin-line .reply, .pins .reply");
  if (!pin || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  // On a narrow page the panel covers the conversation.
  if (pin.closest(".panel")) location.hash = "log";
});
