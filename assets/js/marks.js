// Puts marks around what is selected in a field, or before its lines; takes them away where they are.

const AROUND = { bold: "**", italic: "_", struck: "~~", code: "`" };
const BEFORE = { quote: () => "> ", list: () => "- ", numbers: (line) => `${line + 1}. ` };
const FENCE = "```";

export function putMark(field, kind) {
  field.focus();
  if (kind in BEFORE) return putBefore(field, BEFORE[kind]);
  const { value, selectionStart: from, selectionEnd: to } = field;
  const chosen = value.slice(from, to);
  if (kind === "code" && chosen.includes("\n")) return putFences(field);
  const mark = AROUND[kind];
  const [before, after] = [value.slice(0, from), value.slice(to)];
  const isMarked = before.endsWith(mark) && after.startsWith(mark);
  if (isMarked) {
    replace(field, from - mark.length, to + mark.length, chosen);
    return field.setSelectionRange(from - mark.length, to - mark.length);
  }
  // Spaces at the ends stay outside: marks beside them would not count.
  const inside = chosen.trim();
  const left = chosen.length - chosen.trimStart().length;
  const right = chosen.slice(left + inside.length);
  replace(field, from, to, chosen.slice(0, left) + mark + inside + mark + right);
  const begin = from + left + mark.length;
  field.setSelectionRange(begin, begin + inside.length);
}

function putFences(field) {
  const { from, to, text } = chosenLines(field);
  replace(field, from, to, `${FENCE}\n${text}\n${FENCE}`);
}

function putBefore(field, sign) {
  const { from, to, text } = chosenLines(field);
  const lines = text.split("\n");
  const isMarked = lines.every((line, n) => line.startsWith(sign(n)));
  const marked = lines.map((line, n) => (isMarked ? line.slice(sign(n).length) : sign(n) + line)).join("\n");
  replace(field, from, to, marked);
  const end = from + marked.length;
  field.setSelectionRange(lines.length > 1 ? from : end, end);
}

// Whole lines.
function chosenLines({ value, selectionStart, selectionEnd }) {
  const from = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const next = value.indexOf("\n", selectionEnd);
  const to = next < 0 ? value.length : next;
  return { from, to, text: value.slice(from, to) };
}

// As if it were typed, so that it can be undone, where the browser can do that.
function replace(field, from, to, text) {
  field.setSelectionRange(from, to);
  if (text && document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, from, to, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}
