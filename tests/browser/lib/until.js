// Waits for a condition, never for time to pass.

// Long, because the machine may be busy; only something broken waits this long.
export const DEADLINE_MS = 30_000;

const POLL_MS = 25;

// Returns what `find` returns, once it is truthy.
export async function until(what, find) {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await find();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
