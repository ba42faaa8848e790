// What was written but is not known to be stored. Survives reloads and restarts of the browser. The
// server recognises a `client_id`, so sending again, from any tab, is always safe.

import { forget, keep, names, recall } from "./storage.js";

const ENTRIES_MAX = 200;

// Each entry has its own key, so that two tabs do not overwrite each other's entries.
export class Outbox {
  constructor(user) {
    this.prefix = `snug.outbox.${user}.`;
  }

  // Null if so much is waiting that no more is accepted. A browser that refuses to keep it does not keep
  // anybody from talking.
  add(chat_id, content, reply_to) {
    const entries = this.entries();
    if (entries.length >= ENTRIES_MAX) return null;
    // Sorted after everything that is here, even if the clock has been set back since.
    const last = entries[entries.length - 1] ?? { at: 0, order: 0 };
    const [at, order] = [Math.max(Date.now(), last.at), last.order + 1];
    const entry = { client_id: freshId(), chat_id, content, reply_to, at, order, reason: null };
    this.#keep(entry);
    return entry;
  }

  entries() {
    const keys = names().filter((key) => key.startsWith(this.prefix));
    const entries = keys.map((key) => JSON.parse(recall(key))).filter(Boolean);
    return entries.sort((a, b) => a.at - b.at || a.order - b.order);
  }

  waiting() {
    return this.entries().filter((entry) => entry.reason === null);
  }

  remove(client_id) {
    forget(this.prefix + client_id);
  }

  // With a reason, it has failed and waits for a person; with null, it is sent again automatically.
  mark(client_id, reason) {
    const entry = JSON.parse(recall(this.prefix + client_id));
    if (entry) this.#keep({ ...entry, reason });
    return entry;
  }

  #keep(entry) {
    keep(this.prefix + entry.client_id, JSON.stringify(entry));
  }
}

// `randomUUID` exists only over https.
function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
