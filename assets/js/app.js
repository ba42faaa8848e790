// Wires up the pages of a signed-in user: connects the elements, which know nothing of the socket, with
// the socket, which knows nothing of the elements.

import "./chat-list.js";
import "./back-count.js";
import "./composer.js";
import "./log.js";
import { call } from "./api.js";
import { Delivery } from "./delivery.js";
import { listenToKeys } from "./keys.js";
import { Live, noticeOf } from "./live.js";
import { drafts, editUnderWay } from "./drafts.js";
import { closeNotice, closeNotices } from "./notifications.js";
import { Outbox } from "./outbox.js";
import {
  bounds,
  checkSession,
  epoch,
  isForgotten,
  keepSession,
  laterAddress,
  noteChat,
  paths,
  signalsAddress,
  socketAddress,
  viewer,
} from "./session.js";
import { Socket } from "./socket.js";
import { show, standForNotifier } from "./tabs.js";
import { entitle, showUnread } from "./title.js";
import { Views } from "./views.js";
import { readFrame } from "./wire.js";
import { word } from "./words.js";

// A connection that is back within this time was barely interrupted.
const BANNER_MS = 1_500;
const AGAIN_MS = 2_000;
const AHEAD_MS = 1_500;

const list = document.querySelector("chat-list");
const banner = document.querySelector("line-banner");
const socket = new Socket(socketAddress, epoch, list.positions(), list.changes(), bounds.resumePairs);
const home = document.querySelector(".wordmark").pathname;
const views = new Views(document.getElementById("main"), (path) => path === home || list.has(path));
const logOf = (chat_id) => views.of(chat_id)?.log;
const outbox = new Outbox(viewer.user_id);
const delivery = new Delivery({ outbox, socket, logOf, list, viewer });
const live = new Live({
  viewer,
  epoch,
  list,
  views,
  requests: document.querySelector("request-list"),
  delivery,
  reloadLog,
  reload: () => {
    socket.stop();
    location.reload();
  },
  paths,
  pageRowsMax: bounds.pageRowsMax,
  named,
});

let bannerTimer = 0;
let hide = () => {};
socket.addEventListener("frame", ({ detail }) => {
  live.take(detail);
  signal(detail);
});
socket.addEventListener("up", () => {
  clearTimeout(bannerTimer);
  bannerTimer = 0;
  sayOffline(false);
  tellRead();
  delivery.sendAll();
  views.retry();
});
socket.addEventListener("down", ({ detail }) => {
  bannerTimer ||= setTimeout(() => sayOffline(true), BANNER_MS);
  if (!detail.opened) checkSession();
});
socket.addEventListener("ended", async () => {
  if (await checkSession()) socket.comeBack();
});
for (const change of ["online", "offline"]) addEventListener(change, () => socket.nudge());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") socket.nudge();
});

// A page that is left may come back as it was (bfcache): browsers keep none that has a connection. Somebody
// else may be here by then.
addEventListener("pagehide", () => socket.stop());
addEventListener("pageshow", async ({ persisted }) => {
  if (!persisted) return;
  document.body.hidden = isForgotten();
  if (!(await checkSession())) return;
  document.body.hidden = false;
  socket.open();
});

function sayOffline(isOffline) {
  document.documentElement.toggleAttribute("data-offline", isOffline);
  banner.textContent = isOffline ? word("no_line") : "";
}

list.addEventListener("count", ({ detail }) => showUnread(detail.unread));
showUnread(list.unread);
navigator.serviceWorker?.addEventListener("message", ({ data }) => views.visit(data.href));
list.addEventListener("read", ({ detail }) => closeNotice(noticeOf(detail.chat_id)));
list.addEventListener("named", ({ detail }) => named(Number(detail)));

document.addEventListener("compose", (event) => {
  const composer = event.target;
  const taken = delivery.write(composer.chat, event.detail.content, event.detail.reply_to);
  composer.querySelector(".full").hidden = taken;
  if (!taken) event.preventDefault();
});
document.addEventListener("retry", ({ target, detail }) => {
  delivery.retry(detail.client_id, target);
  views.current.composer.field.focus();
});
document.addEventListener("discard", ({ target, detail }) => {
  delivery.discard(detail.client_id, target);
  views.current.composer.field.focus();
});
document.addEventListener("submit", ({ target }) => {
  if (target.matches(".leave")) live.leaving = true;
});
// What one can do with a message is loaded when one is pointed at, or gets the focus. A finger may be held down
// until then.
let actions;
let press = null;
document.addEventListener("pointerdown", (event) => (press = event));
for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, () => (press = null));
const loadActions = () =>
  (actions ??= import(laterAddress)
    .then(({ beginActions }) => beginActions({ chats: paths.chats, viewer, views, press: () => press }))
    .catch(() => (actions = null)));
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, async ({ target }) => {
    if (!actions && target.closest(".scroller")) (await loadActions())?.show(target);
  });
}
document.addEventListener("click", async ({ target }) => {
  const one = target.closest(".reaction, .reply");
  if (one) (await loadActions())?.take(one);
});
document.addEventListener("quoted", ({ target, detail }) => loadAround(target, detail.seq));
document.addEventListener("correct", async () => (await loadActions())?.correctLast());
// Who writes, is online and has read is shown by what is loaded with the first that says so; one's own writing
// is told by it, too.
let signals;
function signal(frame) {
  if (!signals && !["typing", "seen"].includes(frame.type) && !frame.users?.length) return;
  signals ??= import(signalsAddress).then(
    ({ Signals }) => new Signals({ socket, views, list, viewer, chats: paths.chats }),
  );
  signals.then((one) => one.take(frame)).catch(() => (signals = null));
}
document.addEventListener("input", ({ target }) => {
  const { chat } = target.closest("message-composer") ?? {};
  if (chat && target.value) signal({ type: "typing", chat_id: chat, user: viewer });
});
// A question before what cannot be undone. Not every browser lets `toggle` bubble.
document.addEventListener("toggle", asked, true);
document.addEventListener("approved", ({ detail }) => views.of(detail.room_id)?.panel?.admit(detail));
document.addEventListener("older", ({ target, detail }) => loadOlder(target, detail.before));
document.addEventListener("newer", ({ target, detail }) => loadNewer(target, detail.after));
document.addEventListener("end", ({ target }) => reloadLog(target));
document.addEventListener("place", ({ target, detail }) => loadNews(target, detail.after));
document.addEventListener("watched", ({ target, detail }) => list.watch(detail.watched ? target.chat : 0));
document.addEventListener("seen", tellRead);

