// <chat-list>: every chat of the viewer, with its last line and its number of unread messages. The
// elements hold what is known of a chat. Knows nothing of the socket.

import { paintAvatar } from "./avatar.js";
import { beginning } from "./cut.js";
import { eachMidnight, moment, short } from "./times.js";
import { clone, fillAttributes, word } from "./words.js";

// Nothing is left of one that is deleted.
const firstWords = (content) => beginning(content.trim().replace(/\s+/g, " "), 100) || clone("deleted").textContent;

class ChatList extends HTMLElement {
  #watched = 0;
  #frame = 0;

  // A chat's last number and its last line are two things: the socket's welcome brings only the number,
  // and missed messages come after it.
  connectedCallback() {
    for (const { dataset } of this.querySelectorAll(".chat-line")) dataset.saidSeq = dataset.lastSeq;
    this.scroller = this.closest(".chats");
    this.beyond = this.querySelector(".beyond");
    this.beyond.addEventListener("click", () => this.#unreadBelow()?.scrollIntoView({ block: "nearest" }));
    for (const one of [this.scroller, window]) one.addEventListener("scroll", () => this.#soon(), { passive: true });
    addEventListener("resize", () => this.#soon());
    eachMidnight(() => this.#localise());
    this.#localise();
    this.#soon();
  }

  #localise() {
    for (const time of this.querySelectorAll(".when[datetime]")) showTime(time, time.dateTime);
  }

  // Points to what is unread below what is in view.
  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.beyond.hidden = !this.#unreadBelow();
    });
  }

