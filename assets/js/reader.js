// What the reader of a log sees: asks for `older` and `newer` messages before they reach an end, reports what
// they have `seen`, leads to the end and back to what is new, and keeps their place.
import { labelDays } from "./arrange.js";
import { timeOf } from "./message.js";
import { Scroll } from "./scroll.js";
import { Sight } from "./sight.js";
import { isLookedAt, onTurns } from "./tabs.js";
import { dayLabel, eachMidnight, since } from "./times.js";
import { word } from "./words.js";

const FOUND_MS = 2_000;

export class Reader {
  #log;
  #scroll;
  #sight;
  #jump;
  #news;
  #day;
  #more;
  #loading = false;
  #frame = 0;
  #hushed = 0;
  #open = null;
  #left = null;
  #wentToEnd = false;
  #watched = false;

  constructor(log) {
    this.#log = log;
    this.#scroll = new Scroll(log.querySelector(".scroller"));
    // At once: where nothing has changed, that takes no frame.
    this.#sight = new Sight(log, this.#scroll, () => this.#look());
    this.#jump = log.querySelector(".jump");
    this.#news = log.querySelector(".news");
    this.#day = log.querySelector(".day-now");
    this.#more = log.dataset.older === "true";
    this.seen = Number(log.dataset.readSeq);
    this.arrived = 0;
    this.#scroll.scroller.addEventListener("scroll", () => this.soon(), { passive: true });
    log.addEventListener("click", (event) => this.#clicked(event));
    // Pages are for those without scripts.
    for (const link of log.querySelectorAll(".newer")) link.hidden = true;
  }

  // The log is in the document, for the first time or again: where it was left, or at what is new since.
  opened() {
    this.#open = new AbortController();
    const { signal } = this.#open;
    onTurns(() => this.#turned(), signal);
    const resized = new ResizeObserver(() => this.soon());
    resized.observe(this.#log);
    signal.addEventListener("abort", () => resized.disconnect());
    labelDays(this.#log.page);
    eachMidnight(() => labelDays(this.#log.page), signal);
    this.#forgetNew();
    const left = this.#left;
    if (left) this.#aim(() => this.#scroll.restore(left));
    else this.#aim(() => this.#scroll.toView(this.#log.newLine));
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
    this.#forgetNew();
  }

  closed() {
    this.#open.abort();
    this.#sight.end();
    this.#watched = false;
    this.arrived = 0;
  }

  // The last message that there is, and not only the last of those that are here.
  get atEnd() {
    return this.#scroll.atEnd && !this.#log.newer;
  }

  get isLookedAt() {
    return this.#log.isConnected && isLookedAt();
  }

  // Read elsewhere.
  raise(seq) {
    if (seq <= this.seen) return;
    this.seen = seq;
    this.soon();
  }

  toEnd() {
    if (this.#log.newer) this.#tell("end");
    this.#scroll.toEnd();
    this.soon();
  }

  // Where the new messages begin.
  toNew() {
    if (!this.#log.firstNew) return this.#tell("place", { after: this.#log.newAfter });
    this.#aim(() => this.#scroll.toTop(this.#log.newLine));
    this.soon();
  }

  // Marked for a moment.
  toMessage(message) {
    if (!message) return;
    this.#aim(() => message.scrollIntoView({ block: "center" }));
    message.classList.add("found");
    setTimeout(() => message.classList.remove("found"), FOUND_MS);
  }

  // All of it counts as read, seen or not.
  finish(last) {
    this.raise(last);
    this.#log.clearNew();
    this.#tell("seen", { seq: last });
    this.toEnd();
  }

  turnPage(direction) {
    this.#scroll.turnPage(direction);
  }

  keepPlace(change) {
    if (this.#log.newer) change();
    else this.#scroll.keepPlace(change);
    this.soon();
  }

  prepend(change, more) {
    this.#hush();
    change();
    this.loaded(more);
  }

  // Below what is read, and not as news.
  append(change) {
    this.#hush();
    this.#scroll.hold(change);
    this.loaded();
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
      if (this.#log.isConnected) this.#look();
    });
  }

  #turned() {
    if (!this.isLookedAt) this.#forgetNew();
    labelDays(this.#log.page);
    this.soon();
  }

  // What has been seen to the end is not new to those who come back.
  #forgetNew() {
    if (this.seen >= this.#log.upTo) this.#log.clearNew();
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
    const { newer, first, last } = this.#log;
    this.#offerTheNew();
    this.#offerTheEnd();
    this.#nameTheDay();
    if (this.#more && first > 1 && this.#scroll.nearBeginning) this.#ask("older", { before: first });
    else if (newer && this.#scroll.nearEnd) this.#ask("newer", { after: last });
    this.#watch(this.isLookedAt && this.atEnd);
    const seen = this.#sight.look(this.seen, this.isLookedAt);
    if (seen <= this.seen) return;
    this.seen = seen;
    this.#tell("seen", { seq: seen });
  }

  // `watched`: what comes now is seen as it comes.
  #watch(watched) {
    if (watched === this.#watched) return;
    this.#watched = watched;
    this.#tell("watched", { watched });
  }

  #offerTheEnd() {
    if (this.atEnd) this.arrived = 0;
    const barLeads = !this.#news.hidden && !this.atEnd;
    const hidden = barLeads || (!this.#isAway && this.arrived === 0);
    if (hidden && this.#jump === document.activeElement) this.#scroll.scroller.focus();
    this.#jump.hidden = hidden;
    if (hidden) return;
    const count = this.#jump.querySelector(".count");
    count.hidden = this.arrived === 0;
    count.textContent = this.arrived > 99 ? word("many") : this.arrived;
  }

  // The day line that has gone past stays at the top.
  #nameTheDay() {
    const top = this.#isAway ? this.#scroll.place(this.#log.page)?.message : null;
    const passed = top?.classList.contains("message");
    this.#day.hidden = !passed;
    if (passed) this.#day.textContent = dayLabel(timeOf(top));
  }

  get #isAway() {
    return this.#scroll.away || this.#log.newer;
  }

  // The bar leads to the end, and from there back to where the new messages begin, unless its reader has
  // come to the end by reading.
  #offerTheNew() {
    const { newCount, firstNew, newLine } = this.#log;
    const isAbove = !newLine || !this.#scroll.isBelowTop(newLine);
    const isBelow = this.#isAway && (this.seen < this.#log.upTo || this.#wentToEnd);
    const offered = newCount > 0 && (this.atEnd ? isAbove && this.#wentToEnd : isBelow);
    if (!offered && this.#news === document.activeElement) this.#scroll.scroller.focus();
    this.#news.hidden = !offered;
    if (!offered) return;
    if (firstNew) this.#news.dataset.since = firstNew.querySelector("time").dateTime;
    const from = this.#news.dataset.since;
    const said = from
      ? word("news_since", { count: newCount, time: since(new Date(from)) })
      : word("news", { count: newCount });
    this.#news.classList.toggle("back", this.atEnd);
    this.#news.querySelector(".text").textContent = said;
  }

  #ask(name, detail) {
    if (this.#loading) return;
    this.#loading = true;
    this.#tell(name, detail);
  }

  #clicked(event) {
    const client_id = event.target.closest("[data-client]")?.dataset.client;
    if (event.target.closest(".retry")) this.#tell("retry", { client_id });
    else if (event.target.closest(".discard")) this.#tell("discard", { client_id });
    else if (event.target.closest(".jump")) this.toEnd();
    else if (event.target.closest(".news")) this.#followNews();
    else if (event.target.closest(".older")) {
      event.preventDefault();
      this.#ask("older", { before: this.#log.first });
    }
  }

  #followNews() {
    const back = this.atEnd;
    this.#wentToEnd = !back;
    if (back) this.toNew();
    else this.toEnd();
  }

  #tell(name, detail) {
    this.#log.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}
