// One middle of a page: a chat, the dashboard, the settings. It is open while it is in the document.
// Otherwise `views.js` may remember it, and then what happens in its chat happens to it, too.

export class View {
  // Null if there is none in this part.
  static of(part, href) {
    const element = part?.getElementById("view");
    return element && new View(part, document.adoptNode(element), href);
  }

  // From the page itself, or from a part that was asked for; `element` is its middle.
  constructor({ title, body }, element, href) {
    Object.assign(this, { element, href, title, pane: body.className });
    this.scrolled = 0;
  }

  get log() {
    return this.element.querySelector("message-log");
  }

  get composer() {
    return this.element.querySelector("message-composer");
  }

  // Its script is loaded with the first room, and that of the next with the first invitation.
  get panel() {
    return this.element.querySelector("room-panel:defined");
  }

  get invite() {
    return this.element.querySelector("invite-wait:defined");
  }

  get pins() {
    return this.element.querySelector(".pins");
  }

  // The chat that it shows, or 0.
  get chat() {
    return Number(this.log?.dataset.chat ?? 0);
  }
}
