// The number of unread messages, in the tab's title and on its icon.

import { fill, word } from "./words.js";

let { title } = document;
let shown = 0;
const icon = document.querySelector('link[rel="icon"]');
const plain = icon.getAttribute("href");

// What the page is called without the number.
export function entitle(name) {
  title = name;
  showUnread(shown);
}

export function showUnread(unread) {
  shown = unread;
  const few = unread > 9 ? word("few") : unread;
  document.title = unread ? word("titled", { count: unread > 99 ? word("many") : unread, title }) : title;
  const href = unread ? fill(icon.dataset.counted, { count: few }) : plain;
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}
