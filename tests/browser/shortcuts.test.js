// Keys that work wherever the focus is, completion of names, and the two boxes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, focused, said, say, sees, stored } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const title = (page, name) => page.getByRole("heading", { name, level: 1, exact: true }).waitFor();
const field = (page) => page.getByRole("textbox", { name: "Message" });
const path = (page) => new URL(page.url()).pathname;

// Ada is in General and in the rooms Attic, Barn and Cellar; ben is known, benita only to the server.
async function house() {
  const [ada, ben] = await Promise.all([here.person("ada"), here.person("ben")]);
  await (await here.person("benita")).leave();
  for (const name of ["Attic", "Barn", "Cellar"]) await here.call(ada, "/chats/room", { name });
  const { chat_id } = await here.call(ben, "/chats/private", { receiver_id: ada.id });
  await here.call(ben, `/chats/${chat_id}/messages`, { content: "hello" });
  const page = await ada.open("/general");
  await connected(page);
  return { ada, ben, page, chat_id };
}

test("a box finds chats and people, keys go from chat to chat, and letters go into the composer", async () => {
  const { ada, ben, page, chat_id } = await house();
  const box = page.getByRole("dialog", { name: "Find a chat" });
  const options = box.getByRole("option");
  await page.keyboard.press("Control+k");
  await box.waitFor();
  assert.deepEqual((await options.allTextContents()).length, 5);
  await look(page, "finder");
  await page.keyboard.type("be");
  await box.getByRole("option", { name: "benita New private chat" }).waitFor();
  assert.equal(await options.count(), 2, "ben is a chat, and is not found twice");
  await look(page, "finder-found");
  await page.keyboard.press("ArrowDown");
  await box.getByRole("option", { name: "benita", selected: true }).waitFor();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await title(page, "ben");
  assert.equal(path(page), `/private/${chat_id}`);
  // Read is what was in view for a second.
  await page.locator(`.chat-line[data-chat="${chat_id}"][data-read-seq="1"]`).waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("no such name");
  await box.getByText("Nothing has that name.").waitFor();
  await page.keyboard.press("Escape");
  await box.waitFor({ state: "detached" });
  await page.keyboard.press("Control+k");
  await page.keyboard.type("benit");
  await box.getByRole("option", { name: "benita" }).click();
  await title(page, "benita");
  await connected(page);

  await page.keyboard.press("Control+k");
  await page.keyboard.type("barn");
  // The page is a new one, in which the box has to be loaded.
  await box.getByRole("option", { name: "Barn", selected: true }).waitFor();
  await page.keyboard.press("Enter");
  await title(page, "Barn");
  const rooms = await page.locator('[data-kind="room"] .name').allTextContents();
  const at = rooms.indexOf("Barn");
  await page.keyboard.press("Alt+ArrowUp");
  await title(page, rooms[at - 1]);
  await page.keyboard.press("Alt+ArrowDown");
  await title(page, "Barn");
  await here.call(ben, "/chats/1/messages", { content: "something new" });
  await page.locator('[data-type="general"] .unread').waitFor();
  await page.keyboard.press("Alt+Shift+ArrowUp");
  await title(page, "General");

  // Letters go where one writes, from anything that has no use for them; Space does not.
  await page.getByRole("log", { name: "Conversation" }).focus();
  await page.keyboard.type("hey");
  assert.equal(await field(page).inputValue(), "hey");
  await page.getByRole("link", { name: "Settings" }).focus();
  await page.keyboard.press("Space");
  assert.equal(await focused(page), "Settings");
  await page.keyboard.press("?");
  const keys = page.getByRole("dialog", { name: "Keys" });
  await keys.waitFor();
  await look(page, "keys");
  await page.keyboard.press("Escape");
  await keys.waitFor({ state: "detached" });
  assert.equal(await focused(page), "Settings", "the focus is where it was");
  // In a field, a question mark is one.
  await field(page).focus();
  await page.keyboard.type("?");
  assert.equal(await field(page).inputValue(), "hey?");
  await Promise.all([ada.leave(), ben.leave()]);
});

