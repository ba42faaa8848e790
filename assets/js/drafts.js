// What is being written, kept for each chat until it is sent, and what is forgotten at logout.

const key = (chat_id) => `snug.draft.${chat_id}`;

export const draftOf = (chat_id) => localStorage.getItem(key(chat_id)) ?? "";

export function keepDraft(chat_id, text) {
  if (text) localStorage.setItem(key(chat_id), text);
  else localStorage.removeItem(key(chat_id));
}

// Everything that snug has stored in this browser.
export function forgetEverything() {
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith("snug.")) localStorage.removeItem(name);
  }
}
