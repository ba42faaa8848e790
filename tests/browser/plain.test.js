// Without JavaScript: everything but live delivery, by plain forms.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NARROW, PASSWORD, WIDE, answer, contentLimit, contents, logOut, said } from "./lib/browser.js";
import { look, shoot } from "./lib/look.js";
import { scene } from "./lib/scene.js";

const here = scene();

const PLAIN = { javaScriptEnabled: false };
const press = (where, name) => where.getByRole("button", { name, exact: true }).click();
const path = (page) => new URL(page.url()).pathname;

async function signUp(name, address) {
  const person = await here.visitor(name, PLAIN);
  const page = await person.open(address);
  await page.getByRole("link", { name: /^Create an account|^Sign up/ }).click();
  await page.getByRole("textbox", { name: "Username" }).fill(name);
  await page.getByRole("textbox", { name: "Email" }).fill(`${name}@example.org`);
  await page.getByLabel("Password").fill(PASSWORD);
  await press(page, "Sign up");
  return person;
}

// Without scripts there is no axe.
async function see(page, name) {
  for (const [size, viewport] of Object.entries({ narrow: NARROW, wide: WIDE })) {
    await page.setViewportSize(viewport);
    await shoot(page, `${name}-${size}`, { fullPage: true });
  }
}

async function send(page, text) {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await press(page, "Send");
}

test("people sign up, talk, make a room, ask, decide, leave and log out", async () => {
  const ada = await signUp("ada", "/general");
  assert.equal(path(ada.page), "/general");
  await send(ada.page, "Hello from a plain page\nwith two lines");
  assert.deepEqual(await contents(ada.page), ["Hello from a plain page\nwith two lines"]);

  await ada.open("/");
  await ada.page.getByRole("textbox", { name: "Room name" }).fill("Library");
  await press(ada.page, "Create room");
  const room = path(ada.page);
  assert.match(room, /^\/room\/\d+$/);
  assert.equal(new URL(ada.page.url()).hash, "#panel");
  const link = await ada.page.getByRole("textbox", { name: "Invite link" }).inputValue();

  const bob = await signUp("bob", link);
  await press(bob.page, "Ask to join");
  await bob.page.getByRole("main").getByText("Waiting for approval").waitFor();
  const cyd = await signUp("cyd", "/");
  assert.equal(path(cyd.page), "/general");
  await cyd.page.getByRole("link", { name: "Make or join a room" }).click();
  await cyd.page.getByRole("textbox", { name: "Invite link" }).fill(link);
  await press(cyd.page, "Ask to join");
  await cyd.page.getByRole("main").getByText("Waiting for approval").waitFor();

  await ada.open("/settings");
  await press(ada.page.locator(".request", { hasText: "bob" }), "Approve bob");
  assert.equal(path(ada.page), "/settings");
  await press(ada.page.locator(".request", { hasText: "cyd" }), "Deny cyd");
  assert.equal(await ada.page.locator(".request").count(), 0);
  await cyd.page.reload();
  await cyd.page.getByText("Your request was denied").waitFor();
  await bob.page.reload();
  await bob.page.getByRole("link", { name: "Open the room" }).click();
  await send(bob.page, "Shh");
  await ada.open(room);
  assert.deepEqual(await contents(ada.page), ["Shh"]);
  await press(ada.page, "Mark as read");
  assert.equal(await ada.page.getByRole("button", { name: "Mark as read" }).count(), 0);
  await ada.page.getByText("Denied").click();
  await press(ada.page, "Approve cyd");
  await answer(ada.page, "Remove cyd", "Remove");
  await answer(ada.page, "New link", "Make a new link");
  assert.notEqual(await ada.page.getByRole("textbox", { name: "Invite link" }).inputValue(), link);
  await answer(bob.page, "Leave room", "Leave");
  assert.equal(path(bob.page), "/");
  assert.equal(await bob.page.getByRole("link", { name: "Library" }).count(), 0);

  await bob.page.getByRole("textbox", { name: "Find people" }).fill("ad");
  await press(bob.page, "Search");
  await press(bob.page, "ada");
  assert.match(path(bob.page), /^\/private\/\d+$/);
  await send(bob.page, "psst");
  await ada.open("/");
  await ada.page.getByRole("link", { name: "bob" }).click();
  assert.deepEqual(await contents(ada.page), ["psst"]);

  await ada.open("/settings");
  await press(ada.page, "Dark");
  assert.equal(await ada.page.locator("html").getAttribute("data-theme"), "dark");
  assert.equal(await ada.page.locator("meta[name=theme-color]").count(), 1);
  await logOut(ada.page);
  assert.equal(path(ada.page), "/login");
  await ada.open("/");
  assert.equal(path(ada.page), "/login");
  await Promise.all([ada.leave(), bob.leave(), cyd.leave()]);
});

