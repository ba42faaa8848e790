// What each frame does to the page. `app.js` passes in the frames and the parts of the page.

import { Missed } from "./missed.js";
import { notify } from "./notifications.js";
import { laterAddress } from "./session.js";
import { isShown } from "./tabs.js";
import { authorOf, names } from "./wire.js";
import { spans } from "./spans.js";
import { word } from "./words.js";

// The tag of the notification about what was said in a chat.
export const noticeOf = (chat_id) => `message-${chat_id}`;

export class Live {
  // The last number of each chat at the welcome: messages up to there are replayed. And, of those, the
  // last one of each chat that deserves a notification.
  #stood = new Map();
  #due = new Map();
  // Chats whose pins may have changed. What is replayed comes in the order of its last change.
  #repinned = new Set();
  #pinned = Promise.resolve();

  // `page` is {viewer, epoch, list, views, requests, delivery, reloadLog, reload, paths, pageRowsMax}.
  constructor(page) {
    Object.assign(this, page);
    this.missed = new Missed({
      ...page.paths,
      pageRows: page.pageRowsMax,
      found: (chat, message) => this.#meet(chat, message),
      asked: (room_id, room_name, user) => this.#ask(room_id, room_name, user),
      signedUp: (user) => this.on_signup_request({ user }),
      awaits: (rooms) => this.list.await(rooms),
    });
  }

  take(frame) {
    this[`on_${frame.type}`]?.(frame);
  }

  // Somebody else has signed in in this browser, or the history is a different one (its epoch changed):
  // nothing from this page may be sent on that connection.
  on_welcome({ user_id, epoch, chats }) {
    if (user_id !== this.viewer.user_id || epoch !== this.epoch) return this.reload();
    this.#stood = new Map(chats.map(({ chat_id, last_seq }) => [chat_id, last_seq]));
    this.list.stand(chats);
    const [ours, shown] = [new Set(chats.map(({ chat_id }) => chat_id)), this.list.positions()];
    for (const chat_id of shown.keys()) if (!ours.has(chat_id)) this.on_chat_removed({ chat_id });
    for (const chat_id of ours) if (!shown.has(chat_id)) this.missed.chat(chat_id);
    this.missed.findRequests();
    this.views.current.invite?.ask();
  }

