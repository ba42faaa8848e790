// What the socket does not replay: chats that began while the connection was down, or between a page and
// its welcome; chats in which too much was missed; requests to join. These are asked for.

import { call } from "./api.js";

const AGAIN_MS = 2_000;
// After this many calls without an answer the connection is down again; the next welcome tries anew.
const TRIES_MAX = 5;

export class Missed {
  // The last message in each missing chat, or null.
  #missing = new Map();
  #asking = false;
  #asked = 0;

  // Calls `found` for each chat with what was said since it was read, `asked` for each open request,
  // `signedUp` for each one who waits to be let in, and `awaits` with the rooms that the viewer asks to join.
  constructor({ chats, requests, pageRows, found, asked, signedUp, awaits }) {
    Object.assign(this, { chats, requests, pageRows, found, asked, signedUp, awaits });
  }

  chat(chat_id, message = null) {
    this.#missing.set(chat_id, message ?? this.#missing.get(chat_id) ?? null);
    if (!this.#asking) this.#findChats();
  }

  // It arrived by itself, or is gone.
  settle(chat_id) {
    this.#missing.delete(chat_id);
  }

  async findRequests() {
    const asked = (this.#asked += 1);
    await persist(async () => {
      const { ok, answer } = await call(this.requests);
      if (asked !== this.#asked) return true;
      if (!ok) return false;
      answer.requests.forEach(({ room_id, room_name, user }) => this.asked(room_id, room_name, user));
      answer.signups.forEach((user) => this.signedUp(user));
      this.awaits(answer.asked);
      return true;
    });
  }

  async #findChats() {
    this.#asking = true;
    while (this.#missing.size && (await persist(() => this.#goThrough()))) continue;
    this.#asking = false;
  }

  // Returns whether the server answered. The most recent chats come first, so one page is usually enough;
  // a chat that is not found by the end is gone.
  async #goThrough() {
    const sought = [...this.#missing.keys()];
    for (let after = ""; sought.some((chat_id) => this.#missing.has(chat_id));) {
      const { ok, answer } = await call(`${this.chats}?limit=${this.pageRows}${after}`);
      if (!ok) return false;
      answer.chats.forEach((chat) => this.#find(chat));
      if (!answer.next) sought.forEach((chat_id) => this.#missing.delete(chat_id));
      after = `&after=${answer.next}`;
    }
    return true;
  }

  #find(chat) {
    if (!this.#missing.has(chat.chat_id)) return;
    const message = this.#missing.get(chat.chat_id);
    this.#missing.delete(chat.chat_id);
    this.found(chat, message);
  }
}

// Returns whether `attempt` succeeded in the end.
async function persist(attempt) {
  for (let tries = 1; !(await attempt()); tries += 1) {
    if (tries === TRIES_MAX) return false;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
  return true;
}
