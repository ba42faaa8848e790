// <back-count>: on the way back to the list, what is unread in the other chats. Only where one does not see the
// list beside it.

import { word } from "./words.js";

class BackCount extends HTMLElement {
  connectedCallback() {
    this.list = document.querySelector("chat-list");
    this.list.addEventListener("count", this);
    this.handleEvent();
  }

  disconnectedCallback() {
    this.list.removeEventListener("count", this);
  }

  handleEvent() {
    const { unreadElsewhere } = this.list;
    if (unreadElsewhere === this.shown) return;
    this.shown = unreadElsewhere;
    this.hidden = unreadElsewhere === 0;
    this.querySelector(".count").textContent = unreadElsewhere > 99 ? word("many") : unreadElsewhere;
  }
}

customElements.define("back-count", BackCount);
