// The list of chats: when something was last said, what is in view, and what is unread below; and the day that stays.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, said } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const line = (page, chat_id) => page.locator(`.chat-line[data-chat="${chat_id}"]`);


test("the list shows times, keeps the current chat in view, and points to what is unread below", async () => {
  const [ada, bob] = [await here.person("ada"), await here.person("bob")];
  const rooms = [];
  for (let n = 1; n <= 14; n += 1) rooms.push((await here.call(ada, "/chats/room", { name: `Room ${n}` })).room_id);
  const { chat_id } = await here.call(bob, "/chats/private", { receiver_id: ada.id });
  await here.tell(ada, chat_id, "long ago");
  here.server.query(`update messages set timestamp = timestamp '2024-05-01 10:00Z' where chat_id = ${chat_id}`);

  // The oldest room is the last one.
  const page = await ada.open(`/room/${rooms[0]}`);
  await connected(page);
  const inView = (chat_id) => line(page, chat_id).evaluate((one) => {
    const [box, list] = [one.getBoundingClientRect(), one.closest("nav").getBoundingClientRect()];
    return box.top >= list.top - 1 && box.bottom <= list.bottom + 1;
  });
  await until("the current chat is in view", () => inView(rooms[0]));
  assert.match(await line(page, chat_id).locator(".when").textContent(), /2024/);
  await here.tell(bob, chat_id, "just now");
  await line(page, chat_id).locator(".when", { hasText: /^\d?\d:\d\d$/ }).waitFor();

  await page.getByRole("link", { name: "General", exact: true }).click();
  await page.getByRole("heading", { name: "General", level: 1 }).waitFor();
  await until("the current chat is in view", () => inView(1));
  const below = page.getByRole("button", { name: "Unread below" });
  assert.ok(await below.isHidden());
  const cyd = await here.person("cyd");
  const { invite_link } = await (await ada.context.request.get(`/chats/room/${rooms[0]}`)).json();
  await here.call(cyd, `/chats/room/${rooms[0]}/join`, { invite_link });
  await here.call(ada, `/chats/room/${rooms[0]}/invite/approve`, { user_id: cyd.id });
  // What moves up in the list is in view: the rest goes by the numbers.
  await here.tell(cyd, rooms[0], "hello");
  for (const room of rooms.slice(1)) await here.tell(ada, room, "busy");
  assert.equal(await inView(rooms[0]), false);
  await below.waitFor();
  await look(page, "list-unread-below");
  await below.click();
  await until("it is in view", () => inView(rooms[0]));
  await below.waitFor({ state: "hidden" });
  await Promise.all([ada.leave(), bob.leave(), cyd.leave()]);
});

test("the day of what is read stays at the top", async () => {
  const [dee, eve] = [await here.person("dee"), await here.person("eve")];
  const { chat_id } = await here.call(dee, "/chats/private", { receiver_id: eve.id });
  for (let n = 1; n <= 120; n += 1) await here.tell(dee, chat_id, `message ${n}`);
  here.server.query(`update messages set timestamp = timestamp '2024-05-01 10:00Z' + (seq / 60) * interval '1 day' where chat_id = ${chat_id}`);
  const page = await dee.open(`/private/${chat_id}`);
  await connected(page);
  const day = page.locator(".day-now");
  assert.ok(await day.isHidden(), "at the end nothing is in the way");
  const scroller = page.getByRole("log");
  await scroller.evaluate((log) => (log.scrollTop = -700));
  await day.filter({ hasText: "May 2, 2024" }).waitFor();
  await look(page, "day-stays");
  await until("the day before", async () => {
    await scroller.evaluate((log) => log.scrollBy(0, -300));
    return (await day.textContent()) === "May 1, 2024";
  });
  await said(page, "message 50").first().waitFor();
  await Promise.all([dee.leave(), eve.leave()]);
});
