// <message-log>: messages of one chat, in the order of their `seq` and without a gap; those under way come
// last. It may end before the chat does (`newer`), and then `reader.js`, which watches what is seen, asks
// for more. Knows nothing of the socket.

import { arrange, clearAbove } from "./arrange.js";
import { addAbove, before, chunks, lastChunk, lastOf, messageBelow } from "./chunks.js";
import { buildMessage, buildPending, localise, quote, renew, setState, setStored } from "./message.js";
import { Reader } from "./reader.js";
import { clone } from "./words.js";

class MessageLog extends HTMLElement {
  // By `seq` and by `client_id`.
  #stored = new Map();
  #pending = new Map();
  #newLine = null;

  connectedCallback() {
    this.begin();
    this.reader.opened();
  }

  disconnectedCallback() {
    this.reader.closed();
  }

  // Before it is in the document, if it is to follow what happens until then.
  begin() {
    if (this.reader) return;
    const { chat, readSeq, lastSeq, newer } = this.dataset;
    this.chat = Number(chat);
    this.page = this.querySelector(".page");
    this.restarts = 0;
    // The last number that is known, whether or not its message is here.
    this.upTo = Number(lastSeq);
    this.newer = newer === "true";
    this.newAfter = this.upTo > Number(readSeq) ? Number(readSeq) : null;
    const messages = [...this.page.querySelectorAll(".message")];
    for (const one of messages) {
      localise(one);
      this.#stored.set(Number(one.dataset.seq), one);
    }
    this.#arrange(messages);
    this.reader = new Reader(this);
  }

  // The newest and the oldest stored message; 0 if there is none.
  get last() {
    let element = lastOf(this.page);
    while (element && !Number(element.dataset.seq)) element = before(element);
    return Number(element?.dataset.seq ?? 0);
  }

  get first() {
    return Number(this.page.querySelector(".message")?.dataset.seq ?? 0);
  }

  get length() {
    return this.#stored.size;
  }

  find(seq) {
    return this.#stored.get(seq);
  }

  // The first message that counts as new, if it is here, and how many there are.
  get firstNew() {
    return this.newAfter === null ? null : this.#stored.get(this.newAfter + 1);
  }

  get newCount() {
    return this.newAfter === null ? 0 : this.upTo - this.newAfter;
  }

  get newLine() {
    return this.#newLine?.isConnected ? this.#newLine : null;
  }

