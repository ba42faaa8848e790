// Everything works by keyboard, and the focus is where it belongs; on a phone, one pane at a time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NARROW, connected, focused, messages, said, say, stored } from "./lib/browser.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

// Presses Tab until the element with this name has the focus.
async function tabTo(page, name) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    if ((await focused(page)) === name) return;
  }
  assert.fail(`the keyboard never comes to ${name}`);
}

test("a person finds, reads and writes in a chat without a mouse", async () => {
  const ada = await here.person("ada");
  const { page } = ada;
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to the conversation");
  await tabTo(page, "General");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement, "::after").outlineWidth);
  assert.equal(outline, "2px", "the focus can be seen");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "General", level: 1 }).waitFor();
  await connected(page);
  assert.equal(await focused(page), "content", "one can write at once");
  await page.keyboard.type("by hand");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Send");
  await page.keyboard.press("Enter");
  await stored(page, "by hand");
  assert.equal(await focused(page), "content", "and go on writing");
  const log = page.getByRole("log", { name: "Conversation" });
  await log.focus();
  assert.ok(await log.evaluate((element) => element === document.activeElement), "one can scroll it by keys");
  await ada.leave();
});

test("new messages are announced, older ones added above are not", async () => {
  const [bob, cyd] = await Promise.all([here.person("bob"), here.person("cyd")]);
  for (let n = 1; n <= 130; n += 1) {
    const data = { content: `old ${n}` };
    await cyd.context.request.post("/chats/1/messages", { data, headers: { origin: here.url } });
  }
  const read = await bob.context.request.post("/chats/1/read", { data: { seq: 130 }, headers: { origin: here.url } });
  assert.equal(read.status(), 204);
  await Promise.all([bob.open("/general"), cyd.open("/general")]);
  await Promise.all([connected(bob.page), connected(cyd.page)]);
  // What a screen reader would be told: what was added to the log, and whether the log was busy in the
  // frame in which that was shown.
  const log = bob.page.getByRole("log", { name: "Conversation" });
  await log.evaluate((element) => {
    window.heard = [];
    const observer = new MutationObserver((changes) => {
      const came = changes.flatMap(({ addedNodes }) => [...addedNodes]).filter(({ nodeType }) => nodeType === 1);
      const messages = came.flatMap((one) => (one.matches(".message") ? [one] : [...one.querySelectorAll(".message")]));
      requestAnimationFrame(() => {
        for (const one of messages) window.heard.push({ said: one.querySelector(".content").textContent, busy: element.ariaBusy === "true" });
      });
    });
    observer.observe(element, { childList: true, subtree: true });
  });
  const heard = () => bob.page.evaluate(() => window.heard);
  await until("the whole past", async () => {
    await log.evaluate((element) => (element.scrollTop = -element.scrollHeight));
    return (await heard()).some(({ said }) => said === "old 1");
  });
  assert.deepEqual((await heard()).filter(({ busy }) => !busy), [], "what was put in above was announced");
  await until("the log is at rest", () => log.evaluate((element) => element.ariaBusy !== "true"));
  await say(cyd.page, "hear, hear");
  const live = await until("it is heard", async () => (await heard()).find(({ said }) => said === "hear, hear"));
  assert.equal(live.busy, false);
  assert.equal(await log.getAttribute("aria-live"), null, "a log is polite by itself");
  assert.equal(await bob.page.getByRole("main").count(), 1);
  assert.equal(await bob.page.getByRole("navigation", { name: "Chats" }).count(), 1);
  assert.equal(await bob.page.getByRole("heading", { level: 1 }).count(), 1);
  await Promise.all([bob.leave(), cyd.leave()]);
});

test("an Enter that ends a composition does not send", async () => {
  const eve = await here.person("eve");
  const page = await eve.open("/general");
  await connected(page);
  await page.getByRole("textbox", { name: "Message" }).fill("日本");
  // Safari's order of events: the composition has already ended.
  const session = await page.context().newCDPSession(page);
  for (const type of ["rawKeyDown", "keyUp"]) {
    await session.send("Input.dispatchKeyEvent", { type, key: "Enter", code: "Enter", windowsVirtualKeyCode: 229 });
  }
  assert.equal(await page.getByRole("textbox", { name: "Message" }).inputValue(), "日本");
  assert.equal(await said(page, "日本").count(), 0);
  await page.keyboard.press("Enter");
  await stored(page, "日本");
  await eve.leave();
});

