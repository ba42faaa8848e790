// What can be told at a glance: who speaks, who is meant, which room it is, and what is too much.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contentLimit, said, say, sees } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";

const here = scene();

const style = (locator, name) => locator.evaluate((one, which) => getComputedStyle(one)[which], name);

test("mentions, own messages and lone emoji look like what they are, live and after a reload", async () => {
  const [ada, bob] = await Promise.all([here.person("ada"), here.person("bob")]);
  for (const one of [ada, bob]) {
    await one.open("/general");
    await connected(one.page);
  }
  await say(bob.page, "Ask @cyd or @Ada, not me@cyd");
  await say(bob.page, "🎉");
  await say(bob.page, "👩🏽‍🚀");
  await say(bob.page, "🎉 two words");
  await say(ada.page, "I will");
  await say(bob.page, "7");
  await sees(ada.page, "two words");
  await sees(bob.page, "I will");
  const check = async () => {
    const ask = said(ada.page, "Ask @cyd");
    assert.deepEqual(await ask.locator(".mention").allTextContents(), ["@cyd"]);
    assert.deepEqual(await ask.locator("mark").allTextContents(), ["@Ada"]);
    assert.equal(await ask.evaluate((one) => one.classList.contains("mentions")), true);
    const plain = await style(ask.locator(".content"), "color");
    assert.notEqual(await style(ask.locator(".mention"), "color"), plain);
    const size = async (text) => Number.parseFloat(await style(said(ada.page, text).first().locator(".content"), "fontSize"));
    const usual = await size("I will");
    assert.ok((await size(/^🎉$/)) > 2 * usual);
    assert.ok((await size("👩🏽‍🚀")) > 2 * usual);
    assert.equal(await size("two words"), usual);
    assert.equal(await size(/^7$/), usual);
    const back = async (page) => style(said(page, "I will").locator(".content"), "backgroundColor");
    assert.notEqual(await back(ada.page), await back(bob.page), "her own, and not his");
  };
  await check();
  // In the eyes of others the same names are mentioned, but not they.
  assert.deepEqual(await said(bob.page, "Ask @cyd").locator(".mention").allTextContents(), ["@cyd", "@Ada"]);
  assert.equal(await said(bob.page, "Ask @cyd").evaluate((one) => one.classList.contains("mentions")), false);
  await ada.page.reload();
  await connected(ada.page);
  await check();
  await look(ada.page, "at-a-glance");
  await Promise.all([ada.leave(), bob.leave()]);
});

test("a tower of line breaks is folded until one asks for all of it, with and without scripts", async () => {
  const cyd = await here.person("cyd");
  await cyd.open("/general");
  await connected(cyd.page);
  const tower = `top${"\n".repeat(3_000)}bottom`;
  await cyd.page.getByRole("textbox", { name: "Message" }).fill(tower);
  await cyd.page.getByRole("textbox", { name: "Message" }).press("Enter");
  const plain = await here.visitor("cyd", { javaScriptEnabled: false });
  await sees(cyd.page, "bottom");
  await cyd.page.locator('.message:not([data-seq="0"])', { hasText: "bottom" }).last().waitFor();
  await plain.log_in();
  await plain.open("/general");
  for (const page of [cyd.page, plain.page]) {
    const message = page.locator(".message", { hasText: "bottom" }).last();
    const height = async () => (await message.boundingBox()).height;
    assert.ok((await height()) < 500, `${await height()} pixels`);
    await message.getByText("Show all").click();
    assert.ok((await height()) > 10_000, `${await height()} pixels`);
    await message.getByText("Show less").click();
    assert.ok((await height()) < 500);
  }
  await look(cyd.page, "folded");
  await say(cyd.page, "one\ntwo\nthree");
  assert.equal(await said(cyd.page, "three").locator(".fold").count(), 0);
  await Promise.all([cyd.leave(), plain.leave()]);
});

test("eight people have eight colours", async () => {
  const names = ["anna", "ben", "cleo", "dora", "emil", "fritz", "greta", "hans"];
  const people = [];
  for (const name of names) {
    const person = await here.visitor(name);
    await person.register();
    people.push(person);
  }
  const [anna] = people;
  for (const person of people) {
    await person.log_in();
    const data = { content: `I am ${person.name}` };
    await person.context.request.post("/chats/1/messages", { data, headers: { origin: here.url } });
  }
  const { page } = await anna.open("/general").then(() => anna);
  await connected(page);
  const colours = async () => {
    const all = [];
    for (const name of names) all.push(await style(said(page, `I am ${name}`).locator(".avatar"), "backgroundColor"));
    return new Set(all).size;
  };
  assert.equal(await colours(), 8, "from the server");
  await look(page, "eight-people");
  await Promise.all(people.map((person) => person.leave()));
});

test("two rooms of one name can be told apart", async () => {
  const dee = await here.person("dee");
  const { page } = dee;
  const make = async (name) => {
    await page.goto("/");
    await page.getByRole("textbox", { name: "Room name" }).fill(name);
    await page.getByRole("button", { name: "Create room" }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
  };
  const rooms = (tab) => tab.locator('[data-type="room"] .chat-link').allTextContents();
  await make("Tea");
  const other = await dee.open("/general", { tab: true });
  await connected(other);
  assert.deepEqual(await rooms(other), ["Tea"]);
  await make("Tea");
  assert.deepEqual((await rooms(page)).sort(), ["Tea (1)", "Tea (2)"]);
  await other.getByRole("link", { name: "Tea (2)" }).waitFor();
  assert.deepEqual((await rooms(other)).sort(), ["Tea (1)", "Tea (2)"], "where it was added live, too");
  await look(other, "same-name");
  await dee.leave();
});

test("what is too long says so in words, and stays", async () => {
  const eve = await here.person("eve");
  const page = await eve.open("/general");
  await connected(page);
  const limit = await contentLimit(eve);
  const field = page.getByRole("textbox", { name: "Message" });
  await field.fill("x".repeat(limit + 12));
  await page.getByText("Too long by 12: shorten it, or send it in parts.").waitFor();
  await look(page, "too-long");
  await field.press("Enter");
  assert.equal((await field.inputValue()).length, limit + 12);
  await field.fill("x".repeat(limit));
  await page.getByText("Too long by").waitFor({ state: "hidden" });
  await eve.leave();
});
