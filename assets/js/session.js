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

export function keepSession() {
  document.querySelector("form.log-out").addEventListener("submit", forgetEverything);
  setInterval(renew, CHECK_MS);
  document.addEventListener("visibilitychange", renew);
  renew();
}

// Whether this is still the page of who is signed in, as far as that can be known now. Whoever is not
// signed in any more belongs at the login page; somebody else's page is a new one.
export async function checkSession() {
  const { status, answer } = await call(dataset.me);
  if (status === 401) {
    forgetEverything();
    location.assign(dataset.login);
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

// Everything that snug has stored in this browser.
function forgetEverything() {
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith("snug.")) localStorage.removeItem(name);
  }
}
