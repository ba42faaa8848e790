// How many bytes a visit transfers, including headers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected } from "./lib/browser.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const FIRST_BYTES_MAX = 60 * 1024;
const LATER_BYTES_MAX = 15 * 1024;

// Everything loaded while `visit` runs, until the page is connected and requests nothing more.
async function weigh(page, visit) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const open = new Map();
  const loaded = [];
  session.on("Network.requestWillBeSent", ({ requestId, request, redirectResponse }) => {
    if (redirectResponse) loaded.push({ path: open.get(requestId), bytes: redirectResponse.encodedDataLength });
    open.set(requestId, new URL(request.url).pathname);
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    loaded.push({ path: open.get(requestId), bytes: encodedDataLength });
    open.delete(requestId);
  });
  session.on("Network.loadingFailed", ({ requestId }) => open.delete(requestId));
  await visit();
  await connected(page);
  await page.waitForLoadState("networkidle");
  await until("everything is loaded", () => open.size === 0);
  await session.detach();
  return loaded;
}

const sum = (loaded) => loaded.reduce((all, { bytes }) => all + bytes, 0);

test("visits stay within their budgets", async (t) => {
  const ada = await here.visitor("ada");
  await ada.register();
  await ada.log_in();
  const page = await ada.context.newPage();
  const first = await weigh(page, () => page.goto("/"));
  t.diagnostic(`first visit to the dashboard: ${sum(first)} bytes in ${first.length} parts`);
  const heaviest = first.toSorted((a, b) => b.bytes - a.bytes).slice(0, 5);
  for (const { path, bytes } of heaviest) t.diagnostic(`  ${bytes} ${path}`);
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
