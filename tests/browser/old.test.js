// The oldest Chromium in which the scripts run (see README): the pages look as they should, and one can
// talk. `run` takes other walks in it, too. An older browser takes the scripts for faulty and gets the
// pages of plain.test.js.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NARROW, WIDE, connected, launchOld, say, sees, write } from "./lib/browser.js";
import { shoot } from "./lib/look.js";
import { scene } from "./lib/scene.js";

const here = scene({}, () => {}, launchOld);

const boxes = (page, selector) =>
  page.locator(selector).evaluateAll((all) =>
    all.map((one) => one.getBoundingClientRect()).filter(({ width }) => width > 0).map(({ x, y, width, height }) => ({ x, y, width, height })),
  );

test("the first screen has its layout, and icons have their size", async () => {
  assert.match(here.browser.version(), /^90\./);
  const ada = await here.person("ada");
  const { page } = ada;
  await connected(page);
  for (const [size, viewport] of [["wide", WIDE], ["narrow", NARROW]]) {
    await page.setViewportSize(viewport);
    for (const path of ["/", "/general", "/settings"]) {
      await page.goto(path);
      await connected(page);
      await shoot(page, `old${path.replace("/", "-")}-${size}`, { caret: "initial" });
      for (const { width, height } of await boxes(page, "svg")) assert.ok(width <= 20 && height <= 20, `an icon is ${width} wide on ${path}`);
      const tall = await page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
      if (path === "/general") assert.ok(tall <= 0, `the chat is ${tall} px longer than the window`);
    }
  }
  await page.setViewportSize(WIDE);
  await page.goto("/general");
  const [[list], [chat]] = [await boxes(page, ".sidebar"), await boxes(page, "main")];
  assert.ok(list.x === 0 && chat.x === list.width && chat.height === WIDE.height, "the chat is beside the list");
  const current = await page.locator(".chat-link[aria-current]").evaluate((link) => getComputedStyle(link, "::before").backgroundColor);
  assert.notEqual(current, "rgba(0, 0, 0, 0)", "the current chat can be told");
  await ada.leave();
});

test("people talk, and the hint goes when the first chat comes", async () => {
  const [bob, cyd] = await Promise.all([here.person("bob"), here.person("cyd")]);
  const hint = cyd.page.getByText("Find someone to talk to.");
  await hint.waitFor();
  await connected(cyd.page);
  await bob.open("/general");
  await connected(bob.page);
  await say(bob.page, "hello from an old machine");
  await bob.open("/");
  await bob.page.getByRole("textbox", { name: "Find people" }).fill("cyd");
  await bob.page.getByRole("button", { name: "cyd" }).click();
  await bob.page.getByText("This is the beginning").waitFor();
  await connected(bob.page);
  await say(bob.page, "@cyd are you there?");
  await cyd.page.getByRole("link", { name: "bob" }).click();
  await hint.waitFor({ state: "hidden" });
  await sees(cyd.page, "are you there?");
  const marked = await cyd.page.locator(".message.mentions").evaluate((one) => getComputedStyle(one).backgroundColor);
  assert.notEqual(marked, "rgba(0, 0, 0, 0)", "one's own name stands out");
  await connected(cyd.page);
  await write(cyd.page, "yes");
  await sees(bob.page, "yes");
  await Promise.all([bob.leave(), cyd.leave()]);
});
