// What a visit moves over the line, headers and all.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected } from "./lib/browser.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const FIRST_BYTES_MAX = 60 * 1024;
const LATER_BYTES_MAX = 15 * 1024;

// The bytes of everything that is loaded while `visit` runs, once it is quiet.
async function weigh(page, visit) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const open = new Set();
  const weights = new Map();
  const names = new Map();
  session.on("Network.requestWillBeSent", ({ requestId, request }) => {
    open.add(requestId);
    names.set(requestId, new URL(request.url).pathname);
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    open.delete(requestId);
    weights.set(names.get(requestId), encodedDataLength);
  });
  session.on("Network.loadingFailed", ({ requestId }) => open.delete(requestId));
  await visit();
  await connected(page);
  await until("everything is loaded", () => weights.size > 0 && open.size === 0);
  await session.detach();
  return weights;
}

const sum = (weights) => [...weights.values()].reduce((all, one) => all + one, 0);

test("visits stay within their budgets", async (t) => {
  const ada = await here.visitor("ada");
  await ada.register();
  await ada.log_in();
  const page = await ada.context.newPage();
  const first = await weigh(page, () => page.goto("/"));
  t.diagnostic(`first visit to the dashboard: ${sum(first)} bytes in ${first.size} parts`);
  for (const [name, bytes] of [...first].sort((a, b) => b[1] - a[1]).slice(0, 5)) t.diagnostic(`  ${bytes} ${name}`);
  assert.ok(sum(first) <= FIRST_BYTES_MAX, `${sum(first)} bytes`);
  const later = await weigh(page, () => page.goto("/"));
  t.diagnostic(`later visit to the dashboard: ${sum(later)} bytes`);
  assert.ok(sum(later) <= LATER_BYTES_MAX, `${sum(later)} bytes`);

  for (let n = 1; n <= 50; n += 1) {
    const data = { content: `message ${n}: a sentence of about the length that people write in a chat` };
    await ada.context.request.post("/chats/1/messages", { data, headers: { origin: here.url } });
  }
  const chat = await weigh(page, () => page.goto("/general"));
  t.diagnostic(`a chat with 50 messages, later: ${sum(chat)} bytes`);
  assert.ok(sum(chat) <= LATER_BYTES_MAX, `${sum(chat)} bytes`);
  await ada.leave();
});
