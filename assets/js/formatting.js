// What the marks in a message make of it: `**bold**`, lists, code and the rest of `docs/formatting.md`. The same
// grammar as `src/model/text/formatting.rs`: both are tested against `tests/browser/formatting.json` and must have
// the same limits. Takes linear time, whatever the text. Knows nothing of the DOM.

// Links, mentions and marked parts of one message; the rest is text.
const SPECIALS_MAX = 200;
const BLOCKS_DEEP_MAX = 3;

// Runs of exactly this length are marks.
const MARKS = { "**": "bold", _: "italic", "~~": "struck" };
const SPACE = /\p{White_Space}/u;
const LETTER = /[\p{Alphabetic}\p{N}\p{M}]/u;
const BLANK = /^[ \t\r]*$/;
// Three backticks or more, then at most one word, the language.
const FENCE = /^(`{3,})[^` \t\r]*[ \t\r]*$/;
const CLOSER = /^(`{3,})[ \t\r]*$/;
const QUOTED = /^>(?: (.*)|[ \t\r]*)$/s;
const ITEM = /^(?:-|(0|[1-9][0-9]{0,8})\.) (?=.*[^ \t\r])/s;

// Divides content into parts, by `spans` of `spans.js` where it is text. `name` is the viewer's.
export function format(content, name, spans) {
  let left = SPECIALS_MAX;
  return blocks(content.split("\n"), 0);

  function blocks(lines, depth) {
    const closers = closersAfter(lines);
    const parts = [];
    let textFrom = 0;
    for (let at = 0; at < lines.length && left > 0;) {
      const [end, found] = block(lines, at, depth, closers[at]);
      if (found.length) {
        text(lines.slice(textFrom, at), textFrom > 0, true, parts);
        parts.push(...found);
        textFrom = end;
      }
      at = end;
    }
    text(lines.slice(textFrom), textFrom > 0, false, parts);
    return parts;
  }

  // Where the block at this line ends, and the block, if it is one.
  function block(lines, at, depth, longestCloser) {
    const fence = FENCE.exec(lines[at])?.[1].length;
    if (fence <= longestCloser) return fenced(lines, at, fence);
    if (depth === BLOCKS_DEEP_MAX) return [at + 1, []];
    if (QUOTED.test(lines[at])) return quote(lines, at, depth);
    return ITEM.test(lines[at]) ? list(lines, at, depth) : [at + 1, []];
  }

  function fenced(lines, at, length) {
    let end = at + 1;
    while (closer(lines[end]) < length) end += 1;
    left -= 1;
    return [end + 1, [{ kind: "block", text: lines.slice(at + 1, end).join("\n") }]];
  }

  function quote(lines, at, depth) {
    const inside = [];
    for (let found; (found = QUOTED.exec(lines[at + inside.length] ?? ""));) inside.push(found[1] ?? "");
    const end = at + inside.length;
    if (inside.every((line) => BLANK.test(line))) return [end, []];
    left -= 1;
    return [end, [{ kind: "quote", parts: blocks(inside, depth + 1) }]];
  }

  function list(lines, from, depth) {
    const start = numberOf(ITEM.exec(lines[from]));
    const items = [];
    let [at, number] = [from, start];
    while (left > 0) {
      const found = ITEM.exec(lines[at] ?? "");
      if (!found || numberOf(found) !== number) break;
      const indent = found[0].length;
      const inside = [lines[at].slice(indent).replace(/^ +/, "")];
      for (at += 1; isIndented(lines[at]); at += 1) inside.push(outdented(lines[at], indent));
      left -= 1;
      items.push(blocks(inside, depth + 1));
      if (number !== null) number += 1;
    }
    return [at, [{ kind: "list", start, items }]];
  }

  // Lines that are in no block. Marks do not reach over blank lines. The blank lines beside a block are its margins.
  function text(lines, afterBlock, beforeBlock, to) {
    let [from, end] = [0, lines.length];
    while (afterBlock && from < end && BLANK.test(lines[from])) from += 1;
    while (beforeBlock && from < end && BLANK.test(lines[end - 1])) end -= 1;
    for (let at = from; at < end;) {
      if (at > from) pushText(to, "\n");
      const begin = at;
      const isBlank = BLANK.test(lines[begin]);
      while (at < end && BLANK.test(lines[at]) === isBlank) at += 1;
      inline(lines.slice(begin, at).join("\n"), to);
    }
  }

  function inline(written, to) {
    const tokens = [];
    let at = 0;
    for (const { start, end, length } of codes(written)) {
      if (left > 0) plain(written, at, start, tokens);
      else break;
      at = start;
      if (left === 0) break;
      left -= 1;
      tokens.push({ kind: "code", text: stripped(written.slice(start + length, end - length)) });
      at = end;
    }
    plain(written, at, written.length, tokens);
    pair(tokens);
    nest(tokens, to);
  }

  // What lies between two code spans: links and mentions, and runs of marks in the text between these.
  function plain(written, from, to, tokens) {
    let at = from;
    for (const span of spans(written.slice(from, to), name, left)) {
      const end = at + span.text.length;
      if (span.kind === "text") runs(written, at, end, tokens);
      else {
        left -= 1;
        tokens.push(span);
      }
      at = end;
    }
  }

  // A closing run belongs to the last opening one of its kind. What was opened between the two and not closed
  // there stays text.
  function pair(tokens) {
    const opened = new Map();
    tokens.forEach((token, at) => {
      if (token.kind !== "run") return;
      const opener = opened.get(token.text);
      if (token.closes && opener !== undefined && left > 0) {
        left -= 1;
        tokens[opener].side = "open";
        token.side = "close";
        for (const [mark, other] of opened) if (other >= opener) opened.delete(mark);
      } else if (token.opens) opened.set(token.text, at);
    });
  }
}

// The text without its marks, for a notification.
export function unmarked(content, name, spans) {
  const text = plain(format(content, name, spans));
  return text.trim().replace(/\n{2,}/g, "\n");

  function plain(parts) {
    return parts.map(one).join("");
  }

  function one({ kind, text, parts, items }) {
    if (items) return `\n${items.map(plain).join("\n")}\n`;
    if (kind === "block" || kind === "quote") return `\n${text ?? plain(parts)}\n`;
    return text ?? plain(parts);
  }
}

function nest(tokens, to) {
  const open = [to];
  for (const token of tokens) {
    const inner = open[open.length - 1];
    if (token.kind === "text" || (token.kind === "run" && !token.side)) pushText(inner, token.text);
    else if (token.kind !== "run") inner.push(token);
    else if (token.side === "open") open.push([]);
    else {
      open.pop();
      open[open.length - 1].push({ kind: MARKS[token.text], parts: inner });
    }
  }
}

function pushText(to, more) {
  const last = to[to.length - 1];
  if (last?.kind === "text") last.text += more;
  else if (more) to.push({ kind: "text", text: more });
}

// Divides a piece of text into runs of marks and what is between them.
function runs(text, from, to, tokens) {
  let plainFrom = from;
  for (const { 0: run, index } of text.slice(from, to).matchAll(/\*+|_+|~+/g)) {
    if (!(run in MARKS)) continue;
    const [start, end] = [from + index, from + index + run.length];
    const before = characterBefore(text, start);
    const [opens, closes] = flanks(run === "_", before, characterAfter(text, end));
    if (before === "\\" || !(opens || closes)) continue;
    if (plainFrom < start) tokens.push({ kind: "text", text: text.slice(plainFrom, start) });
    tokens.push({ kind: "run", text: run, opens, closes });
    plainFrom = end;
  }
  if (plainFrom < to) tokens.push({ kind: "text", text: text.slice(plainFrom, to) });
}

// Whether a run opens and whether it closes: CommonMark's left-flanking and right-flanking runs. Those of `_` do
// neither inside a word.
function flanks(atBordersOnly, before, after) {
  const [spaceBefore, spaceAfter] = [before, after].map((one) => SPACE.test(one));
  const [markBefore, markAfter] = [before, after].map((one) => !SPACE.test(one) && !LETTER.test(one));
  const left = !spaceAfter && (!markAfter || spaceBefore || markBefore);
  const right = !spaceBefore && (!markBefore || spaceAfter || markAfter);
  return atBordersOnly ? [left && (!right || markBefore), right && (!left || markAfter)] : [left, right];
}

const characterAfter = (text, at) => (at < text.length ? String.fromCodePoint(text.codePointAt(at)) : " ");

function characterBefore(text, at) {
  if (at === 0) return " ";
  const isLow = /[\uDC00-\uDFFF]/.test(text[at - 1]);
  return text.slice(isLow ? at - 2 : at - 1, at);
}

// The code spans of a text: where each begins and ends, and how long its marks are. A run of backticks is closed
// by the next of the same length.
function codes(text) {
  const runs = [...text.matchAll(/`+/g)].map(({ 0: run, index }) => ({ start: index, length: run.length }));
  const nearest = new Map();
  for (let n = runs.length - 1; n >= 0; n -= 1) {
    runs[n].next = nearest.get(runs[n].length);
    nearest.set(runs[n].length, n);
  }
  const found = [];
  for (let n = 0; n < runs.length; n += 1) {
    const { start, length, next } = runs[n];
    if (next === undefined || text[start - 1] === "\\") continue;
    found.push({ start, end: runs[next].start + length, length });
    n = next;
  }
  return found;
}

// One space at either end separates backticks in the code from those around it.
const stripped = (code) => (code.startsWith(" ") && code.endsWith(" ") && /[^ ]/.test(code) ? code.slice(1, -1) : code);

const closer = (line) => CLOSER.exec(line)?.[1].length ?? 0;

// For each line how long a fence can be closed after it.
function closersAfter(lines) {
  let longest = 0;
  const closers = [];
  for (let at = lines.length - 1; at >= 0; at -= 1) {
    closers[at] = longest;
    longest = Math.max(longest, closer(lines[at]));
  }
  return closers;
}

const numberOf = (found) => (found[1] === undefined ? null : Number(found[1]));

// Lines that go on with an item: indented by two spaces, or as far as its text.
const isIndented = (line = "") => line.startsWith("  ") && !BLANK.test(line);
const outdented = (line, indent) => line.slice(Math.min(/^ */.exec(line)[0].length, indent));
