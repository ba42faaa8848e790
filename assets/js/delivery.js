// Brings what was written to the server: keeps it in the outbox, sends it when there is a line, again
// when there is a new one, and says how it went to the log. Knows no DOM beyond the log it is given.

import { messageFrame } from "./wire.js";
import { word } from "./words.js";

const AGAIN_MS = 2_000;
// `unavailable` says nothing about the outcome: sent again by itself so often, then it is a person's.
const TRIES_MAX = 6;
const TRANSIENT = ["rate_limited", "unavailable"];

export class Delivery {
  #tries = new Map();

  constructor(outbox, socket, log, viewer) {
    this.outbox = outbox;
    this.socket = socket;
    this.log = log;
    this.viewer = viewer;
    if (log) for (const entry of outbox.of(log.chat)) log.pend(entry, viewer);
  }

  write(chat_id, content) {
    const entry = this.outbox.add(chat_id, content);
    if (!entry) return false;
    this.log.pend(entry, this.viewer);
    this.#send(entry);
    return true;
  }

  sendAll() {
    for (const entry of this.outbox.waiting()) this.#send(entry);
  }

  retry(client_id) {
    const entry = this.outbox.mark(client_id, null);
    this.#tries.delete(client_id);
    this.log.fail(client_id, null);
    if (entry) this.#send(entry);
  }

  discard(client_id) {
    this.outbox.remove(client_id);
    this.log.discard(client_id);
  }

  stored(frame) {
    this.outbox.remove(frame.client_id);
    this.#tries.delete(frame.client_id);
    if (this.log?.chat === frame.chat_id) this.log.settle(frame.client_id, frame);
  }

  refused({ client_id, code, detail, retry_after_ms }) {
    if (!client_id) return;
    const tries = (this.#tries.get(client_id) ?? 0) + 1;
    this.#tries.set(client_id, tries);
    if (TRANSIENT.includes(code) && tries < TRIES_MAX) {
      setTimeout(() => this.#again(client_id), retry_after_ms ?? AGAIN_MS * tries);
    } else {
      const reason = detail ?? word("unsent");
      this.outbox.mark(client_id, reason);
      this.log?.fail(client_id, reason);
    }
  }

  #again(client_id) {
    const entry = this.outbox.waiting().find((one) => one.client_id === client_id);
    if (entry) this.#send(entry);
  }

  #send({ chat_id, content, client_id }) {
    this.socket.send(messageFrame(chat_id, content, client_id));
  }
}
