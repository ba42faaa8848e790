// What one does with messages: reacting, answering, changing, deleting, pinning.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, connected, said, sees } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const field = (page) => page.getByRole("textbox", { name: "Message", exact: true });
const action = (page, name) => page.getByRole("toolbar", { name: "What to do with this message" }).getByRole("button", { name });

// Two people in one private chat, both looking at it.
async function pair(one, other) {
  const people = await Promise.all([here.person(one), here.person(other)]);
  const chat_id = await here.begin(...people);
  for (const person of people) {
    await person.open(`/private/${chat_id}`);
    await connected(person.page);
  }
  return [...people, chat_id];
}

test("a reaction is put and taken back, and both see who put it", async () => {
  const [ada, ben, chat_id] = await pair("ada", "ben");
  await here.tell(ada, chat_id, "tea?");
  await said(ben.page, "tea?").hover();
  await action(ben.page, "React").click();
  await look(ben.page, "message-quick-reactions");
  await action(ben.page, "React with 👍").click();
  const chip = (page) => said(page, "tea?").locator(".reaction");
  await chip(ada.page).waitFor();
  await chip(ben.page).and(ben.page.locator("[aria-pressed=true]")).waitFor();
  await chip(ada.page).click();
  await chip(ben.page).getByText("2").waitFor();
  await chip(ada.page).hover();
  await until("it says who", async () => (await chip(ada.page).getAttribute("title")) === "ben, You");
  assert.equal(await chip(ada.page).getAttribute("aria-label"), "👍 2: ben, You");
  await look(ada.page, "message-reactions");
  await ben.page.reload();
  await connected(ben.page);
  await chip(ben.page).click();
  await chip(ada.page).getByText("1").waitFor();
  await Promise.all([ada.leave(), ben.leave()]);
});

test("who has reacted is named before one points at it, and those whom the page does not know after", async () => {
  const [wim, xia, yan] = [await here.person("wim"), await here.person("xia"), await here.person("yan")];
  const { seq } = await here.tell(wim, 1, "cake?");
  await here.tell(xia, 1, "oh");
  const react = (person, emoji) =>
    person.context.request.put(`${here.url}/chats/1/messages/${seq}/reactions/${encodeURIComponent(emoji)}`, { headers: { origin: here.url } });
  await react(xia, "👍");
  await react(yan, "🎉");
  const page = await wim.open("/general");
  await connected(page);
  const chip = (emoji) => said(page, "cake?").locator(`.reaction[value="${emoji}"]`);
  const label = (emoji, text) => until(`${emoji} is labelled`, async () => (await chip(emoji).getAttribute("aria-label")) === text);
  await label("👍", "👍 1: xia");
  // And as they come.
  await react(xia, "🫖");
  await label("🫖", "🫖 1: xia");
  assert.equal(await chip("🎉").getAttribute("title"), "");
  await chip("🎉").hover();
  await label("🎉", "🎉 1: yan");
  await react(yan, "👍");
  await label("👍", "👍 2: xia, yan");
  await Promise.all([wim.leave(), xia.leave(), yan.leave()]);
});

test("an answer quotes what it answers, which says so when that changes", async () => {
  const [cal, dot, chat_id] = await pair("cal", "dot");
  await here.tell(cal, chat_id, "when is it?");
  await said(dot.page, "when is it?").hover();
  await action(dot.page, "Answer").click();
  await dot.page.getByText("Answer to cal:").waitFor();
  await look(dot.page, "composer-answers");
  await dot.page.keyboard.press("Escape");
  await dot.page.getByText("Answer to cal:").waitFor({ state: "detached" });
  await action(dot.page, "Answer").click();
  await field(dot.page).fill("at five");
  await dot.page.keyboard.press("Enter");
  const quoted = (page) => said(page, "at five").locator(".reply");
  for (const { page } of [cal, dot]) await quoted(page).getByText("when is it?").waitFor();
  await look(cal.page, "message-answers");
  await said(cal.page, "when is it?").first().hover();
  await action(cal.page, "More").click();
  await look(cal.page, "message-menu");
  await action(cal.page, "Delete").click();
  await action(cal.page, "Delete for everybody?").click();
  for (const { page } of [cal, dot]) await quoted(page).getByText("deleted").waitFor();
  await look(dot.page, "message-deleted");
  await Promise.all([cal.leave(), dot.leave()]);
});

