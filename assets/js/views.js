// Which view is in the middle of the page. A click on a link to a chat, Back and Forward change it without
// loading a page. Views visited lately are remembered as they were left and shown at once, and so are those that
// `ahead.js` has fetched; others are asked for. Any module can ask for an address by a `visit` event. Emits `opened`
// with the view.

import { loadPart } from "./part.js";
import { View } from "./view.js";
import { clone } from "./words.js";

const REMEMBERED_MAX = 16;
// A chat in which more was said in the meantime is asked for again.
const MESSAGES_MAX = 1_000;

export class Views extends EventTarget {
  // By path; the one visited last is the last.
  #remembered = new Map();
  #loading = null;
  // What is being fetched ahead: {href, arrived}.
  coming = null;

  // `isOurs` says whether a path is that of a view that can be asked for.
  constructor(main, isOurs) {
    super();
    Object.assign(this, { main, isOurs });
    this.current = new View(document, document.getElementById("view"), location.pathname);
    this.#remembered.set(this.current.href, this.current);
    document.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("visit", ({ detail }) => this.visit(detail.href));
    addEventListener("popstate", () => this.#returned());
  }

  // The view of this chat, if there is one.
  of(chat_id) {
    return [...this.#remembered.values()].find(({ chat }) => chat === chat_id);
  }

  has(href) {
    return this.#remembered.has(href);
  }

  forget(chat_id) {
    const view = this.of(chat_id);
    if (view && view !== this.current) this.#remembered.delete(view.href);
  }

  // `again`: the address is in the history already.
  async visit(href, { again = false } = {}) {
    this.#loading?.abort();
    const { pathname, hash } = new URL(href, location.href);
    const loading = new AbortController();
    this.#loading = loading;
    const view = this.#recall(pathname) ?? (await this.#load(pathname, loading.signal));
    if (loading.signal.aborted) return;
    this.#loading = null;
    this.main.removeAttribute("aria-busy");
    if (!view) return again ? location.reload() : location.assign(href);
    if (!again) history.pushState(null, "", href);
    this.#open(view);
    // Only so does the style of a target apply.
    if (hash) location.replace(hash);
  }

  // What could not be loaded.
  retry() {
    const { failed, href } = this.current;
    if (failed) this.visit(href, { again: true });
  }

  #clicked(event) {
    const link = event.target.closest?.("a[href]");
    const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!link || !plain || event.defaultPrevented || link.target) return;
    const { origin, pathname, search, hash } = new URL(link.href);
    const stays = pathname === location.pathname && hash;
    if (origin !== location.origin || search || stays || !this.isOurs(pathname)) return;
    event.preventDefault();
    if (pathname === this.current.href && !this.current.failed) this.dispatchEvent(new Event("again"));
    else this.visit(link.href, { again: pathname === location.pathname });
  }

  #returned() {
    if (location.pathname !== this.current.href) this.visit(location.pathname, { again: true });
  }

  // As it was left, unless it has become too long.
  #recall(href) {
    const view = this.#remembered.get(href);
    if (view?.log?.length > MESSAGES_MAX) return null;
    return view;
  }

  // Null if only a page can be shown at this address.
  async #load(href, signal) {
    this.dispatchEvent(new CustomEvent("awaited", { detail: href }));
    this.main.setAttribute("aria-busy", "true");
    if (this.coming?.href === href) await this.coming.arrived;
    const view = this.#recall(href);
    if (view) return view;
    const { status, part } = await loadPart(href, signal);
    return status === 200 ? View.of(part, href) : failed(href, status ? part : null);
  }

  #open(view) {
    const left = this.current;
    left.log?.reader.leave();
    left.element.querySelector(".welcome")?.remove();
    left.scrolled = scrollY;
    this.current = view;
    document.body.className = view.pane;
    left.element.replaceWith(view.element);
    if (!view.failed) this.remember(view);
    scrollTo(0, view.scrolled);
    if (document.activeElement === document.body) this.main.focus({ preventScroll: true });
    this.dispatchEvent(new CustomEvent("opened", { detail: view }));
  }

  remember(view) {
    this.#remembered.delete(view.href);
    this.#remembered.set(view.href, view);
    if (this.#remembered.size <= REMEMBERED_MAX) return;
    const oldest = [...this.#remembered.keys()].find((href) => href !== this.current.href);
    this.#remembered.delete(oldest);
  }
}

// Says in the middle what the page would have said, or that there was no answer; the list is the way back.
function failed(href, part) {
  const element = clone("failed-view");
  const said = part?.querySelector(".failure");
  if (said) element.querySelector(".failure").replaceChildren(...said.children);
  for (const link of element.querySelectorAll(".again")) link.href = href;
  const { title } = part ?? document;
  return Object.assign(new View({ title, body: document.body }, element, href), { failed: true });
}
