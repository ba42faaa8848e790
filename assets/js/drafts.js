// What the viewer is writing, kept per chat until it is sent. Two tabs with one chat write the same draft as
// long as they agree about it; a tab that finds another's words where its own were begins a second one.

import { beginning } from "./cut.js";
import { viewer } from "./session.js";
import { forget, keep, names, recall } from "./storage.js";

// Two bytes each, so 64 KiB.
const UNITS_MAX = 32 * 1024;
// Drafts of one chat. The last is shared by all tabs that come later.
const DRAFTS_MAX = 8;

const held = new Map();
const prefix = `snug.draft.${viewer.user_id}.`;

// Another text for a message, {seq, content}, which is kept apart until it is sent.
const edits = `snug.edit.${viewer.user_id}.`;
export const editKey = (chat_id) => edits + chat_id;
export const editUnderWay = (chat_id) => JSON.parse(recall(editKey(chat_id)));

// All that the viewer is writing, in any chat.
export const drafts = () => [...kept(prefix), ...kept(edits).map((text) => JSON.parse(text).content)];

const kept = (beginning) =>
  names()
    .filter((name) => name.startsWith(beginning))
    .map(recall);

export function draftOf(chat_id) {
  const keys = keysOf(chat_id);
  const key = keys.find((one) => recall(one)) ?? keys[0];
  const text = recall(key) ?? "";
  held.set(chat_id, { key, text });
  return text;
}

// Returns whether it outlives the page.
export function keepDraft(chat_id, whole) {
  const text = beginning(whole, UNITS_MAX);
  const draft = held.get(chat_id);
  if (text === draft.text) return true;
  if ((recall(draft.key) ?? "") !== draft.text) draft.key = freeKey(chat_id);
  draft.text = text;
  if (text) return keep(draft.key, text);
  forget(draft.key);
  return true;
}

// Calls `changed` when another tab has sent this draft, or written on; not if this one has other words.
export function followDraft(chat_id, changed) {
  addEventListener("storage", ({ key, newValue }) => {
    const draft = held.get(chat_id);
    if (key === draft.key && changed(draft.text, newValue ?? "")) draft.text = newValue ?? "";
  });
}

function keysOf(chat_id) {
  const first = prefix + chat_id;
  return Array.from({ length: DRAFTS_MAX }, (_, n) => (n ? `${first}.${n}` : first));
}

function freeKey(chat_id) {
  const keys = keysOf(chat_id);
  return keys.find((one) => !recall(one)) ?? keys[keys.length - 1];
}