test("what is typed while the box is being loaded goes into it", async () => {
  const [eva, una] = await Promise.all([here.person("eva"), here.person("una")]);
  const { page } = eva;
  await page.route(/js\/(later|finder)\.js$/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await route.continue();
  });
  await eva.open("/general");
  await connected(page);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("un");
  const box = page.getByRole("dialog", { name: "Find a chat" });
  await box.getByRole("option", { name: "una New private chat" }).waitFor();
  assert.equal(await field(page).inputValue(), "");
  await Promise.all([eva.leave(), una.leave()]);
});

test("page keys scroll from the composer, and Escape goes to the end", async () => {
  const fay = await here.person("fay");
  for (let n = 1; n <= 60; n += 1) await here.call(fay, "/chats/1/messages", { content: `line ${n}` });
  const page = await fay.open("/general");
  await connected(page);
  await sees(page, "line 60");
  const top = () => page.getByRole("log").evaluate(({ scrollTop }) => scrollTop);
  await field(page).focus();
  await page.keyboard.press("PageUp");
  const up = await until("it is scrolled", async () => (await top()) < -100 && (await top()));
  assert.equal(await focused(page), "content");
  await page.keyboard.press("PageUp");
  await until("further up", async () => (await top()) < up);
  await page.keyboard.press("PageDown");
  await until("down again", async () => Math.abs((await top()) - up) < 200);
  await page.keyboard.press("Escape");
  await until("the end", async () => (await top()) > -48);

  // However much is unread.
  const gus = await here.person("gus");
  await fay.open("/settings");
  for (let n = 1; n <= 130; n += 1) await here.call(gus, "/chats/1/messages", { content: `from gus ${n}` });
  const unread = page.locator('[data-type="general"] .unread');
  await unread.waitFor();
  await fay.open("/general");
  await connected(page);
  await sees(page, "from gus 1");
  await unread.waitFor();
  await page.keyboard.press("Escape");
  await sees(page, "from gus 130");
  await unread.waitFor({ state: "hidden" });
  await gus.leave();

  const created = await here.call(fay, "/chats/room", { name: "Den" });
  await page.setViewportSize({ width: 900, height: 700 });
  await fay.open(`/room/${created.room_id}#panel`);
  const panel = page.getByRole("heading", { name: "About this room" });
  await panel.waitFor();
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "hidden" });
  await fay.leave();
});

test("Tab or Enter completes a name; without an offer they do what they always do", async () => {
  const [gil, nat] = await Promise.all([here.person("gil"), here.person("nathaniel")]);
  await nat.open("/general");
  await connected(nat.page);
  await say(nat.page, "I am here");
  const page = await gil.open("/general");
  await sees(page, "I am here");
  await connected(page);
  await page.keyboard.type("hello @na");
  const offered = page.locator(".offered li");
  await offered.waitFor();
  await look(page, "general-mention-offered");
  assert.equal(await page.locator('.composer [role="status"]').first().textContent(), "nathaniel: Tab completes the name");
  await page.keyboard.press("Tab");
  assert.equal(await field(page).inputValue(), "hello @nathaniel ");
  assert.equal(await focused(page), "content");
  await page.keyboard.type("and @nat");
  await page.keyboard.press("Enter");
  assert.equal(await field(page).inputValue(), "hello @nathaniel and @nathaniel ");
  await page.keyboard.press("Enter");
  await stored(page, "hello @nathaniel and @nathaniel");
  await page.keyboard.type("@na");
  await offered.waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await stored(page, "@na");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Send");
  assert.equal(await said(page, "@na").count() > 0, true);
  await Promise.all([gil.leave(), nat.leave()]);
});

test("the arrows go through the people who were found, and Enter opens the chat", async () => {
  const [hal, ida] = await Promise.all([here.person("hal"), here.person("ida_one")]);
  await (await here.person("ida_two")).leave();
  const { page } = hal;
  await page.getByRole("textbox", { name: "Find people" }).fill("ida");
  await page.getByRole("button", { name: "ida_two" }).waitFor();
  const names = await page.locator(".person .name").allTextContents();
  for (const [key, now] of [["ArrowDown", names[0]], ["ArrowDown", names[1]], ["ArrowDown", names[1]], ["ArrowUp", names[0]], ["ArrowUp", "people"], ["ArrowDown", names[0]]]) {
    await page.keyboard.press(key);
    assert.ok((await focused(page)).endsWith(now), `${key} leads to ${await focused(page)}`);
  }
  await page.keyboard.press("Enter");
  await title(page, names[0]);
  await Promise.all([hal.leave(), ida.leave()]);
});
