// What one can do with a message: a bar on the one that is pointed at or has the focus, and keys. What was done
// shows when the server tells of it, as everybody else's doings do.

import { call } from "./api.js";
import { after, before, isMessage, lastOf } from "./chunks.js";
import { Intent } from "./intent.js";
import { loadTemplates } from "./templates.js";
import { clone, word } from "./words.js";

const NAMES_MAX = 20;

export async function beginActions(page) {
  await loadTemplates();
  return new Actions(page);
}

class Actions {
  #bar = clone("actions");

  // `chats` is the path of the API, `viewer` who is here, and `views` has the chat that is shown.
  constructor({ chats, viewer, views }) {
    Object.assign(this, { chats, viewer, views });
    for (const kind of ["pointerover", "focusin"]) {
      document.addEventListener(kind, ({ target }) => this.show(target));
    }
    document.addEventListener("click", ({ target }) => this.#clicked(target));
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  // Puts the bar on the message that this belongs to.
  show(target) {
    const message = target.closest?.(".message:not(.pending)");
    this.#nameThose(target.closest?.(".reaction"));
    if (!message || this.#bar.parentElement === message) return;
    if (message.querySelector(".deleted") || this.#bar.contains(document.activeElement)) return;
    const { log } = this.views.current;
    const own = message.classList.contains("own");
    this.#close();
    this.#button("edit").hidden = !own;
    this.#button("delete").hidden = !own && log.dataset.deletes !== "true";
    this.#button("pin").hidden = log.dataset.pins !== "true";
    for (const name of ["copy", "link"]) this.#button(name).hidden = !navigator.clipboard;
    const pin = this.#button("pin");
    pin.dataset.word ??= pin.textContent;
    pin.textContent = message.querySelector(".pinned") ? pin.dataset.undo : pin.dataset.word;
    message.append(this.#bar);
  }

  // The viewer's last message, from an empty composer.
  correctLast() {
    let one = lastOf(this.views.current.log.page);
    while (one && !(isMessage(one) && one.matches(".own:not(.pending)") && !one.querySelector(".deleted")))
      one = before(one);
    if (one) this.#edit(one);
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

  #button(name) {
    return this.#bar.querySelector(`[name="${name}"]`);
  }

  #path(chat, seq, rest = "") {
    return `${this.chats}/${chat}/messages/${seq}${rest}`;
  }

  #close() {
    for (const name of ["quick", "menu"]) this.#open(name, false);
    const sure = this.#button("delete");
    sure.textContent = sure.dataset.word ?? sure.textContent;
  }

  #open(name, isOpen) {
    this.#bar.querySelector(`.${name}`).hidden = !isOpen;
    this.#button(name).setAttribute("aria-expanded", String(isOpen));
  }

  // On a reaction or a quoted line, which are there before this is.
  take(target) {
    if (target.matches(".reaction")) this.#react(target.closest(".message"), target.value);
    else this.views.current.log.dispatchEvent(quoted(target.dataset.seq));
  }

  #clicked(target) {
    const button = target.closest(".actions button");
    if (!button) return this.#close();
    const message = button.closest(".message");
    if (button.name === "quick" || button.name === "menu") {
      const opens = button.getAttribute("aria-expanded") === "false";
      this.#close();
      return this.#open(button.name, opens);
    }
    if (button.name === "delete" && !button.dataset.asked) return this.#ask(button);
    this.#close();
    this[`do_${button.name}`](message, button);
  }

  // Once more, because it cannot be undone.
  #ask(button) {
    button.dataset.word = button.textContent;
    button.textContent = button.dataset.sure;
    button.dataset.asked = "yes";
    button.addEventListener("blur", () => (delete button.dataset.asked, (button.textContent = button.dataset.word)), {
      once: true,
    });
  }

  do_react(message, { value }) {
    this.#react(message, value);
  }

  do_answer(message) {
    this.#answer(message);
  }

  do_edit(message) {
    this.#edit(message);
  }

  do_delete(message) {
    this.#send("DELETE", message);
  }

  async do_copy(message) {
    const { ok, answer } = await call(this.#path(this.views.current.chat, message.dataset.seq));
    if (ok) await navigator.clipboard.writeText(answer.content);
  }

  do_link(message) {
    return navigator.clipboard.writeText(new URL(`?at=${message.dataset.seq}`, location.href).href);
  }

  do_pin(message) {
    this.#send(message.querySelector(".pinned") ? "DELETE" : "PUT", message, "/pin");
  }

  #react(message, emoji) {
    const put = message.querySelector(`.reaction[value="${emoji}"][aria-pressed="true"]`);
    this.#send(put ? "DELETE" : "PUT", message, `/reactions/${encodeURIComponent(emoji)}`);
  }

  #answer(message) {
    const { composer } = this.views.current;
    const username = message.querySelector(".author").textContent;
    const excerpt = message.querySelector(".content").textContent;
    new Intent(composer, { answers: { seq: Number(message.dataset.seq), username, excerpt, deleted: false } });
  }

  // As it was written, which is not what is shown.
  async #edit(message) {
    const { composer, chat } = this.views.current;
    const seq = Number(message.dataset.seq);
    const { ok, answer } = await call(this.#path(chat, seq));
    if (ok && !answer.deleted) new Intent(composer, { edits: seq, content: answer.content, actions: this });
  }

  async #send(method, message, rest) {
    const { log, chat } = this.views.current;
    const { ok, answer } = await call(this.#path(chat, message.dataset.seq, rest), { method });
    if (!ok) log.note(answer?.detail ?? word("unreachable"));
  }

  // By what they are called in this conversation.
  #nameThose(reaction) {
    if (!reaction) return;
    const ids = reaction.dataset.users.split(" ").slice(0, NAMES_MAX);
    const { page } = this.views.current.log;
    const known = ids.map((id) =>
      Number(id) === this.viewer.user_id
        ? word("you")
        : page.querySelector(`.message[data-user="${id}"] .author`)?.textContent,
    );
    const names = known.filter(Boolean);
    const count = reaction.dataset.users.split(" ").length - names.length;
    const said = names.join(", ");
    reaction.title = count && said ? word("and_more", { names: said, count }) : said;
    reaction.setAttribute("aria-label", [reaction.textContent.trim(), reaction.title].filter(Boolean).join(": "));
  }

  #key(event) {
    const { log, composer } = this.views.current;
    if (!log || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    if (target === composer?.field || !log.contains(target)) return;
    const message = target.closest(".message");
    if (this.#act(message, target, key)) event.preventDefault();
  }

  // Returns whether the key has been used up.
  #act(message, target, key) {
    if (key === "ArrowUp" || key === "ArrowDown") return this.#step(message, key === "ArrowUp" ? before : after);
    if (!message || target !== message) return false;
    const own = message.matches(".own") && !message.querySelector(".deleted");
    if (key === "r") return (this.#answer(message), true);
    if (key === "e" && own) return (this.#edit(message), true);
    if (key === "+")
      return (this.show(message), this.#open("quick", true), this.#bar.querySelector(".quick button").focus(), true);
    return false;
  }

  #step(message, next) {
    const { log } = this.views.current;
    let one = message ? next(message) : lastOf(log.page);
    while (one && !isMessage(one)) one = next(one);
    if (!one) return false;
    one.tabIndex = -1;
    one.focus({ preventScroll: true });
    one.scrollIntoView({ block: "nearest" });
    return true;
  }
}

const quoted = (seq) => new CustomEvent("quoted", { detail: { seq: Number(seq) }, bubbles: true });
