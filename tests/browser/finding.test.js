// Finding people, and what the pages say of days.

import assert from "node:assert/strict";
import { test } from "node:test";
import { say } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

test("one finds others by part of a name, never oneself, and is told where there is nobody", async () => {
  const [anna, hanna] = await Promise.all([here.person("anna"), here.person("hanna")]);
  const { page } = anna;
  const field = page.getByRole("textbox", { name: "Find people" });
  const found = () => page.locator(".people .name").allTextContents();
  await field.fill("ann");
  await page.getByRole("button", { name: "hanna" }).waitFor();
  assert.deepEqual(await found(), ["hanna"]);
  await field.fill("nobody-at-all");
  await page.getByText("Nobody has that name.").waitFor();
  await look(page, "nobody-found");
  assert.deepEqual(await found(), []);
  await field.fill("anna");
  await page.getByRole("button", { name: "hanna" }).waitFor();
  await hanna.leave();

  const plain = await here.visitor("anna", { javaScriptEnabled: false });
  await plain.log_in();
  await plain.open("/?people=anna");
  assert.deepEqual(await plain.page.locator(".people .name").allTextContents(), ["hanna"]);
  await Promise.all([anna.leave(), plain.leave()]);
});

test("what was today is yesterday from midnight on", async () => {
  const bea = await here.person("bea");
  const { page } = bea;
  const tonight = new Date();
  tonight.setHours(23, 59, 50, 0);
  await page.clock.install({ time: tonight });
  await page.goto("/general");
  await say(page, "Good night");
  const label = () => page.locator(".day h2").last().textContent();
  assert.equal(await label(), "Today");
  await page.clock.runFor(15_000);
  await until("the day is over", async () => (await label()) === "Yesterday");
  await bea.leave();
});
