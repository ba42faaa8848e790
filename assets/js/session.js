// The sign-in of this page: renewed while the page is used, noticed when it is over, and nothing left
// behind when it ends.

import { call } from "./api.js";

const RENEWED = "snug.renewed";
const CHECK_MS = 60_000;

const { dataset } = document.querySelector("snug-session");

export const viewer = { user_id: Number(dataset.user), username: dataset.username };
export const { epoch } = dataset;
export const paths = { chats: dataset.chats, requests: dataset.requests };
// In full: until 2024 browsers took no other address for a socket.
export const socketAddress = new URL(dataset.socket, location.href).href.replace(/^http/, "ws");

// Whoever logs out ends the session themselves: the tab's own socket is closed by it, too.
let leaving = false;

export function keepSession() {
  document.querySelector("form.log-out").addEventListener("submit", logOut);
  setInterval(renew, CHECK_MS);
  document.addEventListener("visibilitychange", renew);
  // A page that comes back out of the browser's memory may be from before a logout.
  addEventListener("pageshow", ({ persisted }) => persisted && checkSession());
  renew();
}

// Whether this is still the page of who is signed in, as far as that can be known now. Whoever is not
// signed in any more belongs at the login page, and then here again, where what they wrote is kept;
// somebody else's page is a new one.
export async function checkSession() {
  const { status, answer } = await call(dataset.me);
  if (leaving) return false;
  if (status === 401) {
    const next = encodeURIComponent(location.pathname + location.search);
    location.assign(`${dataset.login}?next=${next}`);
    return false;
  }
  if (!answer?.user_id || answer.user_id === viewer.user_id) return true;
  location.reload();
  return false;
}

// One of the tabs renews for all. The first page of a session notes when that was.
async function renew() {
  if (document.visibilityState !== "visible") return;
  const renewed = Number(localStorage.getItem(RENEWED) ?? 0);
  if (renewed && Date.now() - renewed < Number(dataset.renewSeconds) * 1000) return;
  localStorage.setItem(RENEWED, Date.now());
  if (!renewed) return;
  const { status } = await call(dataset.renew, { method: "POST" });
  if (status === 401) await checkSession();
}

// Only who has left is forgotten; where the call fails the form says why.
async function logOut(event) {
  event.preventDefault();
  if (leaving) return;
  leaving = true;
  const { ok, status } = await call(dataset.logout, { method: "POST" });
  leaving = ok || status === 401;
  if (!leaving) return event.target.submit();
  forget();
  // A browser that brings this page back later must find it to be one like any other.
  addEventListener("pageshow", () => (leaving = false), { once: true });
  location.assign(dataset.login);
}

// Everything that snug has stored in this browser, but what others have written in it.
function forget() {
  for (const name of Object.keys(localStorage)) {
    const [, author] = /^snug\.(?:draft|outbox)\.(\d+)\./.exec(name) ?? [];
    const isOthers = author !== undefined && Number(author) !== viewer.user_id;
    if (name.startsWith("snug.") && !isOthers) localStorage.removeItem(name);
  }
}
