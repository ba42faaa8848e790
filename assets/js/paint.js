// A formatted message as elements. Loaded with the first message that has a mark.

import { format } from "./formatting.js";
import { clone } from "./words.js";

const TAGS = { bold: "strong", italic: "em", struck: "del", quote: "blockquote" };

// Makes the painter that takes the viewer's name for mentions, and makes nodes of plain spans by `nodeOf`. The
// page's own `spans` is passed in: it is not loaded twice.
export const painter = (spans) => (content, name, nodeOf) => {
  return format(content, name, spans).map(node);

  function node(part) {
    const { kind, text, parts } = part;
    if (kind === "list") return list(part);
    if (kind === "code") return withText(document.createElement("code"), text);
    if (kind === "block") return codeBlock(text);
    if (!parts) return nodeOf(part);
    return filled(TAGS[kind], parts.map(node));
  }

  function list({ start, items }) {
    const lines = items.map((item) => filled("li", item.map(node)));
    if (start === null) return filled("ul", lines);
    const element = filled("ol", lines);
    element.setAttribute("start", start);
    return element;
  }
};

function codeBlock(text) {
  const element = clone("code-block");
  withText(element.querySelector("code"), text);
  return element;
}

const withText = (element, textContent) => Object.assign(element, { textContent });

function filled(tag, nodes) {
  const element = document.createElement(tag);
  element.append(...nodes);
  return element;
}
