// Being named: the sign in the list, the way to the message, and completing names of the people of a chat.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, said, sees } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const sign = (page, chat_id) => page.locator(`.chat-line[data-chat="${chat_id}"] .at`);
const jump = (page) => page.getByRole("button", { name: "Jump to mention" });
const offered = (page) => page.locator(".offered li");
const isSeen = (message) =>
  message.evaluate((one) => {
    const [{ top, bottom }, log] = [one.getBoundingClientRect(), one.closest(".scroller").getBoundingClientRect()];
    return top >= log.top && bottom <= log.bottom;
  });

async function room(creator, name, others) {
  const { room_id, invite_link } = await here.call(creator, "/chats/room", { name });
  for (const one of others) {
    await here.call(one, `/chats/room/${room_id}/join`, { invite_link });
    await here.call(creator, `/chats/room/${room_id}/invite/approve`, { user_id: one.id });
  }
  return room_id;
}

test("the list shows in which chats one is named, live and after a reload, until it is read", async () => {
  const [ada, bob] = await Promise.all([here.person("ada"), here.person("bob")]);
  const room_id = await room(ada, "Tea", [bob]);
  const page = await bob.open("/");
  await connected(page);
  await here.tell(ada, 1, "nobody");
  await here.tell(ada, 1, "`@bob`");
  await page.locator('.chat-line[data-chat="1"] .unread').waitFor();
  assert.equal(await sign(page, 1).isVisible(), false);
  await here.tell(ada, 1, "@bob?");
  await here.tell(ada, room_id, "@all, tea is ready");
  for (const chat_id of [1, room_id]) await sign(page, chat_id).waitFor();
  await look(page, "list-named");
  await page.reload();
  for (const chat_id of [1, room_id]) await sign(page, chat_id).waitFor();
  await connected(page);
  // Taken back: an edit, and a deletion.
  const [changed, gone] = [`${here.url}/chats/1/messages/3`, `${here.url}/chats/${room_id}/messages/1`];
  await ada.context.request.patch(changed, { data: { content: "never mind" }, headers: { origin: here.url } });
  await ada.context.request.delete(gone, { headers: { origin: here.url } });
  for (const chat_id of [1, room_id]) await sign(page, chat_id).waitFor({ state: "hidden" });
  await here.tell(ada, room_id, "@bob, it gets cold");
  await sign(page, room_id).waitFor();
  await page.locator(`.chat-line[data-chat="${room_id}"] .chat-link`).click();
  await sees(page, "it gets cold");
  assert.equal(await said(page, "it gets cold").evaluate((one) => one.classList.contains("mentions")), true);
  await sign(page, room_id).waitFor({ state: "hidden" });
  await Promise.all([ada.leave(), bob.leave()]);
});

test("a button leads to each unread message that names one, and goes when they are read", async () => {
  const [cyd, dan] = await Promise.all([here.person("cyd"), here.person("dan")]);
  const chat_id = await here.begin(cyd, dan);
  for (let n = 1; n <= 150; n += 1) await here.tell(cyd, chat_id, n === 70 || n === 140 ? `@dan, see ${n}` : `line ${n}`);
  const page = await dan.open(`/private/${chat_id}`);
  await connected(page);
  await jump(page).waitFor();
  await look(page, "jump-to-mention");
  for (const n of [70, 140]) {
    await jump(page).focus();
    await page.keyboard.press("Enter");
    await sees(page, `@dan, see ${n}`);
    await until(`message ${n} is in view`, () => isSeen(said(page, `@dan, see ${n}`)));
  }
  await jump(page).waitFor({ state: "hidden" });
  await Promise.all([cyd.leave(), dan.leave()]);
});

test("in General anybody's name is completed, also of those who have said nothing", async () => {
  const people = [];
  for (const name of ["zoe", "zora", "zorba", "azor"]) people.push(await here.person(name));
  const [zoe, zora] = people;
  await here.tell(zora, 1, "hello");
  const page = await zoe.open("/general");
  await connected(page);
  await sees(page, "hello");
  const asked = [];
  page.on("request", (request) => request.url().includes("/users?") && asked.push(request.url()));
  await page.keyboard.type("@zo");
  await until("those are offered whose names begin so", async () => (await offered(page).allTextContents()).join() === "zora,zorba");
  await page.keyboard.type("rb");
  await until("one is left", async () => (await offered(page).allTextContents()).join() === "zorba");
  await page.keyboard.press("Tab");
  await until("it is taken", async () => (await page.getByRole("textbox", { name: "Message", exact: true }).inputValue()) === "@zorba ");
  assert.ok(asked.length > 0 && asked.every((url) => !url.includes("q=zor")), "all that can come was answered before");
  for (const one of people) await one.leave();
});

test("names are completed with the people of the chat and nobody else", async () => {
  const people = await Promise.all(["eve", "evelyn", "evan"].map((name) => here.person(name)));
  const [eve, evelyn, evan] = people;
  const room_id = await room(eve, "Few", [evelyn]);
  const chat_id = await here.begin(eve, evan);
  const page = await eve.open(`/room/${room_id}`);
  await connected(page);
  await page.keyboard.type("@ev");
  await until("the member is offered", async () => (await offered(page).allTextContents()).join() === "evelyn");
  await page.keyboard.press("Tab");
  await page.keyboard.type("and @al");
  await until("all are offered", async () => (await offered(page).allTextContents()).join() === "all");
  await page.goto(`/private/${chat_id}`);
  await connected(page);
  await page.keyboard.type("@ev");
  await until("the other one is offered", async () => (await offered(page).allTextContents()).join() === "evan");
  for (const one of people) await one.leave();
});
