// Notifications, and <notification-switch>, which turns them on. Off until a person asks for them.

import { beginning } from "./cut.js";
import { play } from "./sound.js";
import { isNotifier } from "./tabs.js";

const WANTED = "snug.notify";
const SOUND = "snug.sound";
const BODY_CHARS_MAX = 160;

const isOn = (name) => localStorage.getItem(name) === "on";
const supported = "Notification" in window;

// `tag` merges two notifications about the same thing: the later one replaces the first and sounds again.
export function notify({ title, body, tag, href }) {
  if (!isNotifier()) return;
  if (supported && Notification.permission === "granted" && isOn(WANTED)) {
    show(title, { body: beginning(body, BODY_CHARS_MAX), tag, renotify: true }, href);
  }
  if (isOn(SOUND)) play();
}

// On some phones only a service worker may notify; they throw here.
function show(title, options, href) {
  let notice;
  try {
    notice = new Notification(title, options);
  } catch {
    return;
  }
  notice.onclick = () => {
    notice.close();
    window.focus();
    document.dispatchEvent(new CustomEvent("visit", { detail: { href } }));
  };
}

class NotificationSwitch extends HTMLElement {
  connectedCallback() {
    if (this.enable) return this.#show();
    this.hidden = false;
    this.enable = this.querySelector(".enable");
    this.disable = this.querySelector(".disable");
    this.sound = this.querySelector(".sound");
    this.sound.checked = isOn(SOUND);
    this.enable.addEventListener("click", () => this.#ask());
    this.disable.addEventListener("click", () => this.#set(WANTED, false, this.enable));
    this.sound.addEventListener("change", () => this.#set(SOUND, this.sound.checked, this.sound));
    this.#show();
  }

  async #ask() {
    const granted = supported && (await Notification.requestPermission()) === "granted";
    this.#set(WANTED, granted, granted ? this.disable : this.enable);
  }

  #set(name, on, focused) {
    if (on) localStorage.setItem(name, "on");
    else localStorage.removeItem(name);
    this.#show();
    focused.focus();
  }

  #show() {
    const permission = supported ? Notification.permission : "denied";
    const on = permission === "granted" && isOn(WANTED);
    const state = on ? "granted" : permission === "denied" ? "denied" : "default";
    for (const hint of this.querySelectorAll("[data-state]")) {
      hint.hidden = hint.dataset.state !== state;
    }
    this.enable.hidden = on || permission === "denied";
    this.disable.hidden = !on;
  }
}

customElements.define("notification-switch", NotificationSwitch);
