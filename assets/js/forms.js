// Forms whose button names an API call (`data-call`) make that call and stay on the page; without this
// script they post. Emits `called` with the answer.

import { call } from "./api.js";
import { word } from "./words.js";

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.dataset.call) return;
  event.preventDefault();
  send(event.target, button);
});

// While a call is under way, its form sends no other. The button is not disabled, because that would
// take the focus away from it.
async function send(form, button) {
  if (form.getAttribute("aria-busy") === "true") return;
  const { call: path, method = "POST" } = button.dataset;
  // The socket may tell of what was done, and the form be gone, before the answer is here.
  const fault = form.closest("[data-calls]").querySelector(".fault[role=alert]");
  const user_id = Number(new FormData(form).get("user_id"));
  const body = method === "POST" && user_id ? { user_id } : undefined;
  form.setAttribute("aria-busy", "true");
  const { ok, answer } = await call(path, { method, body });
  form.setAttribute("aria-busy", "false");
  fault.hidden = ok;
  fault.textContent = ok ? "" : (answer?.detail ?? word("unreachable"));
  if (!ok) return;
  const detail = { user_id, answer, button };
  form.dispatchEvent(new CustomEvent("called", { detail, bubbles: true }));
}