test("refusals are shown, and what was typed is kept", async () => {
  const dee = await signUp("dee", "/general");
  dee.expectsRefusal(422, "/general");
  const limit = await contentLimit(dee);
  await send(dee.page, "x".repeat(limit + 1));
  const refusal = `at most ${limit.toLocaleString("en")} characters`;
  await dee.page.getByRole("alert").filter({ hasText: refusal }).waitFor();
  const field = dee.page.getByRole("textbox", { name: "Message" });
  assert.equal((await field.inputValue()).length, limit + 1);
  await field.fill("shorter");
  await press(dee.page, "Send");
  assert.equal((await contents(dee.page)).at(-1), "shorter");
  await dee.leave();
});

test("older pages are links", async () => {
  const eve = await signUp("eve", "/general");
  for (let n = 1; n <= 60; n += 1) {
    const data = { content: `old ${n}` };
    await eve.context.request.post("/chats/1/messages", { data, headers: { origin: here.url } });
  }
  await eve.open("/general");
  assert.equal((await contents(eve.page)).at(-1), "old 60");
  await eve.page.getByRole("link", { name: "Older messages" }).click();
  assert.equal((await contents(eve.page)).at(-1), "old 10");
  await eve.page.getByRole("link", { name: "Latest messages" }).click();
  assert.equal((await contents(eve.page)).at(-1), "old 60");
  await eve.leave();
});

test("a message's own page reacts, answers, edits, pins and deletes", async () => {
  const [fay, gil] = [await signUp("fay", "/general"), await signUp("gil", "/general")];
  for (const person of [fay, gil]) person.id = (await (await person.context.request.get("/auth/me")).json()).user_id;
  const chat = `/private/${await here.begin(fay, gil)}`;
  const { page } = fay;
  await fay.open(chat);
  await send(page, "tea?");
  await see(page, "plain-chat");
  await said(page, "tea?").getByRole("link", { name: "Answer, react and more" }).click();
  await see(page, "plain-message");
  const scripted = await here.visitor("fay");
  await scripted.log_in();
  await look(await scripted.open(path(page)), "message-page");
  await scripted.leave();
  await press(page, "React with 👍");
  await page.getByRole("button", { name: "👍 1", pressed: true }).waitFor();
  await page.getByRole("textbox", { name: "Another emoji" }).fill("🫖");
  await press(page, "React");
  await page.getByRole("button", { name: "🫖 1", pressed: true }).click();
  await page.getByRole("button", { name: "🫖 1" }).waitFor({ state: "detached" });
  await page.getByRole("textbox", { name: "Text" }).fill("coffee?");
  await press(page, "Save");
  await said(page, "coffee?").getByText("edited").waitFor();
  await press(page, "Pin");
  await said(page, "coffee?").getByText("pinned").waitFor();
  await page.getByRole("link", { name: "Back to the conversation" }).click();
  assert.equal(path(page), chat);

  await gil.open(chat);
  await said(gil.page, "coffee?").getByRole("link", { name: "Answer, react and more" }).click();
  assert.equal(await gil.page.getByRole("button", { name: "Save" }).count(), 0);
  await press(gil.page, "👍 1");
  await press(gil.page, "Unpin");
  await gil.page.getByRole("button", { name: "👍 2", pressed: true }).waitFor();
  await gil.page.getByRole("textbox", { name: "Your answer" }).fill("tea is fine");
  await press(gil.page, "Send");
  assert.equal(path(gil.page), chat);
  await said(gil.page, "tea is fine").locator(".reply").getByText("coffee?").waitFor();

  await said(page, "coffee?").getByRole("link", { name: "Answer, react and more" }).click();
  await answer(page, "Delete", "Delete for everybody");
  await page.getByText("This message was deleted").waitFor();
  await see(page, "plain-message-deleted");
  await Promise.all([fay.leave(), gil.leave()]);
});
