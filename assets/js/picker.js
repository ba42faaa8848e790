// All emoji, to react with: a dialog with a search by name, and a grid that the arrows walk through. The list is loaded
// when it is first opened.

import { loadDocument } from "./part.js";
import { clone } from "./words.js";

const COLUMNS = 8;
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };

let picker;

// `picked` takes the emoji. Nothing opens without a connection.
export async function openPicker(picked) {
  picker ??= await load();
  picker?.open(picked);
}

async function load() {
  const { emoji } = document.getElementById("picker").dataset;
  const { part } = await loadDocument(new URL(emoji, location.href));
  const options = [...(part?.querySelectorAll("option") ?? [])];
  return options.length ? new Picker(options.map(({ value, text }) => ({ emoji: value, name: text }))) : null;
}

class Picker {
  #dialog = clone("picker");

  constructor(emoji) {
    this.all = emoji;
    this.field = this.#dialog.querySelector("input");
    this.rows = this.#dialog.querySelector("tbody");
    this.field.addEventListener("input", () => this.#show());
    this.field.addEventListener("keydown", (event) => this.#searchKey(event));
    this.rows.addEventListener("keydown", (event) => this.#gridKey(event));
    this.rows.addEventListener("click", ({ target }) => this.#pick(target.closest("button")));
    document.body.append(this.#dialog);
  }

  open(picked) {
    this.picked = picked;
    this.field.value = "";
    this.#show();
    this.#dialog.showModal();
    this.field.focus();
  }

  get #buttons() {
    return [...this.rows.querySelectorAll("button")];
  }

  // Those in whose names each of the words begins one.
  #show() {
    const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = ({ name }) => words.every((word) => ` ${name.toLowerCase()}`.includes(` ${word}`));
    const found = this.all.filter(fits);
    const rows = [];
    for (let at = 0; at < found.length; at += COLUMNS) rows.push(row(found.slice(at, at + COLUMNS)));
    this.rows.replaceChildren(...rows);
    this.#dialog.querySelector(".none").hidden = found.length > 0;
    const [first] = this.#buttons;
    if (first) first.tabIndex = 0;
  }

  #searchKey(event) {
    const [first] = this.#buttons;
    if (event.key === "ArrowDown") first?.focus();
    else if (event.key === "Enter") this.#pick(first);
    else return;
    event.preventDefault();
  }

  #gridKey(event) {
    const buttons = this.#buttons;
    const at = buttons.indexOf(event.target);
    const ends = { Home: 0, End: buttons.length - 1 };
    const to = ends[event.key] ?? at + (STEPS[event.key] ?? NaN);
    if (Number.isNaN(to)) return;
    event.preventDefault();
    // Up from the first row leads back to the search.
    if (to < 0) return this.field.focus();
    const next = buttons[Math.min(to, buttons.length - 1)];
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  #pick(button) {
    if (!button) return;
    this.#dialog.close();
    this.picked(button.value);
  }
}

function row(some) {
  const element = document.createElement("tr");
  for (const { emoji, name } of some) {
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      value: emoji,
      textContent: emoji,
    });
    button.tabIndex = -1;
    button.title = name;
    button.setAttribute("aria-label", name);
    element.insertCell().append(button);
  }
  return element;
}
