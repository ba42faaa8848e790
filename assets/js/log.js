// <message-log>: the messages of the chat in the middle, in the order of their `seq`; those under way
// come last. `reader.js` watches which of them are seen. Knows nothing of the socket.

import { arrange, clearAbove } from "./arrange.js";
import { addAbove, before, chunks, lastChunk, messageBelow } from "./chunks.js";
import { buildMessage, buildPending, localise, setState, setStored } from "./message.js";
import { Reader } from "./reader.js";
import { clone } from "./words.js";

class MessageLog extends HTMLElement {
  connectedCallback() {
    if (!this.reader) this.#begin();
    this.reader.opened();
  }

  disconnectedCallback() {
    this.reader.closed();
  }

  #begin() {
    this.chat = Number(this.dataset.chat);
    this.restarts = 0;
    this.page = this.querySelector(".page");
    this.newAfter = Number(this.dataset.readSeq);
    const messages = this.page.querySelectorAll(".message");
    messages.forEach(localise);
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

  isLongerThan(count) {
    return this.page.querySelectorAll(".message").length > count;
  }

  add(message, viewer, client_id) {
    if (client_id && this.#pending(client_id)) return this.settle(client_id, message);
    if (this.#stored(message.seq)) return;
    if (!this.reader.atEnd) this.reader.arrived += 1;
    this.#place(buildMessage(message, viewer), message.seq);
  }

  pend(entry, viewer) {
    const element = buildPending(entry, viewer);
    this.clearNew();
    this.page.querySelector(".nothing")?.remove();
    lastChunk(this.page).append(element);
    this.#arrange([element]);
    this.reader.toEnd();
  }

  settle(client_id, { seq, timestamp }) {
    const element = this.#pending(client_id);
    if (!element) return;
    element.removeAttribute("data-client");
    // A message older than all that is shown would leave a gap; scrolling up will load it.
    if (this.#stored(seq) || seq < this.first) return this.#remove(element);
    setStored(element, seq, timestamp);
    this.#place(element, seq);
  }

  // Either a reason, or null if it is being sent again.
  fail(client_id, reason) {
    const element = this.#pending(client_id);
    if (element) this.reader.keepPlace(() => setState(element, reason));
  }

  discard(client_id) {
    const element = this.#pending(client_id);
    if (element) this.#remove(element);
  }

  prepend(messages, more, viewer) {
    const first = this.first || Infinity;
    const older = messages.filter(({ seq }) => seq < first).map((one) => buildMessage(one, viewer));
    const below = this.page.querySelector(".message");
    this.reader.prepend(() => {
      addAbove(this.page, older);
      this.#arrange([...older, below]);
    }, more);
  }

  // Too much was missed: keeps only what is under way, until `fill`.
  restart() {
    this.restarts += 1;
    for (const element of this.page.querySelectorAll('.messages > :not([data-seq="0"])')) {
      element.remove();
    }
    this.newAfter = 0;
  }

  // The newest page after `restart`. Of what has arrived since, it keeps only what is in it or after it.
  fill(messages, more, viewer) {
    const first = messages[0]?.seq ?? 0;
    this.reader.prepend(() => {
      for (const element of this.page.querySelectorAll(".message:not([data-client])")) {
        if (Number(element.dataset.seq) < first) this.#remove(element);
      }
      for (const message of messages) {
        if (!this.#stored(message.seq)) this.#place(buildMessage(message, viewer), message.seq);
      }
    }, more);
  }

  // Something happened that is not a message: said after the last one, until the page is left.
  note(text) {
    const note = clone("note");
    note.querySelector("p").textContent = text;
    note.dataset.after = this.last;
    this.reader.keepPlace(() => this.#put(note, (above) => !above.dataset.client));
  }

  // The new messages have been seen.
  clearNew() {
    this.newAfter = 0;
    this.page.querySelector(".new-line")?.remove();
  }

  // The reader is away: from this message on, messages count as new.
  markNew(seq) {
    if (!this.page.querySelector(".new-line")) this.newAfter = seq - 1;
  }

  #place(element, seq) {
    this.reader.keepPlace(() => {
      const old = this.#takeOut(element);
      this.page.querySelector(".nothing")?.remove();
      this.#put(
        element,
        ({ dataset }) => Number(dataset.seq || dataset.after || Infinity) < seq && dataset.seq !== "0",
      );
      this.#arrange([element, messageBelow(element), old]);
    });
  }

  // After the last element of which this is true.
  #put(element, isAbove) {
    const last = lastOf(this.page);
    let above = last;
    while (above && !isAbove(above)) above = before(above);
    if (above === last) lastChunk(this.page).append(element);
    else if (above) above.after(element);
    else chunks(this.page)[0].prepend(element);
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
    for (const element of elements) if (element) arrange(element, this.newAfter);
  }

  #pending(client_id) {
    return this.page.querySelector(`[data-client="${CSS.escape(client_id)}"]`);
  }

  #stored(seq) {
    return this.page.querySelector(`.message[data-seq="${seq}"]`) !== null;
  }
}

function lastOf(page) {
  const filled = [...chunks(page)].filter((list) => list.lastElementChild);
  return filled[filled.length - 1]?.lastElementChild ?? null;
}

customElements.define("message-log", MessageLog);
