// The log is divided into lists of about a page each, so that the browser lays out and paints only those
// in view. These functions walk over them as if they were one list.

const CHUNK_MAX = 100;

export function before(element) {
  let list = element.parentElement;
  let found = element.previousElementSibling;
  while (!found && isChunk(list.previousElementSibling)) {
    list = list.previousElementSibling;
    found = list.lastElementChild;
  }
  return found;
}

export function after(element) {
  let list = element.parentElement;
  let found = element.nextElementSibling;
  while (!found && isChunk(list.nextElementSibling)) {
    list = list.nextElementSibling;
    found = list.firstElementChild;
  }
  return found;
}

export const isMessage = (element) => element.classList.contains("message");

export function messageAbove(element) {
  let above = before(element);
  while (above && !isMessage(above)) above = before(above);
  return above;
}

export function messageBelow(element) {
  let below = after(element);
  while (below && !isMessage(below)) below = after(below);
  return below;
}

export const chunks = (page) => page.querySelectorAll("ol.messages");

// The list to which the latest message is added: a new one if the last is full.
export function lastChunk(page) {
  const all = chunks(page);
  const last = all[all.length - 1];
  if (last.childElementCount < CHUNK_MAX) return last;
  const chunk = last.cloneNode(false);
  last.after(chunk);
  return chunk;
}

// Puts a list of these messages above all others.
export function addAbove(page, elements) {
  const [first] = chunks(page);
  const chunk = first.cloneNode(false);
  chunk.append(...elements);
  first.before(chunk);
}

const isChunk = (element) => element?.matches("ol.messages");
