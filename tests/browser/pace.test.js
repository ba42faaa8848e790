// What is written is sent at once, several messages at a time, and stays in order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contents, messages, reconnects, stored, write } from "./lib/browser.js";
import { Proxy } from "./lib/proxy.js";
import { scene } from "./lib/scene.js";

const here = scene({ SNUG_RATE_LIMITS: "on" });

const NOISE = /ERR_(CONNECTION|INTERNET|EMPTY|NETWORK|SOCKET)|WebSocket connection/;

// How many messages were under way at most.
function underWay(page) {
  const count = { now: 0, most: 0 };
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => {
      if (!payload.includes('"type":"message"')) return;
      count.now += 1;
      count.most = Math.max(count.most, count.now);
    });
    socket.on("framereceived", ({ payload }) => (count.now -= payload.includes('"type":"ack"') ? 1 : 0));
  });
  return count;
}

async function away(name, roundTrip) {
  const proxy = await Proxy.to(here.server.port, { roundTrip });
  const person = await here.visitor(name, { url: proxy.url });
  person.expects(NOISE);
  await person.register();
  await person.log_in();
  return Object.assign(person, { proxy });
}

test("behind a long round trip several messages are under way, and they stay in order", async () => {
  const ada = await away("ada", 1_000);
  const page = await ada.context.newPage();
  const count = underWay(page);
  await page.goto("/general");
  await connected(page);
  const written = Array.from({ length: 10 }, (_, n) => `typed ${n}`);
  for (const text of written) await write(page, text);
  await stored(page, "typed 9");
  assert.deepEqual(await contents(page), written);
  const seqs = await messages(page).evaluateAll((all) => all.map((one) => Number(one.dataset.seq)));
  assert.deepEqual(seqs, seqs.map((_, at) => seqs[0] + at));
  assert.ok(count.most > 3, `${count.most} were under way`);
  assert.ok(count.most <= 8, `${count.most} were under way`);
  ada.proxy.close();
  await ada.leave();
});

test("what was under way when the connection broke is sent again in order, once", async () => {
  const bob = await away("bob", 600);
  const page = await bob.context.newPage();
  await page.goto("/general");
  await connected(page);
  const before = await contents(page);
  const written = Array.from({ length: 6 }, (_, n) => `cut ${n}`);
  for (const text of written) await write(page, text);
  bob.proxy.die();
  await reconnects(page, async () => {
    bob.proxy.revive();
    await page.evaluate(() => dispatchEvent(new Event("online")));
  });
  await stored(page, "cut 5");
  assert.deepEqual(await contents(page), [...before, ...written]);
  bob.proxy.close();
  await bob.leave();
});

test("until the scripts run, Enter is the browser's own, and the form sends; what was typed stays", async () => {
  const cyd = await here.visitor("cyd");
  await cyd.register();
  await cyd.log_in();
  const page = await cyd.context.newPage();
  let arrive = () => {};
  const arrived = new Promise((resolve) => (arrive = resolve));
  await page.route("**/js/*.js", async (route) => {
    await arrived;
    await route.continue();
  });
  await page.goto("/general", { waitUntil: "commit" });
  const field = page.getByRole("textbox", { name: "Message" });
  await field.pressSequentially("one");
  await field.press("Enter");
  await field.pressSequentially("two");
  assert.equal(await field.inputValue(), "one\ntwo");
  await page.getByRole("button", { name: "Send" }).click();
  await messages(page).filter({ hasText: "two" }).waitFor();
  await field.pressSequentially("three");
  arrive();
  await connected(page);
  assert.equal(await field.inputValue(), "three");
  await field.press("Enter");
  await stored(page, "three");
  await cyd.leave();
});
