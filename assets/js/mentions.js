// Completes `@na` to a name while somebody writes: Tab or Enter takes the one that is offered, the arrows choose
// another, Escape none. The names are those of people who are in the page.

import { clone } from "./words.js";

const OFFERED_MAX = 5;
const BEGUN = /(?:^|[^\w.\-@/])@([\w.-]+)$/;

export class Mentions {
  #field;
  #list;
  #names = [];
  #at = 0;

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
    const begun = document.activeElement === this.#field ? this.#begun.toLowerCase() : "";
    const names = begun ? namesHere().filter((name) => name.toLowerCase().startsWith(begun)) : [];
    const whole = names.some((name) => name.length === begun.length);
    this.#show(whole ? [] : names.slice(0, OFFERED_MAX));
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

// Who wrote here lately comes first.
function namesHere() {
  const said = [...document.querySelectorAll(".message:not(.own) .author")].reverse();
  const listed = document.querySelectorAll('.members .name, [data-kind="private"] .name');
  return [...new Set([...said, ...listed].map((one) => one.textContent.trim()))].filter(Boolean);
}
