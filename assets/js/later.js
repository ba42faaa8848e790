// What is not needed at once: a script of its own, which is loaded by its address with the first use.

import "./copy-button.js";
import "./door.js";
import "./invite.js";
import "./notification-switch.js";
import "./panel.js";
import "./people-search.js";
import "./requests.js";

export { beginActions } from "./actions.js";
export { ask } from "./ask.js";
export { fillFinder } from "./finder.js";
export { unmarked } from "./formatting.js";
export { Mentions } from "./mentions.js";
export { closeNotice, closeNotices, showNotice } from "./notices.js";
export { painter } from "./paint.js";
export { putMark } from "./marks.js";
export { play } from "./sound.js";
export { loadTemplates } from "./templates.js";
