// The box that finds chats and people by a part of their name.

import { call } from "./api.js";
import { paintAvatar } from "./avatar.js";
import { loadTemplates } from "./templates.js";
import { clone } from "./words.js";

const PAUSE_MS = 150;

export async function fillFinder(dialog, list, viewer) {
  try {
    await loadTemplates();
  } catch {
    return dialog.close();
  }
  const field = dialog.querySelector("input");
  const found = dialog.querySelector("[role=listbox]");
  const chats = chatsOf(list);
  let [timer, asked, at] = [0, 0, 0];

  const show = (options) => {
    found.replaceChildren(...options);
    [...found.children].forEach((option, n) => (option.id = `found-${n}`));
    found.hidden = options.length === 0;
    dialog.querySelector(".none").hidden = !found.hidden;
    choose(0);
  };
  const choose = (to) => {
    const options = found.children;
    at = options.length && (to + options.length) % options.length;
    [...options].forEach((option, n) => option.setAttribute("aria-selected", String(n === at)));
    options[at]?.scrollIntoView({ block: "nearest" });
    if (options.length) field.setAttribute("aria-activedescendant", `found-${at}`);
    else field.removeAttribute("aria-activedescendant");
  };
  const seek = () => {
    const text = field.value.trim().toLowerCase();
    const named = chats.filter(({ name }) => name.toLowerCase().includes(text));
    show(named.map(optionOf));
    clearTimeout(timer);
    asked += 1;
    if (text) timer = setTimeout(seekPeople, PAUSE_MS, text, named, asked);
  };
  const seekPeople = async (text, named, now) => {
    const query = new URLSearchParams({ q: text, limit: dialog.dataset.suggested });
    const { ok, answer } = await call(`${dialog.dataset.search}?${query}`);
    if (!ok || now !== asked) return;
    const known = new Set([viewer.username, ...named.filter(({ type }) => type === "private").map(({ name }) => name)]);
    const people = answer.users.filter(({ username }) => !known.has(username));
    const before = at;
    show([...found.children, ...people.map(personOf)]);
    choose(before);
  };
  const take = (option) => {
    if (!option) return;
    const { href, user } = option.dataset;
    dialog.close();
    if (href) document.dispatchEvent(new CustomEvent("visit", { detail: { href } }));
    else begin(user);
  };

  field.addEventListener("input", seek);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing || (!step && event.key !== "Enter")) return;
    event.preventDefault();
    if (step) choose(at + step);
    else take(found.children[at]);
  });
  found.addEventListener("click", ({ target }) => take(target.closest("[role=option]")));
  seek();
}

function chatsOf(list) {
  return [...list.querySelectorAll(".chat-line[data-chat]")].map((line) => {
    const link = line.querySelector(".chat-link");
    const avatar = line.querySelector(".avatar");
    return { type: line.dataset.type, name: link.textContent.trim(), href: link.getAttribute("href"), avatar };
  });
}

function optionOf({ name, href, avatar }) {
  const option = clone("found");
  option.dataset.href = href;
  option.querySelector(".avatar").replaceWith(avatar.cloneNode(true));
  option.querySelector(".name").textContent = name;
  option.querySelector(".hint").remove();
  return option;
}

function personOf({ user_id, username }) {
  const option = clone("found");
  option.dataset.user = user_id;
  option.querySelector(".name").textContent = username;
  paintAvatar(option.querySelector(".avatar"), { user_id, username });
  return option;
}

// By the form that a search for people has.
function begin(user_id) {
  const person = clone("person");
  person.hidden = true;
  person.querySelector("button").value = user_id;
  document.body.append(person);
  person.querySelector("button").click();
}
