// A name's initials and colour, as `src/http/views/people.rs` computes them for the first HTML.

const HUES = 12;

export function initialsOf(username) {
  const words = username.split(/[_.-]/).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => word[0])
    .join("")
    .toUpperCase();
}

export function hueOf(username) {
  let sum = 7;
  for (const letter of username.toLowerCase()) sum = (sum * 31 + letter.charCodeAt(0)) % 65521;
  return sum % HUES;
}

export function paintAvatar(element, username) {
  element.classList.remove("hue-0");
  element.classList.add(`hue-${hueOf(username)}`);
  element.textContent = initialsOf(username);
}
