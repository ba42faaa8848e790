// <request-list>: open requests to join the viewer's rooms, or the server, on every page. Knows nothing of the socket.

import { paintAvatar } from "./avatar.js";
import { clone, fillAttributes, word } from "./words.js";

class RequestList extends HTMLElement {
  connectedCallback() {
    this.addEventListener("called", (event) => this.#settle(event));
  }

  // False if the request is here already.
  add(room_id, room_name, user) {
    if (this.querySelector(`[data-room="${room_id}"][data-user="${user.user_id}"]`)) return false;
    const request = fillAttributes(clone("request"), { room_id });
    request.querySelector(".room-name").textContent = room_name;
    this.#show(request, user, word("request_notice", { username: user.username, chat: room_name }));
    return true;
  }

  // The same for somebody who asks for an account.
  addSignup(user) {
    if (this.querySelector(`[data-signup][data-user="${user.user_id}"]`)) return false;
    const request = fillAttributes(clone("signup-request"), user);
    this.#show(request, user, word("signup_notice", user));
    return true;
  }

  #show(request, { user_id, username }, notice) {
    request.dataset.user = user_id;
    request.querySelector('[name="user_id"]').value = user_id;
    for (const name of request.querySelectorAll(".name")) name.textContent = username;
    paintAvatar(request.querySelector(".avatar"), { user_id, username });
    this.querySelector("ul").append(request);
    this.hidden = false;
    // A region that was hidden is not read out by itself.
    document.querySelector(".announced").textContent = notice;
  }

  // The focus moves to the next request; after the last one, to the middle of the page.
  #settle(event) {
    const request = event.target.closest(".request");
    const { status } = event.detail.answer ?? {};
    const detail = {
      room_id: Number(request.dataset.room),
      user_id: event.detail.user_id,
      username: request.querySelector(".name").textContent,
    };
    const next = request.nextElementSibling ?? request.previousElementSibling;
    request.remove();
    document.querySelector(".announced").textContent = "";
    this.hidden = !next;
    (next?.querySelector("button") ?? document.getElementById("content") ?? document.getElementById("main")).focus();
    if (status === "approved") this.dispatchEvent(new CustomEvent("approved", { detail, bubbles: true }));
  }
}

customElements.define("request-list", RequestList);
