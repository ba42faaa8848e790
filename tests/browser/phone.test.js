// On a phone: the list is the home, the way back tells of other chats, and the keyboard is on the screen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NARROW, connected, messages, middle, said, say, sees, stored } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";

const here = scene();
const PHONE = { viewport: NARROW, hasTouch: true, isMobile: true };

test("the home is the list; forms are behind a button, settings and logging out at hand", async () => {
  const ada = await here.person("ada", PHONE);
  for (let n = 1; n <= 18; n += 1) await here.call(ada, "/chats/room", { name: `Room ${n}` });
  const page = await ada.open("/");
  await connected(page);
  const form = page.getByRole("textbox", { name: "Room name" });
  const list = page.getByRole("navigation", { name: "Chats" });
  assert.equal(await form.isVisible(), false);
  for (const name of ["Settings", "New chat"]) {
    const box = await page.getByRole("link", { name, exact: true }).boundingBox();
    assert.ok(box.y >= 0 && box.y + box.height <= NARROW.height, `${name} is in view`);
  }
  const box = await page.locator(".log-out").boundingBox();
  assert.ok(box.y + box.height <= NARROW.height);
  await look(page, "phone-home");
  await page.setViewportSize(NARROW);
  await page.getByRole("link", { name: "New chat" }).tap();
  await form.waitFor();
  await list.waitFor({ state: "hidden" });
  await look(page, "phone-new-chat");
  await page.setViewportSize(NARROW);
  await page.getByRole("link", { name: "All chats" }).tap();
  await list.waitFor();
  await form.waitFor({ state: "hidden" });
  // From a chat, too, and Back leads there again.
  await page.getByRole("link", { name: "General" }).tap();
  await page.getByRole("heading", { name: "General", level: 1 }).waitFor();
  await page.goto("/#start");
  await form.waitFor();
  ada.expectsRefusal(422, "/join");
  await page.getByRole("textbox", { name: "Invite link" }).fill("hello");
  await page.getByRole("button", { name: "Ask to join" }).tap();
  await page.getByText("This is not an invite link").waitFor();
  await page.getByRole("link", { name: "All chats" }).tap();
  await list.waitFor();
  await ada.leave();
});

test("in a chat the way back says how much is unread elsewhere", async () => {
  const [bob, cyd] = [await here.person("bob", PHONE), await here.person("cyd")];
  const page = await bob.open("/general");
  await connected(page);
  const { chat_id } = await here.call(cyd, "/chats/private", { receiver_id: bob.id });
  const back = page.getByRole("link", { name: "All chats" });
  await cyd.open("/general");
  await connected(cyd.page);
  await say(cyd.page, "here in General");
  await sees(page, "here in General");
  assert.equal(await back.locator(".count").isVisible(), false);
  for (const content of ["hello", "are you there?"]) await here.call(cyd, `/chats/${chat_id}/messages`, { content });
  await page.getByRole("link", { name: "All chats 2 unread" }).waitFor();
  await look(page, "phone-back-count");
  await page.setViewportSize(NARROW);
  // What was said here is read when it has been in view for a second.
  await page.locator('.chat-line[data-chat="1"][data-read-seq="1"]').waitFor({ state: "attached" });
  await back.tap();
  await page.getByRole("link", { name: "cyd" }).tap();
  await sees(page, "are you there?");
  await page.getByRole("link", { name: "All chats", exact: true }).waitFor();
  await Promise.all([bob.leave(), cyd.leave()]);
});

test("Enter breaks the line where the keyboard is on the screen, and the button sends", async () => {
  const dee = await here.person("dee", PHONE);
  const page = await dee.open("/general");
  await connected(page);
  const field = page.getByRole("textbox", { name: "Message" });
  await field.tap();
  await page.keyboard.type("one");
  await page.keyboard.press("Enter");
  await page.keyboard.type("two");
  assert.equal(await field.inputValue(), "one\ntwo");
  await page.getByRole("button", { name: "Send" }).tap();
  await stored(page, "one");
  assert.equal(await messages(page).last().locator(".content").textContent(), "one\ntwo");
  await dee.leave();
});

test("a long press opens the bar of a message, and a tap, a slip and a link do not", async () => {
  const [fae, gus] = [await here.person("fae", PHONE), await here.person("gus")];
  const chat_id = await here.begin(fae, gus);
  for (let n = 1; n <= 30; n += 1) await here.tell(gus, chat_id, `line ${n}.`);
  await here.tell(gus, chat_id, "see https://example.org/menu");
  const page = await fae.open(`/private/${chat_id}`);
  await connected(page);
  const bar = page.getByRole("toolbar", { name: "What to do with this message" });
  const session = await page.context().newCDPSession(page);
  const touch = (type, points) => session.send("Input.dispatchTouchEvent", { type, touchPoints: points });
  const line = said(page, "line 29.");
  const at = await middle(line.locator(".content"));
  // The first press loads what opens the bar.
  await touch("touchStart", [at]);
  await bar.waitFor();
  await touch("touchEnd", []);
  assert.equal(await line.locator(".actions").count(), 1);
  await look(page, "phone-bar");
  await page.setViewportSize(NARROW);
  await bar.getByRole("button", { name: "React", exact: true }).tap();
  await bar.getByRole("button", { name: "React with 👍" }).tap();
  await line.locator(".reaction").waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await page.getByRole("heading", { level: 1 }).tap();
  await bar.waitFor({ state: "hidden" });

  await said(page, "line 28.").locator(".content").tap();
  assert.equal(await bar.isVisible(), false);
  // Longer than any press needs, without waiting for it.
  await page.clock.install();
  const pressed = async (points) => {
    await touch("touchStart", [points[0]]);
    for (const point of points.slice(1)) await touch("touchMove", [point]);
    await page.clock.runFor(2_000);
    const isOpen = await bar.isVisible();
    await touch("touchEnd", []);
    return isOpen;
  };
  const link = await middle(page.getByRole("link", { name: "https://example.org/menu" }));
  assert.equal(await pressed([link]), false, "a link has a menu of its own");
  assert.equal(await pressed([at, { x: at.x, y: at.y + 60 }]), false, "a slip scrolls");
  assert.equal(await pressed([await middle(said(page, "line 27.").locator(".content"))]), true);
  await Promise.all([fae.leave(), gus.leave()]);
});
