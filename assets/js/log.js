// <message-log>: the messages of the chat in the middle, in the order of their `seq`, what is on its
// way last. `reader.js` watches what is seen of it. Knows no socket.

import { arrange } from "./arrange.js";
import { buildMessage, buildPending, localise, setState, setStored } from "./message.js";
import { Reader } from "./reader.js";

class MessageLog extends HTMLElement {
  connectedCallback() {
    this.chat = Number(this.dataset.chat);
    this.list = this.querySelector(".messages");
    this.newAfter = Number(this.dataset.readSeq);
    const messages = this.list.querySelectorAll(".message");
    messages.forEach(localise);
    this.#arrange(messages);
    this.reader = new Reader(this);
  }

  // The newest that is stored, and the oldest; 0 where there is none.
  get last() {
    let element = this.list.lastElementChild;
    while (element && !Number(element.dataset.seq)) element = element.previousElementSibling;
    return Number(element?.dataset.seq ?? 0);
  }

  get first() {
    return Number(this.list.querySelector(".message")?.dataset.seq ?? 0);
  }

  add(message, viewer, client_id) {
    if (client_id && this.#pending(client_id)) return this.settle(client_id, message);
    if (this.#stored(message.seq)) return;
    if (!this.reader.atEnd) this.reader.arrived += 1;
    this.#place(buildMessage(message, viewer), message.seq);
  }

  pend(entry, viewer) {
    const element = buildPending(entry, viewer);
    this.newAfter = 0;
    this.list.querySelector(".new-line")?.remove();
    this.list.append(element);
    this.#arrange([element]);
    this.reader.toEnd();
  }

  settle(client_id, { seq, timestamp }) {
    const element = this.#pending(client_id);
    if (!element) return;
    element.removeAttribute("data-client");
    if (this.#stored(seq)) return this.#remove(element);
    setStored(element, seq, timestamp);
    this.#place(element, seq);
  }

  // A reason, or null where it is being sent again.
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
    const below = this.list.querySelector(".message");
    this.reader.prepend(() => {
      this.list.prepend(...older);
      this.#arrange([...older, below]);
    }, more);
  }

  // Too much was missed: only what is on its way stays, and the newest messages come anew.
  restart() {
    for (const element of [...this.list.children]) {
      if (element.dataset.seq !== "0") element.remove();
    }
    this.newAfter = 0;
  }

  // From this one on messages are new to the reader, who is away.
  markNew(seq) {
    if (!this.list.querySelector(".new-line")) this.newAfter = seq - 1;
  }

  #place(element, seq) {
    this.reader.keepPlace(() => {
      const old = nextMessage(element);
      element.remove();
      let above = this.list.lastElementChild;
      while (above && !(Number(above.dataset.seq) > 0 && Number(above.dataset.seq) < seq)) {
        above = above.previousElementSibling;
      }
      if (above) above.after(element);
      else this.list.prepend(element);
      this.#arrange([element, nextMessage(element), old]);
    });
  }

  #remove(element) {
    const next = nextMessage(element);
    this.reader.keepPlace(() => {
      element.remove();
      this.#arrange([next]);
    });
  }

  #arrange(elements) {
    for (const element of elements) if (element) arrange(element, this.newAfter);
  }

  #pending(client_id) {
    return this.list.querySelector(`[data-client="${CSS.escape(client_id)}"]`);
  }

  #stored(seq) {
    return this.list.querySelector(`.message[data-seq="${seq}"]`) !== null;
  }
}

function nextMessage(element) {
  let next = element.nextElementSibling;
  while (next && !next.classList.contains("message")) next = next.nextElementSibling;
  return next;
}

customElements.define("message-log", MessageLog);
