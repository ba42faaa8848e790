// What the reader of a log sees: asks for `older` messages before they reach the beginning, reports what
// they have `seen`, offers the way back to the end, and keeps their place while messages arrive.
import { labelDays } from "./arrange.js";
import { Scroll } from "./scroll.js";
import { eachMidnight } from "./times.js";
import { word } from "./words.js";

export class Reader {
  #log;
  #scroll;
  #jump;
  #more;
  #loading = false;
  #frame = 0;
  #hushed = 0;
  #open = null;
  #left = null;

  constructor(log) {
    this.#log = log;
    this.#scroll = new Scroll(log.querySelector(".scroller"));
    this.#jump = log.querySelector(".jump");
    this.#more = log.dataset.older === "true";
    this.seen = Number(log.dataset.readSeq);
    this.arrived = 0;
    this.#scroll.scroller.addEventListener("scroll", () => this.soon(), { passive: true });
    log.addEventListener("click", (event) => this.#clicked(event));
  }

  // The log is in the document, for the first time or again: where it was left, or at what is new since.
  opened() {
    this.#open = new AbortController();
    const { signal } = this.#open;
    document.addEventListener("visibilitychange", () => this.#turned(), { signal });
    const resized = new ResizeObserver(() => this.soon());
    resized.observe(this.#log);
    signal.addEventListener("abort", () => resized.disconnect());
    labelDays(this.#log.page);
    eachMidnight(() => labelDays(this.#log.page), signal);
    const left = this.#left;
    if (left) this.#aim(() => this.#scroll.restore(left));
    else this.#aim(() => this.#scroll.toView(this.#log.querySelector(".new-line")));
    this.soon();
  }

  // Lists that are not in view are laid out with a guess of their size: what is done now is done again when
  // they have theirs, before the frame is painted.
  #aim(goThere) {
    goThere();
    const resized = new ResizeObserver(goThere);
    resized.observe(this.#log.page);
    requestAnimationFrame(() => requestAnimationFrame(() => resized.disconnect()));
  }

  // Called before the log is taken out of the document, while it still has a place.
  leave() {
    this.#left = this.atEnd ? null : this.#scroll.place(this.#log.page);
    if (this.seen >= this.#log.last) this.#log.clearNew();
  }

  closed() {
    this.#open.abort();
    this.arrived = 0;
  }

  get atEnd() {
    return this.#scroll.atEnd;
  }

  toEnd() {
    this.#scroll.toEnd();
    this.soon();
  }

  keepPlace(change) {
    this.#scroll.keepPlace(change);
    this.soon();
  }

  prepend(change, more) {
    this.#hush();
    change();
    this.loaded(more);
  }

  loaded(more = this.#more) {
    this.#more = more;
    this.#loading = false;
    const link = this.#log.querySelector(".older");
    if (link) link.hidden = !more;
    this.soon();
  }

  // Looks once before the next frame is painted, however much happens until then.
  soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#look();
    });
  }

  #turned() {
    if (document.visibilityState === "hidden" && this.seen >= this.#log.last) this.#log.clearNew();
    labelDays(this.#log.page);
    this.soon();
  }

  // Messages added above must not be read out as if they were new. Browsers announce them together with
  // the frame in which they are laid out, so this stays in force until the frame after that.
  #hush() {
    const { scroller } = this.#scroll;
    scroller.setAttribute("aria-busy", "true");
    cancelAnimationFrame(this.#hushed);
    this.#hushed = requestAnimationFrame(() => {
      this.#hushed = requestAnimationFrame(() => scroller.setAttribute("aria-busy", "false"));
    });
  }

  #look() {
    if (!this.#log.isConnected) return;
    this.#offerTheEnd();
    if (this.#more && this.#scroll.nearBeginning) this.#askForOlder();
    const seen = document.visibilityState === "visible" ? this.#lastSeen() : 0;
    if (seen <= this.seen) return;
    this.seen = seen;
    this.#tell("seen", { seq: seen });
  }

  #offerTheEnd() {
    if (this.atEnd) this.arrived = 0;
    const hidden = !this.#scroll.away && this.arrived === 0;
    if (hidden && this.#jump === document.activeElement) this.#scroll.scroller.focus();
    this.#jump.hidden = hidden;
    const count = this.#jump.querySelector(".count");
    count.hidden = this.arrived === 0;
    count.textContent = this.arrived > 99 ? word("many") : this.arrived;
  }

  #askForOlder() {
    const before = this.#log.first;
    if (this.#loading || before <= 1) return;
    this.#loading = true;
    this.#tell("older", { before });
  }

  #lastSeen() {
    if (this.atEnd) return this.#log.last;
    let { seen } = this;
    for (;;) {
      const next = this.#log.page.querySelector(`.message[data-seq="${seen + 1}"]`);
      if (!next || !this.#scroll.shows(next)) return seen;
      seen += 1;
    }
  }

  #clicked(event) {
    const client_id = event.target.closest("[data-client]")?.dataset.client;
    if (event.target.closest(".retry")) this.#tell("retry", { client_id });
    else if (event.target.closest(".discard")) this.#tell("discard", { client_id });
    else if (event.target.closest(".jump")) this.toEnd();
    else if (event.target.closest(".older")) {
      event.preventDefault();
      this.#askForOlder();
    }
  }

  #tell(name, detail) {
    this.#log.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}
