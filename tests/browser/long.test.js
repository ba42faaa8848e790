// A chat with a long history, scrolled through from its end to its beginning.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, messages, say } from "./lib/browser.js";
import { scene } from "./lib/scene.js";

const here = scene();

const MESSAGES = 5_000;
const UNDER_WAY = 50;
// The most that the browser lays out: a screen, and a chunk before and after it.
const LAID_OUT_MAX = 400;
const WALK_MS_MAX = 400_000;

// Messages sent by the API, some several lines long; the server decides on their order.
async function past(person, chat_id) {
  const post = async (n) => {
    const answer = await fetch(`${here.url}/chats/${chat_id}/messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json" },
      body: JSON.stringify({ content: `message ${n}${" and some more words".repeat(n % 17)}` }),
    });
    assert.equal(answer.status, 201, await answer.text());
  };
  for (let n = 0; n < MESSAGES; n += UNDER_WAY) {
    await Promise.all(Array.from({ length: UNDER_WAY }, (_, one) => post(n + one)));
  }
}

// Scrolls screen by screen until there is nothing older. Returns the furthest that the text being read
// moved by itself, and the most that was laid out.
async function walkUp(page) {
  return page.getByRole("log").evaluate(async (log, limit) => {
    const frame = () => new Promise(requestAnimationFrame);
    const view = log.getBoundingClientRect();
    const underTheEye = () => document.elementFromPoint(view.left + view.width / 2, view.top + view.height / 2)?.closest(".message");
    const laidOut = () => [...log.querySelectorAll(".message")].filter((one) => one.checkVisibility({ contentVisibilityAuto: true })).length;
    const first = () => Number(log.querySelector(".message").dataset.seq);
    const atBeginning = () => log.scrollHeight - log.clientHeight + log.scrollTop < 1;
    const deadline = performance.now() + limit;
    const walk = { moved: 0, laidOut: 0, screens: 0 };
    while ((first() > 1 || !atBeginning()) && performance.now() < deadline) {
      log.scrollBy(0, -view.height);
      await frame();
      const read = underTheEye();
      const top = read?.getBoundingClientRect().top;
      await frame();
      if (read) walk.moved = Math.max(walk.moved, Math.abs(read.getBoundingClientRect().top - top));
      if (walk.screens % 20 === 0) walk.laidOut = Math.max(walk.laidOut, laidOut());
      walk.screens += 1;
    }
    return walk;
  }, WALK_MS_MAX);
}

test("5,000 messages scroll without a jump, and only a few are laid out at a time", async (t) => {
  const [ada, bob] = [await here.person("ada"), await here.person("bob")];
  const opened = await ada.context.request.post("/chats/private", {
    data: { receiver_id: bob.id },
    headers: { origin: here.url },
  });
  const { chat_id } = await opened.json();
  await past(ada, chat_id);
  const page = await ada.open(`/private/${chat_id}`);
  await connected(page);

  const walk = await walkUp(page);
  t.diagnostic(`${walk.screens} screens, ${walk.laidOut} messages laid out at most`);
  const seqs = await messages(page).evaluateAll((all) => all.map(({ dataset }) => Number(dataset.seq)));
  assert.deepEqual(seqs, Array.from({ length: MESSAGES }, (_, at) => at + 1));
  assert.ok(walk.moved < 2, `what was read moved by ${walk.moved}px`);
  assert.ok(walk.laidOut > 0 && walk.laidOut <= LAID_OUT_MAX, `${walk.laidOut} messages were laid out`);

  const field = page.getByRole("textbox", { name: "Message" });
  await field.pressSequentially("still ");
  assert.equal(await field.inputValue(), "still ");
  await say(page, "still quick");
  await messages(page).last().waitFor({ state: "visible" });
  assert.equal(await messages(page).last().getAttribute("data-seq"), String(MESSAGES + 1));
  await Promise.all([ada.leave(), bob.leave()]);
});
