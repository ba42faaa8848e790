// What a chat keeps in sight: a line below its title with the last pin, and a list in its panel, or in one of its
// own. They follow what becomes of the messages. Knows nothing of the socket.

import { call } from "./api.js";
import { beginning } from "./cut.js";
import { clone, fillAttributes } from "./words.js";

// A message of the chat that this view shows is another one now.
export function changePin({ element }, message) {
  change(element, message);
}

// After a gap, in which anything may have been pinned or unpinned.
export async function reloadPins({ element, chat }, chats) {
  const { ok, answer } = await call(`${chats}/${chat}/pins`);
  if (!ok) return;
  const stale = [...element.querySelectorAll(".pins [data-seq]")];
  for (const { dataset } of stale) change(element, { seq: Number(dataset.seq) });
  for (const message of answer.messages.reverse()) change(element, message);
}

function change(element, message) {
  const pins = element.querySelector(".pins ul") ?? (message.pinned ? put(element) : null);
  if (!pins) return;
  const old = pins.querySelector(`[data-seq="${message.seq}"]`)?.parentElement;
  if (!message.pinned) old?.remove();
  else if (old) old.replaceWith(build(message));
  else pins.prepend(build(message));
  showLast(element, pins);
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
