// What one does in a conversation: a script of its own, which `later.js` loads with its markup.

export { beginActions } from "./actions.js";
export { changePin, reloadPins } from "./pins.js";
export { countMentions } from "./named.js";
