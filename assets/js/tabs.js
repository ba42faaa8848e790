// Which tab notifies, and what the tabs are showing, by means of the browser's locks (Web Locks): a tab
// that is closed or crashes releases its own. Without locks, each tab is on its own.

const locks = navigator.locks;
const NOTIFIER = "snug.notifier";
const shown = (what) => `snug.shown.${what}`;

let notifier = !locks;

// Waits for its turn, then holds the lock until the tab is gone.
export function standForNotifier() {
  locks?.request(NOTIFIER, () => {
    notifier = true;
    return new Promise(() => {});
  });
}

export const isNotifier = () => notifier;

// While this tab shows something (`page`, `chat.7`) to a person, the other tabs can tell. Returns a function
// that ends it.
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
  return () => {
    document.removeEventListener("visibilitychange", look);
    letGo?.();
  };
}

// Returns a function that releases the lock, even one that has not been granted yet.
function hold(name) {
  let letGo;
  const held = new Promise((resolve) => (letGo = resolve));
  locks?.request(name, { mode: "shared" }, () => held);
  return letGo;
}

// `here` is whether this tab would show it if a person looked at it.
export async function isShown(what, here) {
  if (!locks) return here && document.visibilityState === "visible";
  const { held } = await locks.query();
  return held.some((lock) => lock.name === shown(what));
}
