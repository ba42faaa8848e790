// The page holds the words and the markup that scripts use: here they are looked up and filled in.

export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

export function word(name, values = {}) {
  const [one] = ["words", "words-later"].flatMap((id) => {
    const found = document.getElementById(id)?.content.querySelector(`[data-word="${name}"]`);
    return found ?? [];
  });
  return fill(one.textContent, values);
}

export const clone = (name) => document.getElementById(name).content.firstElementChild.cloneNode(true);

// Fills the braces in a clone's attributes, which hold addresses and ids.
export function fillAttributes(element, values) {
  for (const one of [element, ...element.querySelectorAll("*")]) {
    for (const { name, value } of [...one.attributes]) {
      if (value.includes("{")) one.setAttribute(name, fill(value, values));
    }
  }
  return element;
}
