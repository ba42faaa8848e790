// The number of unread messages, in the tab's title and on its icon.

import { fill, word } from "./words.js";

let { title } = document;
let shown = null;
const icon = document.querySelector('link[rel="icon"]');
const plain = icon.getAttribute("href");

// What the page is called without the number.
export function entitle(name) {
  const unread = shown;
  [title, shown] = [name, null];
  showUnread(unread);
}

export function showUnread(unread) {
  if (unread === shown) return;
  shown = unread;
  const few = unread > 9 ? word("few") : unread;
  document.title = unread ? word("titled", { count: unread > 99 ? word("many") : unread, title }) : title;
  const href = unread ? fill(icon.dataset.counted, { count: few }) : plain;
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}
