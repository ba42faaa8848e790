// Wires up the pages of a signed-in user: connects the elements, which know nothing of the socket, with
// the socket, which knows nothing of the elements.

import "./chat-list.js";
import "./composer.js";
import "./door.js";
import "./invite.js";
import "./log.js";
import "./panel.js";
import "./people-search.js";
import "./requests.js";
import { call } from "./api.js";
import { Delivery } from "./delivery.js";
import { callForms } from "./forms.js";
import { Live } from "./live.js";
import { Outbox } from "./outbox.js";
import { bounds, checkSession, epoch, keepSession, paths, socketAddress, viewer } from "./session.js";
import { Socket } from "./socket.js";
import { show, standForNotifier } from "./tabs.js";
import { showUnread } from "./title.js";
import { readFrame } from "./wire.js";
import { word } from "./words.js";

// A connection that is back within this time was barely interrupted.
const BANNER_MS = 1_500;
const AGAIN_MS = 2_000;

const list = document.querySelector("chat-list");
const log = document.querySelector("message-log");
const composer = document.querySelector("message-composer");
const banner = document.querySelector("line-banner");
const socket = new Socket(socketAddress, epoch, list.positions(), bounds.resumePairs);
const delivery = new Delivery({ outbox: new Outbox(viewer.user_id), socket, log, list, viewer });
const live = new Live({
  viewer,
  epoch,
  list,
  log,
  requests: document.querySelector("request-list"),
  invite: document.querySelector("invite-wait"),
  delivery,
  loadNewest,
  reload: () => {
    socket.stop();
    location.reload();
  },
  paths,
  pageRowsMax: bounds.pageRowsMax,
});

let bannerTimer = 0;
let newest = 0;
socket.addEventListener("frame", ({ detail }) => live.take(detail));
socket.addEventListener("up", () => {
  clearTimeout(bannerTimer);
  bannerTimer = 0;
  banner.textContent = "";
  tellRead();
  delivery.sendAll();
});
socket.addEventListener("down", ({ detail }) => {
  bannerTimer ||= setTimeout(() => (banner.textContent = word("no_line")), BANNER_MS);
  if (!detail.opened) checkSession();
});
socket.addEventListener("ended", async () => {
  if (await checkSession()) socket.comeBack();
});
for (const change of ["online", "offline"]) addEventListener(change, () => socket.nudge());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") socket.nudge();
});

list.addEventListener("count", ({ detail }) => showUnread(detail.unread));
showUnread(list.unread);

document.addEventListener("compose", (event) => {
  const taken = delivery.write(log.chat, event.detail.content);
  composer.querySelector(".full").hidden = taken;
  if (!taken) event.preventDefault();
});
document.addEventListener("retry", ({ detail }) => {
  delivery.retry(detail.client_id);
  composer.field.focus();
});
document.addEventListener("discard", ({ detail }) => {
  delivery.discard(detail.client_id);
  composer.field.focus();
});
document.addEventListener("submit", ({ target }) => {
  if (target.matches(".leave")) live.leaving = true;
});
document.addEventListener("older", ({ detail }) => loadOlder(detail.before));
document.addEventListener("seen", tellRead);

// How far the chat in the middle has been read; sent again after the connection was down.
function tellRead() {
  const seq = log?.reader.seen;
  if (!seq) return;
  list.read(log.chat, seq);
  socket.send(readFrame(log.chat, seq));
}

// Loads the page before this `seq`, unless the log has been started afresh in the meantime.
async function loadOlder(before) {
  const { ok, answer } = await call(`${log.dataset.history}?limit=${bounds.pageRows}&before=${before}`);
  if (before !== log.first) log.reader.loaded();
  else if (ok) log.prepend(answer.messages, answer.has_more, viewer);
  else setTimeout(() => log.reader.loaded(), AGAIN_MS);
}

// Loads the newest page for a log that stays empty until then. Only the latest request counts.
async function loadNewest() {
  const asked = (newest += 1);
  for (;;) {
    const { ok, answer } = await call(`${log.dataset.history}?limit=${bounds.pageRows}`);
    if (asked !== newest) return;
    if (ok) return log.fill(answer.messages, answer.has_more, viewer);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

// Pages of the past are for readers without scripts; with scripts, the log starts at its end.
if (log?.dataset.latest) location.replace(log.dataset.latest);
keepSession();
callForms();
standForNotifier();
show("page");
if (log) show(`chat.${log.chat}`);
socket.open();
