// What each frame does to the page. The frames come from `app.js`, the parts of the page are handed in.

import { Missed } from "./missed.js";
import { notify } from "./notifications.js";
import { isShown } from "./tabs.js";
import { authorOf } from "./wire.js";
import { spans } from "./spans.js";
import { word } from "./words.js";

export class Live {
  // How far each chat went at the welcome: up to there messages are repeated. And the last of each chat
  // that somebody is to be told of.
  #stood = new Map();
  #due = new Map();

  // `page` is {viewer, epoch, list, log, requests, invite, delivery, loadNewest, reload, paths}.
  constructor(page) {
    Object.assign(this, page);
    this.missed = new Missed({
      ...page.paths,
      found: (chat, message) => this.#meet(chat, message),
      asked: (room_id, room_name, user) => this.#ask(room_id, room_name, user),
    });
  }

  take(frame) {
    this[`on_${frame.type}`]?.(frame);
  }

  // Somebody else has signed in in this browser, or the history is another one: nothing of this page
  // may go out on that line.
  on_welcome({ user_id, epoch, chats }) {
    if (user_id !== this.viewer.user_id || epoch !== this.epoch) return this.reload();
    this.#stood = new Map(chats.map(({ chat_id, last_seq }) => [chat_id, last_seq]));
    this.list.stand(chats);
    const [ours, shown] = [new Set(chats.map(({ chat_id }) => chat_id)), this.list.positions()];
    for (const chat_id of shown.keys()) if (!ours.has(chat_id)) this.on_chat_removed({ chat_id });
    for (const chat_id of ours) if (!shown.has(chat_id)) this.missed.chat(chat_id);
    this.missed.findRequests();
    this.invite?.ask();
  }

  on_message(message) {
    const { chat_id, seq, client_id } = message;
    const own = this.#isOwn(message);
    if (own && client_id) this.delivery.stored(message);
    if (!this.list.chat(chat_id)) return this.missed.chat(chat_id, message);
    this.#hear(message);
    if (this.log?.chat === chat_id) {
      if (document.visibilityState !== "visible" && !own) this.log.markNew(seq);
      this.log.add(message, this.viewer, own ? client_id : null);
    }
    if (seq > (this.#stood.get(chat_id) ?? 0)) this.#tell(chat_id);
  }

  on_caught_up({ chat_id }) {
    this.#tell(chat_id);
  }

  on_ack(frame) {
    this.delivery.stored(frame);
  }

  on_error(frame) {
    this.delivery.refused(frame);
  }

  on_read({ chat_id, seq }) {
    this.list.read(chat_id, seq);
  }

  on_reset({ chat_id }) {
    this.missed.chat(chat_id);
    if (this.log?.chat !== chat_id) return;
    this.log.restart();
    this.loadNewest();
  }

  on_chat_added({ chat }) {
    this.list.add(chat, chat.last_message && this.#isOwn(chat.last_message));
    this.missed.settle(chat.chat_id);
    if (this.invite?.settled(chat.chat_id)) return this.invite.open();
    if (chat.chat_type !== "room") return;
    const { name, href } = this.list.chat(chat.chat_id);
    const title = word("added_notice", { chat: name });
    this.#tellUnlessSeen({ title, body: "", tag: `added-${chat.chat_id}`, href });
  }

  // Who leaves is led away by the form itself.
  on_chat_removed({ chat_id }) {
    this.list.remove(chat_id);
    this.missed.settle(chat_id);
    if (this.log?.chat === chat_id && !this.leaving) document.dispatchEvent(new Event("removed"));
  }

  on_join_request({ room_id, user }) {
    const room = this.list.chat(room_id);
    if (room) this.#ask(room_id, room.name, user);
  }

  on_join_denied({ room_id }) {
    if (this.invite?.settled(room_id)) location.reload();
  }

  #meet(chat, message) {
    if (!this.list.chat(chat.chat_id)) this.on_chat_added({ chat });
    const last = message ?? chat.last_message;
    if (last) this.#hear(last);
    this.#tell(chat.chat_id);
  }

  // What the list says of it, and whether somebody is to be told.
  #hear(message) {
    const { chat_id, seq } = message;
    const own = this.#isOwn(message);
    this.list.advance(chat_id, message, own);
    const unread = !own && seq > this.list.chat(chat_id).readSeq;
    if (unread && this.#isNews(message)) this.#due.set(chat_id, message);
  }

  #isOwn(message) {
    return authorOf(message) === this.viewer.user_id;
  }

  #ask(room_id, room_name, user) {
    if (!this.requests.add(room_id, room_name, user)) return;
    const title = word("request_notice", { username: user.username, chat: room_name });
    const href = this.list.chat(room_id)?.href ?? "";
    this.#tellUnlessSeen({ title, body: "", tag: `request-${room_id}-${user.user_id}`, href });
  }

  // Every page shows it; a notification is for who looks at none.
  async #tellUnlessSeen(notice) {
    if (!(await isShown("page", true))) notify(notice);
  }

  // Of all that was missed in a chat the last is told.
  async #tell(chat_id) {
    const [message, chat] = [this.#due.get(chat_id), this.list.chat(chat_id)];
    this.#due.delete(chat_id);
    if (!message || !chat || (await isShown(`chat.${chat_id}`, this.log?.chat === chat_id))) return;
    const { username, content } = message;
    const title = word(chat.type === "private" ? "private_notice" : "chat_notice", { username, chat: chat.name });
    notify({ title, body: content, tag: `message-${chat_id}`, href: chat.href });
  }

  // General is everybody's; it is news there when one is named.
  #isNews({ chat_id, content }) {
    if (this.list.chat(chat_id).type !== "general") return true;
    return spans(content, this.viewer.username).some(({ kind }) => kind === "mention");
  }
}
