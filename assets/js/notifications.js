// What deserves a notification gets one if the person wants that: off until they ask for them, and off again
// when it turns out that none can come. How one is shown is loaded when it is needed (`notices.js`).

import { laterAddress } from "./session.js";
import { keep, recall } from "./storage.js";
import { isNotifier } from "./tabs.js";

export const WANTED = "snug.notify";
export const SOUND = "snug.sound";
// The browser shows none, although it says that it does.
export const FAILED = "failed";

export const isOn = (name) => recall(name) === "on";

// `tag` merges two notifications about the same thing: the later one replaces the first and sounds again.
export async function notify(notice) {
  if (!isNotifier() || !(isOn(SOUND) || isOn(WANTED))) return;
  const { play, showNotice } = await import(laterAddress);
  if (isOn(SOUND)) play();
  if (!isOn(WANTED) || (await showNotice(notice))) return;
  keep(WANTED, FAILED);
  document.dispatchEvent(new Event("notifications"));
}

export async function closeNotice(tag) {
  if (isOn(WANTED)) (await import(laterAddress)).closeNotice(tag);
}

// Nothing that was said is left on the screen after a logout.
export async function closeNotices() {
  const later = await import(laterAddress).catch(() => null);
  await later?.closeNotices();
}
