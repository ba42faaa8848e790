// Who writes, who is online, who has read: what the server says of it, shown. None of it is read out by itself,
// and none of it moves what is on the page. A script of its own; the frames come from `app.js`.

import { call } from "./api.js";
import { lastMessage } from "./chunks.js";
import { laterAddress } from "./session.js";
import { typingFrame } from "./wire.js";
import { clone, word } from "./words.js";

const HOLDS_MS = 6_000;
// More of one's own would be dropped.
const SENT_MS = 3_000;
const NAMED_MAX = 3;

export class Signals {
  #online = new Set();
  // Whether the next list of those who are online begins anew.
  #anew = true;
  // By chat: when each name stops writing; how far the other one has read, which only grows; when one last said
  // so oneself.
  #writing = new Map();
  #seen = new Map();
  #sent = new Map();
  // When the newest edit was made, of those that were heard of.
  #edited = "";
  #timer = 0;
  // Private chats whose other one went offline, or is not shown any more: with that, how far they have read.
  #doubted = new Set();

  // `page` is {socket, views, list, viewer, chats}.
  constructor(page) {
    Object.assign(this, page);
    this.ready = import(laterAddress).then(({ loadTemplates }) => loadTemplates());
    this.views.addEventListener("opened", () => this.#show());
    document.addEventListener("compose", () => requestAnimationFrame(() => this.#showSeen()));
  }

  async take(frame) {
    await this.ready;
    this[`on_${frame.type}`]?.(frame);
  }

  on_welcome() {
    this.#anew = true;
    this.#readList();
  }

  // How far others have read, where they show it.
  async #readList() {
    const { ok, answer } = await call(this.chats);
    for (const { chat_id, user_id, seen_seq } of ok ? answer.chats : []) {
      if (!user_id) continue;
      if (seen_seq === null) this.#seen.delete(chat_id);
      else this.on_seen({ chat_id, seq: seen_seq });
    }
    this.#showSeen();
  }

  on_presence({ users }) {
    if (this.#anew) this.#online.clear();
    this.#anew = false;
    for (const { user_id, online } of users) {
      this.#online[online ? "add" : "delete"](user_id);
      const { chat } = (!online && this.list.querySelector(`[data-user="${user_id}"]`)?.dataset) || {};
      if (chat) this.#doubted.add(Number(chat));
    }
    this.#showOnline();
    this.#showSeen();
  }

  // One's own goes to the others.
  on_typing({ chat_id, user }) {
    const now = performance.now();
    if (user === this.viewer) {
      if (now < (this.#sent.get(chat_id) ?? -SENT_MS) + SENT_MS) return;
      this.#sent.set(chat_id, now);
      this.socket.send(typingFrame(chat_id));
      return;
    }
    if (!this.#writing.has(chat_id)) this.#writing.set(chat_id, new Map());
    this.#writing.get(chat_id).set(user.username, now + HOLDS_MS);
    this.#showWriting();
  }

  on_seen({ chat_id, seq }) {
    this.#seen.set(chat_id, Math.max(seq, this.#seen.get(chat_id) ?? 0));
    this.#showSeen();
  }

  on_message(message) {
    this.#endWriting(message);
    this.#showSeen();
  }

  // A message also changes when somebody reacts to it or pins it: that ends no writing.
  on_message_changed(message) {
    if (!(message.edited_at > this.#edited)) return;
    this.#edited = message.edited_at;
    this.#endWriting(message);
  }

  #endWriting({ chat_id, username }) {
    if (username === this.viewer.username) this.#sent.delete(chat_id);
    if (this.#writing.get(chat_id)?.delete(username)) this.#showWriting();
  }

  on_chat_added() {
    this.#showOnline();
  }

  on_members() {
    this.#showOnline();
  }

  #show() {
    this.#showOnline();
    this.#showWriting();
    this.#showSeen();
  }

  // A dot at the avatar, and a word for those who do not see it.
  #showOnline() {
    const { element, chat } = this.views.current;
    const line = this.list.querySelector(`[data-chat="${chat}"]`);
    const people = [...this.list.querySelectorAll("[data-user]"), ...element.querySelectorAll(".member[data-user]")];
    for (const one of people) mark(one, this.#online.has(Number(one.dataset.user)));
    const head = element.querySelector(".chat-head");
    if (head && line?.dataset.user) mark(head, this.#online.has(Number(line.dataset.user)));
  }

  #showWriting() {
    clearTimeout(this.#timer);
    const { composer, chat } = this.views.current;
    const now = performance.now();
    const writing = this.#writing.get(chat) ?? new Map();
    for (const [username, until] of writing) if (until <= now) writing.delete(username);
    if (writing.size) this.#timer = setTimeout(() => this.#showWriting(), Math.min(...writing.values()) - now);
    const said = composer?.querySelector(".writing");
    if (!composer || (!said && !writing.size)) return;
    const line = said ?? clone("writing");
    if (!said) composer.append(line);
    const [one, two, three] = writing.keys();
    const many = writing.size > NAMED_MAX ? "many_write" : `write_${writing.size}`;
    const text = writing.size ? word(many, { one, two, three }) : "";
    if (line.textContent !== text) line.textContent = text;
  }

  // Where one's own message is the last: an answer says so by itself.
  #showSeen() {
    const { log, chat } = this.views.current;
    if (log?.dataset.type !== "private") return;
    if (this.#doubted.delete(chat) && this.#seen.has(chat)) this.#readList();
    const last = lastMessage(log.page);
    const seq = Number(last?.dataset.seq ?? 0);
    const isSeen = seq > 0 && last.matches(".own") && seq === log.upTo && seq <= (this.#seen.get(chat) ?? 0);
    const { lastElementChild } = log.page;
    const isSaid = lastElementChild.matches(".seen");
    if (isSaid && !isSeen) lastElementChild.remove();
    else if (isSeen && !isSaid) log.page.append(clone("seen"));
  }
}

function mark(one, isOnline) {
  if (one.hasAttribute("data-online") === isOnline) return;
  one.toggleAttribute("data-online", isOnline);
  if (isOnline) one.append(clone("online"));
  else one.querySelector(":scope > .online")?.remove();
}
