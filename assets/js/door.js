// <password-field>: shows what is typed when asked to.

class PasswordField extends HTMLElement {
  connectedCallback() {
    const field = this.querySelector("input");
    const button = this.querySelector("button");
    const words = { password: button.textContent, text: button.dataset.shown };
    const show = (type) => {
      field.type = type;
      button.textContent = words[type];
    };
    button.hidden = false;
    button.addEventListener("click", () => show(field.type === "text" ? "password" : "text"));
    field.form.addEventListener("submit", () => show("password"));
  }
}

customElements.define("password-field", PasswordField);