test("one's last message is changed from an empty field, also after a reload", async () => {
  const [eve, fin, chat_id] = await pair("eve", "fin");
  await here.tell(eve, chat_id, "see you at fvie");
  await sees(eve.page, "see you at fvie");
  await field(eve.page).focus();
  await eve.page.keyboard.press("ArrowUp");
  await eve.page.getByText("You are changing your message.").waitFor();
  assert.equal(await field(eve.page).inputValue(), "see you at fvie");
  await field(eve.page).fill("see you at five");
  await look(eve.page, "composer-edits");
  await eve.page.reload();
  await eve.page.getByText("You are changing your message.").waitFor();
  assert.equal(await field(eve.page).inputValue(), "see you at five");
  // It would be lost by a logout.
  await eve.page.locator("summary", { hasText: "Log out" }).click();
  const question = eve.page.locator(".question.log-out");
  await question.getByRole("listitem").first().waitFor();
  assert.deepEqual(await question.getByRole("listitem").allTextContents(), ["see you at five"]);
  await question.getByRole("button", { name: "Cancel" }).click();
  await field(eve.page).focus();
  await eve.page.keyboard.press("Enter");
  await said(fin.page, "see you at five").getByText("edited").waitFor();
  await eve.page.getByText("You are changing your message.").waitFor({ state: "detached" });
  assert.equal(await field(eve.page).inputValue(), "");
  await Promise.all([eve.leave(), fin.leave()]);
});

test("a message is pinned and unpinned, and what is deleted is asked for each message", async () => {
  const [kai, lea, chat_id] = await pair("kai", "lea");
  for (const text of ["first", "second"]) await here.tell(kai, chat_id, text);
  const { page } = kai;
  const open = async (text) => {
    await said(page, text).hover();
    await action(page, "More").click();
  };
  await open("first");
  await action(page, "Pin").click();
  for (const one of [page, lea.page]) await said(one, "first").getByText("pinned").waitFor();
  await page.mouse.move(5, 5);
  await open("first");
  await action(page, "Unpin").click();
  for (const one of [page, lea.page]) await said(one, "first").getByText("pinned").waitFor({ state: "detached" });

  // Some browsers give a button that is clicked no focus, and so it loses none.
  const ask = () => action(page, "Delete").evaluate((button) => button.click());
  await open("second");
  await ask();
  await action(page, "Delete for everybody?").waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await open("first");
  await ask();
  await action(page, "Delete for everybody?").waitFor();
  assert.equal(await page.locator(".deleted").count(), 0);
  await Promise.all([kai.leave(), lea.leave()]);
});

test("any emoji is found by its name, and picked with the keys", async () => {
  const [sal, tom, chat_id] = await pair("sal", "tom");
  await here.tell(sal, chat_id, "tea?");
  const { page } = tom;
  const picker = page.getByRole("dialog", { name: "React with an emoji" });
  const search = picker.getByRole("searchbox", { name: "Search by name" });
  const open = async () => {
    await said(page, "tea?").hover();
    await action(page, "React").click();
    await action(page, "All emoji").click();
    await search.and(page.locator(":focus")).waitFor();
  };
  await open();
  await look(page, "message-picker");
  await search.fill("TEA");
  await picker.getByRole("button", { name: "teapot", exact: true }).waitFor();
  const names = await picker.getByRole("gridcell").getByRole("button").evaluateAll((all) => all.map(({ title }) => title));
  assert.ok(names.length > 1 && names.every((name) => / tea/i.test(` ${name}`)), names.join());
  await page.keyboard.press("ArrowDown");
  for (let at = 0; at < names.indexOf("teapot"); at += 1) await page.keyboard.press("ArrowRight");
  assert.equal(await page.evaluate(() => document.activeElement.title), "teapot");
  await page.keyboard.press("Enter");
  await picker.waitFor({ state: "hidden" });
  await said(sal.page, "tea?").locator('.reaction[value="🫖"]').waitFor();

  await page.mouse.move(5, 5);
  await open();
  await search.fill("no such thing");
  await picker.getByText("No emoji has that name.").waitFor();
  await page.keyboard.press("Enter");
  await search.fill("");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await search.and(page.locator(":focus")).waitFor();
  await page.keyboard.press("Escape");
  await picker.waitFor({ state: "hidden" });
  assert.equal(await said(page, "tea?").locator(".reaction").count(), 1);
  await Promise.all([sal.leave(), tom.leave()]);
});