  #unreadBelow() {
    const end = Math.min(this.scroller.getBoundingClientRect().bottom, innerHeight);
    return [...this.getElementsByClassName("has-unread")].find((line) => line.getBoundingClientRect().top > end - 12);
  }

  // Where the socket resumes: the last `seq` of each chat, the chat in the middle first.
  positions() {
    const lines = [...this.querySelectorAll(".chat-line")];
    lines.sort((a, b) => isCurrent(b) - isCurrent(a));
    return new Map(lines.map((line) => [Number(line.dataset.chat), Number(line.dataset.lastSeq)]));
  }

  // And the last change of each.
  changes() {
    const lines = this.querySelectorAll(".chat-line");
    return new Map([...lines].map(({ dataset }) => [Number(dataset.chat), Number(dataset.lastChange)]));
  }

  has(href) {
    return this.#link(href) !== null;
  }

  // The chat in the middle is the one at this address, if it is in the list.
  mark(href) {
    this.querySelector("[aria-current]")?.removeAttribute("aria-current");
    const link = this.#link(href);
    link?.setAttribute("aria-current", "page");
    link?.closest(".chat-line").scrollIntoView({ block: "nearest" });
  }

  // What comes in this chat is seen as it comes, and not counted first.
  watch(chat_id) {
    const both = [this.#watched, chat_id];
    this.#watched = chat_id;
    for (const one of both) if (this.#line(one)) this.#count(this.#line(one));
  }

  chat(chat_id) {
    const line = this.#line(chat_id);
    if (!line) return null;
    const link = line.querySelector(".chat-link");
    const { type, readSeq, lastSeq } = line.dataset;
    return {
      type,
      name: link.textContent,
      href: link.getAttribute("href"),
      readSeq: Number(readSeq),
      lastSeq: Number(lastSeq),
    };
  }

  // The address of the next chat in this direction, from this one on; null if there is none.
  neighbour(href, step, unread) {
    const lines = this.#lines;
    const here = lines.findIndex((line) => line.querySelector(".chat-link").getAttribute("href") === href);
    const from = here < 0 && step < 0 ? lines.length : here;
    for (let at = from + step; at in lines; at += step) {
      if (!unread || this.#unreadOf(lines[at]) > 0) return lines[at].querySelector(".chat-link").getAttribute("href");
    }
    return null;
  }

  get #lines() {
    return [...this.querySelectorAll(".chat-line[data-chat]")];
  }

  // Of the chats that are not in the middle.
  get unreadElsewhere() {
    return this.#lines.filter((line) => !isCurrent(line)).reduce((sum, line) => sum + this.#unreadOf(line), 0);
  }

  get unread() {
    const lines = this.querySelectorAll(".chat-line");
    return [...lines].reduce((sum, line) => sum + this.#unreadOf(line), 0);
  }

  advance(chat_id, message, own) {
    const line = this.#line(chat_id);
    if (!line) return;
    line.dataset.lastSeq = Math.max(message.seq, Number(line.dataset.lastSeq));
    if (own) line.dataset.readSeq = Math.max(message.seq, Number(line.dataset.readSeq));
    this.#say(line, message, own);
    this.#count(line);
  }

  // A message has changed, perhaps the last, perhaps one that named the viewer.
  correct({ chat_id, seq, content }) {
    const line = this.#line(chat_id);
    if (line) this.#showCount(line);
    if (line && seq === Number(line.dataset.saidSeq))
      line.querySelector(".last-text").textContent = firstWords(content);
  }

  read(chat_id, seq) {
    const line = this.#line(chat_id);
    if (!line || seq <= Number(line.dataset.readSeq)) return;
    line.dataset.readSeq = seq;
    this.#count(line);
    if (this.#unreadOf(line) === 0) this.#tellRead(chat_id);
  }

  // The last number and the read position of each chat, from the socket's welcome.
  stand(chats) {
    for (const { chat_id, last_seq, read_seq, mentioned } of chats) {
      const line = this.#line(chat_id);
      if (!line) continue;
      line.dataset.lastSeq = Math.max(last_seq, Number(line.dataset.lastSeq));
      line.dataset.readSeq = Math.max(read_seq, Number(line.dataset.readSeq));
      line.dataset.mentioned = mentioned;
      this.#showCount(line);
      if (this.#unreadOf(line) === 0) this.#tellRead(chat_id);
    }
    this.#tell();
  }

  // A draft that could not be sent there, which waits for the person to decide.
  fail(chat_id) {
    const line = this.#line(chat_id);
    if (!line) return;
    line.querySelector(".last-author").textContent = word("you");
    line.querySelector(".last-text").textContent = word("unsent");
  }

  add(chat, own) {
    if (this.#line(chat.chat_id)) return;
    const line = fillAttributes(clone(`chat-${chat.chat_type}`), chat);
    line.querySelector(".name").textContent = chat.name;
    const { user_id, name: username } = chat;
    if (chat.chat_type === "private") paintAvatar(line.querySelector(".avatar"), { user_id, username });
    line.dataset.lastSeq = chat.last_seq;
    line.dataset.saidSeq = 0;
    line.dataset.readSeq = chat.read_seq;
    line.dataset.mentioned = chat.mentioned;
    this.querySelector(`[data-kind="${chat.chat_type}"]`).prepend(line);
    this.decide(chat.chat_id);
    this.#tellApart();
    if (chat.last_message) this.#say(line, chat.last_message, own);
    this.#count(line);
  }

  // The rooms that one has asked to join, until that is decided.
  await(rooms) {
    for (const line of this.querySelectorAll(".asked-line")) line.remove();
    const lines = rooms.map(({ room_id, room_name }) => {
      const line = fillAttributes(clone("asked-line"), { room_id });
      line.querySelector(".name").textContent = room_name;
      return line;
    });
    this.querySelector('[data-kind="room"]').append(...lines);
  }

  decide(room_id) {
    this.querySelector(`.asked-line[data-room="${room_id}"]`)?.remove();
  }

  remove(chat_id) {
    this.#line(chat_id)?.remove();
    this.#tellApart();
    this.#tell();
  }

  // Numbers rooms that have the same name, in the order in which they were made.
  #tellApart() {
    const rooms = new Map();
    for (const line of this.querySelectorAll(".chat-line[data-type=room]")) {
      const name = line.querySelector(".name").textContent;
      rooms.set(name, [...(rooms.get(name) ?? []), line]);
    }
    for (const same of rooms.values()) {
      same.sort((a, b) => a.dataset.chat - b.dataset.chat);
      same.forEach((line, index) => {
        const which = same.length > 1 ? word("which", { count: index + 1 }) : "";
        line.querySelector(".which").textContent = which;
      });
    }
  }

  #link(href) {
    return this.querySelector(`.chat-link[href="${CSS.escape(href)}"]`);
  }

  #line(chat_id) {
    return this.querySelector(`[data-chat="${chat_id}"]`);
  }

  #say(line, { seq, username, content, timestamp }, own) {
    if (seq <= Number(line.dataset.saidSeq)) return;
    line.dataset.saidSeq = seq;
    line.dataset.at = Date.parse(timestamp);
    showTime(line.querySelector(".when"), timestamp);
    line.querySelector(".last-author").textContent = own ? word("you") : username;
    line.querySelector(".last-text").textContent = firstWords(content);
    this.#place(line);
  }

  // The latest first; the focus stays where it is. Lines without a time keep the order of the page.
  #place(line) {
    const isBelow = (one) => one !== line && Number(one.dataset.at ?? 0) <= Number(line.dataset.at);
    const below = [...line.parentElement.children].find(isBelow) ?? null;
    if (line.nextElementSibling === below) return;
    const { activeElement } = document;
    line.parentElement.insertBefore(line, below);
    if (line.contains(activeElement)) activeElement.focus({ preventScroll: true });
  }

  #count(line) {
    this.#showCount(line);
    this.#tell();
  }

  #tellRead(chat_id) {
    this.dispatchEvent(new CustomEvent("read", { detail: { chat_id } }));
  }

  #showCount(line) {
    const unread = this.#unreadOf(line);
    if (line.dataset.unread !== `${unread}`) this.#showUnread(line, unread);
    if (line.dataset.mentioned > 0) this.dispatchEvent(new CustomEvent("named", { detail: line.dataset.chat }));
    else line.querySelector(".at").hidden = true;
  }

  #showUnread(line, unread) {
    line.dataset.unread = unread;
    line.classList.toggle("has-unread", unread > 0);
    line.querySelector(".unread").hidden = unread === 0;
    const link = line.querySelector(".chat-link");
    if (unread) link.setAttribute("aria-describedby", line.querySelector(".unread").id);
    else link.removeAttribute("aria-describedby");
    line.querySelector(".count").textContent = unread > 99 ? word("many") : unread;
  }

  #unreadOf({ dataset: { chat, lastSeq, readSeq } }) {
    return Number(chat) === this.#watched ? 0 : Math.max(0, Number(lastSeq) - Number(readSeq));
  }

  #tell() {
    this.#soon();
    this.dispatchEvent(new CustomEvent("count", { detail: { unread: this.unread }, bubbles: true }));
  }
}

function showTime(time, timestamp) {
  const date = new Date(timestamp);
  time.dateTime = timestamp;
  time.textContent = short(date);
  time.title = moment(date);
}

const isCurrent = (line) => Number(line.querySelector("[aria-current]") !== null);

customElements.define("chat-list", ChatList);
