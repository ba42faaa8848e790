// Every page and state, wide and narrow, light and dark: looked at by axe, and left as a screenshot.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { NARROW, WIDE, connected } from "./lib/browser.js";
import { scene } from "./lib/scene.js";
import { Server } from "./lib/server.js";

const here = scene();

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SIZES = { wide: WIDE, narrow: NARROW };
const THEMES = ["light", "dark"];

const TALK = [
  ["bob", "Has anybody seen the good knife?"],
  ["cyd", "It is in the drawer under the sink, where it has been since somebody decided that the block on the counter was ugly."],
  ["ada", "Morning. The minutes are here: https://example.org/minutes/2026-09-19?view=full#decisions (two pages)."],
  ["ada", "Three things to decide:\n\n1. the kettle\n2. the rota\n3. whether we keep the plant"],
  ["bob", "Keep the plant."],
  ["bob", "The rota is fine as it is, I think."],
  ["cyd", 'let x = "a_very_long_word_without_any_place_to_break_it_because_somebody_pasted_code_into_the_chat_again_and_again";'],
  ["cyd", "@ada could you ask about the kettle?"],
  ["bob", "مرحبا بالجميع، كيف حالكم؟"],
  ["bob", "Who left the kettle on?"],
];

// Axe through the debugger, which the page's own policy does not bind.
async function violations(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
    expression: "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary)])))",
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
  return JSON.parse(result.value);
}

// The page as it is, in both themes and sizes.
async function look(page, name) {
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      const path = `${process.env.SNUG_SCREENSHOTS}/${name}-${size}-${colorScheme}.png`;
      await page.screenshot({ path });
      const sideways = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      });
      assert.equal(sideways, 0, `${name} scrolls sideways when ${size}`);
      assert.deepEqual(await violations(page), [], `${name}, ${size}, ${colorScheme}`);
    }
  }
  await page.setViewportSize(WIDE);
}

const button = (page, name) => page.getByRole("button", { name, exact: true });

test("the doors and what is not there", async () => {
  const nobody = await here.visitor("nobody");
  nobody.expects(/status of 4/);
  const page = await nobody.open("/login");
  await look(page, "login");
  await page.getByLabel("Username").fill("nobody");
  await page.getByLabel("Password").fill("wrong");
  await button(page, "Log in").click();
  await page.getByRole("alert").waitFor();
  await look(page, "login-fault");
  await page.goto("/signup");
  await look(page, "signup");
  await page.getByLabel("Username").fill("no body");
  await page.getByLabel("Email").fill("nobody@example");
  await page.getByLabel("Password").fill("short");
  await page.locator("form").evaluate((form) => (form.noValidate = true));
  await button(page, "Sign up").click();
  await page.locator(".fault").first().waitFor();
  await look(page, "signup-fault");
  await page.goto("/no/such/page");
  await page.getByRole("heading", { name: "Nothing here" }).waitFor();
  await look(page, "failure-404");
  await page.goto("/docs");
  await look(page, "docs");
  await nobody.leave();
});

