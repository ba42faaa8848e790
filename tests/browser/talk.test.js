// A chat: what is said, how it looks, and how it is read.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contents, messages, said, say, sees, write } from "./lib/browser.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

// Messages sent by the API, one after the other, so that there is a history.
async function past(person, chat_id, count) {
  for (let n = 1; n <= count; n += 1) {
    const answer = await person.context.request.post(`/chats/${chat_id}/messages`, {
      data: { content: `old ${n}` },
      headers: { origin: here.url },
    });
    assert.equal(answer.status(), 201);
  }
}

test("two people talk, and each sees the other's messages at once", async () => {
  const [ada, bo] = await Promise.all([here.person("ada"), here.person("bob")]);
  await Promise.all([ada.open("/general"), bo.open("/general")]);
  await Promise.all([connected(ada.page), connected(bo.page)]);
  await say(ada.page, "Good morning");
  await sees(bo.page, "Good morning");
  await say(bo.page, "Morning!");
  await sees(ada.page, "Morning!");
  assert.deepEqual(await contents(ada.page), await contents(bo.page));

  await write(ada.page, "line one\nline two");
  const lines = said(bo.page, "line two");
  await lines.waitFor();
  assert.equal(await lines.locator(".content").innerText(), "line one\nline two");
  assert.ok(await said(ada.page, "line two").evaluate((element) => element.classList.contains("own")));

  await say(ada.page, "see https://example.org/a_(b)?c=d#e. And javascript:alert(1)");
  await sees(bo.page, "see ");
  const link = said(bo.page, "see ").getByRole("link");
  assert.equal(await link.count(), 1);
  assert.equal(await link.getAttribute("href"), "https://example.org/a_(b)?c=d#e");
  assert.equal(await link.getAttribute("rel"), "noopener nofollow ugc");

  await say(ada.page, "are you there, @bob?");
  await sees(bo.page, "@bob");
  assert.equal(await said(bo.page, "@bob").locator("mark").textContent(), "@bob");
  assert.equal(await said(ada.page, "@bob").locator("mark").count(), 0);

  // Sent one after the other: one head, the day above, the full time on hover.
  assert.ok(await said(bo.page, "@bob").evaluate((element) => element.classList.contains("continues")));
  await bo.page.getByRole("heading", { name: "Today" }).waitFor();
  const time = messages(bo.page).first().locator("time");
  assert.match(await time.getAttribute("title"), /\d{4}/);
  assert.match(await time.textContent(), /^\d?\d:\d\d$/);

  const before = await contents(bo.page);
  await bo.page.reload();
  await sees(bo.page, "@bob");
  assert.deepEqual(await contents(bo.page), before);
  await Promise.all([ada.leave(), bo.leave()]);
});

test("the composer keeps drafts, counts near the limit, and breaks lines with Shift", async () => {
  const cyd = await here.person("cyd");
  const page = await cyd.open("/general");
  const field = page.getByRole("textbox", { name: "Message" });
  await field.fill("half a thought");
  await cyd.open("/settings");
  await cyd.open("/general");
  assert.equal(await field.inputValue(), "half a thought");
  await field.press("End");
  await field.press("Shift+Enter");
  await field.pressSequentially("and the rest");
  const height = await field.evaluate((element) => element.clientHeight);
  await field.press("Enter");
  await sees(page, "half a thought");
  assert.equal(await field.inputValue(), "");
  assert.ok(height > (await field.evaluate((element) => element.clientHeight)), "it had grown");

  const { limit, near } = await page.locator("message-composer").evaluate(({ dataset }) => ({
    limit: Number(dataset.limit),
    near: Number(dataset.near),
  }));
  const leave = (count) => field.fill("x".repeat(limit - count));
  await leave(100);
  await page.locator(".counter").filter({ hasText: "100" }).waitFor();
  await leave(-1);
  await page.locator(".counter.over").waitFor();
  // Read out at some lengths, not at each key.
  const spoken = page.locator("message-composer span[role=status]");
  assert.equal(await spoken.textContent(), "Too long to be sent");
  const saidAt = {};
  for (const left of [limit - near + 1, 150, 140, 101, 100, 5]) {
    await leave(left);
    saidAt[left] = await spoken.textContent();
  }
  assert.deepEqual(saidAt, {
    [limit - near + 1]: "",
    150: "At most 150 characters left",
    140: "At most 150 characters left",
    101: "At most 150 characters left",
    100: "At most 100 characters left",
    5: "At most 50 characters left",
  });
  await leave(-1);
  const count = await messages(page).count();
  await field.press("Enter");
  assert.equal((await field.inputValue()).length, limit + 1, "too long, it stays where it is");
  assert.equal(await messages(page).count(), count);
  await field.fill("   ");
  await field.press("Enter");
  assert.equal(await messages(page).count(), count, "an empty one is no message");
  await field.fill("");
  await cyd.leave();
});

