// Times and days in the reader's own time zone and format.

import { word } from "./words.js";

const language = document.documentElement.lang;
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
const yearFormat = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });

export const clock = (date) => clockFormat.format(date);

export const moment = (date) => `${yearFormat.format(date)}, ${clockFormat.format(date)}`;

// The same for two times of one local day.
export const dayOf = (date) => date.getFullYear() * 372 + date.getMonth() * 31 + date.getDate();

export function dayLabel(date, now = new Date()) {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (dayOf(date) === dayOf(now)) return word("today");
  if (dayOf(date) === dayOf(yesterday)) return word("yesterday");
  return (date.getFullYear() === now.getFullYear() ? dayFormat : yearFormat).format(date);
}
