// What is not needed at once: a script of its own, which is loaded by its address with the first use.

import "./door.js";
import "./notification-switch.js";
import "./people-search.js";

export { openFinder, openHelp } from "./finder.js";
export { Mentions } from "./mentions.js";
export { closeNotice, closeNotices, showNotice } from "./notices.js";
export { play } from "./sound.js";
