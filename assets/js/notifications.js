// What deserves a notification gets one if the person wants that; <notification-switch> turns them on. Off
// until a person asks for them, and off again when it turns out that none can come.

import { beginning } from "./cut.js";
import { hindrance, prepare, showNotice } from "./notices.js";
import { play } from "./sound.js";
import { forget, keep, recall } from "./storage.js";
import { isNotifier } from "./tabs.js";

const WANTED = "snug.notify";
const SOUND = "snug.sound";
const BODY_CHARS_MAX = 160;

const isOn = (name) => recall(name) === "on";
const permission = () => hindrance() ?? Notification.permission;
// It turned out that the browser shows none, although it says that it does.
let failed = false;

// `tag` merges two notifications about the same thing: the later one replaces the first and sounds again.
export function notify({ title, body, tag, href }) {
  if (!isNotifier()) return;
  if (isOn(SOUND)) play();
  if (permission() !== "granted" || !isOn(WANTED)) return;
  const options = { body: beginning(body, BODY_CHARS_MAX), tag, renotify: true };
  showNotice(title, options, href).then((could) => could || giveUp());
}

function giveUp() {
  failed = true;
  forget(WANTED);
  document.dispatchEvent(new Event("notifications"));
}

class NotificationSwitch extends HTMLElement {
  connectedCallback() {
    if (this.enable) return this.#show();
    this.hidden = false;
    // Another tab may turn them off, and the browser's settings forbid them.
    for (const change of ["visibilitychange", "notifications"]) document.addEventListener(change, () => this.#show());
    addEventListener("storage", () => this.#show());
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
    const granted = (await Notification.requestPermission()) === "granted" && (await prepare());
    this.#set(WANTED, granted, granted ? this.disable : this.enable);
  }

  #set(name, on, focused) {
    if (on) keep(name, "on");
    else forget(name);
    this.#show();
    focused.focus();
  }

  #show() {
    const allowed = failed ? "missing" : permission();
    const on = allowed === "granted" && isOn(WANTED);
    const state = allowed === "granted" && !on ? "default" : allowed;
    for (const hint of this.querySelectorAll("[data-state]")) {
      hint.hidden = hint.dataset.state !== state;
    }
    this.enable.hidden = state !== "default";
    this.disable.hidden = !on;
  }
}

customElements.define("notification-switch", NotificationSwitch);
