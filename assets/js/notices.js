// Shows notifications and closes them: by itself where the browser lets a page do that, else by the service
// worker (`worker.js`). It is there once, in `later.js`: a policy (Trusted Types) can be made once.

import { beginning } from "./cut.js";
import { workerAddress } from "./session.js";

// Why there can be none: the page came without encryption, or the browser has none. Null if there can.
export function hindrance() {
  if (!isSecureContext) return "insecure";
  return "Notification" in window ? null : "missing";
}

const BODY_CHARS_MAX = 160;
// A worker that is not ready by then will not be.
const READY_MS = 5_000;

// Those of this page, by their tag.
const shown = new Map();
let registered = null;

// Returns false if it turns out that none can be shown; without permission nothing turns out.
export async function showNotice({ title, body, tag, href }) {
  if ((hindrance() ?? Notification.permission) !== "granted") return true;
  const options = { body: beginning(body, BODY_CHARS_MAX), tag, renotify: true };
  try {
    const notice = new Notification(title, options);
    shown.set(tag, notice);
    notice.onclick = () => {
      notice.close();
      window.focus();
      visit(href);
    };
    return true;
  } catch {
    return showByWorker(title, { ...options, data: { href } });
  }
}

export async function closeNotice(tag) {
  shown.get(tag)?.close();
  shown.delete(tag);
  for (const notice of await ofWorker({ tag })) notice.close();
}

export async function closeNotices() {
  for (const notice of shown.values()) notice.close();
  for (const notice of await ofWorker({})) notice.close();
}

// Makes sure, while somebody turns notifications on, that one can be shown later.
export async function prepare() {
  return (await worker()) !== null || hindrance() === null;
}

async function showByWorker(title, options) {
  const registration = await worker();
  if (!registration) return false;
  return registration.showNotification(title, options).then(
    () => true,
    () => false,
  );
}

async function ofWorker(filter) {
  const registration = await navigator.serviceWorker?.getRegistration().catch(() => null);
  return registration?.getNotifications(filter) ?? [];
}

// Null where there can be none.
function worker() {
  registered ??= register().catch(() => null);
  return registered;
}

async function register() {
  await navigator.serviceWorker.register(trusted(workerAddress), { scope: "/" });
  const late = new Promise((resolve) => setTimeout(resolve, READY_MS, null));
  return Promise.race([navigator.serviceWorker.ready, late]);
}

// The page's policy (Trusted Types) lets this address through, and no other.
function trusted(address) {
  if (!window.trustedTypes) return address;
  const createScriptURL = (asked) => (asked === workerAddress ? asked : "");
  return trustedTypes.createPolicy("snug-worker", { createScriptURL }).createScriptURL(address);
}

const visit = (href) => document.dispatchEvent(new CustomEvent("visit", { detail: { href } }));
