// Completes `@na` to a name while somebody writes: Tab or Enter takes the one that is offered, the arrows choose
// another, Escape none. The names are those of the people of the chat: the members of a room, the other one of a
// private chat; in General, which everybody can read, of those who are in the page, and then of whom the server finds.

import { call } from "./api.js";
import { bounds, viewer } from "./session.js";
import { loadTemplates } from "./templates.js";
import { clone } from "./words.js";

const OFFERED_MAX = 5;
// Somebody who goes on typing asks for nobody yet.
const PAUSE_MS = 150;
const BEGUN = /(?:^|[^\w.\-@/])@([\w.-]+)$/;

export class Mentions {
  #field;
  #list;
  #names = [];
  #at = 0;
  #people;
  #ready = false;
  #timer = 0;
  // What was asked for, in small letters, and whether there are no others than those that were answered.
  #asked = new Map();

  // `say` reads out what is offered.
  constructor(field, list, say) {
    this.#field = field;
    this.#list = list;
    this.say = say;
    for (const change of ["input", "click", "blur"]) field.addEventListener(change, () => this.#offer());
    list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const name = event.target.closest("li")?.textContent;
      if (name) this.#take(name);
    });
    this.#begin();
  }

  async #begin() {
    await loadTemplates();
    this.#ready = true;
    this.#offer();
    this.#people = await peopleOf(this.#field.closest(".view").querySelector("message-log"));
    this.#offer();
  }

  // Returns whether the key was used.
  key({ key, shiftKey, altKey, ctrlKey, metaKey }) {
    if (!this.#names.length || shiftKey || altKey || ctrlKey || metaKey) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (step) this.#show(this.#names, this.#at + step);
    else if (key === "Tab" || key === "Enter") this.#take(this.#names[this.#at]);
    else if (key === "Escape") this.#show([]);
    else return false;
    return true;
  }

  #offer() {
    if (!this.#ready) return;
    const begun = document.activeElement === this.#field ? this.#begun.toLowerCase() : "";
    const names = begun ? this.#known().filter((name) => name.toLowerCase().startsWith(begun)) : [];
    const whole = names.some((name) => name.length === begun.length);
    this.#show(whole ? [] : names.slice(0, OFFERED_MAX));
    clearTimeout(this.#timer);
    const isMore = begun && !whole && names.length < OFFERED_MAX && this.#people?.search && !this.#isKnown(begun);
    if (isMore) this.#timer = setTimeout(() => this.#ask(begun), PAUSE_MS);
  }

  // Nobody else can be found by what begins with something of which all are known.
  #isKnown(begun) {
    return this.#asked.has(begun) || [...this.#asked].some(([asked, isAll]) => isAll && begun.startsWith(asked));
  }

  async #ask(begun) {
    const { people, search, suggested } = this.#people;
    const { ok, answer } = await call(`${search}?${new URLSearchParams({ q: begun, limit: suggested })}`);
    if (!ok) return;
    const found = answer.users.map(({ username }) => username).filter((name) => name.toLowerCase().startsWith(begun));
    this.#asked.set(begun, found.length < Number(suggested));
    people.push(...found.filter((name) => name !== viewer.username && !people.includes(name)));
    this.#offer();
  }

  // Who wrote here lately comes first.
  #known() {
    const names = namesHere();
    if (!this.#people) return names;
    const { people, isWhole } = this.#people;
    return [...new Set([...names.filter((name) => !isWhole || people.includes(name)), ...people])];
  }

  get #begun() {
    const { value, selectionStart, selectionEnd } = this.#field;
    return (selectionStart === selectionEnd && BEGUN.exec(value.slice(0, selectionStart))?.[1]) || "";
  }

  #take(name) {
    const end = this.#field.selectionStart;
    this.#field.setRangeText(`${name} `, end - this.#begun.length, end, "end");
    this.#field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }

  #show(names, at = 0) {
    this.#names = names;
    this.#at = names.length && (at + names.length) % names.length;
    this.#list.hidden = names.length === 0;
    this.#list.replaceChildren(
      ...names.map((name, n) => {
        const item = clone("offered");
        item.firstElementChild.textContent = name;
        item.classList.toggle("chosen", n === this.#at);
        return item;
      }),
    );
    this.say(names[this.#at] ?? "");
  }
}

// Those whom one can name there, as far as they are known: whether these are all, and where to search for others.
// Null if they are not known.
async function peopleOf(log) {
  const { type, history } = log?.dataset ?? {};
  const other = log?.parentElement.querySelector(".chat-head h1")?.textContent.trim();
  if (type === "private") return { people: [other], isWhole: true };
  if (type === "general") return { people: [], isWhole: false, ...document.getElementById("offered").dataset };
  if (type !== "room") return null;
  const { ok, answer } = await call(history.replace(/history$/, `members?limit=${bounds.pageRowsMax}`));
  if (!ok) return null;
  const others = answer.members.filter(({ user_id }) => user_id !== viewer.user_id);
  const isCreator = answer.members.some(({ user_id, is_creator }) => is_creator && user_id === viewer.user_id);
  const people = [...others.map(({ username }) => username), ...(isCreator ? ["all"] : [])];
  return { people, isWhole: !answer.next };
}

function namesHere() {
  const said = [...document.querySelectorAll(".message:not(.own) .author")].reverse();
  const listed = document.querySelectorAll('.members .name, [data-kind="private"] .name');
  return [...new Set([...said, ...listed].map((one) => one.textContent.trim()))].filter(Boolean);
}
