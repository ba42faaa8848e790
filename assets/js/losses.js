// What would be lost by logging out: what was written and is not stored. Shown in the question.

import { beginning } from "./cut.js";
import { word } from "./words.js";

const SHOWN_MAX = 3;
const CHARS_MAX = 60;

export function showLosses(question, texts) {
  const lines = texts.slice(0, SHOWN_MAX).map((text) => beginning(text.trim().replace(/\s+/g, " "), CHARS_MAX));
  if (texts.length > SHOWN_MAX) lines.push(word("more", { count: texts.length - SHOWN_MAX }));
  const items = lines.map((line) => Object.assign(document.createElement("li"), { textContent: line }));
  question.querySelector("ul").replaceChildren(...items);
  question.hidden = texts.length === 0;
}
