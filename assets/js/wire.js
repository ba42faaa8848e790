// The frames of the socket. Knows no DOM, no socket and no clock.

// Half a surrogate pair, as of an emoji that was cut, is no text, and its escape no JSON for the server.
export function messageFrame(chat_id, text, client_id) {
  const content = text.replace(/\p{Surrogate}/gu, "\ufffd");
  return JSON.stringify({ type: "message", chat_id, content, client_id });
}

export const readFrame = (chat_id, seq) => JSON.stringify({ type: "read", chat_id, seq });

export const pingFrame = () => JSON.stringify({ type: "ping" });

// A frame, or null where the text is none.
export function parseFrame(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

// The contract's bound on the pairs of one `after`.
const PAIRS_MAX = 100;

// What to ask for when coming back: everything after these positions of this epoch.
export function resumeQuery(positions, epoch) {
  const pairs = [...positions].slice(0, PAIRS_MAX).map(([chat, seq]) => `${chat}:${seq}`);
  return pairs.length ? `?after=${pairs.join(",")}&epoch=${encodeURIComponent(epoch)}` : "";
}

// The chats that `resumeQuery` leaves out: they begin where the welcome says.
export const resumedChats = (positions) => new Set([...positions.keys()].slice(0, PAIRS_MAX));

// A private message names its author as its sender.
export const authorOf = (message) => message.user_id ?? message.sender_id;

// What a close code asks of us: to look whether the session is over, to leave the server alone for
// long; every other code means to come back.
export function afterClose(code) {
  if (code === 4501) return "ended";
  return [1002, 1003, 1007, 1008, 1009, 4503].includes(code) ? "refused" : "return";
}
