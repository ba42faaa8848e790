// One message as an element, cloned from the page's own markup.

import { paintAvatar } from "./avatar.js";
import { laterAddress } from "./session.js";
import { spans } from "./spans.js";
import { clock, moment } from "./times.js";
import { authorOf, names } from "./wire.js";
import { clone } from "./words.js";

// `viewer` is {user_id, username}.
export function buildMessage(message, viewer) {
  const element = clone("message");
  const author = authorOf(message);
  element.dataset.user = author;
  element.classList.toggle("own", author === viewer.user_id);
  element.classList.toggle("mentions", names(message, viewer));
  element.querySelector(".author").textContent = message.username;
  paintAvatar(element.querySelector(".avatar"), { user_id: author, username: message.username });
  fillContent(element, message.content, viewer);
  addMore(element, message, viewer);
  setStored(element, message.seq, message.timestamp);
  return element;
}

// What a message shows becomes what `now` does. What was opened in it stays open, and the focus in it stays there.
export function renew(element, now) {
  const focused = element.contains(document.activeElement) && document.activeElement;
  const unfolded = element.querySelector(".fold[open]");
  for (const name of ["mentions", "lone-emoji"]) element.classList.toggle(name, now.classList.contains(name));
  const bar = now.querySelector(".deleted") ? null : element.querySelector(".actions");
  for (const one of [...element.children]) if (one !== bar) one.remove();
  element.prepend(...now.children);
  if (unfolded) element.querySelector(".fold")?.setAttribute("open", "");
  if (!focused || document.activeElement === focused) return;
  element.tabIndex = -1;
  (element.querySelector(`.reaction[value="${focused.value}"]`) ?? element).focus({ preventScroll: true });
}

// What most messages lack.
function addMore(element, { deleted, edited_at, pinned, reactions, reply_to }, viewer) {
  const content = element.querySelector(".content");
  if (deleted) content.append(clone("deleted"));
  if (reply_to) element.querySelector(".message-head").after(buildReply(reply_to));
  if (edited_at) element.append(Object.assign(clone("edited"), { title: moment(new Date(edited_at)) }));
  if (pinned) element.append(clone("pinned"));
  if (!reactions) return;
  const list = clone("reactions");
  list.append(...reactions.map((one) => buildReaction(one, viewer)));
  element.append(list);
}

function buildReply({ seq, username, excerpt, deleted }) {
  const reply = clone("reply");
  reply.dataset.seq = seq;
  reply.querySelector(".author").textContent = username;
  quote(reply, { content: excerpt, deleted });
  return reply;
}

// What the message says that is answered.
export function quote(reply, { content, deleted }) {
  reply.querySelector("q").replaceChildren(deleted ? clone("deleted") : content);
}

function buildReaction({ emoji, user_ids }, viewer) {
  const reaction = clone("reaction");
  const button = reaction.querySelector("button");
  button.firstChild.textContent = `${emoji} `;
  button.value = emoji;
  button.dataset.users = user_ids.join(" ");
  button.setAttribute("aria-pressed", String(user_ids.includes(viewer.user_id)));
  button.querySelector(".count").textContent = user_ids.length;
  return reaction;
}

// A message that is not stored yet: it has a `client_id` and no `seq`.
export function buildPending(entry, viewer) {
  const timestamp = new Date(entry.at).toISOString();
  const { content, reply_to } = entry;
  const message = { ...viewer, content, reply_to, seq: 0, timestamp };
  const element = buildMessage(message, viewer);
  element.dataset.client = entry.client_id;
  setState(element, entry.reason);
  return element;
}

export function setStored(element, seq, timestamp) {
  element.dataset.seq = seq;
  element.classList.remove("pending");
  element.querySelector(".state")?.remove();
  const time = element.querySelector("time");
  time.dateTime = timestamp;
  localise(element);
}

// Null means that it is under way; a sentence says why it is not.
export function setState(element, reason) {
  element.querySelector(".state")?.remove();
  element.classList.add("pending");
  const state = clone(reason === null ? "sending" : "failed");
  if (reason !== null) state.querySelector(".reason").textContent = reason;
  element.append(state);
}

export const timeOf = (element) => new Date(element.querySelector("time").dateTime);

// The longest have some thirty.
const EMOJI_UNITS_MAX = 64;
// One emoji of Unicode, with all that may belong to it, and nothing else.
const LONE_EMOJI =
  /^(?:\p{RI}\p{RI}|[0-9#*]\uFE0F?\u20E3|(?:\p{Emoji}\uFE0F|\p{Emoji_Modifier_Base}\p{Emoji_Modifier}|\p{Emoji_Presentation})[\u{E0020}-\u{E007F}]*(?:\u200D\p{Emoji}(?:\uFE0F|\p{Emoji_Modifier})?)*)$/u;

export function localise(element) {
  const date = timeOf(element);
  const time = element.querySelector("time");
  time.textContent = clock(date);
  // The day belongs to each message for those who step through them.
  time.title = moment(date);
  time.setAttribute("aria-label", time.title);
  const content = element.querySelector(".content").textContent;
  element.classList.toggle("lone-emoji", content.length <= EMOJI_UNITS_MAX && LONE_EMOJI.test(content.trim()));
}

// What can be a mark; whether it is one, is for `formatting.js` to say, which is loaded with the first.
const MARKED = /[*_~`]|^(?:>|-|\d+\.)/m;
let paint;

function fillContent(element, content, viewer) {
  const shown = element.querySelector(".content");
  shown.replaceChildren(...spans(content, viewer.username).map(nodeOf));
  const { lines } = document.getElementById("fold").dataset;
  if (content.split("\n").length > Number(lines)) shown.before(clone("fold"));
  if (!MARKED.test(content)) return;
  const format = () => shown.replaceChildren(...paint(content, viewer.username, nodeOf));
  if (paint) return format();
  loadPainter().then(format, () => {});
}

// Without a connection, text stays as it was typed.
async function loadPainter() {
  const { loadTemplates, painter } = await import(laterAddress);
  await loadTemplates();
  paint ??= painter(spans);
}

function nodeOf({ kind, text }) {
  if (kind === "text") return document.createTextNode(text);
  if (kind === "name")
    return Object.assign(document.createElement("span"), { className: "mention", textContent: text });
  if (kind === "mention") return Object.assign(document.createElement("mark"), { textContent: text });
  const link = document.createElement("a");
  link.href = text;
  link.rel = "noopener nofollow ugc";
  link.target = "_blank";
  link.textContent = text;
  return link;
}
