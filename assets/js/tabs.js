// Which tab notifies, and what the tabs are showing, by means of the browser's locks (Web Locks): a tab
// that is closed or crashes releases its own. Without locks, each tab is on its own.

const locks = navigator.locks;
const NOTIFIER = "snug.notifier";
const shown = (what) => `snug.shown.${what}`;

let notifier = !locks;

// Whether this window is in front of somebody: one behind another window is visible, too.
export const isLookedAt = () => document.visibilityState === "visible" && document.hasFocus();

// Calls `look` whenever that may have changed.
export function onTurns(look, signal) {
  document.addEventListener("visibilitychange", look, { signal });
  for (const turn of ["focus", "blur"]) addEventListener(turn, look, { signal });
}

// Waits for its turn, then holds the lock until the page is left, and again if it comes back.
export function standForNotifier() {
  stand();
  addEventListener("pageshow", ({ persisted }) => persisted && stand());
}

function stand() {
  const { signal, left } = untilLeft();
  const hold = () => {
    notifier = true;
    return left.then(() => (notifier = false));
  };
  locks?.request(NOTIFIER, { signal }, hold).catch(() => {});
}

function untilLeft() {
  const leaving = new AbortController();
  const left = new Promise((resolve) => leaving.signal.addEventListener("abort", resolve));
  addEventListener("pagehide", () => leaving.abort(), { once: true });
  return { signal: leaving.signal, left };
}

export const isNotifier = () => notifier;

// While this tab shows something (`page`, `chat.7`) to a person, the other tabs can tell. Returns a function
// that ends it.
export function show(what) {
  let letGo = null;
  const look = () => {
    if (isLookedAt()) {
      letGo ??= hold(shown(what));
    } else {
      letGo?.();
      letGo = null;
    }
  };
  const ends = new AbortController();
  onTurns(look, ends.signal);
  look();
  return () => {
    ends.abort();
    letGo?.();
  };
}

// Returns a function that releases the lock, even one that has not been granted yet. A page that is being left gets none.
function hold(name) {
  let letGo;
  const held = new Promise((resolve) => (letGo = resolve));
  locks?.request(name, { mode: "shared" }, () => held).catch(() => {});
  return letGo;
}

// `here` is whether this tab would show it if a person looked at it.
export async function isShown(what, here) {
  if (here && isLookedAt()) return true;
  if (!locks) return false;
  const { held } = await locks.query().catch(() => ({ held: [] }));
  return held.some((lock) => lock.name === shown(what));
}
