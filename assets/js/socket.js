// This tab's only socket: opens it, notices when the connection is dead, reconnects and resumes.
//
// Events: `frame` (in order, no message twice), `up` after a welcome, `down` with whether it was `up`,
// `ended` if the session may be over: a listener calls `comeBack` if it is not. Knows nothing of the DOM.

import { afterClose, parseFrame, pingFrame, resumedChats, resumeQuery } from "./wire.js";

// Browsers hide the protocol's pings, so we test a quiet connection with a ping of our own: soon if
// something was sent over it. A server whose database hangs answers a ping, but not a draft.
const QUIET_MS = 20_000;
const QUIET_MS_SENT = 3_000;
const ANSWER_MS = 5_000;
// An attempt without a welcome by then has run into a dead connection.
const WELCOME_MS = 10_000;
const DELAY_MS_FIRST = 500;
const DELAY_MS_MAX = 15_000;
// The server wants to hear nothing more for now; a person who returns to the page may try sooner.
const REFUSED_MS = 60_000;

export class Socket extends EventTarget {
  #socket = null;
  #tries = 0;
  #timer = 0;
  #opened = 0;
  #heard = 0;
  #asked = 0;
  #sent = 0;
  #due = Infinity;
  #watch = 0;
  #resumed = new Set();

  // `positions` and `changes` map each chat to the last `seq` and `change` that the page has; so many pairs of
  // them go into one address.
  constructor(address, epoch, positions, changes, pairsMax) {
    super();
    Object.assign(this, { address, epoch, positions, changes, pairsMax });
    this.up = false;
  }

  open() {
    clearTimeout(this.#timer);
    this.#drop();
    this.#resumed = resumedChats(this.positions, this.pairsMax);
    const query = resumeQuery(this.positions, this.changes, this.pairsMax, this.epoch);
    const socket = new WebSocket(this.address + query);
    this.#socket = socket;
    this.#opened = this.#heard = performance.now();
    this.#asked = this.#sent = 0;
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = (event) => this.#closed(event.code);
    this.#expect(WELCOME_MS);
  }

  // Returns whether the frame was sent; nothing is kept here.
  send(frame) {
    if (!this.up || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(frame);
    this.#sent ||= performance.now();
    this.#expect(QUIET_MS_SENT);
    return true;
  }

  // The chat that is resumed with certainty, however many there are.
  putFirst(chat_id) {
    const seq = this.positions.get(chat_id);
    if (seq === undefined) return;
    const others = [...this.positions].filter(([other]) => other !== chat_id);
    this.positions.clear();
    for (const [chat, at] of [[chat_id, seq], ...others]) this.positions.set(chat, at);
  }

  // Something happened that suggests that the connection now works, or is dead: find out at once.
  nudge() {
    if (this.up) this.#ask();
    else if (this.#timer || this.#socket) this.open();
  }

  // Closes for good.
  stop() {
    clearTimeout(this.#timer);
    this.#drop();
  }

  // Reconnects after a delay with jitter: not at once, and not at the same moment as everybody else.
  comeBack(most = DELAY_MS_FIRST) {
    clearTimeout(this.#timer);
    this.#tries += 1;
    this.#timer = setTimeout(() => this.open(), most / 4 + Math.random() * most * 0.75);
  }

  #take(text) {
    this.#heard = performance.now();
    this.#asked = this.#sent = 0;
    const frame = parseFrame(text);
    if (!frame || !this.#moves(frame)) return;
    this.#tell("frame", frame);
    // A listener that was told of a welcome to somebody else has stopped us.
    if (frame.type !== "welcome" || !this.#socket) return;
    this.#tries = 0;
    this.up = true;
    this.#tell("up");
  }

  // Updates the positions; false for what was received before.
  #moves(frame) {
    const { type, chat_id, seq, change } = frame;
    if (type === "message") {
      if (seq <= (this.positions.get(chat_id) ?? 0)) return false;
      this.positions.set(chat_id, seq);
    } else if (type === "message_changed") {
      if (change <= (this.changes.get(chat_id) ?? 0)) return false;
      this.changes.set(chat_id, change);
    } else if (type === "caught_up") {
      this.positions.set(chat_id, Math.max(seq, this.positions.get(chat_id) ?? 0));
      this.changes.set(chat_id, change);
    } else if (type === "reset") {
      this.#stand(frame);
    } else if (type === "chat_added") {
      this.#stand(frame.chat);
    } else if (type === "chat_removed") {
      this.positions.delete(chat_id);
    } else if (type === "welcome") {
      for (const chat of frame.chats) {
        if (!this.#resumed.has(chat.chat_id)) this.#stand(chat);
      }
    }
    return true;
  }

  #stand({ chat_id, last_seq, last_change }) {
    this.positions.set(chat_id, last_seq);
    this.changes.set(chat_id, last_change);
  }

  // Looks after this time, if it would not look sooner: an idle tab wakes up only when something is due.
  #expect(wait) {
    const due = performance.now() + wait;
    if (due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#check(), wait);
  }

  #check() {
    this.#due = Infinity;
    if (!this.#socket) return;
    const now = performance.now();
    const unwelcome = !this.up && now - this.#opened >= WELCOME_MS;
    const unanswered = this.#asked && now - this.#asked >= ANSWER_MS;
    if (unwelcome || unanswered) return this.#closed(1006);
    if (!this.#asked && this.up && this.#silence(now) <= 0) this.#ask();
    if (!this.up) this.#expect(this.#opened + WELCOME_MS - now);
    else this.#expect(this.#asked ? this.#asked + ANSWER_MS - now : this.#silence(now));
  }

  // How much longer nothing may be heard.
  #silence(now) {
    const quiet = this.#heard + QUIET_MS - now;
    return this.#sent ? Math.min(quiet, this.#sent + QUIET_MS_SENT - now) : quiet;
  }

  #ask() {
    this.#asked ||= performance.now();
    this.#expect(ANSWER_MS);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(pingFrame());
  }

  #closed(code) {
    const opened = this.up;
    this.#drop();
    this.#tell("down", { opened });
    const next = afterClose(code);
    if (next === "ended") this.#tell("ended");
    else this.comeBack(next === "refused" ? REFUSED_MS : this.#growing);
  }

  get #growing() {
    return Math.min(DELAY_MS_MAX, DELAY_MS_FIRST * 2 ** this.#tries);
  }

  // A dead connection does not answer a close either, so stop listening instead of waiting for that.
  #drop() {
    this.#timer = 0;
    this.up = false;
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