  add(message, viewer, client_id) {
    this.upTo = Math.max(this.upTo, message.seq);
    if (client_id && this.#pending.has(client_id)) return this.settle(client_id, message);
    if (this.#stored.has(message.seq)) return;
    if (!this.reader.atEnd) this.reader.arrived += 1;
    if (!this.newer) this.#place(buildMessage(message, viewer), message.seq);
  }

  // It stands there as it is now.
  change(message, viewer) {
    const element = this.#stored.get(message.seq);
    if (!element) return;
    this.reader.keepPlace(() => {
      renew(element, buildMessage(message, viewer));
      this.#arrange([element, messageBelow(element)]);
      for (const reply of this.page.querySelectorAll(`.reply[data-seq="${message.seq}"]`)) quote(reply, message);
    });
  }

  // What the reader has just written: they want to see it.
  write(entry, viewer) {
    this.pend(entry, viewer);
    this.clearNew();
    this.reader.toEnd();
  }

  pend(entry, viewer) {
    const element = buildPending(entry, viewer);
    this.#pending.set(entry.client_id, element);
    this.reader.keepPlace(() => {
      this.#dropNothing();
      lastChunk(this.page).append(element);
      this.#arrange([element]);
    });
  }

  // Messages up to this one exist, whether or not the log has heard of them.
  know(seq) {
    this.upTo = Math.max(this.upTo, seq);
    this.newer ||= this.last < this.upTo;
  }

  settle(client_id, { seq, timestamp }) {
    const element = this.#pending.get(client_id);
    if (!element) return;
    this.#pending.delete(client_id);
    this.upTo = Math.max(this.upTo, seq);
    element.removeAttribute("data-client");
    // Outside of what is shown it would leave a gap; scrolling there will load it.
    if (this.newer || this.#stored.has(seq) || seq < this.first) return this.#remove(element);
    setStored(element, seq, timestamp);
    this.#place(element, seq);
  }

  // Either a reason, or null if it is being sent again.
  fail(client_id, reason) {
    const element = this.#pending.get(client_id);
    if (element) this.reader.keepPlace(() => setState(element, reason));
  }

  discard(client_id) {
    const element = this.#pending.get(client_id);
    this.#pending.delete(client_id);
    if (element) this.#remove(element);
  }

  prepend(messages, more, viewer) {
    const first = this.first || Infinity;
    const older = messages.filter(({ seq }) => seq < first).map((one) => buildMessage(one, viewer));
    for (const one of older) this.#stored.set(Number(one.dataset.seq), one);
    const below = this.page.querySelector(".message");
    this.reader.prepend(() => {
      addAbove(this.page, older);
      this.#arrange([...older, below]);
    }, more);
  }

  // The page after the last message; `more` says whether others follow it.
  append(messages, more, viewer) {
    this.reader.append(() => {
      for (const message of messages) {
        if (!this.#stored.has(message.seq)) this.#place(buildMessage(message, viewer), message.seq);
      }
      this.newer = more || this.last < this.upTo;
    });
  }

  // Another place of the chat is wanted: keeps only what is under way, until `fill`.
  restart() {
    this.restarts += 1;
    this.newer = false;
    this.#stored.clear();
    for (const element of this.page.querySelectorAll('.messages > :not([data-seq="0"])')) element.remove();
  }

  // A page of messages after `restart`. Of what has arrived since, it keeps only what is in it or after it,
  // and nothing if there is a gap between (`newer`).
  fill(messages, { older, newer }, viewer) {
    const first = newer ? Infinity : (messages[0]?.seq ?? 0);
    // There is no place to keep.
    this.newer = true;
    this.reader.prepend(() => {
      for (const [seq, element] of this.#stored) if (seq < first) this.#forget(seq, element);
      for (const message of messages) {
        if (!this.#stored.has(message.seq)) this.#place(buildMessage(message, viewer), message.seq);
      }
    }, older);
    this.newer = newer;
  }

  // Something happened that is not a message: said after the last one, until the page is left.
  note(text) {
    if (this.newer) return;
    const note = clone("note");
    note.querySelector("p").textContent = text;
    note.dataset.after = this.last;
    this.reader.keepPlace(() => this.#put(note, (above) => !above.dataset.client));
  }

  // The new messages have been seen.
  clearNew() {
    this.newAfter = null;
    const line = this.newLine;
    if (line) this.reader.keepPlace(() => this.#arrange([messageBelow(line)]));
  }

  // The reader is away: from this message on, messages count as new.
  markNew(seq) {
    this.newAfter ??= seq - 1;
  }

  #place(element, seq) {
    this.#stored.set(seq, element);
    const isAbove = ({ dataset }) => Number(dataset.seq || dataset.after || Infinity) < seq && dataset.seq !== "0";
    this.reader.keepPlace(() => {
      // What is taken out and put back is read out again.
      if (this.#stands(element, isAbove)) return this.#arrange([element, messageBelow(element)]);
      const old = this.#takeOut(element);
      this.#dropNothing();
      this.#put(element, isAbove);
      this.#arrange([element, messageBelow(element), old]);
    });
  }

  // After the last element of which this is true.
  #put(element, isAbove) {
    const [above, last] = [this.#lastAbove(isAbove), lastOf(this.page)];
    if (above === last) lastChunk(this.page).append(element);
    else if (above) above.after(element);
    else chunks(this.page)[0].prepend(element);
  }

  #lastAbove(isAbove) {
    let above = lastOf(this.page);
    while (above && !isAbove(above)) above = before(above);
    return above;
  }

  // Whether it is where it belongs, apart from the lines that belong to it.
  #stands(element, isAbove) {
    if (!element.isConnected) return false;
    let above = before(element);
    while (above && !above.dataset.seq && !above.dataset.after) above = before(above);
    return above === this.#lastAbove(isAbove);
  }

  #forget(seq, element) {
    this.#stored.delete(seq);
    this.#remove(element);
  }

  #remove(element) {
    this.reader.keepPlace(() => this.#arrange([this.#takeOut(element)]));
  }

  // Removes a message and what stands above it; returns the message that was below.
  #takeOut(element) {
    if (!element.parentElement) return null;
    const below = messageBelow(element);
    clearAbove(element);
    element.remove();
    return below;
  }

  #arrange(elements) {
    arrange(elements.filter(Boolean), this.newAfter);
    const first = this.firstNew;
    this.#newLine = first ? before(first) : null;
  }

  // The words for an empty chat.
  #dropNothing() {
    const { lastElementChild } = this.page;
    if (lastElementChild.matches(".nothing")) lastElementChild.remove();
  }
}

customElements.define("message-log", MessageLog);
