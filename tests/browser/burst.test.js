// Bursts, with the server's limits on: nothing is lost, duplicated or out of order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contents, reconnects, said, say, sees, stored, write } from "./lib/browser.js";
import { Proxy } from "./lib/proxy.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene({ SNUG_RATE_LIMITS: "on" });

const NOISE = /ERR_(CONNECTION|INTERNET|EMPTY|NETWORK|SOCKET)|WebSocket connection/;
const banner = (page) => page.getByText("No connection. What you write is kept");
const online = (page) => page.evaluate(() => dispatchEvent(new Event("online")));

test("messages that piled up while offline are stored once and in order, however fast they were written", async () => {
  const ada = await here.person("ada");
  const proxy = await Proxy.to(here.server.port);
  const cut = await here.visitor("ada", { url: proxy.url });
  cut.expects(NOISE);
  await cut.log_in();
  await cut.open("/general");
  const other = await cut.open("/settings", { tab: true });
  await Promise.all([connected(cut.page), connected(other)]);
  proxy.die();
  await Promise.all([online(cut.page), online(other)]);
  await Promise.all([banner(cut.page).waitFor(), banner(other).waitFor()]);
  const written = Array.from({ length: 60 }, (_, n) => `line ${n}`);
  for (const text of written.slice(0, 58)) await write(cut.page, text);
  proxy.revive();
  await Promise.all([online(cut.page), online(other)]);
  // What is written in the meantime waits its turn.
  for (const text of written.slice(58)) await write(cut.page, text);
  await stored(cut.page, "line 59");
  assert.deepEqual(await contents(cut.page), written);
  assert.equal(await cut.page.locator(".message .state").count(), 0);
  await banner(cut.page).waitFor({ state: "hidden" });
  const { messages } = await (await ada.context.request.get("/chats/general/history?limit=200")).json();
  assert.deepEqual(messages.map(({ content }) => content), written);
  assert.deepEqual(await cut.page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("outbox"))), []);
  proxy.close();
  await Promise.all([ada.leave(), cut.leave()]);
});

test("a page that the server told to stay away can come back", async () => {
  const [bob, cyd] = await Promise.all([here.visitor("bob"), here.person("cyd")]);
  await bob.context.addInitScript(() => {
    window.WebSocket = class extends WebSocket {
      constructor(url) {
        super(url);
        window.line = this;
      }
    };
  });
  await bob.register();
  await bob.log_in();
  await bob.open("/general");
  await cyd.open("/general");
  await Promise.all([connected(bob.page), connected(cyd.page)]);
  const code = await bob.page.evaluate(() => new Promise((resolve) => {
    const { line } = window;
    line.addEventListener("close", (event) => resolve(event.code));
    for (let n = 0; n < 60; n += 1) line.send("nonsense");
  }));
  assert.equal(code, 1008);
  await banner(bob.page).waitFor();
  await write(bob.page, "written meanwhile");
  await say(cyd.page, "said meanwhile");
  // What a person does on returning to the page.
  await reconnects(bob.page, () => online(bob.page));
  await stored(bob.page, "written meanwhile");
  await sees(bob.page, "said meanwhile");
  await sees(cyd.page, "written meanwhile");
  assert.equal(await said(cyd.page, "written meanwhile").count(), 1);
  await until("the banner is gone", () => banner(bob.page).isHidden());
  await Promise.all([bob.leave(), cyd.leave()]);
});
