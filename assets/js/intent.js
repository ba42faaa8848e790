// What the next text in a composer is meant as: an answer, or another text for a message. One line above the
// field says which, and Escape takes it back. An edit is kept like a draft.

import { editKey, editUnderWay } from "./drafts.js";
import { forget, keep } from "./storage.js";
import { clone, word } from "./words.js";

export class Intent {
  #line = clone("intent");
  #isSent = false;

  static resume(composer, actions) {
    const kept = editUnderWay(composer.chat);
    if (kept) new Intent(composer, { edits: kept.seq, content: kept.content, actions });
  }

  constructor(composer, { answers, edits, content, actions }) {
    composer.intent?.end();
    Object.assign(this, { composer, answers, edits, actions });
    const said = edits ? word("editing") : word("answering", answers);
    this.#line.querySelector(".what").textContent = said;
    this.#line.querySelector("q").textContent = answers?.excerpt ?? "";
    this.#line.querySelector(".cancel").addEventListener("click", () => this.end());
    composer.prepend(this.#line);
    composer.intent = this;
    if (edits) {
      this.draft = composer.field.value;
      composer.put(content);
    }
    composer.field.focus();
  }

  // Called with each change of the field; returns whether it outlives the page.
  keep(content) {
    return keep(editKey(this.composer.chat), JSON.stringify({ seq: this.edits, content }));
  }

  end() {
    const { composer } = this;
    if (composer.intent !== this) return;
    this.#line.remove();
    composer.intent = null;
    if (!this.edits) return;
    forget(editKey(composer.chat));
    composer.put(this.draft);
  }

  // Another text for the message; what is refused stays in the field.
  async change(content) {
    if (this.#isSent) return;
    this.#isSent = true;
    const refused = await this.actions.change(this.composer.chat, this.edits, content);
    this.#isSent = false;
    if (!refused) return this.end();
    this.#line.querySelector(".what").textContent = refused;
    this.#line.classList.add("fault");
  }
}
