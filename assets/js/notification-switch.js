// <notification-switch>: turns notifications and their sound on and off, and says why there can be none.

import { hindrance, prepare } from "./notices.js";
import { FAILED, SOUND, WANTED, isOn } from "./notifications.js";
import { forget, keep, recall } from "./storage.js";

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
    const allowed = recall(WANTED) === FAILED ? "missing" : (hindrance() ?? Notification.permission);
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
