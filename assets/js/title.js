// The number of unread messages, in the tab's title and on its icon.

import { fill, word } from "./words.js";

const title = document.title;
const icon = document.querySelector('link[rel="icon"]');
const plain = icon.getAttribute("href");

export function showUnread(unread) {
  const few = unread > 9 ? word("few") : unread;
  document.title = unread ? word("titled", { count: unread > 99 ? word("many") : unread, title }) : title;
  const href = unread ? fill(icon.dataset.counted, { count: few }) : plain;
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}
