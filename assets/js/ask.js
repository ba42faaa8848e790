// Questions before what cannot be undone: a `<details class="ask">` that opens to ask. Without this script
// it is opened and closed by its summary alone.

import { showLosses } from "./losses.js";

// It has just been opened; `unsent` are the texts that a logout would lose.
export function ask(one, unsent) {
  one.querySelector(".cancel").hidden = false;
  const losses = one.querySelector(".losses");
  if (losses) showLosses(losses, unsent);
  one.querySelector(".question").scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", ({ target }) => {
  for (const one of open()) if (!one.contains(target) || target.closest(".cancel")) close(one);
});
document.addEventListener("keydown", (event) => {
  const one = event.key === "Escape" && open()[0];
  if (!one) return;
  event.preventDefault();
  close(one);
});
document.addEventListener("called", ({ target }) => {
  const one = target.closest(".ask");
  if (one) close(one);
});

const open = () => [...document.querySelectorAll(".ask[open]")];

// The focus goes back to where it came from.
function close(one) {
  const held = one.contains(document.activeElement);
  one.open = false;
  if (held) one.querySelector("summary").focus();
}
