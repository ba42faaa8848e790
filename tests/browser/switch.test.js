// From chat to chat without loading a page: the socket, the list, each chat's place and draft stay.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contents, focused, said, say, sees, stored, write } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { Proxy } from "./lib/proxy.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const NOISE = /ERR_(CONNECTION|INTERNET|EMPTY|NETWORK|SOCKET)|WebSocket connection/;
const title = (page, name) => page.getByRole("heading", { name, level: 1, exact: true });
const line = (page, chat_id) => page.locator(`.chat-line[data-chat="${chat_id}"]`);
const link = (page, name) => page.getByRole("navigation", { name: "Chats" }).getByRole("link", { name, exact: true });
const field = (page) => page.getByRole("textbox", { name: "Message" });
const path = (page) => new URL(page.url()).pathname;


// A document that is loaded forgets this.
const pin = (page) => page.evaluate(() => (window.pinned = true));
const isPinned = (page) => page.evaluate(() => window.pinned === true);

test("a click on a chat keeps the page, its socket, and each chat's place and draft; Back and Forward work", async () => {
  const [ada, bob, cyd] = [await here.person("ada"), await here.person("bob"), await here.person("cyd")];
  const withBob = await here.begin(bob, ada);
  await here.begin(cyd, ada);
  for (let n = 1; n <= 45; n += 1) await here.tell(ada, withBob, `to bob ${n}`);
  const page = await ada.open("/general");
  await connected(page);
  await pin(page);
  let sockets = 0;
  page.on("websocket", () => (sockets += 1));
  await field(page).fill("a draft for all");

  await link(page, "bob").click();
  await title(page, "bob").waitFor();
  assert.equal(path(page), `/private/${withBob}`);
  assert.match(await page.title(), /bob · snug$/);
  assert.equal(await focused(page), "content");
  assert.equal(await field(page).inputValue(), "");
  assert.equal(await line(page, withBob).locator("[aria-current]").count(), 1);
  assert.equal(await page.locator("[aria-current=page]").count(), 1);
  assert.equal((await contents(page)).at(-1), "to bob 45");
  await field(page).fill("a draft for bob");
  const scroller = page.getByRole("log");
  await scroller.evaluate((element) => (element.scrollTop = -500));
  const place = () => said(page, "to bob 30").evaluate((element) => Math.round(element.getBoundingClientRect().top));
  const before = await place();

  await link(page, "cyd").click();
  await title(page, "cyd").waitFor();
  await here.tell(bob, withBob, "while away");
  await line(page, withBob).getByText("while away").waitFor();
  await page.goBack();
  await title(page, "bob").waitFor();
  assert.equal(path(page), `/private/${withBob}`);
  assert.equal(await field(page).inputValue(), "a draft for bob");
  assert.ok(Math.abs((await place()) - before) < 3, `${await place()} instead of ${before}`);
  assert.equal((await contents(page)).at(-1), "while away", "it is up to date");
  await page.goBack();
  await title(page, "General").waitFor();
  assert.equal(await field(page).inputValue(), "a draft for all");
  await page.goForward();
  await title(page, "bob").waitFor();
  await page.goForward();
  await title(page, "cyd").waitFor();
  await say(page, "hello, cyd");
  assert.equal(await isPinned(page), true, "it is one page");
  assert.equal(sockets, 0, "with one socket");

  // The address alone shows the same.
  await page.reload();
  await title(page, "cyd").waitFor();
  await sees(page, "hello, cyd");
  await field(page).fill("");
  await Promise.all([ada.leave(), bob.leave(), cyd.leave()]);
});