test("the last pin stands below the title and all of them in a list, as they are now", async () => {
  const [oda, pim, chat_id] = await pair("oda", "pim");
  for (let n = 1; n <= 120; n += 1) await here.tell(oda, chat_id, `line ${n}.`);
  const path = (seq) => `/chats/${chat_id}/messages/${seq}`;
  const ask = (method, address, data) => oda.context.request[method](here.url + address, { data, headers: { origin: here.url } });
  const { page } = pim;
  const line = page.getByRole("region", { name: "Last pin" });
  const list = page.getByRole("complementary", { name: "Pinned messages" });
  await ask("put", `${path(2)}/pin`);
  await line.getByText("line 2.").waitFor();
  await ask("put", `${path(5)}/pin`);
  await line.getByText("line 5.").waitFor();
  await look(page, "pins-line");
  await line.getByRole("link", { name: "All 2 pins" }).click();
  assert.deepEqual(await list.locator("q").allTextContents(), ["line 5.", "line 2."]);
  await look(page, "pins-list");
  // What leads to a message far away leaves the page as it is.
  await page.evaluate(() => (document.body.dataset.same = "yes"));
  await list.getByText("line 2.").click();
  await said(page, "line 2.").first().and(page.locator(".found")).waitFor();
  assert.equal(await page.evaluate(() => document.body.dataset.same), "yes");
  await list.waitFor({ state: "hidden" });
  await ask("patch", path(5), { content: "another **text**" });
  await line.getByText("another **text**").waitFor();
  // What the server says is the same.
  await page.reload();
  await connected(page);
  await line.getByText("another **text**").waitFor();
  await ask("delete", path(5));
  await line.getByText("line 2.").waitFor();
  await ask("delete", `${path(2)}/pin`);
  await line.waitFor({ state: "detached" });
  assert.equal(await page.locator(".pins").count(), 0);
  await Promise.all([oda.leave(), pim.leave()]);
});

test("the focus stays in the list of pins, whatever becomes of them", async () => {
  const [ova, pia, chat_id] = await pair("ova", "pia");
  for (let n = 1; n <= 3; n += 1) await here.tell(ova, chat_id, `line ${n}.`);
  const path = (seq) => `/chats/${chat_id}/messages/${seq}`;
  const ask = async (method, address, data) => {
    const answer = await ova.context.request[method](here.url + address, { data, headers: { origin: here.url } });
    assert.ok(answer.ok(), await answer.text());
  };
  const { page } = pia;
  const list = page.getByRole("complementary", { name: "Pinned messages" });
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim().replace(/\s+/g, " "));
  for (const seq of [1, 2, 3]) await ask("put", `${path(seq)}/pin`);
  await page.getByRole("link", { name: "All 3 pins" }).click();
  await list.getByText("line 2.").waitFor();
  await list.locator("a", { hasText: "line 2." }).focus();
  await ask("patch", path(2), { content: "another text" });
  await list.getByText("another text").waitFor();
  assert.equal(await focused(), "ova another text");
  await ask("delete", `${path(2)}/pin`);
  await list.getByText("another text").waitFor({ state: "detached" });
  assert.equal(await focused(), "ova line 1.");
  await ask("delete", `${path(1)}/pin`);
  await list.getByText("line 1.").waitFor({ state: "detached" });
  assert.equal(await focused(), "ova line 3.");

  await ask("delete", `${path(3)}/pin`);
  await list.waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "log");
  await Promise.all([ova.leave(), pia.leave()]);
});

test("what changes keeps its bar, its focus and what was opened in it", async () => {
  const [uli, vic, chat_id] = await pair("uli", "vic");
  await here.tell(uli, chat_id, Array.from({ length: 60 }, (_, n) => `line ${n}.`).join("\n"));
  const { page } = vic;
  const tall = said(page, "line 0.");
  await tall.getByText("Show all").click();
  await tall.getByText("Show less").waitFor();
  await tall.hover();
  await action(page, "More").focus();
  const react = (emoji) =>
    uli.context.request.put(`${here.url}/chats/${chat_id}/messages/1/reactions/${encodeURIComponent(emoji)}`, { headers: { origin: here.url } });
  await react("👍");
  await tall.locator(".reaction").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.name), "menu");
  await tall.getByText("Show less").waitFor();
  // On a reaction, which somebody else joins; and on one that is taken back.
  await tall.locator(".reaction").focus();
  await page.keyboard.press("Enter");
  await tall.locator(".reaction", { hasText: "2" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.value), "👍");
  const gone = `${here.url}/chats/${chat_id}/messages/1/reactions/${encodeURIComponent("👍")}`;
  await uli.context.request.delete(gone, { headers: { origin: here.url } });
  await tall.locator(".reaction", { hasText: "1" }).waitFor();
  await page.keyboard.press("Enter");
  await tall.locator(".reaction").waitFor({ state: "detached" });
  assert.ok(await tall.evaluate((one) => one === document.activeElement), "the message has the focus");
  await Promise.all([uli.leave(), vic.leave()]);
});

