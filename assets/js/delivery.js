// Delivers what was written to the server: keeps it in the outbox, sends it when there is a connection,
// sends it again after a reconnect, and tells the log or the list how it went. Knows no other DOM.
//
// One draft is under way at a time, the oldest first. So even if one is refused, none overtakes another,
// and the server is never sent more than it answers.

import { messageFrame } from "./wire.js";
import { word } from "./words.js";

const AGAIN_MS = 2_000;
// If we waited less than this, the rate limit would refuse most attempts.
const SLOW_MS = 1_000;
// `unavailable` says nothing about the outcome: after this many attempts, a person decides.
const TRIES_MAX = 6;

export class Delivery {
  #underWay = null;
  #tries = 0;
  #pause = 0;

  // `logOf` finds the log of a chat, if there is one.
  constructor({ outbox, socket, logOf, list, viewer }) {
    Object.assign(this, { outbox, socket, logOf, list, viewer });
    for (const { chat_id, reason } of outbox.entries()) if (reason !== null) list.fail(chat_id);
  }

  // A log that is new shows what waits for its chat.
  fill(log) {
    for (const entry of this.outbox.entries()) if (entry.chat_id === log.chat) log.pend(entry, this.viewer);
  }

  write(chat_id, content) {
    const entry = this.outbox.add(chat_id, content);
    if (!entry) return false;
    this.logOf(chat_id).write(entry, this.viewer);
    this.#sendNext();
    return true;
  }

  // After a reconnect: what was under way on the old connection may never have arrived.
  sendAll() {
    this.#settle();
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
    if (frame.client_id !== this.#underWay) return;
    this.#settle();
    this.#sendNext();
  }

  refused({ client_id, code, detail, retry_after_ms }) {
    if (!client_id || client_id !== this.#underWay) return;
    if (code === "rate_limited") return this.#again(Math.max(SLOW_MS, retry_after_ms ?? 0));
    this.#tries += 1;
    if (code === "unavailable" && this.#tries < TRIES_MAX) return this.#again(AGAIN_MS * this.#tries);
    this.#fail(client_id, detail ?? word("unsent"));
    this.#settle();
    this.#sendNext();
  }

  // Shown in the log, and in the list for a chat that is not in the middle.
  #fail(client_id, reason) {
    const { chat_id } = this.outbox.mark(client_id, reason) ?? {};
    const log = this.logOf(chat_id);
    log?.fail(client_id, reason);
    if (!log?.isConnected) this.list.fail(chat_id);
  }

  #again(pause) {
    this.#pause = setTimeout(() => {
      this.#pause = 0;
      this.#underWay = null;
      this.#sendNext();
    }, pause);
  }

  #settle() {
    clearTimeout(this.#pause);
    this.#pause = this.#tries = 0;
    this.#underWay = null;
  }

  #sendNext() {
    if (this.#underWay) return;
    const [entry] = this.outbox.waiting();
    if (!entry) return;
    const { chat_id, content, client_id } = entry;
    if (this.socket.send(messageFrame(chat_id, content, client_id))) this.#underWay = client_id;
  }
}
