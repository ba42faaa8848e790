// The frames of the socket. Knows nothing of the DOM, the socket or the clock.

// Half a surrogate pair, as of a truncated emoji, is not text, and its escape is not JSON to the server.
export function messageFrame(chat_id, text, client_id, reply_to) {
  const content = text.replace(/\p{Surrogate}/gu, "\ufffd");
  return JSON.stringify({ type: "message", chat_id, content, client_id, reply_to });
}

export const readFrame = (chat_id, seq) => JSON.stringify({ type: "read", chat_id, seq });

export const typingFrame = (chat_id) => JSON.stringify({ type: "typing", chat_id });

export const pingFrame = () => JSON.stringify({ type: "ping" });

// The frame, or null if the text is not one.
export function parseFrame(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

// What to ask for when reconnecting: everything after these positions in this epoch, at most so many.
export function resumeQuery(positions, changes, pairsMax, epoch) {
  const pairs = [...positions].slice(0, pairsMax).map(([chat, seq]) => `${chat}:${seq}:${changes.get(chat) ?? 0}`);
  return pairs.length ? `?after=${pairs.join(",")}&epoch=${encodeURIComponent(epoch)}` : "";
}

// The chats that `resumeQuery` includes; all others start where the welcome says.
export const resumedChats = (positions, pairsMax) => new Set([...positions.keys()].slice(0, pairsMax));

// A private message names its author as `sender`.
export const authorOf = (message) => message.user_id ?? message.sender_id;

// Whether somebody else's message names the viewer.
export const names = (message, { user_id }) =>
  authorOf(message) !== user_id && !!(message.mentions_all || message.mentions?.includes(user_id));

// What a close code asks of us: to check whether the session is over, or to leave the server alone for
// a long time; every other code means to reconnect.
export function afterClose(code) {
  if (code === 4501) return "ended";
  return [1002, 1003, 1007, 1008, 1009, 4503].includes(code) ? "refused" : "return";
}
