// What is unread: where a chat opens, what counts as read, and the way to the end and back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contents, messages, said, say, sees } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const line = (page, chat_id) => page.locator(`.chat-line[data-chat="${chat_id}"]`);
const bar = (page, count) => page.getByRole("button", { name: new RegExp(`^${count} new since`) });


async function past(person, chat_id, count, from = 1) {
  for (let n = from; n < from + count; n += 1) await here.tell(person, chat_id, `message ${n}`);
}

async function unread(person, chat_id) {
  const { chats } = await (await person.context.request.get("/chats")).json();
  return chats.find((chat) => chat.chat_id === chat_id).unread;
}

// Numbers of the messages whose end is in view.
const inView = (page) =>
  page.getByRole("log").evaluate((log) => {
    const { top, bottom } = log.getBoundingClientRect();
    const boxes = [...log.querySelectorAll(".message")].map((one) => [Number(one.dataset.seq), one.getBoundingClientRect().bottom]);
    return boxes.filter(([, end]) => end > top && end <= bottom + 4).map(([seq]) => seq);
  });

// As when another window comes to the front; this one is still visible.
const turn = (page, focus) =>
  page.evaluate((focus) => {
    document.hasFocus = () => focus;
    dispatchEvent(new Event(focus ? "focus" : "blur"));
  }, focus);

test("a chat opens at its first unread message, however far back, and what is read is what was in view", async () => {
  const [ada, bob] = [await here.person("ada"), await here.person("bob")];
  const chat_id = await here.begin(ada, bob);
  await past(ada, chat_id, 30);
  await here.call(bob, `/chats/${chat_id}/read`, { seq: 30 });
  await past(ada, chat_id, 120, 31);
  assert.equal(await unread(bob, chat_id), 120);

  const page = await bob.open(`/private/${chat_id}`);
  await connected(page);
  const above = await page.locator(".new-line").evaluate((element) => element.nextElementSibling.querySelector(".content").textContent);
  assert.equal(above, "message 31");
  assert.ok((await inView(page)).includes(31) && (await inView(page)).includes(30), "with what was read before it");
  await bar(page, 120).waitFor();
  await look(page, "unread-many");
  await page.getByRole("log").evaluate(() => new Promise(requestAnimationFrame));
  const read = Math.max(...(await inView(page)));
  assert.ok(read < 100, `${read}`);
  await until("what was in view is read", async () => (await unread(bob, chat_id)) <= 150 - read);
  assert.ok((await unread(bob, chat_id)) >= 40, "and not the whole chat");
  await line(page, chat_id).locator(".unread").waitFor();

  // More comes as one reads on, without a gap, and without moving what is read.
  const scroller = page.getByRole("log");
  const moved = await scroller.evaluate(async (log) => {
    const frame = () => new Promise(requestAnimationFrame);
    const deadline = performance.now() + 30_000;
    let most = 0;
    while (!log.querySelector('[data-seq="120"]') && performance.now() < deadline) {
      log.scrollBy(0, 200);
      await frame();
      const view = log.getBoundingClientRect();
      const read = document.elementFromPoint(view.left + view.width / 2, view.top + view.height / 2).closest(".message");
      const before = read?.getBoundingClientRect().top;
      await frame();
      if (read) most = Math.max(most, Math.abs(read.getBoundingClientRect().top - before));
    }
    return most;
  });
  assert.ok(moved < 2, `what was read moved by ${moved}px`);
  await bar(page, 120).click();
  await sees(page, "message 150");
  await until("the end is in view", async () => (await inView(page)).includes(150));
  await until("it is read", async () => (await unread(bob, chat_id)) === 0);
  await look(page, "unread-back");
  await bar(page, 120).click();
  await until("back at the first new one", async () => (await inView(page)).includes(31));
  const seqs = await messages(page).evaluateAll((all) => all.map((one) => Number(one.dataset.seq)));
  assert.deepEqual(seqs, seqs.map((_, at) => seqs[0] + at), "in order, without a hole");

  // What is said meanwhile comes at its place, and writing leads to the end.
  await here.tell(ada, chat_id, "message 151");
  await line(page, chat_id).getByText("message 151").waitFor();
  await say(page, "I have read it all");
  await until("the end is in view", async () => (await inView(page)).includes(152));
  const end = await contents(page);
  assert.deepEqual(end.slice(-2), ["message 151", "I have read it all"]);
  assert.equal(await page.locator(".new-line").count(), 0);
  await bar(page, "\\d+").waitFor({ state: "hidden" });
  await Promise.all([ada.leave(), bob.leave()]);
});

