// A name's initials and colour, as `src/http/views/people.rs` computes them for the first HTML.

const HUES = 12;
const HUES_APART = 5;

export function initialsOf(username) {
  const words = username.split(/[_.-]/).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => word[0])
    .join("")
    .toUpperCase();
}

export const hueOf = (user_id) => ((user_id % HUES) * HUES_APART) % HUES;

export function paintAvatar(element, { user_id, username }) {
  element.classList.remove("hue-0");
  element.classList.add(`hue-${hueOf(user_id)}`);
  element.textContent = initialsOf(username);
}
