// How many bytes a visit transfers, including headers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected } from "./lib/browser.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const FIRST_BYTES_MAX = 30_000;
const FIRST_PARTS_MAX = 6;
const LATER_BYTES_MAX = 15 * 1024;

// A debug build has its pages load the sources: here they load what a release build serves instead. Not by
// Playwright's routes, which switch the browser's cache off.
async function takeBundles(session) {
  session.on("Fetch.requestPaused", ({ requestId, request }) => {
    session.send("Fetch.continueRequest", { requestId, url: request.url.replace(/\/(css|js)\//, "/bundles/") });
  });
  await session.send("Fetch.enable", { patterns: ["css", "js"].map((folder) => ({ urlPattern: `*/assets/*/${folder}/*` })) });
}

// Everything loaded while `visit` runs, until the page is connected and requests nothing more.
async function weigh(page, visit) {
  const session = await page.context().newCDPSession(page);
  await takeBundles(session);
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
  // What is fetched ahead comes after all this, and not for those who save data: see `ahead.test.js`.
  await ada.context.addInitScript(() => Object.defineProperty(navigator, "connection", { value: { saveData: true } }));
  const page = await ada.context.newPage();
  const first = await weigh(page, () => page.goto("/general"));
  t.diagnostic(`first visit to a chat: ${sum(first)} bytes in ${first.length} parts`);
  for (const { path, bytes } of first) t.diagnostic(`  ${bytes} ${path}`);
  assert.ok(sum(first) <= FIRST_BYTES_MAX, `${sum(first)} bytes`);
  assert.ok(first.length <= FIRST_PARTS_MAX, `${first.length} parts`);
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