test("on a phone there is one pane and a way back", async () => {
  const dee = await here.person("dee", { viewport: NARROW, hasTouch: true, isMobile: true });
  const { page } = dee;
  await page.getByRole("link", { name: "General" }).tap();
  await page.getByRole("heading", { name: "General", level: 1 }).waitFor();
  await page.getByRole("navigation", { name: "Chats" }).waitFor({ state: "hidden" });
  await connected(page);
  const field = page.getByRole("textbox", { name: "Message" });
  await field.tap();
  // The on-screen keyboard takes half of the screen.
  await page.setViewportSize({ width: 360, height: 370 });
  await field.fill("from a phone");
  const box = await field.boundingBox();
  assert.ok(box.y + box.height <= 370, "the composer stays in view");
  await page.getByRole("button", { name: "Send" }).tap();
  await stored(page, "from a phone");
  await messages(page).last().waitFor();
  await page.setViewportSize(NARROW);
  await page.getByRole("link", { name: "All chats" }).tap();
  await page.getByRole("navigation", { name: "Chats" }).waitFor();

  await page.getByRole("link", { name: "New chat" }).tap();
  await page.getByRole("textbox", { name: "Room name" }).fill("Pocket");
  await page.getByRole("button", { name: "Create room" }).tap();
  await page.getByRole("heading", { name: "About this room" }).waitFor();
  await page.getByRole("link", { name: "Close" }).tap();
  await page.getByRole("heading", { name: "About this room" }).waitFor({ state: "hidden" });
  await page.getByRole("link", { name: "About this room" }).tap();
  await page.getByRole("textbox", { name: "Invite link" }).waitFor();
  await dee.leave();
});

test("a chat that moves up in the list keeps the focus", async () => {
  const [fay, guy, hal] = [await here.person("fay"), await here.person("guy"), await here.person("hal")];
  const open = async (one, other) => {
    const answer = await one.context.request.post("/chats/private", { data: { receiver_id: other.id }, headers: { origin: here.url } });
    return (await answer.json()).chat_id;
  };
  const lower = await open(guy, fay);
  await open(hal, fay);
  const page = await fay.open("/");
  await connected(page);
  const first = page.locator('[data-kind="private"] .chat-line').first();
  assert.notEqual(await first.getAttribute("data-chat"), String(lower));
  await page.getByRole("link", { name: "guy" }).focus();
  await guy.context.request.post(`/chats/${lower}/messages`, { data: { content: "up I go" }, headers: { origin: here.url } });
  await page.getByText("up I go").waitFor();
  assert.equal(await first.getAttribute("data-chat"), String(lower));
  assert.equal(await focused(page), "guy");
  await Promise.all([fay.leave(), guy.leave(), hal.leave()]);
});

test("a screen reader hears one's own message once, and who asks to join", async () => {
  const [ike, jon] = await Promise.all([here.person("ike"), here.person("jon")]);
  const page = await ike.open("/general");
  await connected(page);
  await page.getByRole("log").evaluate((log) => {
    window.added = [];
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const one of addedNodes) if (one.matches?.(".message, .state")) window.added.push(one);
    }).observe(log, { childList: true, subtree: true });
  });
  for (const text of ["first words", "and more"]) await say(page, text);
  const added = await page.evaluate(() => window.added.filter((one) => !one.closest("[aria-hidden]")).map((one) => one.querySelector(".content")?.textContent));
  assert.deepEqual(added, ["first words", "and more"]);
  // Author and day belong to each message, also to one that continues another.
  const last = messages(page).last();
  assert.equal(await last.locator(".author").textContent(), "ike");
  assert.equal(await last.locator(".author").evaluate((author) => getComputedStyle(author).display), "block", "it is there, out of sight");
  assert.match(await last.locator("time").getAttribute("aria-label"), new RegExp(`${new Date().getFullYear()}`));

  const post = async (person, path, data) => (await person.context.request.post(path, { data, headers: { origin: here.url } })).json();
  const { room_id, invite_link } = await post(ike, "/chats/room", { name: "Loft" });
  await post(jon, `/chats/room/${room_id}/join`, { invite_link });
  await page.getByRole("status").filter({ hasText: "jon asks to join Loft" }).waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Deny jon", exact: true }).waitFor();
  await page.getByRole("button", { name: "Approve jon", exact: true }).click();
  await until("nothing of it is left", async () => (await page.locator(".announced").textContent()) === "");

  // Unread belongs to the chat, and the composer is a landmark.
  await page.getByRole("form", { name: "Write a message" }).waitFor();
  await ike.open("/settings");
  await connected(page);
  await jon.context.request.post("/chats/1/messages", { data: { content: "psst" }, headers: { origin: here.url } });
  const general = page.getByRole("link", { name: "General", exact: true });
  await until("it is described", async () => (await general.getAttribute("aria-describedby")) !== null);
  const described = await general.evaluate((link) => document.getElementById(link.getAttribute("aria-describedby")).innerText.replace(/\s+/g, " ").trim());
  assert.equal(described, "1 unread");
  await Promise.all([ike.leave(), jon.leave()]);
});
