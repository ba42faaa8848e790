// What one does with messages: reacting, answering, changing, deleting, pinning.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, said, sees } from "./lib/browser.js";
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
  await until("it says who", async () => (await chip(ada.page).getAttribute("aria-label")) === "👍 2: ben, You" || (await chip(ada.page).getAttribute("title")).includes("You"));
  await look(ada.page, "message-reactions");
  await ben.page.reload();
  await connected(ben.page);
  await chip(ben.page).click();
  await chip(ada.page).getByText("1").waitFor();
  await Promise.all([ada.leave(), ben.leave()]);
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
  await eve.page.keyboard.press("Enter");
  await said(fin.page, "see you at five").getByText("edited").waitFor();
  await eve.page.getByText("You are changing your message.").waitFor({ state: "detached" });
  assert.equal(await field(eve.page).inputValue(), "");
  await Promise.all([eve.leave(), fin.leave()]);
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
  await look(page, "message-found");
  await jon.open(`/private/${chat_id}`);
  await connected(page);
  await said(page, "I agree").locator(".reply").click();
  await until("it is in view", () => isInView("line 12."));
  await Promise.all([ida.leave(), jon.leave()]);
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