test("the first messages of a chat are new, too", async () => {
  const [cyd, dee] = [await here.person("cyd"), await here.person("dee")];
  const chat_id = await here.begin(cyd, dee);
  await past(cyd, chat_id, 70);
  const page = await dee.open(`/private/${chat_id}`);
  await connected(page);
  await until("the first is in view", async () => (await inView(page)).includes(1));
  assert.equal(await page.locator(".new-line").count(), 1);
  await bar(page, 70).click();
  await until("the end is in view", async () => (await inView(page)).includes(70));
  await bar(page, 70).click();
  await until("the first is in view", async () => (await inView(page)).includes(1));
  await Promise.all([cyd.leave(), dee.leave()]);
});

test("a window behind another one reads nothing, and marks what came", async () => {
  const [eve, fay] = [await here.person("eve"), await here.person("fay")];
  const chat_id = await here.begin(eve, fay);
  await here.tell(eve, chat_id, "message 1");
  const page = await fay.open(`/private/${chat_id}`);
  await connected(page);
  await until("it is read", async () => (await unread(fay, chat_id)) === 0);
  await turn(page, false);
  await page.locator(".new-line").waitFor({ state: "detached" });
  await here.tell(eve, chat_id, "message 2");
  await here.tell(eve, chat_id, "message 3");
  await line(page, chat_id).locator(".unread", { hasText: "2" }).waitFor();
  assert.match(await page.title(), /^\(2\)/);
  const above = await page.locator(".new-line").evaluate((element) => element.nextElementSibling.querySelector(".content").textContent);
  assert.equal(above, "message 2");
  // Longer than it takes to read.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 1_500)));
  assert.equal(await unread(fay, chat_id), 2);
  await turn(page, true);
  await line(page, chat_id).locator(".unread").waitFor({ state: "hidden" });
  await until("it is read", async () => (await unread(fay, chat_id)) === 0);
  // In front, what comes is seen as it comes: the count does not flicker.
  await page.evaluate(() => {
    window.titles = [];
    new MutationObserver(() => window.titles.push(document.title)).observe(document.querySelector("title"), { childList: true });
  });
  await here.tell(eve, chat_id, "message 4");
  await sees(page, "message 4");
  await until("it is read", async () => (await unread(fay, chat_id)) === 0);
  assert.deepEqual(await page.evaluate(() => window.titles.filter((title) => title.startsWith("("))), []);
  await Promise.all([eve.leave(), fay.leave()]);
});

test("what comes in a chat that one has left is marked as new on returning", async () => {
  const [guy, hal] = [await here.person("guy"), await here.person("hal")];
  const chat_id = await here.begin(guy, hal);
  await past(guy, chat_id, 3);
  const page = await hal.open(`/private/${chat_id}`);
  await connected(page);
  await until("it is read", async () => (await unread(hal, chat_id)) === 0);
  await page.getByRole("link", { name: "General", exact: true }).click();
  await page.getByRole("heading", { name: "General", level: 1 }).waitFor();
  await past(guy, chat_id, 40, 4);
  await line(page, chat_id).locator(".unread", { hasText: "40" }).waitFor();
  await page.getByRole("link", { name: "guy", exact: true }).click();
  await said(page, "message 4").first().waitFor();
  await until("the first new one is in view", async () => (await inView(page)).includes(4));
  const above = await page.locator(".new-line").evaluate((element) => element.nextElementSibling.querySelector(".content").textContent);
  assert.equal(above, "message 4");
  await Promise.all([guy.leave(), hal.leave()]);
});

test("a long run of one author is headed anew every five minutes from its head", async () => {
  const ivy = await here.person("ivy");
  const jan = await here.person("jan");
  const chat_id = await here.begin(ivy, jan);
  await past(ivy, chat_id, 14);
  // One a minute, in the past.
  here.server.query(`update messages set timestamp = timestamp '2024-05-01 10:00Z' + seq * interval '1 minute' where chat_id = ${chat_id}`);
  const heads = (page) => page.locator(".message:not(.continues) .content").allTextContents();
  const expected = ["message 1", "message 6", "message 11"];
  const plain = await here.visitor("jan", { javaScriptEnabled: false });
  await plain.log_in();
  assert.deepEqual(await heads(await plain.open(`/private/${chat_id}`)), expected);
  await here.call(jan, `/chats/${chat_id}/read`, { seq: 14 });
  const page = await jan.open(`/private/${chat_id}`);
  await connected(page);
  assert.deepEqual(await heads(page), expected);
  await Promise.all([ivy.leave(), jan.leave(), plain.leave()]);
});
