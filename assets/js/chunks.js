// The log is divided into lists of about a page each, so that the browser lays out and paints only those
// in view. These functions walk over them as if they were one list; none searches the whole log.

const CHUNK_MAX = 50;

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

// From the first to the last.
export const chunks = (page) => [...page.children].filter(isChunk);

// The last message or line, stored or not.
export function lastOf(page) {
  let list = lastList(page);
  while (list && !list.lastElementChild) list = listAbove(list);
  return list?.lastElementChild;
}

export function lastList(page) {
  const last = page.lastElementChild;
  return isChunk(last) ? last : listAbove(last);
}

export function listAbove(element) {
  let above = element.previousElementSibling;
  while (above && !isChunk(above)) above = above.previousElementSibling;
  return above;
}

// The last message, stored or not.
export function lastMessage(page) {
  const last = lastOf(page);
  return !last || isMessage(last) ? last : messageAbove(last);
}

// The list to which the latest message is added: a new one if the last is full.
export function lastChunk(page) {
  const last = lastList(page);
  if (last.childElementCount < CHUNK_MAX) return last;
  const chunk = last.cloneNode(false);
  last.after(chunk);
  layOut(chunk);
  return chunk;
}

// A list below what is read must not turn out to have another size than the browser guessed: it is laid out
// once, and the browser remembers its size.
function layOut(chunk) {
  chunk.classList.add("fresh");
  requestAnimationFrame(() => requestAnimationFrame(() => chunk.classList.remove("fresh")));
}

// Puts a list of these messages above all others.
export function addAbove(page, elements) {
  const [first] = chunks(page);
  const chunk = first.cloneNode(false);
  chunk.append(...elements);
  first.before(chunk);
}

const isChunk = (element) => element?.matches("ol.messages") ?? false;
