// What the viewer is writing, kept per chat until it is sent.

import { viewer } from "./session.js";

const key = (chat_id) => `snug.draft.${viewer.user_id}.${chat_id}`;

export const draftOf = (chat_id) => localStorage.getItem(key(chat_id)) ?? "";

export function keepDraft(chat_id, text) {
  if (text) localStorage.setItem(key(chat_id), text);
  else localStorage.removeItem(key(chat_id));
}
