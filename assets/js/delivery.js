// Delivers what was written to the server: keeps it in the outbox, sends it when there is a connection,
// sends it again after a reconnect, and tells the log or the list how it went. Knows no other DOM.
//
// Several drafts are under way at a time, in the order in which they were written, which the server keeps on
// a connection; on a new connection all are sent again in that order. They are paced below the rate at which
// the server would refuse one and take the next. If it refuses all the same, for the moment, drafts go one
// by one until none waits.

import { messageFrame } from "./wire.js";
import { word } from "./words.js";

const UNDER_WAY_MAX = 8;
const PACE_MS = 200;
const AGAIN_MS = 2_000;
// If we waited less than this, the rate limit would refuse most attempts.
const SLOW_MS = 1_000;
// `unavailable` says nothing about the outcome: after this many attempts, a person decides.
const TRIES_MAX = 6;

export class Delivery {
  #underWay = new Set();
  #tries = new Map();
  #pause = 0;
  #oneByOne = false;
  // When so many could have been sent at the pace that none is left to be sent at once.
  #paced = 0;

  // `logOf` finds the log of a chat, if there is one.
  constructor({ outbox, socket, logOf, list, viewer }) {
    Object.assign(this, { outbox, socket, logOf, list, viewer });
    for (const { chat_id, reason } of outbox.entries()) if (reason !== null) list.fail(chat_id);
  }

  // A log that is new shows what waits for its chat.
  fill(log) {
    for (const entry of this.outbox.entries()) if (entry.chat_id === log.chat) log.pend(entry, this.viewer);
  }

  write(chat_id, content, reply_to) {
    const entry = this.outbox.add(chat_id, content, reply_to);
    if (!entry) return false;
    this.logOf(chat_id).write(entry, this.viewer);
    this.#sendNext();
    return true;
  }

  // After a reconnect: what was under way on the old connection may never have arrived.
  sendAll() {
    clearTimeout(this.#pause);
    this.#pause = 0;
    this.#underWay.clear();
    this.#tries.clear();
    this.#sendNext();
  }

  // Another tab may have discarded it.
  retry(client_id, log) {
    if (!this.outbox.mark(client_id, null)) return log.discard(client_id);
    log.fail(client_id, null);
    this.#sendNext();
  }

  discard(client_id, log) {
    this.outbox.remove(client_id);
    log.discard(client_id);
  }

  stored(frame) {
    this.outbox.remove(frame.client_id);
    this.logOf(frame.chat_id)?.settle(frame.client_id, frame);
    this.#settle(frame.client_id);
  }

  refused({ client_id, code, detail, retry_after_ms }) {
    if (!this.#underWay.delete(client_id)) return;
    const tries = (this.#tries.get(client_id) ?? 0) + 1;
    if (code === "rate_limited") return this.#later(Math.max(SLOW_MS, retry_after_ms ?? 0));
    this.#tries.set(client_id, tries);
    if (code === "unavailable" && tries < TRIES_MAX) return this.#later(AGAIN_MS * tries);
    this.#fail(client_id, detail ?? word("unsent"));
    this.#settle(client_id);
  }

  // Shown in the log, and in the list for a chat that is not in the middle.
  #fail(client_id, reason) {
    const { chat_id } = this.outbox.mark(client_id, reason) ?? {};
    const log = this.logOf(chat_id);
    log?.fail(client_id, reason);
    if (!log?.isConnected) this.list.fail(chat_id);
  }

  #settle(client_id) {
    this.#underWay.delete(client_id);
    this.#tries.delete(client_id);
    this.#sendNext();
  }

  #later(pause) {
    this.#oneByOne = true;
    this.#wait(pause);
  }

  #wait(pause) {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#pause = 0;
      this.#sendNext();
    }, pause);
  }

  #sendNext() {
    if (this.#pause) return;
    const waiting = this.outbox.waiting().filter(({ client_id }) => !this.#underWay.has(client_id));
    if (waiting.length === 0 && this.#underWay.size === 0) this.#oneByOne = false;
    for (const { chat_id, content, client_id, reply_to } of waiting) {
      if (this.#underWay.size >= (this.#oneByOne ? 1 : UNDER_WAY_MAX)) return;
      const now = performance.now();
      const ahead = Math.max(this.#paced, now) - now;
      if (ahead > PACE_MS * (UNDER_WAY_MAX - 1)) return this.#wait(PACE_MS);
      if (!this.socket.send(messageFrame(chat_id, content, client_id, reply_to?.seq))) return;
      this.#paced = now + ahead + PACE_MS;
      this.#underWay.add(client_id);
    }
  }
}
