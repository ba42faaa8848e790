// The markup, the words and the styles of what is loaded later.

import { loadDocument } from "./part.js";
import { laterMarkup, laterStyles } from "./session.js";

let loading;

// Rejects without a connection, and tries again when it is asked again.
export function loadTemplates() {
  loading ??= Promise.all([markup(), style()]).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function markup() {
  const { part } = await loadDocument(new URL(laterMarkup, location.href));
  if (!part) throw new Error(laterMarkup);
  document.body.append(...part.querySelectorAll("template"));
}

function style() {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: laterStyles });
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => reject(new Error(laterStyles));
    document.head.append(link);
  });
}