test("a database that is away has a page, too", async () => {
  // Signed as the server signs, since nobody can log in without a database.
  const secret = "n8Qz1vG0sX5cK2wT7yLbR4dJ9hFmA6eP";
  const server = await Server.start({ SNUG_DATABASE_URL: "postgres://snug@127.0.0.1:1/snug", SNUG_JWT_SECRET: secret });
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: "1", sid: Buffer.alloc(16, 7).toString("base64url"), iat: now, exp: now + 600 };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  const token = `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  const ada = await here.visitor("ada", { url: server.url });
  await ada.context.addCookies([{ name: "snug_session", value: token, url: server.url }]);
  ada.expects(/status of 503/);
  const page = await ada.open("/general");
  await page.getByRole("heading", { name: "Back in a moment" }).waitFor();
  await look(page, "failure-503");
  await ada.leave();
  await server.stop();
});

test("somebody new sees what to do", async () => {
  const dan = await here.person("dan");
  await connected(dan.page);
  await look(dan.page, "dashboard-empty");
  await dan.page.setViewportSize(NARROW);
  await dan.page.screenshot({ path: `${process.env.SNUG_SCREENSHOTS}/dashboard-empty-whole.png`, fullPage: true });
  await dan.page.setViewportSize(WIDE);
  await dan.open("/general");
  await connected(dan.page);
  await look(dan.page, "general-empty");
  await dan.page.goto("/settings");
  await look(dan.page, "settings");
  await dan.leave();
});

test("a house full of people", async () => {
  const people = {};
  for (const name of ["ada", "bob", "cyd", "dorothy_v", "mallory"]) people[name] = await here.person(name);
  const { ada, bob, cyd, dorothy_v, mallory } = people;
  const post = async (person, path, data) => {
    const answer = await person.context.request.post(path, { data, headers: { origin: here.url } });
    assert.ok(answer.ok(), `${path}: ${await answer.text()}`);
    return answer.json();
  };
  const { room_id, invite_link } = await post(ada, "/chats/room", { name: "Kitchen", description: "Kettles, rotas and the plant." });
  const long = await post(ada, "/chats/room", { name: "A room whose name is so long that it cannot fit into any list there is" });
  for (const one of [bob, cyd, mallory]) await post(one, `/chats/room/${room_id}/join`, { invite_link });
  for (const one of [bob, cyd]) await post(ada, `/chats/room/${room_id}/invite/approve`, { user_id: one.id });
  await post(ada, `/chats/room/${room_id}/invite/deny`, { user_id: mallory.id });
  for (const [name, content] of TALK) await post(people[name], `/chats/${room_id}/messages`, { content });
  await post(bob, "/chats/1/messages", { content: "Lunch at one? The place by the canal is open again" });
  const { chat_id } = await post(cyd, "/chats/private", { receiver_id: ada.id });
  await post(cyd, `/chats/${chat_id}/messages`, { content: "See you tomorrow" });

  const { page } = dorothy_v;
  await page.goto(invite_link);
  await look(page, "invite");
  await button(page, "Ask to join").click();
  await page.getByText("Waiting for approval").waitFor();
  await look(page, "invite-waiting");
  await mallory.open(invite_link);
  await look(mallory.page, "invite-denied");
  await bob.open(invite_link);
  await look(bob.page, "invite-member");

  await ada.open("/");
  await connected(ada.page);
  await look(ada.page, "dashboard");
  await ada.page.getByRole("textbox", { name: "Find people" }).fill("o");
  await ada.page.getByRole("button", { name: "bob" }).waitFor();
  await look(ada.page, "dashboard-found");
  ada.expects(/status of 4/);
  await ada.page.getByRole("textbox", { name: "Invite link" }).fill("hello");
  await button(ada.page, "Ask to join").click();
  await ada.page.getByText("This is not an invite link").waitFor();
  await look(ada.page, "dashboard-fault");

  await ada.open(`/room/${room_id}`);
  await connected(ada.page);
  await look(ada.page, "room-creator");
  await ada.page.goto(`/room/${room_id}#panel`);
  await ada.page.getByText("Denied").click();
  await look(ada.page, "room-panel");
  await bob.open(`/room/${room_id}`);
  await connected(bob.page);
  await look(bob.page, "room-member");
  await ada.open(`/room/${long.room_id}`);
  await look(ada.page, "room-empty");
  await ada.open(`/private/${chat_id}`);
  await connected(ada.page);
  await look(ada.page, "private");

  // A message that waits, one that was refused, and no line.
  for (const person of Object.values(people)) person.expects(/ERR_|WebSocket/);
  await ada.page.evaluate(([user, chat_id]) => {
    const entry = { client_id: "refused", chat_id, content: "This one was refused", at: Date.now(), order: 1, reason: "You are writing faster than others can read; slow down." };
    localStorage.setItem(`snug.outbox.${user}.refused`, JSON.stringify(entry));
  }, [ada.id, chat_id]);
  await ada.page.reload();
  await connected(ada.page);
  await here.server.kill();
  await ada.page.getByText("No connection. What you write is kept").waitFor();
  await ada.page.getByRole("textbox", { name: "Message" }).fill("Are you still there?");
  await ada.page.keyboard.press("Enter");
  await ada.page.getByText("Sending…").waitFor();
  await ada.page.getByRole("textbox", { name: "Message" }).fill("x".repeat(3_950));
  await look(ada.page, "private-no-line");
  await ada.page.getByRole("textbox", { name: "Message" }).fill("");
  await here.server.restart();
  await ada.page.emulateMedia({ colorScheme: null });
  await ada.open("/settings");
  await button(ada.page, "Dark").click();
  assert.equal(await ada.page.locator("html").getAttribute("data-theme"), "dark");
  await Promise.all(Object.values(people).map((person) => person.leave()));
});
