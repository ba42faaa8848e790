// Without JavaScript: everything but live delivery, by plain forms.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, answer, contentLimit, contents, logOut } from "./lib/browser.js";
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
