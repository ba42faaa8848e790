// What was written and is not known to be stored. Kept across reloads and restarts of the browser;
// the server recognises a `client_id`, so that sending again, from any tab, is always safe.

const ENTRIES_MAX = 200;

// Each entry has a key of its own, so that two tabs do not write over each other.
export class Outbox {
  constructor(user) {
    this.prefix = `snug.outbox.${user}.`;
  }

  // Null where so much waits that no more is taken, here or by the browser.
  add(chat_id, content) {
    const entries = this.entries();
    if (entries.length >= ENTRIES_MAX) return null;
    // After all that is here, also where the clock was set back meanwhile.
    const last = entries.at(-1) ?? { at: 0, order: 0 };
    const [at, order] = [Math.max(Date.now(), last.at), last.order + 1];
    const entry = { client_id: freshId(), chat_id, content, at, order, reason: null };
    try {
      this.#keep(entry);
      return entry;
    } catch {
      return null;
    }
  }

  entries() {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
    const entries = keys.map((key) => JSON.parse(localStorage.getItem(key))).filter(Boolean);
    return entries.sort((a, b) => a.at - b.at || a.order - b.order);
  }

  waiting() {
    return this.entries().filter((entry) => entry.reason === null);
  }

  remove(client_id) {
    localStorage.removeItem(this.prefix + client_id);
  }

  // With a reason it has failed and waits for a person; with null it is sent again by itself.
  mark(client_id, reason) {
    const entry = JSON.parse(localStorage.getItem(this.prefix + client_id));
    if (entry) this.#keep({ ...entry, reason });
    return entry;
  }

  #keep(entry) {
    localStorage.setItem(this.prefix + entry.client_id, JSON.stringify(entry));
  }
}

// `randomUUID` exists over https only.
function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
