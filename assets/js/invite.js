// <invite-wait>: an invitation. While its reader waits, it opens the room once they are let in, and
// shows it if they are turned down. Knows nothing of the socket.

import { call } from "./api.js";

class InviteWait extends HTMLElement {
  get waits() {
    return this.dataset.standing === "waiting";
  }

  settled(room_id) {
    return this.waits && room_id === Number(this.dataset.room);
  }

  open() {
    location.assign(this.dataset.href);
  }

  // The answer may have come while the connection was down.
  async ask() {
    if (!this.waits) return;
    const { ok, answer } = await call(this.dataset.asked);
    if (ok && answer.status === "member") this.open();
    else if (ok && answer.status === "denied") location.reload();
  }
}

customElements.define("invite-wait", InviteWait);
