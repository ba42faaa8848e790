// Chats are fetched before they are opened: at the click they are there, as they are by then.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, connected, contents, messages, said } from "./lib/browser.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const link = (page, name) => page.getByRole("navigation", { name: "Chats" }).getByRole("link", { name, exact: true });
const title = (page, name) => page.getByRole("heading", { name, level: 1, exact: true });
const path = (chat_id) => `/private/${chat_id}`;

const isPart = ({ searchParams }) => searchParams.has("part");

// The middles of pages that were asked for, by path, in their order.
function parts(page) {
  const asked = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (isPart(url)) asked.push(url.pathname);
  });
  return asked;
}

const savesData = (person) =>
  person.context.addInitScript(() => Object.defineProperty(navigator, "connection", { value: { saveData: true } }));

// A person on General, with chats that friends of this name have begun and said this much in.
async function among(name, friends) {
  const person = await here.person(name);
  for (const [friend, count] of Object.entries(friends)) {
    const one = await here.person(friend);
    one.chat_id = await here.begin(one, person);
    for (let n = 1; n <= count; n += 1) await here.tell(one, one.chat_id, `${friend} ${n}`);
    person[friend] = one;
  }
  return person;
}

// No other can be asked for from now on.
const cut = (page) => page.route(isPart, (route) => route.abort());

test("chats that are unread or busy are there before anybody opens them, and up to date", async () => {
  const ada = await among("ada", { bob: 3, cyd: 3 });
  await here.call(ada, `/chats/${ada.bob.chat_id}/read`, { seq: 3 });
  const page = await ada.context.newPage();
  const asked = parts(page);
  await page.goto("/general");
  await connected(page);
  await until("both are fetched", () => asked.length === 2);
  assert.deepEqual(asked, [path(ada.cyd.chat_id), path(ada.bob.chat_id)], "the unread one first");
  await cut(page);

  await here.tell(ada.bob, ada.bob.chat_id, "bob 4");
  await page.locator(`[data-chat="${ada.bob.chat_id}"]`).getByText("bob 4").waitFor();
  await link(page, "bob").click();
  await title(page, "bob").waitFor();
  await said(page, "bob 4").waitFor();
  assert.deepEqual(await contents(page), ["bob 1", "bob 2", "bob 3", "bob 4"]);
  const above = await page.locator(".new-line").evaluate((element) => element.nextElementSibling.querySelector(".content").textContent);
  assert.equal(above, "bob 4", "what came meanwhile is new");
  await until("it is read", async () => (await page.locator(`[data-chat="${ada.bob.chat_id}"] .unread`).isHidden()));
  await link(page, "cyd").click();
  await title(page, "cyd").waitFor();
  assert.equal(await messages(page).count(), 3);
  assert.equal(await page.locator(".new-line").count(), 1);
  // Everything works in it.
  await page.unroute(isPart);
  const field = page.getByRole("textbox", { name: "Message" });
  await field.fill("hello, cyd");
  await field.press("Enter");
  await until("it is stored", async () => Number(await said(page, "hello, cyd").getAttribute("data-seq")) === 4);
  await Promise.all([ada, ada.bob, ada.cyd].map((one) => one.leave()));
});

test("what was read elsewhere is not new, and a message that changed is as it stands", async () => {
  const eve = await among("eve", { fay: 2 });
  const { fay } = eve;
  const page = await eve.context.newPage();
  const asked = parts(page);
  await page.goto("/general");
  await connected(page);
  await until("it is fetched", () => asked.length === 1);
  const edited = await fay.context.request.patch(`${here.url}/chats/${fay.chat_id}/messages/2`, { data: { content: "fay two" }, headers: { origin: here.url } });
  assert.equal(edited.status(), 200);
  await page.locator(`[data-chat="${fay.chat_id}"]`).getByText("fay two").waitFor();
  await here.call(eve, `/chats/${fay.chat_id}/read`, { seq: 2 });
  await page.locator(`[data-chat="${fay.chat_id}"] .unread`).waitFor({ state: "hidden" });
  await link(page, "fay").click();
  await title(page, "fay").waitFor();
  assert.deepEqual(await contents(page), ["fay 1", "fay two"]);
  assert.equal(await page.locator(".new-line").count(), 0);
  await Promise.all([eve.leave(), fay.leave()]);
});

test("the chat that is pointed at is fetched, and a click on it waits for no second answer", async () => {
  const guy = await among("guy", { hal: 1, joe: 1 });
  const page = await guy.context.newPage();
  const asked = parts(page);
  // Nothing is fetched without being pointed at.
  await page.addInitScript(() => (window.requestIdleCallback = () => {}));
  let arrive = () => {};
  const held = new Promise((resolve) => (arrive = resolve));
  await page.route(`**${path(guy.hal.chat_id)}?part=*`, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto("/general");
  await connected(page);
  await until("it is asked for", async () => {
    await page.getByRole("textbox", { name: "Message" }).focus();
    await link(page, "hal").focus();
    return asked.length === 1;
  });
  await link(page, "hal").click();
  await page.locator("#main[aria-busy=true]").waitFor();
  arrive();
  await title(page, "hal").waitFor();
  await link(page, "joe").hover();
  await until("it is asked for", () => asked.length === 2);
  await link(page, "joe").click();
  await title(page, "joe").waitFor();
  assert.deepEqual(asked, [path(guy.hal.chat_id), path(guy.joe.chat_id)], "once each");
  await Promise.all([guy, guy.hal, guy.joe].map((one) => one.leave()));
});

test("somebody who saves data is asked for nothing, and the next login begins in the chat that was opened last", async () => {
  const ivy = await among("ivy", { jan: 1, kim: 1 });
  await savesData(ivy);
  const page = await ivy.context.newPage();
  const asked = parts(page);
  await page.goto("/general");
  await connected(page);
  await link(page, "jan").click();
  await title(page, "jan").waitFor();
  await link(page, "kim").click();
  await title(page, "kim").waitFor();
  // There is nothing to wait for: what is fetched later would have been by now.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 3_000)));
  assert.deepEqual(asked, [path(ivy.jan.chat_id), path(ivy.kim.chat_id)]);
  // No page is loaded for this one.
  await link(page, "jan").click();
  await title(page, "jan").waitFor();
  await Promise.all([page, ivy.page].map((one) => one.close()));
  await ivy.context.request.post("/auth/logout", { headers: { origin: here.url } });
  const login = await ivy.context.newPage();
  await login.goto("/login");
  await login.getByLabel("Username or email").fill("ivy");
  await login.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await login.getByRole("button", { name: "Log in" }).click();
  await title(login, "jan").waitFor();
  await Promise.all([ivy, ivy.jan, ivy.kim].map((one) => one.leave()));
});
