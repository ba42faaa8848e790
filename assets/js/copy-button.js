// <copy-button> copies the value of a field, or the code that it stands below.

// How long it says that something is done.
const DONE_MS = 2_000;

class CopyButton extends HTMLElement {
  connectedCallback() {
    if (this.button) return;
    this.hidden = false;
    this.button = this.querySelector("button");
    this.button.addEventListener("click", () => this.#copy());
  }

  // The clipboard API exists only over https and on localhost; elsewhere the old way works.
  async #copy() {
    const field = document.getElementById(this.dataset.copies);
    const code = this.previousElementSibling;
    if (field) field.select();
    else if (!navigator.clipboard) getSelection().selectAllChildren(code);
    const copied = navigator.clipboard
      ? await navigator.clipboard.writeText(field ? field.value : code.textContent).then(
          () => true,
          () => false,
        )
      : document.execCommand("copy");
    const status = this.querySelector("[role=status]");
    status.textContent = copied ? this.dataset.done : "";
    setTimeout(() => (status.textContent = ""), DONE_MS);
    this.button.focus();
  }
}

customElements.define("copy-button", CopyButton);