views.addEventListener("awaited", ({ detail }) => list.mark(detail));
views.addEventListener("again", () => views.current.log?.reader.toEnd());
views.addEventListener("opened", ({ detail: view }) => {
  list.mark(view.href);
  entitle(view.title);
  open(view);
  tellRead();
});

async function asked({ target }) {
  if (!target.open || !target.matches(".ask")) return;
  const { ask } = await import(laterAddress);
  ask(target, [...outbox.entries().map(({ content }) => content), ...drafts()]);
}

// What a view needs when it opens, and what it needs once.
function open(view) {
  const late = "invite-wait, people-search, password-field, notification-switch, room-panel, .code-block";
  if (view.element.querySelector(late)) import(laterAddress);
  const { log, chat } = view;
  list.watch(0);
  hide();
  hide = chat ? show(`chat.${chat}`) : () => {};
  if (chat) noteChat(chat);
  socket.putFirst(chat);
  if (!log || view.begun) return;
  view.begun = true;
  const seq = Number(log.dataset.seenSeq);
  if (seq) signal({ type: "seen", chat_id: chat, seq });
  if (log.dataset.at) log.reader.toMessage(log.find(Number(log.dataset.at)));
  if (editUnderWay(chat)) loadActions().then((one) => one?.resume(view.composer));
  if (view.pins || log.querySelector(".reaction")) loadActions();
  // What came after the server had written it and before it was here.
  log.know(socket.positions.get(chat) ?? 0);
  delivery.fill(log);
}

// How much names the viewer in a chat may have changed.
async function named(chat_id) {
  (await import(laterAddress)).countMentions(chat_id, list, views, paths.chats);
}

// How far the chat in the middle has been read; sent again after the connection was down.
function tellRead() {
  const { log } = views.current;
  const seq = log?.reader.seen;
  if (!seq) return;
  list.read(log.chat, seq);
  socket.send(readFrame(log.chat, seq));
}

const page = (log, from = "") => call(`${log.dataset.history}?limit=${bounds.pageRows}${from}`);

// Loads the page before this `seq`, unless the log has been started afresh in the meantime.
async function loadOlder(log, before) {
  const { ok, answer } = await page(log, `&before=${before}`);
  if (before !== log.first) log.reader.loaded();
  else if (ok) log.prepend(answer.messages, answer.has_more, viewer);
  else setTimeout(() => log.reader.loaded(), AGAIN_MS);
}

// Likewise the page after this `seq`.
async function loadNewer(log, after) {
  const { ok, answer } = await page(log, `&after=${after}`);
  if (after !== log.last) log.reader.loaded();
  else if (ok) log.append(answer.messages, answer.has_more, viewer);
  else setTimeout(() => log.reader.loaded(), AGAIN_MS);
}

function reloadLog(log) {
  fill(log, "", ({ has_more }) => ({ older: has_more, newer: false }));
}

// The place where the new messages begin, a little of what was read before it.
async function loadNews(log, after) {
  const from = Math.max(0, after - bounds.unreadContext);
  await fill(log, `&after=${from}`, ({ has_more }) => ({ older: from > 0, newer: has_more }));
  if (log.firstNew) log.reader.toNew();
}

// A message that is quoted, with its surroundings if it is not here.
async function loadAround(log, seq) {
  if (!log.find(seq)) {
    await fill(log, `&around=${seq}`, ({ has_more, has_newer }) => ({ older: has_more, newer: has_newer }));
  }
  log.reader.toMessage(log.find(seq));
}

// Loads a page for a log that stays empty until then. Only the latest request counts.
async function fill(log, from, beyond) {
  log.restart();
  const { restarts } = log;
  for (;;) {
    const { ok, answer } = await page(log, from);
    if (restarts !== log.restarts) return;
    if (ok) return log.fill(answer.messages, beyond(answer), viewer);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

// Once there is nothing else to do.
const fetchAhead = () =>
  import(laterAddress).then(
    (later) => later.fetchAhead({ views, list, socket }),
    () => {},
  );
if (!navigator.connection?.saveData) {
  socket.addEventListener("up", () => setTimeout(fetchAhead, AHEAD_MS), { once: true });
}

if (document.querySelector(".request")) import(laterAddress);
keepSession(closeNotices);
listenToKeys(list, views);
standForNotifier();
show("page");
open(views.current);
list.mark(location.pathname);
socket.open();
