// What the keys do on a page of a signed-in user, whatever has the focus. No key is taken that does something
// where the focus is, and none that a browser or a screen reader has a use for: letters only where nothing else
// would become of them. Two boxes list the keys, and find chats and people (`finder.js`).

import { laterAddress, viewer } from "./session.js";
import { clone } from "./words.js";

// A word that begins with a quote is a search of the page in some browsers, and Space scrolls.
const LEFT_ALONE = " '";
const FIELDS = "input, textarea, select, [contenteditable]";

export function listenToKeys(list, views) {
  const help = async () => {
    const { loadTemplates } = await import(laterAddress);
    await loadTemplates();
    open(clone("keys"));
  };
  // Open before its script is loaded, so that what is typed meanwhile goes into it.
  let later;
  const find = async () => {
    const box = open(clone("finder"));
    later ??= await import(laterAddress).catch(() => box.close());
    later?.fillFinder(box, list, viewer);
  };

  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    if (act(event)) event.preventDefault();
  });

  // Returns whether the key has been used up.
  function act(event) {
    const { key, altKey, shiftKey } = event;
    const command = isMac ? event.metaKey : event.ctrlKey;
    if (command && !altKey && !shiftKey && key.toLowerCase() === "k") return canFind() && (find(), true);
    if (event.ctrlKey || event.metaKey) return false;
    if (altKey && (key === "ArrowUp" || key === "ArrowDown")) return goOn(key === "ArrowUp" ? -1 : 1, shiftKey);
    if (altKey) return false;
    const elsewhere = event.target.matches(FIELDS) && event.target !== field();
    if (elsewhere) return false;
    if (key === "Escape") return finish();
    if (event.target === field()) return turnPage(key);
    if (key === "?") return canFind() && (help(), true);
    if (key === "/") return search();
    if (key.length === 1 && !LEFT_ALONE.includes(key)) field()?.focus();
    return false;
  }

  const field = () => views.current.composer?.field;

  // Where the list is not shown, neither is its field.
  function search() {
    const search = document.getElementById("find");
    const isShown = search.offsetParent !== null;
    if (isShown) search.focus();
    return isShown;
  }

  function goOn(step, unread) {
    const href = list.neighbour(location.pathname, step, unread);
    if (href) document.dispatchEvent(new CustomEvent("visit", { detail: { href } }));
    return true;
  }

  // Closes the panel, else the chat is read and at its end.
  function finish() {
    const panel = document.querySelector(".panel:target");
    if (panel) return (panel.querySelector(".close").click(), true);
    const { log } = views.current;
    log?.reader.finish(list.chat(log.chat).lastSeq);
    return false;
  }

  // A text that is longer than its field is scrolled itself.
  function turnPage(key) {
    const { scrollHeight, clientHeight } = field();
    if (!/^Page(Up|Down)$/.test(key) || scrollHeight > clientHeight + 1) return false;
    views.current.log.reader.turnPage(key === "PageUp" ? -1 : 1);
    return true;
  }
}

// Behind the box the page is out of reach; a click there closes it. The focus returns by itself.
function open(box) {
  document.body.append(box);
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", ({ target }) => target === box && box.close());
  box.showModal();
  return box;
}

// There, Control and K cut the rest of a line.
const isMac = /Mac|iP/.test(navigator.platform);

// Where there are no dialogs, the keys stay the browser's.
const canFind = () => "HTMLDialogElement" in window;
