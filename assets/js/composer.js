// <message-composer>: where messages are written. Emits `compose` with the text. Without this script
// its form posts. Knows nothing of the socket.

import { draftOf, followDraft, keepDraft } from "./drafts.js";
import { laterAddress } from "./session.js";
import { clone, word } from "./words.js";

// Near the limit, the number of characters left is read out in steps of this size, not at each key.
const SPOKEN_STEP = 50;
// The key code that browsers report for a key that ended a composition (IME), after it has ended.
const COMPOSITION_KEY_CODE = 229;
const MARK_KEYS = { b: "bold", i: "italic", e: "code" };

class MessageComposer extends HTMLElement {
  // What the text is meant as, if not as a message of its own (`intent.js`).
  intent = null;

  connectedCallback() {
    if (!this.field) this.#begin();
    if (matchMedia("(hover: hover)").matches && !location.hash) this.field.focus();
  }

  #begin() {
    this.chat = Number(this.dataset.chat);
    this.field = this.querySelector("textarea");
    this.counter = this.querySelector(".counter");
    this.over = this.querySelector(".too-long");
    this.spoken = this.querySelector("[role=status]");
    // The browser would complain about an empty message; here it is ignored.
    this.field.required = false;
    this.unkept = this.querySelector(".unkept");
    const draft = draftOf(this.chat);
    this.field.value ||= draft;
    followDraft(this.chat, (before, now) => this.#follow(before, now));
    this.querySelector("form").addEventListener("submit", (event) => this.#submit(event));
    this.field.addEventListener("keydown", (event) => this.#key(event));
    this.field.addEventListener("input", () => this.#changed());
    const marks = this.querySelector(".marks");
    marks.hidden = false;
    marks.addEventListener("toggle", () => this.#offerMarks(marks), { once: true });
    marks.addEventListener("click", ({ target }) => this.#mark(target.closest("button")?.value));
    // Where the keyboard is on the screen, Enter breaks the line and the button sends.
    this.coarse = matchMedia("(pointer: coarse)");
    this.#changed();
  }

  // A name is begun, perhaps: what completes it is loaded with the first one.
  async #complete() {
    if (this.mentions || !this.field.value.includes("@")) return;
    const { Mentions } = await import(laterAddress);
    const say = (name) => this.#say(name && word("completes", { name }));
    this.mentions ??= new Mentions(this.field, this.querySelector(".offered"), say);
  }

  async #offerMarks(marks) {
    const { loadTemplates } = await import(laterAddress);
    await loadTemplates();
    marks.append(clone("marks"));
  }

  async #mark(kind) {
    if (kind) (await import(laterAddress)).putMark(this.field, kind);
  }

  #say(said) {
    if (this.spoken.textContent !== said) this.spoken.textContent = said;
  }

  #key(event) {
    const composes = event.isComposing || event.keyCode === COMPOSITION_KEY_CODE;
    if (composes) return;
    if (this.mentions?.key(event)) return event.preventDefault();
    const mark = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && MARK_KEYS[event.key];
    if (mark) return (event.preventDefault(), this.#mark(mark));
    if (event.key === "Escape" && this.intent) return (event.preventDefault(), this.intent.end());
    if (event.key === "ArrowUp" && !this.field.value) return this.#tell("correct");
    if (event.key !== "Enter" || event.shiftKey) return;
    if (this.coarse.matches && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.querySelector(".send").click();
  }

  #submit(event) {
    event.preventDefault();
    const content = this.field.value.trimEnd();
    this.field.focus();
    if (!content || [...content].length > Number(this.dataset.limit)) return;
    const { intent } = this;
    if (intent?.edits) return intent.change(content);
    const taken = this.#tell("compose", { content, reply_to: intent?.answers });
    if (!taken) return;
    intent?.end();
    this.put("");
  }

  #tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, cancelable: true }));
  }

  // In place of what is there.
  put(text) {
    this.field.value = text;
    this.#changed();
  }

  #follow(before, now) {
    if (this.field.value !== before) return false;
    this.field.value = now;
    this.#show();
    return true;
  }

  #changed() {
    const { value } = this.field;
    const kept = this.intent?.edits ? this.intent.keep(value) : keepDraft(this.chat, value);
    const said = kept ? "" : word("unkept");
    if (this.unkept.textContent !== said) this.unkept.textContent = said;
    this.#show();
    this.#complete();
  }

  #show() {
    this.#count(Number(this.dataset.limit) - [...this.field.value.trimEnd()].length);
    this.#grow();
  }

  #count(left) {
    const near = left <= Number(this.dataset.limit) - Number(this.dataset.near);
    this.counter.hidden = !near;
    this.counter.textContent = left;
    this.counter.classList.toggle("over", left < 0);
    this.over.hidden = left >= 0;
    this.over.textContent = left < 0 ? word("too_long", { count: -left }) : "";
    const said = !near ? "" : left < 0 ? word("over") : word("chars_left", { count: stepOf(left) });
    this.#say(said);
  }

  // Browsers that support `field-sizing` grow the field by themselves.
  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }
}

const stepOf = (left) => Math.ceil(left / SPOKEN_STEP) * SPOKEN_STEP;

customElements.define("message-composer", MessageComposer);
