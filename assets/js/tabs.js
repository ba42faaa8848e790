// Which of the tabs notifies, and what the tabs show, by the locks that the browser keeps for us: a
// tab that is closed or crashes gives up what it held. Without locks each tab is on its own.

const locks = navigator.locks;
const NOTIFIER = "snug.notifier";
const shown = (what) => `snug.shown.${what}`;

let notifier = !locks;

// Waits its turn; holds until the tab goes.
export function standForNotifier() {
  locks?.request(NOTIFIER, () => {
    notifier = true;
    return new Promise(() => {});
  });
}

export const isNotifier = () => notifier;

// While this tab shows something (`page`, `chat.7`) to somebody, the others can tell.
export function show(what) {
  let letGo = null;
  const look = () => {
    if (document.visibilityState === "visible") {
      letGo ??= hold(shown(what));
    } else {
      letGo?.();
      letGo = null;
    }
  };
  document.addEventListener("visibilitychange", look);
  look();
}

// Gives back what lets go of it, also of what is still to be granted.
function hold(name) {
  let letGo;
  const held = new Promise((resolve) => (letGo = resolve));
  locks?.request(name, { mode: "shared" }, () => held);
  return letGo;
}

// `here` is whether this tab would show it, if it were looked at.
export async function isShown(what, here) {
  if (!locks) return here && document.visibilityState === "visible";
  const { held } = await locks.query();
  return held.some((lock) => lock.name === shown(what));
}
