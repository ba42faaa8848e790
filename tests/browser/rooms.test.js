// Rooms: creating one, inviting, asking to join, deciding, leaving.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, answer, connected, focused, reconnects, say, sees } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { Proxy } from "./lib/proxy.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const path = (page) => new URL(page.url()).pathname;
const requests = (page) => page.getByRole("region", { name: "Requests to join" });

// Creates a room on the page; returns its path and its link.
async function makeRoom(page, name, description = "") {
  await page.goto("/");
  await page.getByRole("textbox", { name: "Room name" }).fill(name);
  await page.getByRole("textbox", { name: "Description" }).fill(description);
  await page.getByRole("button", { name: "Create room" }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
  await connected(page);
  return { path: path(page), link: await page.getByRole("textbox", { name: "Invite link" }).inputValue() };
}

test("a room is made, a stranger signs up by its link, is let in, and talks", async () => {
  const ada = await here.person("ada", { permissions: ["clipboard-read", "clipboard-write"] });
  const room = await makeRoom(ada.page, "Kitchen", "Kettles and rotas");
  assert.match(room.link, /\/chats\/room\/\d+\/invite\?code=/);
  await ada.page.getByRole("button", { name: "Copy link" }).click();
  await ada.page.getByText("Copied").waitFor();
  assert.equal(await ada.page.evaluate(() => navigator.clipboard.readText()), room.link);

  const bob = await here.visitor("bob");
  const page = await bob.open(room.link);
  // Who invites to what is said before anybody has signed in.
  await page.getByText("ada invites you to").waitFor();
  await page.getByRole("heading", { name: "Kitchen" }).waitFor();
  await look(page, "invite-door");
  await page.getByRole("link", { name: "Sign up to join" }).click();
  await page.getByRole("textbox", { name: "Username" }).fill("bob");
  await page.getByRole("textbox", { name: "Email" }).fill("bob@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByRole("heading", { name: "Kitchen" }).waitFor();
  await page.getByText("ada invites you to").waitFor();
  await page.getByText("Kettles and rotas").waitFor();
  await page.getByText("1 member").waitFor();

  // The creator is told on any page, here in the settings, and answers there.
  await ada.open("/settings");
  await connected(ada.page);
  await page.getByRole("button", { name: "Ask to join" }).click();
  await page.getByRole("main").getByText("Waiting for approval").waitFor();
  await connected(page);
  await requests(ada.page).getByText("bob asks to join Kitchen").waitFor();
  await requests(ada.page).getByRole("button", { name: "Approve" }).click();
  await page.getByRole("heading", { name: "Kitchen", level: 1 }).waitFor();
  await page.waitForURL(`**${room.path}`);
  await requests(ada.page).waitFor({ state: "hidden" });
  assert.equal(await focused(ada.page), "main");

  await ada.open(room.path);
  await connected(page);
  await say(page, "Thanks for letting me in");
  await sees(ada.page, "Thanks for letting me in");
  await ada.page.getByRole("complementary").getByText("bob", { exact: true }).first().waitFor();
  await Promise.all([ada.leave(), bob.leave()]);
});

test("a person who is denied is told so, and can be let in later", async () => {
  const [cyd, dee] = await Promise.all([here.person("cyd"), here.person("dee")]);
  const room = await makeRoom(cyd.page, "Attic");
  await dee.page.getByRole("textbox", { name: "Invite link" }).fill(room.link);
  await dee.page.getByRole("button", { name: "Ask to join" }).click();
  await dee.page.getByRole("main").getByText("Waiting for approval").waitFor();
  await connected(dee.page);
  await requests(cyd.page).getByRole("button", { name: "Deny" }).click();
  await dee.page.getByText("Your request was denied").waitFor();
  await connected(dee.page);
  await requests(cyd.page).waitFor({ state: "hidden" });

  await cyd.page.reload();
  await cyd.page.getByText("Denied").click();
  await cyd.page.getByRole("complementary").getByRole("button", { name: "Approve" }).click();
  await cyd.page.getByRole("complementary").locator("summary", { hasText: "Remove dee" }).waitFor();
  // Her page turns by itself.
  await dee.page.getByRole("heading", { name: "Attic", level: 1 }).waitFor();
  await dee.page.waitForURL(`**${room.path}`);
  await Promise.all([cyd.leave(), dee.leave()]);
});

test("the creator removes a member and changes the link; a member leaves", async () => {
  const permissions = ["clipboard-read", "clipboard-write"];
  const [eve, fay, guy] = await Promise.all([here.person("eve", { permissions }), here.person("fay"), here.person("guy")]);
  const room = await makeRoom(eve.page, "Cellar");
  for (const one of [fay, guy]) {
    await one.open(room.link);
    await one.page.getByRole("button", { name: "Ask to join" }).click();
    await one.page.getByRole("main").getByText("Waiting for approval").waitFor();
    await connected(one.page);
    await requests(eve.page).getByRole("button", { name: "Approve" }).click();
    await one.page.waitForURL(`**${room.path}`);
  }
  const members = eve.page.getByRole("complementary", { name: "About this room" });
  for (const name of ["fay", "guy"]) await members.locator("summary", { hasText: `Remove ${name}` }).waitFor();
  assert.equal(await members.locator(".members-count").textContent(), "3");

  // Fay is looking at the room when she is removed.
  await connected(fay.page);
  await members.locator("summary", { hasText: "Remove fay" }).click();
  await members.getByText("Remove fay? To come back").waitFor();
  await look(eve.page, "remove-asks");
  await eve.page.keyboard.press("Escape");
  await members.getByText("Remove fay? To come back").waitFor({ state: "hidden" });
  assert.match(await focused(eve.page), /^Remove\s+fay$/);
  await answer(members, "Remove fay", "Remove");
  await fay.page.getByRole("heading", { name: "You are no longer a member" }).waitFor();
  assert.equal(await focused(fay.page), "You are no longer a member");
  assert.equal(await fay.page.getByRole("textbox", { name: "Message" }).count(), 0);
  assert.equal(await fay.page.getByRole("link", { name: "Cellar" }).count(), 0);
  await look(fay.page, "room-removed");
  await until("the member is gone", async () => (await members.locator(".members-count").textContent()) === "2");

  const link = members.getByRole("textbox", { name: "Invite link" });
  await members.getByRole("button", { name: "Copy link" }).click();
  await members.getByText("Copied").waitFor();
  await members.locator("summary", { hasText: "New link" }).click();
  await members.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await link.inputValue(), room.link, "asked, and not answered");
  await answer(members, "New link", "Make a new link");
  await until("the link is new", async () => (await link.inputValue()) !== room.link);
  assert.equal(await members.getByText("Copied").count(), 0, "this one was not copied");
  assert.equal(await focused(eve.page), "New link");
  // While disconnected, the room stays as it is, and says so.
  eve.expects(/ERR_INTERNET_DISCONNECTED/);
  const kept = await link.inputValue();
  await eve.context.setOffline(true);
  await members.locator("summary", { hasText: "New link" }).press("Enter");
  await members.getByRole("button", { name: "Make a new link" }).press("Enter");
  await members.getByRole("alert").filter({ hasText: "cannot be reached" }).waitFor();
  assert.equal(await focused(eve.page), "Make a new link");
  assert.equal(await link.inputValue(), kept);
  await eve.context.setOffline(false);
  fay.expectsRefusal(404, "/chats/room/\\d+/invite.*");
  await fay.open(room.link);
  await fay.page.getByRole("heading", { name: "Nothing here" }).waitFor();
  await fay.open(await link.inputValue());
  await fay.page.getByRole("button", { name: "Ask to join" }).waitFor();

  await answer(guy.page, "Leave room", "Leave");
  await guy.page.getByRole("heading", { name: "Start something" }).waitFor();
  assert.equal(await guy.page.getByRole("link", { name: "Cellar" }).count(), 0);
  guy.expectsRefusal(404, room.path);
  await guy.open(room.path);
  await guy.page.getByRole("heading", { name: "Nothing here" }).waitFor();
  await Promise.all([eve.leave(), fay.leave(), guy.leave()]);
});

test("an invalid invite link is shown as such", async () => {
  const hal = await here.person("hal");
  hal.expectsRefusal("4(04|22)", "/join");
  const join = async (link) => {
    await hal.page.getByRole("textbox", { name: "Invite link" }).fill(link);
    await hal.page.getByRole("button", { name: "Ask to join" }).click();
    await hal.page.getByText("This is not an invite link of this server.").waitFor();
    assert.equal(await hal.page.getByRole("textbox", { name: "Invite link" }).inputValue(), link);
  };
  await join("hello");
  await join(`${here.url}/chats/room/1/invite?code=wrong`);
  await hal.leave();
});

test("the list shows what one has asked to join until it is decided", async () => {
  const proxy = await Proxy.to(here.server.port);
  const ivy = await here.person("ivy");
  const joe = await here.person("joe", { url: proxy.url });
  const [shed, loft] = [await makeRoom(ivy.page, "Shed"), await makeRoom(ivy.page, "Loft")];
  const other = await joe.open("/general", { tab: true });
  await connected(other);
  for (const { link } of [shed, loft]) {
    await joe.open(link.replace(here.url, ""));
    await joe.page.getByRole("button", { name: "Ask to join" }).click();
    await joe.page.getByRole("main").getByText("Waiting for approval").waitFor();
  }
  const asked = (page) => page.locator(".asked-line .name").allTextContents();
  assert.deepEqual(await asked(joe.page), ["Loft", "Shed"]);
  assert.equal(await joe.page.getByText("No rooms yet").isVisible(), false);
  await look(joe.page, "asked");
  await connected(joe.page);
  await reconnects(other, () => {
    proxy.silence();
    proxy.revive();
  });
  await until("the other tab lists them, too", async () => (await asked(other)).length === 2);

  await requests(ivy.page).getByRole("listitem").filter({ hasText: "Shed" }).getByRole("button", { name: "Deny" }).click();
  for (const page of [joe.page, other]) await until("it was denied", async () => (await asked(page)).join() === "Loft");
  await requests(ivy.page).getByRole("button", { name: "Approve" }).click();
  await joe.page.getByRole("heading", { name: "Loft", level: 1 }).waitFor();
  await other.getByRole("link", { name: "Loft" }).waitFor();
  assert.deepEqual(await asked(other), []);
  await Promise.all([ivy.leave(), joe.leave()]);
  proxy.close();
});

test("copying moves nothing", async () => {
  const kay = await here.person("kay", { permissions: ["clipboard-read", "clipboard-write"] });
  const { page } = kay;
  await makeRoom(page, "Porch");
  const places = () => page.locator(".panel").locator("button:visible, summary").evaluateAll((all) => all.map((one) => {
    const { x, y, width, height } = one.getBoundingClientRect();
    return [one.textContent.trim(), x, y, width, height];
  }));
  const before = await places();
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByText("Copied").waitFor();
  await look(page, "copied");
  assert.deepEqual(await places(), before);
  await page.getByText("Copied").waitFor({ state: "detached" });
  await kay.leave();
});

test("those who are there see who comes and goes, in the panel and in the log, and nobody later does", async () => {
  const [lea, max, nia] = await Promise.all([here.person("lea"), here.person("max"), here.person("nia")]);
  const room = await makeRoom(lea.page, "Yard");
  const join = async (person) => {
    await person.open(room.link);
    await person.page.getByRole("button", { name: "Ask to join" }).click();
    await connected(person.page);
    await requests(lea.page).getByRole("button", { name: "Approve" }).click();
    await person.page.getByRole("heading", { name: "Yard", level: 1 }).waitFor();
    await connected(person.page);
  };
  const notes = (page) => page.locator(".note").allTextContents();
  const names = (page) => page.locator(".members:not(.denied) .member-name .name").allTextContents();
  await join(max);
  await say(max.page, "Hello");
  await sees(lea.page, "Hello");
  await join(nia);
  for (const page of [lea.page, max.page]) {
    await until("nia is seen to come", async () => (await notes(page)).at(-1) === "nia joined");
    assert.deepEqual(await names(page), ["lea", "max", "nia"]);
    assert.equal(await page.locator(".members-count").textContent(), "3");
  }
  assert.deepEqual(await notes(lea.page), ["max joined", "nia joined"]);
  // What is said after it stands after it, with a head of its own.
  await say(max.page, "Hello, nia");
  await sees(lea.page, "Hello, nia");
  const order = await lea.page.locator(".message .content, .note").allTextContents();
  assert.deepEqual(order, ["max joined", "Hello", "nia joined", "Hello, nia"]);
  assert.equal(await lea.page.locator(".message").last().evaluate((one) => one.classList.contains("continues")), false);
  await look(lea.page, "came-and-went");

  await answer(nia.page, "Leave room", "Leave");
  await until("nia is seen to leave", async () => (await notes(max.page)).at(-1) === "nia left");
  assert.deepEqual(await names(max.page), ["lea", "max"]);
  await join(nia);
  await answer(lea.page.locator(".panel"), "Remove nia", "Remove");
  for (const page of [lea.page, max.page]) {
    await until("nia is seen to go", async () => (await notes(page)).at(-1) === "lea removed nia");
    assert.deepEqual(await names(page), ["lea", "max"]);
    assert.equal(await page.locator(".members-count").textContent(), "2");
  }
  await max.page.reload();
  await sees(max.page, "Hello, nia");
  assert.deepEqual(await notes(max.page), [], "not kept");
  await Promise.all([lea.leave(), max.leave(), nia.leave()]);
});
