// The parts of a formatted message as a line of markup, as the shared cases have it.

const TAGS = { bold: "strong", italic: "em", struck: "del", link: "a", mention: "mark", name: "span", code: "code", block: "pre", quote: "blockquote" };

export function shown(parts) {
  return parts.map(one).join("");
}

function one({ kind, text, parts, start, items }) {
  if (kind === "text") return escaped(text);
  if (kind === "list") {
    const inside = items.map((item) => `<li>${shown(item)}</li>`).join("");
    if (start === null) return `<ul>${inside}</ul>`;
    return `<ol start="${start}">${inside}</ol>`;
  }
  return `<${TAGS[kind]}>${parts ? shown(parts) : escaped(text)}</${TAGS[kind]}>`;
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
