// <room-panel>: the room's members and its link, kept current; tells a member who was removed. Knows
// nothing of the socket.

import { paintAvatar } from "./avatar.js";
import { fillAttributes } from "./words.js";

class RoomPanel extends HTMLElement {
  // Those who were dismissed: the list may not show all members.
  #gone = new Set();

  constructor() {
    super();
    this.addEventListener("called", (event) => this.#called(event));
  }

  // The name of the user who made the room.
  get creator() {
    return this.querySelector(".creator .name").textContent;
  }

  #called({ target, detail }) {
    const member = target.closest(".member");
    if (member) {
      this.dismiss(detail);
    } else {
      this.querySelector("#invite_link").value = detail.answer.invite_link;
      this.querySelector(".done-word").textContent = "";
    }
  }

  // Both may be told twice: by the answer to a call, and by the socket.
  admit({ user_id, username }) {
    this.querySelector(`.denied [data-user="${user_id}"]`)?.remove();
    this.#gone.delete(user_id);
    if (this.#member(user_id)) return;
    const member = fillAttributes(this.#clone("member"), { user_id });
    for (const name of member.querySelectorAll(".name")) name.textContent = username;
    paintAvatar(member.querySelector(".avatar"), { user_id, username });
    this.querySelector(".members").append(member);
    this.#count(1);
  }

  dismiss({ user_id }) {
    if (this.#gone.has(user_id)) return;
    this.#gone.add(user_id);
    this.#count(-1);
    const member = this.#member(user_id);
    if (!member) return;
    const held = member.contains(document.activeElement);
    const next = member.nextElementSibling ?? member.previousElementSibling;
    member.remove();
    if (held) (next.querySelector("summary") ?? this.querySelector(".panel")).focus();
  }

  #member(user_id) {
    return this.querySelector(`.members:not(.denied) [data-user="${user_id}"]`);
  }

  // The viewer is not a member any more: says so where the chat was.
  close() {
    const view = this.closest(".view");
    const gone = this.#clone("gone");
    gone.querySelector(".name").textContent = view.querySelector("h1").textContent;
    view.replaceChildren(gone);
    gone.querySelector("h1").focus();
  }

  // Its own templates, which are there even if it is not in the document.
  #clone(name) {
    return this.querySelector(`#${name}`).content.firstElementChild.cloneNode(true);
  }

  #count(change) {
    const count = this.querySelector(".members-count");
    count.textContent = Number(count.textContent) + change;
  }
}

customElements.define("room-panel", RoomPanel);
