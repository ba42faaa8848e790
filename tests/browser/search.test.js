// Searching messages: from the list and on the page for it, and from what was found to the message itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NARROW, connected, said } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();
const PHONE = { viewport: NARROW, hasTouch: true, isMobile: true };

const field = (page) => page.getByRole("searchbox", { name: "Search messages" });
const results = (page) => page.getByRole("region", { name: "Messages found" }).getByRole("listitem");

// Two people with a long chat, in which one early message has what is looked for.
async function pair(one, other, options) {
  const people = [await here.person(one, options), await here.person(other)];
  const chat_id = await here.begin(...people);
  for (let n = 1; n <= 120; n += 1) {
    const text = n === 20 ? "The **Kettle** is on the stove, <b>Ada</b> & co." : `line ${n}.`;
    await here.tell(people[1], chat_id, text);
  }
  return [...people, chat_id];
}

const isInView = (page, text) =>
  said(page, text).evaluate((one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return top > 0 && bottom < innerHeight;
  });

// The chat opens where the message is, which is marked for a moment, and Back leads to what was found.
async function leadsThere(page, chat_id, open) {
  const found = page.url();
  await open();
  await page.waitForURL(`**/private/${chat_id}?at=20`);
  await said(page, "on the stove").and(page.locator(".found")).waitFor();
  await until("it is in view", () => isInView(page, "on the stove"));
  await page.goBack();
  await results(page).first().waitFor();
  assert.equal(page.url(), found);
}

test("words are found from beside any chat, marked, and lead to their message", async () => {
  const [ada, ben, chat_id] = await pair("ada", "ben");
  await here.tell(ada, 1, "I bought a kettle");
  const page = await ada.open("/general");
  await connected(page);
  await field(page).fill("kettle");
  await field(page).press("Enter");
  await page.waitForURL("**/find?q=kettle");
  await until("both are found", async () => (await results(page).count()) === 2);
  assert.deepEqual(await results(page).locator("mark").allTextContents(), ["kettle", "Kettle"]);
  const last = results(page).last();
  await last.getByText("<b>Ada</b> & co.").waitFor();
  // A private chat is called as the other one is, who is named once.
  assert.equal((await last.locator(".result-head").innerText()).split("ben").length, 2);
  assert.equal(await results(page).first().locator(".author").textContent(), "You");
  // As the message shows, without its marks.
  assert.equal(await last.locator(".content").textContent(), "The Kettle is on the stove, <b>Ada</b> & co.");
  await look(page, "search-found");
  await leadsThere(page, chat_id, () => last.getByRole("link").click());

  // Anywhere on a result leads there, and so do the keys.
  await leadsThere(page, chat_id, () => last.locator("mark").click({ force: true }));
  await last.getByRole("link").focus();
  await leadsThere(page, chat_id, () => page.keyboard.press("Enter"));
  await Promise.all([ada.leave(), ben.leave()]);
});

test("a search is limited to a chat and a person, and says what is wrong with it", async () => {
  const [cal, dot, chat_id] = await pair("cal", "dot");
  await here.tell(cal, 1, "my kettle");
  const page = await cal.open("/find");
  const form = page.getByRole("search", { name: "All messages" });
  const go = () => form.getByRole("button", { name: "Search" }).click();
  await form.getByRole("searchbox", { name: "Words" }).fill("kettle");
  await form.getByRole("combobox", { name: "In" }).selectOption(String(chat_id));
  await go();
  await until("one is found", async () => (await results(page).count()) === 1);
  await results(page).getByRole("link", { name: "dot" }).waitFor();
  assert.equal(await form.getByRole("combobox", { name: "In" }).inputValue(), String(chat_id));
  await form.getByRole("textbox", { name: "From" }).fill("cal");
  await go();
  await page.getByText("Nothing was found.").waitFor();
  await look(page, "search-nothing");
  cal.expectsRefusal(422, "/find.*");
  await form.getByRole("textbox", { name: "From" }).fill("nobody-at-all");
  await go();
  await page.getByText("Nobody has that name.").waitFor();
  await look(page, "search-refused");
  await Promise.all([cal.leave(), dot.leave()]);
});

test("on a phone, too, from the list", async () => {
  const [eve, fay, chat_id] = await pair("eve", "fay", PHONE);
  const page = await eve.open("/");
  await connected(page);
  await field(page).tap();
  await field(page).fill("kettle stove");
  await field(page).press("Enter");
  await until("it is found", async () => (await results(page).count()) === 1);
  assert.deepEqual(await results(page).locator("mark").allTextContents(), ["Kettle", "stove"]);
  await leadsThere(page, chat_id, () => results(page).tap());
  // What was found is on the first screen, and so is the way to the filters.
  const box = await results(page).boundingBox();
  assert.ok(box.y + box.height <= NARROW.height, `the first result is at ${box.y}`);
  const from = page.getByRole("textbox", { name: "From" });
  assert.equal(await from.isVisible(), false);
  await look(page, "search-phone");
  await page.setViewportSize(NARROW);
  await page.locator("summary", { hasText: "Filters" }).tap();
  await from.fill("eve");
  await page.getByRole("button", { name: "Search", exact: true }).tap();
  await page.getByText("Nothing was found.").waitFor();
  await page.locator("summary", { hasText: "Filters (1)" }).waitFor();
  assert.equal(await from.isVisible(), false);
  eve.expectsRefusal(422, "/find.*");
  await page.locator("summary", { hasText: "Filters" }).tap();
  await from.fill("nobody-at-all");
  await page.getByRole("button", { name: "Search", exact: true }).tap();
  await page.getByText("Nobody has that name.").waitFor();
  await page.getByRole("link", { name: "All chats" }).tap();
  await page.getByRole("navigation", { name: "Chats" }).waitFor();
  await Promise.all([eve.leave(), fay.leave()]);
});
