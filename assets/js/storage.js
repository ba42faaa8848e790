// What the browser keeps for us (localStorage). Some refuse, and some are full: then it is kept here, for as
// long as the page is open.

// One for the page: the script that is loaded later has this module, too.
const memory = (window.snugMemory ??= new Map());
const store = open();

export const recall = (name) => memory.get(name) ?? store?.getItem(name) ?? null;

// Returns whether it will outlive the page.
export function keep(name, text) {
  try {
    store.setItem(name, text);
    memory.delete(name);
    return true;
  } catch {
    memory.set(name, text);
    return false;
  }
}

// An older text is not to come back when the page is gone.
export function forget(name) {
  memory.delete(name);
  store?.removeItem(name);
}

export const names = () => [...new Set([...memory.keys(), ...Object.keys(store ?? {})])];

function open() {
  try {
    return localStorage;
  } catch {
    return null;
  }
}
