// What in a message is a link, a mention of the viewer, or plain text. The same rule as
// `src/http/views/spans.rs`; both are held against `tests/browser/spans.json`. Knows no DOM.

const LINK = /https?:\/\/[^\s<>"`\u200E\u200F\u202A-\u202E\u2066-\u2069]+/iuy;
const WORD = /[\p{L}\p{N}]/u;

export function spans(content, name) {
  const found = [];
  const mention = mentionPattern(name);
  let plainFrom = 0;
  for (let at = 0; at < content.length; at += 1) {
    const special = linkAt(content, at) ?? mentionAt(content, at, mention);
    if (!special) continue;
    if (plainFrom < at) found.push({ kind: "text", text: content.slice(plainFrom, at) });
    found.push(special);
    plainFrom = at + special.text.length;
    at = plainFrom - 1;
  }
  if (plainFrom < content.length) found.push({ kind: "text", text: content.slice(plainFrom) });
  return found;
}

function linkAt(content, at) {
  const first = content[at];
  if ((first !== "h" && first !== "H") || WORD.test(content[at - 1] ?? "")) return null;
  LINK.lastIndex = at;
  const match = LINK.exec(content);
  const text = match && withoutTrailingPunctuation(match[0]);
  return text && text.length > text.indexOf("//") + 2 && text.includes("//")
    ? { kind: "link", text }
    : null;
}

const CLOSING = { ")": "(", "]": "[" };

function withoutTrailingPunctuation(link) {
  for (;;) {
    const last = link.at(-1);
    const opening = CLOSING[last];
    if (!opening && !".,:;!?'*_~".includes(last ?? " ")) return link;
    if (opening && link.split(opening).length >= link.split(last).length) return link;
    link = link.slice(0, -1);
  }
}

function mentionPattern(name) {
  const literal = name.replace(/[.\-]/g, "\\$&");
  return new RegExp(`@${literal}(?![\\p{L}\\p{N}_]|[.\\-][A-Za-z0-9_])`, "iuy");
}

function mentionAt(content, at, pattern) {
  if (content[at] !== "@" || /[\p{L}\p{N}_.\-@/]/u.test(content[at - 1] ?? "")) return null;
  pattern.lastIndex = at;
  const match = pattern.exec(content);
  return match && { kind: "mention", text: match[0] };
}