  on_message(message) {
    const { chat_id, seq, client_id } = message;
    const own = this.#isOwn(message);
    if (own && client_id) this.delivery.stored(message);
    if (!this.list.chat(chat_id)) return this.missed.chat(chat_id, message);
    // The log first: it looks where it is, and as long as nothing has changed that costs no layout.
    const log = this.views.of(chat_id)?.log;
    if (log) {
      if (!own && !log.reader.isLookedAt) log.markNew(seq);
      log.add(message, this.viewer, own ? client_id : null);
    }
    this.#hear(message);
    if (seq > (this.#stood.get(chat_id) ?? 0)) this.#tell(chat_id);
  }

  on_message_changed(message) {
    const view = this.views.of(message.chat_id);
    view?.log?.change(message, this.viewer);
    if (view && (message.pinned || view.pins)) {
      this.#repinned.add(message.chat_id);
      this.#pin((later) => later.changePin(view, message));
    }
    this.list.correct(message);
    if (names(message, this.viewer)) this.named(message.chat_id);
  }

  on_caught_up({ chat_id }) {
    this.#tell(chat_id);
    if (this.#repinned.delete(chat_id)) this.#reloadPins(chat_id);
  }

  on_ack(frame) {
    this.delivery.stored(frame);
  }

  on_error(frame) {
    this.delivery.refused(frame);
  }

  on_read({ chat_id, seq }) {
    this.list.read(chat_id, seq);
    this.views.of(chat_id)?.log?.reader.raise(seq);
  }

  on_reset({ chat_id }) {
    this.missed.chat(chat_id);
    this.views.forget(chat_id);
    const view = this.views.of(chat_id);
    if (!view?.log) return;
    this.reloadLog(view.log);
    this.#reloadPins(chat_id);
  }

  on_chat_added({ chat }) {
    this.list.add(chat, chat.last_message && this.#isOwn(chat.last_message));
    this.missed.settle(chat.chat_id);
    const { invite } = this.views.current;
    if (invite?.isFor(chat.chat_id)) return invite.open();
    if (chat.chat_type !== "room") return;
    const { name, href } = this.list.chat(chat.chat_id);
    const title = word("added_notice", { chat: name });
    this.#tellUnlessSeen({ title, body: "", tag: `added-${chat.chat_id}`, href });
  }

  // A person who leaves is redirected by the form itself.
  on_chat_removed({ chat_id }) {
    this.list.remove(chat_id);
    this.missed.settle(chat_id);
    this.views.forget(chat_id);
    if (this.views.current.chat === chat_id && !this.leaving) this.views.current.panel?.close();
  }

  // Also in the views that are only remembered.
  on_members({ room_id, user, event }) {
    const { panel, log } = this.views.of(room_id) ?? {};
    if (event === "joined") panel?.admit(user);
    else panel?.dismiss(user);
    if (user.user_id === this.viewer.user_id) return;
    log?.note(word(event, { username: user.username, creator: panel?.creator }));
  }

  on_join_request({ room_id, user }) {
    const room = this.list.chat(room_id);
    if (room) this.#ask(room_id, room.name, user);
  }

  async on_signup_request({ user }) {
    await import(laterAddress);
    if (!this.requests.addSignup(user)) return;
    const title = word("signup_notice", user);
    this.#tellUnlessSeen({ title, body: "", tag: `signup-${user.user_id}`, href: "" });
  }

  on_join_denied({ room_id }) {
    this.list.decide(room_id);
    if (this.views.current.invite?.waitsFor(room_id)) location.reload();
  }

  // In the order of the frames, whichever part of the script is there first.
  #pin(change) {
    this.#pinned = this.#pinned
      .then(() => import(laterAddress))
      .then(change)
      .catch(() => {});
  }

  #reloadPins(chat_id) {
    const view = this.views.of(chat_id);
    if (view) this.#pin((later) => later.reloadPins(view, this.paths.chats));
  }

  #meet(chat, message) {
    if (!this.list.chat(chat.chat_id)) this.on_chat_added({ chat });
    const last = message ?? chat.last_message;
    if (last) this.#hear(last);
    this.#tell(chat.chat_id);
  }

  // What the list shows, and whether to notify.
  #hear(message) {
    const { chat_id, seq } = message;
    const own = this.#isOwn(message);
    this.list.advance(chat_id, message, own);
    const unread = !own && seq > this.list.chat(chat_id).readSeq;
    if (unread && this.#isNews(message)) this.#due.set(chat_id, message);
    if (unread && names(message, this.viewer)) this.named(chat_id);
  }

  #isOwn(message) {
    return authorOf(message) === this.viewer.user_id;
  }

  async #ask(room_id, room_name, user) {
    await import(laterAddress);
    if (!this.requests.add(room_id, room_name, user)) return;
    const title = word("request_notice", { username: user.username, chat: room_name });
    const href = this.list.chat(room_id)?.href ?? "";
    this.#tellUnlessSeen({ title, body: "", tag: `request-${room_id}-${user.user_id}`, href });
  }

  // Every page shows it; a notification is for people who are not looking at any.
  async #tellUnlessSeen(notice) {
    if (!(await isShown("page", true))) notify(notice);
  }

  // Of all that was missed in a chat, only the last message is announced.
  async #tell(chat_id) {
    const [message, chat] = [this.#due.get(chat_id), this.list.chat(chat_id)];
    this.#due.delete(chat_id);
    if (!message || !chat || (await isShown(`chat.${chat_id}`, this.views.current.chat === chat_id))) return;
    const { username, content } = message;
    const { unmarked } = await import(laterAddress);
    const text = unmarked(content, this.viewer.username, spans);
    const title = word(chat.type === "private" ? "private_notice" : "chat_notice", { username, chat: chat.name });
    notify({ title, body: text, tag: noticeOf(chat_id), href: chat.href });
  }

  // General belongs to everybody: it notifies only when a person is mentioned.
  #isNews(message) {
    return this.list.chat(message.chat_id).type !== "general" || names(message, this.viewer);
  }
}