test("in a room the list of pins is in its panel", async () => {
  const ras = await here.person("ras");
  const { room_id } = await here.call(ras, "/chats/room", { name: "Kitchen", description: "Kettles and rotas." });
  await here.tell(ras, room_id, "the rota is on the door, beside the list of those who have a key to the cellar");
  const { page } = ras;
  await ras.open(`/room/${room_id}`);
  await connected(page);
  await said(page, "the rota").hover();
  await action(page, "More").click();
  await action(page, "Pin").click();
  const panel = page.getByRole("complementary", { name: "About this room" });
  await panel.getByText("the rota").waitFor();
  assert.ok(await panel.evaluate((one) => one.scrollWidth <= one.clientWidth), "it is cut to the panel's width");
  await look(page, "pins-room");
  await page.reload();
  await panel.getByText("the rota").waitFor();
  await ras.leave();
});

test("a change that is sent twice is one, and takes nothing of what is written next", async () => {
  const [mia, ned, chat_id] = await pair("mia", "ned");
  await here.tell(mia, chat_id, "one");
  const { page } = mia;
  await sees(page, "one");
  await field(page).focus();
  await page.keyboard.press("ArrowUp");
  await page.getByText("You are changing your message.").waitFor();
  await field(page).fill("two");
  let [sent, go] = [0, null];
  const pressed = new Promise((resolve) => (go = resolve));
  await page.route("**/messages/*", async (route) => {
    sent += 1;
    await pressed;
    await route.continue();
  });
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await until("it is sent", () => sent > 0);
  go();
  await said(ned.page, "two").getByText("edited").waitFor();
  await page.getByText("You are changing your message.").waitFor({ state: "detached" });
  await field(page).fill("three");
  await page.waitForLoadState("networkidle");
  assert.equal(await field(page).inputValue(), "three");
  assert.equal(sent, 1);
  await Promise.all([mia.leave(), ned.leave()]);
});

test("a link leads to the message, and so does what is quoted, however far away", async () => {
  const [ida, jon, chat_id] = await pair("ida", "jon");
  for (let n = 1; n <= 160; n += 1) await here.tell(ida, chat_id, `line ${n}.`);
  await here.call(jon, `/chats/${chat_id}/messages`, { content: "I agree", reply_to: 12 });
  const { page } = jon;
  const isInView = (text) => said(page, text).evaluate((one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return top > 0 && bottom < innerHeight;
  });
  await jon.open(`/private/${chat_id}?at=80`);
  await until("it is in view", () => isInView("line 80."));
  await said(page, "line 80.").and(page.locator(".found")).waitFor();
  await look(page, "message-found");
  await jon.open(`/private/${chat_id}`);
  await connected(page);
  await said(page, "I agree").locator(".reply").click();
  await until("it is in view", () => isInView("line 12."));
  // Whoever is signed out gets there by way of the login.
  const elsewhere = await here.visitor("jon");
  const other = await elsewhere.open(`/private/${chat_id}?at=80`);
  await other.getByRole("textbox", { name: "Username or email" }).fill("jon");
  await other.getByLabel("Password").fill(PASSWORD);
  await other.getByRole("button", { name: "Log in" }).click();
  await said(other, "line 80.").waitFor();
  assert.equal(new URL(other.url()).search, "?at=80");
  await Promise.all([ida.leave(), jon.leave(), elsewhere.leave()]);
});

test("the keys go from message to message, and answer, change and react", async () => {
  const [gus, hal, chat_id] = await pair("gus", "hal");
  for (const [who, text] of [[gus, "one"], [hal, "two"], [gus, "three"]]) await here.tell(who, chat_id, text);
  const { page } = gus;
  await sees(page, "three");
  await said(page, "three").hover();
  await action(page, "More").waitFor();
  await page.mouse.move(5, 5);
  await page.getByRole("log").focus();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("r");
  await page.getByText("Answer to hal:").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("log").focus();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("e");
  await page.getByText("You are changing your message.").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("log").focus();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("+");
  await page.keyboard.press("Enter");
  await said(hal.page, "three").locator(".reaction").waitFor();
  await Promise.all([gus.leave(), hal.leave()]);
});
