// The words and the markup that scripts use stand in the page: here they are fetched and filled in.

export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

export function word(name, values = {}) {
  const words = document.getElementById("words").content;
  return fill(words.querySelector(`[data-word="${name}"]`).textContent, values);
}

export const clone = (name) =>
  document.getElementById(name).content.firstElementChild.cloneNode(true);

// Fills braces in the attributes of a clone: addresses and ids.
export function fillAttributes(element, values) {
  for (const one of [element, ...element.querySelectorAll("*")]) {
    for (const { name, value } of [...one.attributes]) {
      if (value.includes("{")) one.setAttribute(name, fill(value, values));
    }
  }
  return element;
}