test("what is under way in a chat that one has left is settled there", async () => {
  const proxy = await Proxy.to(here.server.port);
  const fay = await here.person("fay");
  const eve = await here.visitor("eve", { url: proxy.url });
  eve.expects(NOISE);
  await eve.register();
  await eve.log_in();
  const withFay = await here.begin(fay, eve);
  const page = await eve.open(`/private/${withFay}`);
  await connected(page);
  await link(page, "General").click();
  await title(page, "General").waitFor();
  await link(page, "fay").click();
  await title(page, "fay").waitFor();
  proxy.die();
  await write(page, "into the void");
  await link(page, "General").click();
  await title(page, "General").waitFor();
  proxy.revive();
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await line(page, withFay).getByText("into the void").waitFor();
  await link(page, "fay").click();
  await stored(page, "into the void");
  assert.equal(await said(page, "into the void").count(), 1);
  proxy.close();
  await Promise.all([eve.leave(), fay.leave()]);
});

test("a chat that one has lost, or that is gone, says so in the middle, and the list is the way back", async () => {
  const [guy, hal] = [await here.person("guy"), await here.person("hal")];
  const room = await here.call(guy, "/chats/room", { name: "Loft" });
  await here.call(hal, `/chats/room/${room.room_id}/join`, { invite_link: room.invite_link });
  await here.call(guy, `/chats/room/${room.room_id}/invite/approve`, { user_id: hal.id });
  const page = await hal.open("/general");
  await connected(page);
  await pin(page);
  await line(page, room.room_id).waitFor();
  hal.expectsRefusal(404, "/room/.*");
  // It was lost a moment ago, and the page does not know yet.
  await page.route("**/room/*", async (route) => {
    const answer = await guy.context.request.delete(`${here.url}/chats/room/${room.room_id}/members/${hal.id}`, { headers: { origin: here.url } });
    assert.equal(answer.status(), 204);
    await route.continue();
  });
  await link(page, "Loft").click();
  await title(page, "Nothing here").waitFor();
  await page.getByText("This page does not exist, or you are not allowed to see it.").waitFor();
  assert.equal(path(page), `/room/${room.room_id}`);
  await look(page, "switch-nothing-here");
  await link(page, "General").click();
  await title(page, "General").waitFor();
  assert.equal(await isPinned(page), true);
  await Promise.all([guy.leave(), hal.leave()]);
});

test("while the server is away, a chat says that it cannot be loaded, and opens when it is back", async () => {
  const proxy = await Proxy.to(here.server.port);
  const jan = await here.person("jan");
  const ivy = await here.visitor("ivy", { url: proxy.url });
  ivy.expects(NOISE);
  await ivy.register();
  await ivy.log_in();
  await here.begin(jan, ivy);
  const page = await ivy.open("/general");
  await connected(page);
  await pin(page);
  await ivy.context.setOffline(true);
  await link(page, "jan").click();
  await title(page, "No connection").waitFor();
  await look(page, "switch-no-connection");
  await page.getByRole("link", { name: "Try again" }).click();
  await title(page, "No connection").waitFor();
  // What was visited before is there all the same.
  await link(page, "General").click();
  await title(page, "General").waitFor();
  await link(page, "jan").click();
  await title(page, "No connection").waitFor();
  proxy.die();
  await ivy.context.setOffline(false);
  proxy.revive();
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await title(page, "jan").waitFor();
  await say(page, "there you are");
  assert.equal(await isPinned(page), true);
  await page.goBack();
  await title(page, "General").waitFor();
  proxy.close();
  await Promise.all([ivy.leave(), jan.leave()]);
});

test("an answer that is not a part of ours is a full load, and so is the end of the session", async () => {
  const [kim, lou] = [await here.person("kim"), await here.person("lou")];
  const chat_id = await here.begin(lou, kim);
  const page = await kim.open("/general");
  await connected(page);
  await pin(page);
  await page.route("**/private/*?part=*", (route) => route.fulfill({ contentType: "text/html", body: "<p>a captive portal" }));
  await link(page, "lou").click();
  await title(page, "lou").waitFor();
  await until("it is another page", async () => !(await isPinned(page)));
  await page.unroute("**/private/*?part=*");

  await page.goto("/general");
  await connected(page);
  kim.expectsRefusal(401, "/auth/(me|renew)");
  await kim.context.clearCookies();
  await link(page, "lou").click();
  await title(page, "Log in").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("next"), `/private/${chat_id}`);
  await Promise.all([kim.leave(), lou.leave()]);
});
