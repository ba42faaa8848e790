// Questions before what cannot be undone: a `<details class="ask">` that opens to ask. Without this script
// it is opened and closed by its summary alone. Emits `asks` when it opens.

export function askFirst() {
  // Not every browser lets `toggle` bubble.
  document.addEventListener("toggle", ({ target }) => target.matches(".ask") && toggled(target), true);
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
}

const open = () => [...document.querySelectorAll(".ask[open]")];

function toggled(one) {
  if (!one.open) return;
  for (const other of open()) if (other !== one) other.open = false;
  one.querySelector(".cancel").hidden = false;
  one.dispatchEvent(new CustomEvent("asks", { bubbles: true }));
  one.querySelector(".question").scrollIntoView({ block: "nearest" });
}

// The focus goes back to where it came from.
function close(one) {
  const held = one.contains(document.activeElement);
  one.open = false;
  if (held) one.querySelector("summary").focus();
}
