// Brings what was written to the server: keeps it in the outbox, sends it when there is a line, again
// when there is a new one, and says how it went to the log or the list. Knows no DOM beyond those.
//
// One draft is under way at a time, the oldest first: whatever is refused, none overtakes another, and
// the server is never asked faster than it answers.

import { messageFrame } from "./wire.js";
import { word } from "./words.js";

const AGAIN_MS = 2_000;
// After less than this so little is allowed again that most tries would be refused.
const SLOW_MS = 1_000;
// `unavailable` says nothing about the outcome: sent again by itself so often, then it is a person's.
const TRIES_MAX = 6;

export class Delivery {
  #underWay = null;
  #tries = 0;
  #pause = 0;

  constructor({ outbox, socket, log, list, viewer }) {
    Object.assign(this, { outbox, socket, log, list, viewer });
    for (const entry of outbox.entries()) {
      if (entry.chat_id === log?.chat) log.pend(entry, viewer);
      else if (entry.reason !== null) list.fail(entry.chat_id);
    }
  }

  write(chat_id, content) {
    const entry = this.outbox.add(chat_id, content);
    if (!entry) return false;
    this.log.pend(entry, this.viewer);
    this.#sendNext();
    return true;
  }

  // On a new line: what was under way on the old one may never have arrived.
  sendAll() {
    this.#settle();
    this.#sendNext();
  }

  // Another tab may have let it go.
  retry(client_id) {
    if (!this.outbox.mark(client_id, null)) return this.log.discard(client_id);
    this.log.fail(client_id, null);
    this.#sendNext();
  }

  discard(client_id) {
    this.outbox.remove(client_id);
    this.log.discard(client_id);
  }

  stored(frame) {
    this.outbox.remove(frame.client_id);
    if (this.log?.chat === frame.chat_id) this.log.settle(frame.client_id, frame);
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

  // Shown by the log, or by the line of a chat that is not in the middle.
  #fail(client_id, reason) {
    const { chat_id } = this.outbox.mark(client_id, reason) ?? {};
    if (chat_id === this.log?.chat) this.log?.fail(client_id, reason);
    else this.list.fail(chat_id);
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
