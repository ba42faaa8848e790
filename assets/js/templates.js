// The markup, the words and the styles of what is loaded later. The markup is a document of its own, parsed by
// XMLHttpRequest, which takes no text for markup that the page could be made to contain (Trusted Types).

import { laterAddress, laterStyles } from "./session.js";

const MARKUP = new URL("../html/later.html", new URL(laterAddress, location.href));

let loading;

// Rejects without a connection, and tries again when it is asked again.
export function loadTemplates() {
  loading ??= Promise.all([request(), style()]).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

function request() {
  return new Promise((resolve, reject) => {
    const asked = new XMLHttpRequest();
    asked.open("GET", MARKUP);
    asked.responseType = "document";
    asked.onerror = () => reject(new Error(MARKUP));
    asked.onload = () => {
      if (!asked.response) return reject(new Error("there are no templates"));
      document.body.append(...asked.response.querySelectorAll("template"));
      resolve();
    };
    asked.send();
  });
}

function style() {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: laterStyles });
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => reject(new Error(laterStyles));
    document.head.append(link);
  });
}