test("unread messages are counted, marked where they begin, and read by being seen", async () => {
  const [dee, eve] = await Promise.all([here.person("dee"), here.person("eve")]);
  await connected(eve.page);
  await dee.open("/");
  const found = dee.page.getByRole("textbox", { name: "Find people" });
  await found.fill("EV");
  await dee.page.getByRole("button", { name: "eve" }).click();
  await dee.page.getByText("This is the beginning of your chat with").waitFor();
  const chat = new URL(dee.page.url()).pathname;
  const chat_id = Number(chat.split("/")[2]);

  // Eve is on her dashboard: the new chat appears there by itself.
  await eve.page.getByRole("link", { name: "dee" }).waitFor();
  await say(dee.page, "Have you got a minute?");
  await say(dee.page, "It is about the plant.");
  const line = eve.page.locator(`.chat-line[data-chat="${chat_id}"]`);
  await line.locator(".unread", { hasText: "2" }).waitFor();
  await line.getByText("It is about the plant.").waitFor();
  assert.match(await eve.page.title(), /^\(2\) /);
  assert.match(await eve.page.locator('link[rel="icon"]').getAttribute("href"), /count-2\.svg$/);

  await eve.page.getByRole("link", { name: "dee" }).click();
  await sees(eve.page, "It is about the plant.");
  await until("the title shows it", async () => !/^\(/.test(await eve.page.title()));
  await until("it counts as read", async () => {
    const { chats } = await (await eve.context.request.get("/chats")).json();
    return chats.find((chat) => chat.chat_id === chat_id).unread === 0;
  });
  await line.locator(".unread").waitFor({ state: "hidden" });

  await eve.open("/general");
  await past(dee, chat_id, 3);
  await line.locator(".unread", { hasText: "3" }).waitFor();
  await eve.open(chat);
  const above = await eve.page.locator(".new-line").evaluate((element) => element.nextElementSibling.querySelector(".content").textContent);
  assert.equal(above, "old 1");
  await Promise.all([dee.leave(), eve.leave()]);
});

test("older messages load while scrolling up, without a jump, and there is a way back", async () => {
  const [fay, guy] = await Promise.all([here.person("fay"), here.person("guy")]);
  const created = await fay.context.request.post("/chats/private", {
    data: { receiver_id: guy.id },
    headers: { origin: here.url },
  });
  const { chat_id } = await created.json();
  await past(fay, chat_id, 130);
  const page = await fay.open(`/private/${chat_id}`);
  await connected(page);
  assert.equal(await messages(page).last().locator(".content").textContent(), "old 130");

  // What is being read does not move when older messages are added above it.
  const scroller = page.getByRole("log");
  const held = await scroller.evaluate(async (element) => {
    const frame = () => new Promise(requestAnimationFrame);
    const count = () => element.querySelectorAll(".message").length;
    const deadline = performance.now() + 30_000;
    // The first page is less than a screen, so more is requested automatically.
    while (count() < 100 && performance.now() < deadline) await frame();
    const anchor = element.querySelector(".message .content");
    anchor.scrollIntoView({ block: "start" });
    const before = anchor.getBoundingClientRect().top;
    while (count() < 130 && performance.now() < deadline) await frame();
    await frame();
    return Math.abs(anchor.getBoundingClientRect().top - before);
  });
  assert.ok(held < 2, `it moved by ${held}px`);
  await until("the beginning", async () => {
    await scroller.evaluate((element) => (element.scrollTop = -element.scrollHeight));
    return (await messages(page).count()) === 130;
  });
  assert.deepEqual(await contents(page), Array.from({ length: 130 }, (_, n) => `old ${n + 1}`));
  await page.locator(".older").waitFor({ state: "hidden" });

  const other = await guy.open(`/private/${chat_id}`);
  await connected(other);
  await say(other, "still there?");
  const jump = page.getByRole("button", { name: /Jump to latest/ });
  await jump.filter({ hasText: "1" }).waitFor();
  await jump.click();
  await sees(page, "still there?");
  await jump.waitFor({ state: "hidden" });

  // A little above the end, new messages are out of sight, too.
  await scroller.evaluate((element) => (element.scrollTop = -200));
  await jump.waitFor({ state: "hidden" });
  await say(other, "one more thing");
  await jump.filter({ hasText: "1" }).waitFor();
  await jump.click();
  await jump.waitFor({ state: "hidden" });
  await Promise.all([fay.leave(), guy.leave()]);
});

test("an old message that is acknowledged late leaves no gap", async () => {
  const jan = await here.person("jan");
  const page = await jan.open("/general");
  const client_id = "0123456789abcdef0123456789abcdef";
  // Stored long ago, but this browser has not heard of it.
  const first = await jan.context.request.post("/chats/1/messages", {
    data: { content: "the oldest", client_id },
    headers: { origin: here.url },
  });
  const { seq } = await first.json();
  await past(jan, 1, 170);
  await page.evaluate(([user, client_id]) => {
    const entry = { client_id, chat_id: 1, content: "the oldest", at: Date.now(), order: 1, reason: null };
    localStorage.setItem(`snug.outbox.${user}.${client_id}`, JSON.stringify(entry));
  }, [jan.id, client_id]);
  await page.reload();
  const waits = () => page.evaluate(() => Object.keys(localStorage).some((key) => key.includes("outbox")));
  await until("it is acknowledged", async () => !(await waits()));
  const scroller = page.getByRole("log");
  await until("the oldest by scrolling up", async () => {
    await scroller.evaluate((element) => (element.scrollTop = -element.scrollHeight));
    return (await said(page, "the oldest").count()) === 1;
  });
  const seqs = await messages(page).evaluateAll((all) => all.map((one) => Number(one.dataset.seq)));
  assert.deepEqual(seqs, seqs.map((_, at) => seqs[0] + at), "in order, without a hole");
  assert.ok(seqs[0] <= seq);
  await jan.leave();
});

test("at midnight, today becomes yesterday", async () => {
  const ivy = await here.person("ivy");
  const page = await ivy.open("/general");
  await connected(page);
  await say(page, "shortly before midnight");
  const today = page.getByRole("heading", { name: "Today" });
  await today.waitFor();
  await page.clock.setFixedTime(Date.now() + 24 * 60 * 60 * 1000);
  // The event when a person looks at the tab again.
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.getByRole("heading", { name: "Yesterday" }).waitFor();
  await today.waitFor({ state: "detached" });
  await ivy.leave();
});
