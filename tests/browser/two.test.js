// Two people go through all that one can do with messages, one at a desk and one with a phone: what either does, the
// other sees.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NARROW, connected, middle, said, say, sees, stored, write } from "./lib/browser.js";
import { look, shoot } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const FENCE = "```";
const CLIPBOARD = { permissions: ["clipboard-read", "clipboard-write"] };
const PHONE = { viewport: NARROW, hasTouch: true, isMobile: true };

const field = (page) => page.getByRole("textbox", { name: "Message", exact: true });
const bar = (page) => page.getByRole("toolbar", { name: "What to do with this message" });
const action = (page, name) => bar(page).getByRole("button", { name });
const copied = (page) => page.evaluate(() => navigator.clipboard.readText());

// On a phone a finger stays on the message until its bar is there.
async function hold(page, message) {
  const session = await page.context().newCDPSession(page);
  const touchPoints = [await middle(message.locator(".content"))];
  await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints });
  await bar(page).and(message.locator(".actions")).waitFor();
  await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await session.detach();
}

// What the page of the phone looks like in every size, and then it is a phone again.
async function lookAtPhone(page, name) {
  await look(page, name);
  await page.setViewportSize(NARROW);
}

test("one at a desk and one with a phone go through all of it in a room", async () => {
  const [ada, ben] = [await here.person("ada", CLIPBOARD), await here.person("ben", { ...PHONE, ...CLIPBOARD })];
  const { room_id, invite_link } = await here.call(ada, "/chats/room", { name: "Kitchen" });
  await here.call(ben, `/chats/room/${room_id}/join`, { invite_link });
  await here.call(ada, `/chats/room/${room_id}/invite/approve`, { user_id: ben.id });
  const [desk, phone] = [await ada.open(`/room/${room_id}`), await ben.open("/")];
  await Promise.all([desk, phone].map(connected));

  // Being named, from afar; and the way there.
  await write(desk, "Tea at **fvie**, @ben?");
  await stored(desk, "Tea at fvie, @ben?");
  await phone.locator(`.chat-line[data-chat="${room_id}"] .at`).waitFor();
  await phone.getByRole("link", { name: "Kitchen" }).tap();
  await said(phone, "Tea at").and(phone.locator(".mentions")).waitFor();

  // Writing, and answering by a long press.
  await field(phone).pressSequentially("Y");
  await desk.getByText("ben is writing…").waitFor();
  await field(phone).fill("");
  await hold(phone, said(phone, "Tea at"));
  await action(phone, "Answer").tap();
  await phone.getByText("Answer to ada:").waitFor();
  await field(phone).fill("At five?");
  await phone.getByRole("button", { name: "Send" }).tap();
  const answer = (page) => said(page, "At five?");
  await answer(desk).locator(".reply").getByText("Tea at **fvie**, @ben?").waitFor();

  // Changing one's last message from the keyboard; it says so, and when.
  await field(desk).focus();
  await desk.keyboard.press("ArrowUp");
  await desk.getByText("You are changing your message.").waitFor();
  const writing = phone.getByText("ada is writing…");
  // What is told too soon after the last time is dropped.
  await until("the change is being written", async () => {
    if (await writing.isVisible()) return true;
    await field(desk).fill("Tea at **five**, @ben?");
    return false;
  });
  await desk.keyboard.press("Enter");
  const edited = said(phone, "Tea at five").getByText("edited");
  await edited.waitFor();
  assert.equal(await phone.locator(".writing").textContent(), "", "it is not being written any more");
  assert.match(await edited.getAttribute("title"), /\d{4}.*\d:\d\d/);
  await answer(phone).locator(".reply").getByText("Tea at **five**, @ben?").waitFor();

  // Reacting, with a quick one and any other; names for those who point and those who listen.
  await hold(phone, said(phone, "Tea at five"));
  await action(phone, "React").first().tap();
  await action(phone, "React with 👍").tap();
  const chip = (page, emoji) => said(page, "Tea at five").locator(`.reaction[value="${emoji}"]`);
  await chip(desk, "👍").waitFor();
  let asked = 0;
  desk.on("request", (request) => (asked += request.url().includes("/emoji?") ? 1 : 0));
  await said(desk, "Tea at five").hover();
  await action(desk, "React").first().click();
  assert.equal(asked, 0, "the list is loaded with its first use");
  await action(desk, "All emoji").click();
  await desk.getByRole("searchbox", { name: "Search by name" }).fill("teapot");
  await desk.keyboard.press("Enter");
  await chip(phone, "🫖").waitFor();
  assert.equal(asked, 1);
  await chip(desk, "👍").click();
  await chip(desk, "👍").getByText("2").waitFor();
  await chip(desk, "👍").hover();
  await until("it says who", async () => (await chip(desk, "👍").getAttribute("title")) === "ben, You");
  assert.equal(await chip(desk, "👍").getAttribute("aria-label"), "👍 2: ben, You");

  // Pinning: a line, and a list.
  await desk.mouse.move(5, 5);
  await said(desk, "Tea at five").hover();
  await action(desk, "More").click();
  await action(desk, "Pin").click();
  const line = phone.getByRole("region", { name: "Last pin" });
  await line.getByText("Tea at **five**").waitFor();
  await lookAtPhone(phone, "two-pinned");
  await line.getByRole("link", { name: "All 1 pins" }).tap();
  const listed = phone.getByRole("complementary", { name: "About this room" }).getByRole("link", { name: "Tea at" });
  for (const one of [line.getByRole("link", { name: "Tea at" }), listed]) {
    const { height } = await one.boundingBox();
    assert.ok(height >= 32, `a finger meets it: ${height} pixels`);
  }
  await shoot(phone, "two-pins");
  await listed.tap();
  await said(phone, "Tea at five").and(phone.locator(".found")).waitFor();

  // Copying: text as it was written, a link, and code.
  await said(desk, "At five?").hover();
  await said(desk, "Tea at five").hover();
  await action(desk, "More").click();
  await action(desk, "Copy text").click();
  await until("the text is copied", async () => (await copied(desk)) === "Tea at **five**, @ben?");
  await action(desk, "More").click();
  await action(desk, "Copy link").click();
  await until("the link is copied", async () => (await copied(desk)) === `${here.url}/room/${room_id}?at=1`);
  await here.tell(ada, room_id, `${FENCE}sh\nkettle --on "https://tea.example/"\n${FENCE}`);
  const code = phone.locator(".message pre").last();
  await code.waitFor();
  await phone.getByRole("button", { name: "Copy" }).tap();
  await until("the code is copied", async () => (await copied(phone)) === 'kettle --on "https://tea.example/"');

  // Finding it again.
  await desk.locator("body").click({ position: { x: 2, y: 2 } });
  await desk.getByRole("log").focus();
  await desk.keyboard.press("/");
  const search = desk.getByRole("searchbox", { name: "Search messages" });
  await search.and(desk.locator(":focus")).waitFor();
  await desk.keyboard.type("kettle");
  await desk.keyboard.press("Enter");
  const found = desk.getByRole("region", { name: "Messages found" }).getByRole("listitem");
  await found.getByText("--on").waitFor();
  await found.getByRole("link", { name: "Kitchen" }).click();
  await desk.locator(".message.found pre").waitFor();

  // Taking it back: asked once, and gone from everywhere.
  await said(desk, "Tea at five").hover();
  await action(desk, "More").click();
  await action(desk, "Delete").click();
  await look(desk, "two-delete");
  await action(desk, "Delete for everybody?").click();
  await answer(phone).locator(".reply .deleted").waitFor();
  await phone.locator(".message .content > .deleted").waitFor();
  await line.waitFor({ state: "detached" });
  assert.equal(await phone.locator(".reaction").count(), 0);
  await lookAtPhone(phone, "two-deleted");
  await desk.goto("/find?q=tea+at+five");
  await desk.getByText("Nothing was found.").waitFor();
  await Promise.all([ada.leave(), ben.leave()]);
});

test("one who writes privately sees that it was seen, and a stranger's link leads nowhere", async () => {
  const [cal, dot] = [await here.person("cal"), await here.person("dot", PHONE)];
  const chat_id = await here.begin(cal, dot);
  const [desk, phone] = [await cal.open(`/private/${chat_id}`), await dot.open(`/private/${chat_id}`)];
  await Promise.all([desk, phone].map(connected));
  await desk.getByRole("button", { name: "Send" }).waitFor();
  await say(desk, "Are you there?");
  await sees(phone, "Are you there?");
  await desk.getByText("Seen", { exact: true }).waitFor();
  const eve = await here.person("eve");
  for (const path of [`/private/${chat_id}?at=1`, "/private/999999?at=1"]) {
    eve.expectsRefusal(404, path.replace("?", "\\?"));
    await eve.open(path);
    await eve.page.getByRole("heading", { name: "Nothing here" }).waitFor();
  }
  await Promise.all([cal.leave(), dot.leave(), eve.leave()]);
});
