// Fetches chats before anybody opens them, so that they are there at the click: the one that is pointed at, and,
// when there is nothing else to do, those that are unread or were busy lately. From then on `live.js` keeps them up
// to date, like all that are remembered. One is fetched at a time.

import { loadPart } from "./part.js";
import { View } from "./view.js";

// Without being pointed at.
const FETCHED_MAX = 8;
// A pointer that only passes by points at nothing.
const POINTED_MS = 80;
const PAUSE_MS = 200;

const idle = window.requestIdleCallback?.bind(window) ?? setTimeout;

// `page` is {views, list, socket}.
export function fetchAhead(page) {
  const { list } = page;
  let [pointed, timer] = [null, 0];
  const fetchPointed = async () => {
    const line = pointed;
    await isFree(page);
    if (line === pointed) fetchChat(page, line);
  };
  const point = ({ target, type }) => {
    clearTimeout(timer);
    pointed = target.closest(".chat-line");
    if (pointed) timer = setTimeout(fetchPointed, type === "pointerover" ? POINTED_MS : 0);
  };
  for (const kind of ["pointerover", "pointerdown", "focusin"]) list.addEventListener(kind, point, { passive: true });
  list.addEventListener("pointerleave", () => clearTimeout(timer));
  fetchLikely(page);
}

async function fetchLikely(page) {
  const lines = [...page.list.querySelectorAll(".chat-line")].sort(byLikelihood);
  for (const line of lines.slice(0, FETCHED_MAX)) {
    await new Promise((resolve) => setTimeout(() => idle(resolve), PAUSE_MS));
    await isFree(page);
    if (!(await fetchChat(page, line))) return;
  }
}

// Unread first, then the latest.
function byLikelihood(one, other) {
  const key = (line) => `${Number(line.matches(".has-unread"))} ${line.querySelector(".when").dateTime}`;
  return key(other) < key(one) ? -1 : 1;
}

async function isFree({ views }) {
  while (views.coming) await views.coming.arrived;
}

// Returns whether the next one may be fetched.
async function fetchChat({ views, list, socket }, { dataset }) {
  const chat = Number(dataset.chat);
  const { href, readSeq } = list.chat(chat) ?? {};
  if (!href || views.of(chat)) return true;
  if (!socket.up || document.visibilityState !== "visible") return false;
  const change = socket.changes.get(chat);
  const arrived = loadPart(href).then(({ status, part }) => {
    views.coming = null;
    const view = status === 200 && View.of(part, href);
    // It may have been opened in the meantime, and what has changed since may not be in it.
    if (!view?.log || views.of(chat) || socket.changes.get(chat) !== change) return Boolean(view);
    customElements.upgrade(view.element);
    view.log.begin();
    view.log.know(socket.positions.get(chat) ?? 0);
    view.log.reader.raise(readSeq);
    views.remember(view);
    // Both are resumed with certainty.
    for (const first of [chat, views.current.chat]) socket.putFirst(first);
    return true;
  });
  views.coming = { href, arrived };
  return arrived;
}
