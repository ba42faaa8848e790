// What is not needed at once: a script of its own, which is loaded by its address with the first use.

import "./copy-button.js";
import "./door.js";
import "./forms.js";
import "./invite.js";
import "./notification-switch.js";
import "./panel.js";
import "./people-search.js";
import "./requests.js";
import { loadTemplates } from "./templates.js";

export { fetchAhead } from "./ahead.js";
export { ask } from "./ask.js";
export { fillFinder } from "./finder.js";
export { unmarked } from "./formatting.js";
export { Mentions } from "./mentions.js";
export { closeNotice, closeNotices, showNotice } from "./notices.js";
export { painter } from "./paint.js";
export { putMark } from "./marks.js";
export { play } from "./sound.js";
export { loadTemplates };

// What only conversations need is a script of its own again.
async function conversation() {
  await loadTemplates();
  return import(document.getElementById("actions").dataset.script);
}

export const beginActions = async (page) => (await conversation()).beginActions(page);
export const changePin = async (view, message) => (await conversation()).changePin(view, message);
export const reloadPins = async (view, chats) => (await conversation()).reloadPins(view, chats);
export const countMentions = async (...args) => (await conversation()).countMentions(...args);
