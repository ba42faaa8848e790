// The pages for visitors and for a new user, in every size and theme.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { NARROW, Person, WIDE, connected } from "./lib/browser.js";
import { button, look, shoot } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { Server } from "./lib/server.js";

const here = scene();

test("signing up and logging in", async () => {
  const nobody = await here.visitor("nobody");
  const page = await nobody.open("/login");
  await look(page, "login");
  nobody.expectsRefusal(401, "/login");
  await page.getByLabel("Username").fill("nobody");
  await page.getByLabel("Password").fill("wrong");
  await button(page, "Log in").click();
  await page.getByRole("alert").waitFor();
  await look(page, "login-fault");
  await page.goto("/signup");
  await look(page, "signup");
  nobody.expectsRefusal(422, "/signup");
  await page.getByLabel("Username").fill("no body");
  await page.getByLabel("Email").fill("nobody@example");
  await page.getByLabel("Password").fill("short");
  await page.locator("form").evaluate((form) => (form.noValidate = true));
  await button(page, "Sign up").click();
  await page.locator(".fault").first().waitFor();
  await look(page, "signup-fault");
  await nobody.leave();
});

test("pages that do not exist, and the documentation for programs", async () => {
  const nobody = await here.visitor("nobody");
  nobody.expectsRefusal(404, "/no/such/page");
  const page = await nobody.open("/no/such/page");
  await page.getByRole("heading", { name: "Nothing here" }).waitFor();
  await look(page, "failure-404");
  await page.goto("/docs");
  await look(page, "docs");
  await nobody.leave();
});

test("there is a page for when the database is unavailable", async (t) => {
  // Signed as the server would sign it, because nobody can log in without a database.
  const secret = "n8Qz1vG0sX5cK2wT7yLbR4dJ9hFmA6eP";
  const server = await Server.start({ SNUG_DATABASE_URL: "postgres://snug@127.0.0.1:1/snug", SNUG_JWT_SECRET: secret });
  t.after(() => server.stop());
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: "1", sid: Buffer.alloc(16, 7).toString("base64url"), iat: now, exp: now + 600 };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  const token = `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  const named = createHmac("sha256", secret).update("snug: names of cookies").digest("hex").slice(0, 8);
  const sessionCookie = `snug_session_${named}`;
  const ada = await here.visitor("ada", { url: server.url });
  await ada.context.addCookies([{ name: sessionCookie, value: token, url: server.url }]);
  ada.expectsRefusal(503, "/general");
  const page = await ada.open("/general");
  await page.getByRole("heading", { name: "Back in a moment" }).waitFor();
  await look(page, "failure-503");
  await ada.leave();
});

test("there is a page for our own errors, with the number to find it by in the log", async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const ada = await Person.signedUp(here.browser, { url: server.url, name: "ada" });
  server.query("alter table users rename column email to renamed");
  server.expects(/renamed|email/);
  ada.expectsRefusal(500, "/settings");
  const page = await ada.open("/settings");
  await page.getByRole("heading", { name: "Something went wrong" }).waitFor();
  const request = await page.locator("code").textContent();
  assert.ok(server.log.some((line) => /ERROR/.test(line) && new RegExp(`request\\.id="?${request}"? `).test(line)), server.log.join("\n"));
  assert.ok(!(await page.content()).includes("email"), "the cause is nobody's business");
  await look(page, "failure-500");
  await ada.leave();
});

test("a new user sees what to do", async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const dan = await Person.signedUp(here.browser, { url: server.url, name: "dan" });
  await connected(dan.page);
  await look(dan.page, "dashboard-empty");
  await dan.page.setViewportSize(NARROW);
  await shoot(dan.page, "dashboard-empty-whole", { fullPage: true });
  await dan.page.setViewportSize(WIDE);
  await dan.open("/general");
  await connected(dan.page);
  await dan.page.getByText("Nobody has said anything yet.").waitFor();
  await look(dan.page, "general-empty");
  await dan.leave();
});

test("a chosen theme applies whatever the system's is", async () => {
  const eve = await here.person("eve");
  const page = await eve.open("/settings");
  await look(page, "settings");
  const colours = () =>
    page.evaluate(() => {
      const { backgroundColor, color, colorScheme } = getComputedStyle(document.documentElement);
      return { backgroundColor, color, colorScheme };
    });
  const of = {};
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    of[colorScheme] = await colours();
  }
  assert.notDeepEqual(of.light, of.dark);
  for (const [choice, system] of [["Dark", "light"], ["Light", "dark"]]) {
    const theme = choice.toLowerCase();
    await page.emulateMedia({ colorScheme: system });
    await button(page, choice).click();
    await page.locator(`html[data-theme="${theme}"]`).waitFor();
    assert.deepEqual(await colours(), of[theme], `${choice} on a ${system} system`);
    await look(page, `settings-chosen-${theme}`, [system]);
  }
  await eve.leave();
});

test("with forced colours the current chat, the chosen theme and the focus can be told", async () => {
  const kay = await here.person("kay");
  const page = await kay.open("/general");
  await connected(page);
  await page.emulateMedia({ forcedColors: "active" });
  const outlined = (selector, pseudo) => page.locator(selector).evaluate((one, part) => getComputedStyle(one, part).outlineStyle, pseudo);
  assert.equal(await outlined(".chat-link[aria-current]", "::before"), "solid");
  assert.equal(await outlined(".composer form"), "solid");
  await shoot(page, "general-forced-colours");
  await kay.open("/settings");
  assert.equal(await outlined('.choices button[name="theme"][aria-pressed="true"]'), "solid");
  await shoot(page, "settings-forced-colours");
  await kay.leave();
});
