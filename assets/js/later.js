// What is not needed at once: a script of its own, which is loaded by its address with the first use.

export { openFinder, openHelp } from "./finder.js";
export { Mentions } from "./mentions.js";
