// What names the viewer and is not read yet: how much that is, and the way there.

import { call } from "./api.js";
import { clone } from "./words.js";

const SOON_MS = 500;
const waiting = new Map();
const jumps = new WeakMap();

// Puts it into the list and the log, a moment after the last call. What came meanwhile may count, too: then it asks
// again.
export function countMentions(chat_id, list, views, chats) {
  clearTimeout(waiting.get(chat_id));
  const again = () => countMentions(chat_id, list, views, chats);
  const ask = async () => {
    const { readSeq, lastSeq } = list.chat(chat_id) ?? {};
    if (!lastSeq) return;
    const seqs = readSeq < lastSeq ? await mentions(chats, chat_id, readSeq) : [];
    if (!seqs) return;
    if (list.chat(chat_id)?.lastSeq !== lastSeq) return again();
    const line = list.querySelector(`[data-chat="${chat_id}"]`);
    line.dataset.mentioned = seqs.length;
    line.querySelector(".at").hidden = !seqs.length;
    offer(views.of(chat_id)?.log, chats, seqs.length);
  };
  waiting.set(chat_id, setTimeout(ask, SOON_MS));
}

// Those after this one; null if there is no answer.
async function mentions(chats, chat_id, after, limit = "") {
  const { ok, answer } = await call(`${chats}/${chat_id}/mentions?${limit}${after ? `after=${after}` : ""}`);
  return ok ? answer.seqs : null;
}

function offer(log, chats, count) {
  if (!log || !(count || jumps.has(log))) return;
  if (!jumps.has(log)) jumps.set(log, new MentionJump(log, chats));
  jumps.get(log).offer(count);
}

// A button above the end of a log.
class MentionJump {
  #log;
  #chats;
  #button = null;
  #last = 0;

  constructor(log, chats) {
    [this.#log, this.#chats] = [log, chats];
  }

  offer(count) {
    if (!this.#button) {
      this.#button = clone("to-mention");
      this.#log.lastElementChild.after(this.#button);
      this.#button.addEventListener("click", () => this.#jump());
    }
    if (!count && this.#button === document.activeElement) this.#log.querySelector(".scroller").focus();
    this.#button.hidden = !count;
  }

  // To the first that was not seen, and from there to the next.
  async #jump() {
    const after = Math.max(this.#log.reader.seen, this.#last);
    const [seq] = (await mentions(this.#chats, this.#log.chat, after, "limit=1&")) ?? [];
    this.#last = seq ?? 0;
    if (seq) this.#log.dispatchEvent(new CustomEvent("quoted", { detail: { seq }, bubbles: true }));
  }
}
