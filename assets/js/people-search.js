// <people-search>: finds people while one types. Without this script its form is submitted.

import { call } from "./api.js";
import { paintAvatar } from "./avatar.js";
import { viewer } from "./session.js";
import { clone, word } from "./words.js";

const PAUSE_MS = 150;

class PeopleSearch extends HTMLElement {
  #timer = 0;
  #running = null;

  connectedCallback() {
    if (this.field) return;
    this.field = this.querySelector("input[name=people]");
    this.list = this.querySelector(".people");
    this.none = this.querySelector("[data-none]");
    this.querySelector("form[role=search] button").hidden = true;
    this.field.addEventListener("input", () => this.#later(PAUSE_MS));
    // Something may have been typed before this script was there.
    if (this.field.value !== this.field.defaultValue) this.#later(0);
    this.addEventListener("keydown", (event) => this.#key(event));
    // What was typed before this script was here.
    if (this.field.value !== this.field.defaultValue) this.#later(0);
    this.querySelector("form[role=search]").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#later(0);
    });
  }

  // The arrows go from the field to who was found and back; Enter opens the chat.
  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const stops = [this.field, ...this.list.querySelectorAll("button")];
    const at = stops.indexOf(event.target);
    if (!step || at < 0 || !stops[at + step]) return;
    event.preventDefault();
    stops[at + step].focus();
  }

  #later(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(), pause);
  }

  async #search() {
    this.#running?.abort();
    const text = this.field.value.trim();
    if (!text) return this.#show([], "");
    const running = new AbortController();
    this.#running = running;
    const query = new URLSearchParams({ q: text, limit: this.dataset.suggested });
    const { ok, answer } = await call(`${this.dataset.search}?${query}`, { signal: running.signal });
    if (running.signal.aborted) return;
    const others = answer?.users?.filter(({ user_id }) => user_id !== viewer.user_id) ?? [];
    if (ok) this.#show(others, others.length ? "" : this.none.dataset.none);
    else this.#show([], answer?.detail ?? word("unreachable"));
  }

  #show(users, said) {
    this.list.replaceChildren(...users.map(personOf));
    this.none.textContent = said;
  }
}

function personOf({ user_id, username }) {
  const person = clone("person");
  person.querySelector(".person-button").value = user_id;
  person.querySelector(".name").textContent = username;
  paintAvatar(person.querySelector(".avatar"), { user_id, username });
  return person;
}

customElements.define("people-search", PeopleSearch);
