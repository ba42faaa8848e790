// Who put a reaction, by what they are called in this conversation.

import { word } from "./words.js";

const NAMES_MAX = 20;

export function nameReaction(reaction, page, viewer) {
  const ids = reaction.dataset.users.split(" ").map(Number);
  const names = ids.slice(0, NAMES_MAX).map(nameOf).filter(Boolean);
  const count = ids.length - names.length;
  const said = names.join(", ");
  reaction.title = count && said ? word("and_more", { names: said, count }) : said;
  reaction.setAttribute("aria-label", [reaction.textContent.trim(), reaction.title].filter(Boolean).join(": "));

  function nameOf(id) {
    if (id === viewer.user_id) return word("you");
    return page.querySelector(`.message[data-user="${id}"] .author`)?.textContent;
  }
}
