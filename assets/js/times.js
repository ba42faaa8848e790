// Times and days in the reader's own time zone and format.

import { word } from "./words.js";

const language = document.documentElement.lang;
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
const oldFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "numeric", year: "numeric" });
const shortFormat = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
const yearFormat = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });

const HOUR_MS = 3_600_000;

// The last one is asked for again: a message is shown in the log and in the list.
function once(format) {
  let [last, text] = [];
  return (date) => {
    if (Number(date) !== last) [last, text] = [Number(date), format(date)];
    return text;
  };
}

export const clock = once((date) => clockFormat.format(date));

export const moment = once((date) => `${yearFormat.format(date)}, ${clock(date)}`);

// As short as a list needs it: the time today, else the day.
export function short(date) {
  const now = new Date();
  if (dayOf(date) === dayOf(now)) return clock(date);
  return (date.getFullYear() === now.getFullYear() ? shortFormat : oldFormat).format(date);
}

// The time, with its day unless that is today.
export function since(date) {
  const isToday = dayOf(date) === dayOf(new Date());
  return isToday ? clock(date) : `${shortFormat.format(date)}, ${clock(date)}`;
}

// The same for two times of one local day.
export const dayOf = (date) => date.getFullYear() * 372 + date.getMonth() * 31 + date.getDate();

// Calls back at each midnight, here, for as long as `signal` is not aborted. A timer stands still while the
// machine sleeps, so it looks again each hour.
export function eachMidnight(back, signal) {
  let [day, timer] = [dayOf(new Date()), 0];
  const look = () => {
    const now = new Date();
    if (dayOf(now) !== day) back();
    day = dayOf(now);
    const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
    timer = setTimeout(look, Math.min(midnight - now, HOUR_MS));
  };
  look();
  signal?.addEventListener("abort", () => clearTimeout(timer));
}

export function dayLabel(date, now = new Date()) {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (dayOf(date) === dayOf(now)) return word("today");
  if (dayOf(date) === dayOf(yesterday)) return word("yesterday");
  return (date.getFullYear() === now.getFullYear() ? dayFormat : yearFormat).format(date);
}
