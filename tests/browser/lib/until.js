// Waiting for what must come, never for time to pass.

// Long, since the machine may be busy; nothing waits so long unless it is broken.
export const DEADLINE_MS = 30_000;

const POLL_MS = 25;

// What `find` gives, once it is something.
export async function until(what, find) {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await find();
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
