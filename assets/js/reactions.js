// Who put a reaction: named for those who point at it, and for those who listen. Most are known from the page, the
// others by what the server has answered.

import { word } from "./words.js";

const NAMES_MAX = 20;
const answered = new Map();

// All that are shown, and those that come.
export function nameReactions(viewer) {
  const nameAll = (element) => {
    for (const one of element.querySelectorAll?.(".scroller .reaction") ?? []) nameReaction(one, viewer);
  };
  nameAll(document);
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) addedNodes.forEach(nameAll);
  }).observe(document.getElementById("main"), { childList: true, subtree: true });
}

// Returns whether all are named, or as many as there is room for.
export function nameReaction(reaction, viewer) {
  const ids = reaction.dataset.users.split(" ").map(Number);
  const shown = ids.slice(0, NAMES_MAX);
  const names = shown.map(nameOf).filter(Boolean);
  const count = ids.length - names.length;
  const said = names.join(", ");
  reaction.title = count && said ? word("and_more", { names: said, count }) : said;
  reaction.setAttribute("aria-label", [reaction.textContent.trim(), reaction.title].filter(Boolean).join(": "));
  return names.length === shown.length;

  function nameOf(id) {
    if (id === viewer.user_id) return word("you");
    const here = document.querySelector(`[data-user="${id}"] :is(.author, .name)`);
    return here?.textContent.trim() || answered.get(id);
  }
}

// What the server says of the reactions of a message.
export function learnNames(reactions) {
  for (const { users } of reactions) for (const { user_id, username } of users) answered.set(user_id, username);
}
