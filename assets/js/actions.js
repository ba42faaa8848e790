// What one can do with a message: a bar on the one that is pointed at or has the focus. What was done shows when
// the server tells of it, as everybody else's doings do.

import { call } from "./api.js";
import { before, isMessage, lastOf } from "./chunks.js";
import { listenToHolds } from "./hold.js";
import { Intent } from "./intent.js";
import { listenToMessageKeys } from "./message-keys.js";
import { openPicker } from "./picker.js";
import { learnNames, nameReaction, nameReactions } from "./reactions.js";
import { clone, word } from "./words.js";

// By the name of the button.
const ACTIONS = ["react", "pick", "answer", "edit", "delete", "copy", "link", "pin"];

export const beginActions = (page) => new Actions(page);

class Actions {
  #bar = clone("actions");
  // The message of which it is being asked who has reacted.
  #asked = null;

  // `chats` is the path of the API, `viewer` who is here, and `views` has the chat that is shown; `press` tells of
  // the finger that is down.
  constructor({ chats, viewer, views, press }) {
    Object.assign(this, { chats, viewer, views });
    for (const kind of ["pointerover", "focusin"]) {
      document.addEventListener(kind, ({ target }) => this.show(target));
    }
    document.addEventListener("click", ({ target }) => this.#clicked(target));
    listenToMessageKeys(this, views);
    nameReactions(viewer);
    listenToHolds(press(), (message) => this.#hold(message));
  }

  // Puts the bar on the message that this belongs to.
  show(target) {
    const reaction = target.closest?.(".scroller .reaction");
    if (reaction) this.#name(reaction);
    const message = target.closest?.(".scroller .message:not(.pending)");
    if (!message || this.#bar.parentElement === message) return;
    if (message.querySelector(".deleted") || this.#bar.contains(document.activeElement)) return;
    const { dataset } = this.views.current.log;
    const own = message.matches(".own");
    this.#close();
    this.#button("edit").hidden = !own;
    this.#button("delete").hidden = !own && dataset.deletes !== "true";
    this.#button("pin").hidden = dataset.pins !== "true";
    // There is a clipboard only over https and on the machine itself.
    for (const name of ["copy", "link"]) this.#button(name).hidden = !navigator.clipboard;
    message.append(this.#bar);
  }

  // Wherever the focus is.
  #hold(message) {
    if (this.#bar.contains(document.activeElement)) document.activeElement.blur();
    this.show(message);
  }

  // Opens the quick reactions by keyboard.
  offerReactions(message) {
    this.show(message);
    this.#open("quick", true);
    this.#bar.querySelector(".quick button").focus();
  }

  // The viewer's last message, from an empty composer.
  correctLast() {
    const isOwn = (one) => isMessage(one) && one.matches(".own:not(.pending)") && !one.querySelector(".deleted");
    let one = lastOf(this.views.current.log.page);
    while (one && !isOwn(one)) one = before(one);
    if (one) this.edit(one);
  }

  // An edit that was under way when the page was left.
  resume(composer) {
    Intent.resume(composer, this);
  }

  // Resolves to what is to be said if it was refused, or null.
  async change(chat, seq, content) {
    const { ok, answer } = await call(this.#path(chat, seq), { method: "PATCH", body: { content } });
    return ok ? null : (answer?.detail ?? word("unreachable"));
  }

  // On a reaction or a quoted line, which are there before this is.
  take(target) {
    // A message on a page of its own has forms.
    if (!this.views.current.log) return;
    if (target.matches(".reaction")) return this.react(target.closest(".message"), target);
    const detail = { seq: Number(target.dataset.seq) };
    this.views.current.log.dispatchEvent(new CustomEvent("quoted", { detail, bubbles: true }));
  }

  // Again to take it back.
  react(message, { value }) {
    const put = message.querySelector(`.reaction[value="${value}"][aria-pressed="true"]`);
    this.#send(put ? "DELETE" : "PUT", message, `/reactions/${encodeURIComponent(value)}`);
  }

  pick(message) {
    openPicker((value) => this.react(message, { value }));
  }

  answer(message) {
    const { composer } = this.views.current;
    const username = message.querySelector(".author").textContent;
    const excerpt = message.querySelector(".content").textContent;
    new Intent(composer, { answers: { seq: Number(message.dataset.seq), username, excerpt, deleted: false } });
  }

  // As it was written, which is not what is shown.
  async edit(message) {
    const { composer, chat } = this.views.current;
    const seq = Number(message.dataset.seq);
    const { ok, answer } = await call(this.#path(chat, seq));
    if (ok && !answer.deleted) new Intent(composer, { edits: seq, content: answer.content, actions: this });
  }

  delete(message) {
    this.#send("DELETE", message);
  }

  async copy(message) {
    const { ok, answer } = await call(this.#path(this.views.current.chat, message.dataset.seq));
    if (ok) this.#copy(answer.content);
  }

  link(message) {
    this.#copy(new URL(`?at=${message.dataset.seq}`, location.href).href);
  }

  pin(message) {
    this.#send(message.querySelector(".pinned") ? "DELETE" : "PUT", message, "/pin");
  }

  // Asks who they are whom the page does not know.
  async #name(reaction) {
    const message = reaction.closest(".message");
    if (nameReaction(reaction, this.viewer) || this.#asked === message) return;
    this.#asked = message;
    const { ok, answer } = await call(this.#path(this.views.current.chat, message.dataset.seq, "/reactions"));
    this.#asked = null;
    if (!ok) return;
    learnNames(answer.reactions);
    for (const one of message.querySelectorAll(".reaction")) nameReaction(one, this.viewer);
  }

  #button(name) {
    return this.#bar.querySelector(`[name="${name}"]`);
  }

  #path(chat, seq, rest = "") {
    return `${this.chats}/${chat}/messages/${seq}${rest}`;
  }

  #close() {
    for (const name of ["quick", "menu"]) this.#open(name, false);
    this.#say(this.#button("delete"), false);
  }

  #open(name, isOpen) {
    this.#say(this.#button("pin"), Boolean(this.#bar.parentElement?.querySelector(".pinned")));
    this.#bar.querySelector(`.${name}`).hidden = !isOpen;
    this.#button(name).setAttribute("aria-expanded", String(isOpen));
  }

  // A button that has another word for when it has been pressed.
  #say(button, isPressed) {
    button.dataset.word ??= button.textContent;
    button.textContent = isPressed ? button.dataset.pressed : button.dataset.word;
  }

  #clicked(target) {
    const button = target.closest(".actions button");
    if (!button) return this.#close();
    const { name } = button;
    if (!ACTIONS.includes(name)) {
      const opens = button.getAttribute("aria-expanded") === "false";
      this.#close();
      return this.#open(name, opens);
    }
    // Once more, because it cannot be undone.
    if (name === "delete" && button.textContent !== button.dataset.pressed) return this.#say(button, true);
    this.#close();
    this[name](button.closest(".message"), button);
  }

  // People may have forbidden it.
  #copy(text) {
    navigator.clipboard.writeText(text).catch(() => {});
  }

  async #send(method, message, rest) {
    const { log, chat } = this.views.current;
    const { ok, answer } = await call(this.#path(chat, message.dataset.seq, rest), { method });
    if (!ok) log.note(answer?.detail ?? word("unreachable"));
  }
}
