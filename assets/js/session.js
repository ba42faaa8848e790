// The sign-in of this page: renews it while the page is in use, notices when it is over, and leaves
// nothing behind when it ends.

import { call } from "./api.js";
import * as storage from "./storage.js";
import { fill } from "./words.js";

const RENEWED = "snug.renewed";
const CHECK_MS = 60_000;
const SETTLE_MS = 1_000;

const { dataset } = document.querySelector("snug-session");

export const viewer = { user_id: Number(dataset.user), username: dataset.username };
export const { epoch } = dataset;
export const paths = { chats: dataset.chats, requests: dataset.requests };
// The server's limits: messages on a page, those above the first unread one, rows on the longest page, pairs in one `after`.
export const bounds = {
  pageRows: Number(dataset.pageRows),
  unreadContext: Number(dataset.unreadContext),
  pageRowsMax: Number(dataset.pageRowsMax),
  resumePairs: Number(dataset.resumePairs),
};
export const workerAddress = dataset.worker;
export const laterAddress = dataset.later;
export const signalsAddress = dataset.signals;
export const laterMarkup = dataset.laterMarkup;
export const laterStyles = dataset.laterStyles;
// The chat in which this browser is: the next login begins there.
export const noteChat = (chat) => (document.cookie = fill(dataset.lastChat, { chat }));
// The full URL, because until 2024 browsers accepted no other for a socket.
export const socketAddress = new URL(dataset.socket, location.href).href.replace(/^http/, "ws");

// A person who logs out ends the session themselves, which also closes this tab's socket.
let leaving = false;

// `leave` is called when the person has logged out, and before the page is left.
export function keepSession(leave) {
  document.querySelector("form.log-out").addEventListener("submit", (event) => logOut(event, leave));
  setInterval(renew, CHECK_MS);
  document.addEventListener("visibilitychange", renew);
  renew();
}

// Whether somebody has logged out in this browser since.
export const isForgotten = () => storage.recall(RENEWED) === null;

// Whether this page still belongs to the person who is signed in, as far as we can tell now. A person
// who is no longer signed in goes to the login page and then back here, where what they wrote is kept;
// for somebody else, the page is loaded afresh.
export async function checkSession() {
  let { status, answer } = await call(dataset.me);
  if (status === 401) {
    // A login in another tab ends this session a moment before the browser has the new one.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    ({ status, answer } = await call(dataset.me));
  }
  if (leaving) return false;
  if (status === 401) {
    const next = encodeURIComponent(location.pathname + location.search);
    location.assign(`${dataset.login}?next=${next}&ended`);
    return false;
  }
  if (!answer?.user_id || answer.user_id === viewer.user_id) return true;
  location.reload();
  return false;
}

// One tab renews for all of them. A session's first page notes when that last happened.
async function renew() {
  if (document.visibilityState !== "visible") return;
  const renewed = Number(storage.recall(RENEWED) ?? 0);
  const ago = Date.now() - renewed;
  // A time that is still to come is from a clock that was ahead, and says nothing.
  if (renewed && ago >= 0 && ago < Number(dataset.renewSeconds) * 1000) return;
  storage.keep(RENEWED, String(Date.now()));
  if (!renewed) return;
  const { status } = await call(dataset.renew, { method: "POST" });
  if (status === 401) await checkSession();
}

// Only a person who has logged out is forgotten; if the call fails, the form says why.
async function logOut(event, leave) {
  event.preventDefault();
  if (leaving) return;
  leaving = true;
  const { ok, status } = await call(dataset.logout, { method: "POST" });
  leaving = ok || status === 401;
  if (!leaving) return event.target.submit();
  forget();
  await leave();
  // If a browser brings this page back later, it must find a page like any other.
  addEventListener("pageshow", () => (leaving = false), { once: true });
  location.assign(dataset.login);
}

// Everything that snug has stored in this browser, except what other people have written in it.
function forget() {
  for (const name of storage.names()) {
    const [, author] = /^snug\.(?:draft|outbox)\.(\d+)\./.exec(name) ?? [];
    const isOthers = author !== undefined && Number(author) !== viewer.user_id;
    if (name.startsWith("snug.") && !isOthers) storage.forget(name);
  }
}
