// <invite-wait>: an invitation. It opens the room once its reader is let in, even after they were turned
// down, and shows that they are. Knows nothing of the socket.

import { call } from "./api.js";

class InviteWait extends HTMLElement {
  connectedCallback() {
    this.ask();
  }

  waitsFor(room_id) {
    return this.dataset.standing === "waiting" && this.isFor(room_id);
  }

  isFor(room_id) {
    return room_id === Number(this.dataset.room);
  }

  open() {
    location.assign(this.dataset.href);
  }

  // The answer may have come while the connection was down, or before this was there.
  async ask() {
    const { standing } = this.dataset;
    if (standing !== "waiting" && standing !== "denied") return;
    const { ok, answer } = await call(this.dataset.asked);
    if (ok && answer.status === "member") this.open();
    else if (ok && answer.status === "denied" && standing === "waiting") location.reload();
  }
}

customElements.define("invite-wait", InviteWait);
