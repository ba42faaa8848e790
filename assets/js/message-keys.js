// The keys in a conversation: the arrows go from message to message, and letters do something with the one that
// has the focus.

import { after, before, isMessage, lastOf } from "./chunks.js";

export function listenToMessageKeys(actions, views) {
  document.addEventListener("keydown", (event) => {
    const { log } = views.current;
    if (!log || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (log.contains(event.target) && act(log, event)) event.preventDefault();
  });

  // Returns whether the key has been used up.
  function act(log, { target, key }) {
    const message = target.closest(".message");
    if (key === "ArrowUp" || key === "ArrowDown") return step(log, message, key === "ArrowUp" ? before : after);
    if (!message || target !== message || message.querySelector(".deleted")) return false;
    if (key === "r") actions.answer(message);
    else if (key === "e" && message.matches(".own")) actions.edit(message);
    else if (key === "+") actions.offerReactions(message);
    else return false;
    return true;
  }
}

function step(log, message, next) {
  let one = message ? next(message) : lastOf(log.page);
  while (one && !isMessage(one)) one = next(one);
  if (!one) return false;
  one.tabIndex = -1;
  one.focus({ preventScroll: true });
  one.scrollIntoView({ block: "nearest" });
  return true;
}
