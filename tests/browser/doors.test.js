// Signing up, logging in, logging out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, connected, logOut, focused, reconnects, say } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { Server } from "./lib/server.js";
import { until } from "./lib/until.js";

const here = scene();

const field = (page, name) => page.getByRole("textbox", { name, exact: true });
const path = (page) => new URL(page.url()).pathname;

test("a person signs up; mistakes are explained beside the field, and what was typed is kept", async () => {
  const ada = await here.visitor("ada");
  await here.person("taken").then((taken) => taken.leave());
  ada.expectsRefusal(409, "/signup");
  const page = await ada.open("/");
  assert.equal(path(page), "/login");
  await page.getByRole("link", { name: "Create an account" }).click();
  assert.equal(await focused(page), "username");

  await field(page, "Username").fill("taken");
  await field(page, "Email").fill("ada@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByText("This name is taken; choose another.").waitFor();
  assert.equal(await field(page, "Email").inputValue(), "ada@example.org");
  assert.equal(await focused(page), "username");
  assert.equal(await field(page, "Username").getAttribute("aria-invalid"), "true");
  const described = await field(page, "Username").getAttribute("aria-describedby");
  assert.match(await page.locator(`#${described}`).textContent(), /taken/);

  await field(page, "Username").fill("ada");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  // The first page is the conversation, with the way to others.
  await page.getByRole("heading", { name: "General", level: 1 }).waitFor();
  assert.equal(path(page), "/general");
  await page.getByRole("heading", { name: "Welcome, ada" }).waitFor();
  await field(page, "Message").waitFor();
  await look(page, "welcome");
  await page.getByRole("link", { name: "Find people" }).click();
  await page.getByRole("heading", { name: "Talk to someone" }).waitFor();
  await page.getByRole("link", { name: "General" }).click();
  await field(page, "Message").waitFor();
  assert.equal(await page.getByRole("heading", { name: "Welcome, ada" }).count(), 0, "once");
  await ada.leave();
});

test("password managers recognise the fields, and a password can be shown", async () => {
  const bo = await here.visitor("bo");
  const page = await bo.open("/signup");
  const autocomplete = (name) => page.locator(`input[name=${name}]`).getAttribute("autocomplete");
  assert.equal(await autocomplete("username"), "username");
  assert.equal(await autocomplete("email"), "email");
  assert.equal(await autocomplete("password"), "new-password");
  await page.getByLabel("Password").fill("visible");
  await page.getByRole("button", { name: "Show" }).click();
  assert.equal(await page.getByLabel("Password").getAttribute("type"), "text");
  assert.equal(await page.getByRole("button", { name: "Hide" }).getAttribute("aria-pressed"), null, "the word says it");
  await page.getByRole("button", { name: "Hide" }).click();
  assert.equal(await page.getByLabel("Password").getAttribute("type"), "password");
  await page.goto("/login");
  assert.equal(await autocomplete("password"), "current-password");
  await bo.leave();
});

test("after the login, people are on the page they came for", async () => {
  const cy = await here.visitor("cyd");
  await cy.register();
  cy.expectsRefusal(401, "/login");
  const page = await cy.open("/settings");
  assert.equal(path(page), "/login");
  await field(page, "Username or email").fill("cyd");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").filter({ hasText: "do not match" }).waitFor();
  assert.equal(await field(page, "Username or email").inputValue(), "cyd");
  assert.equal(await focused(page), "password");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Settings" }).waitFor();
  assert.equal(path(page), "/settings");
  await page.goto("/login");
  assert.equal(path(page), "/", "who is signed in needs no door");
  await cy.leave();
});

test("logging out ends every tab's session and leaves nothing behind", async () => {
  const dee = await here.person("dee");
  dee.expectsRefusal(401, "/auth/(me|renew)");
  await dee.open("/general");
  const other = await dee.open("/general", { tab: true });
  await connected(other);
  await say(dee.page, "before I go");
  await other.getByRole("textbox", { name: "Message" }).fill("a draft");
  await logOut(dee.page);
  await dee.page.getByRole("heading", { name: "Log in" }).waitFor();
  await other.getByRole("heading", { name: "Log in" }).waitFor();
  assert.equal(await dee.page.evaluate(() => localStorage.length), 0);
  const cookies = await dee.context.cookies();
  assert.ok(!cookies.some(({ name }) => name.startsWith("snug_session_")));
  await dee.page.goto("/general");
  assert.equal(path(dee.page), "/login");
  await dee.leave();
});

test("a page from the browser's memory (bfcache) is not shown to the next person", async () => {
  const guy = await here.person("guy");
  const page = await guy.open("/general");
  await connected(page);
  guy.expectsRefusal(401, "/auth/me");
  await guy.context.clearCookies();
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await guy.leave();
});

test("the page renews its session while it is used", async () => {
  const eve = await here.person("eve");
  const session = async () => (await eve.context.cookies()).find(({ name }) => name.startsWith("snug_session_")).value;
  const first = await session();
  // As if the last renewal had been long ago.
  await eve.page.evaluate(() => localStorage.setItem("snug.renewed", "1"));
  await eve.page.reload();
  await until("the cookie is renewed", async () => (await session()) !== first);
  await eve.leave();
});

test("a changed password ends the other sessions", async () => {
  const fay = await here.person("fay");
  const elsewhere = await here.visitor("fay");
  await elsewhere.log_in();
  await elsewhere.open("/general");
  await connected(elsewhere.page);
  elsewhere.expectsRefusal(401, "/auth/(me|renew)");
  const draft = field(elsewhere.page, "Message");
  await draft.fill("half a thought");
  fay.expectsRefusal(422, "/settings/password");
  const page = await fay.open("/settings");
  await page.getByLabel("Current password").fill("not mine");
  await page.getByLabel("New password").fill("a better password");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("This is not your current password.").waitFor();
  await page.getByLabel("Current password").fill(PASSWORD);
  await page.getByLabel("New password").fill("a better password");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("The password is changed.").waitFor();
  // Reloading the page must change nothing: otherwise the browser would ask whether to send the form again.
  await page.reload();
  await page.getByText("The password is changed.").waitFor();
  await elsewhere.page.getByRole("heading", { name: "Log in" }).waitFor();
  await elsewhere.page.getByText("Your session here has ended.").waitFor();
  await look(elsewhere.page, "login-ended");
  // Nobody logged out here, so the draft is still there.
  await field(elsewhere.page, "Username or email").fill("fay");
  await elsewhere.page.getByLabel("Password").fill("a better password");
  await elsewhere.page.getByRole("button", { name: "Log in" }).click();
  await elsewhere.page.getByRole("heading", { name: "General", level: 1 }).waitFor();
  assert.equal(await draft.inputValue(), "half a thought");
  await Promise.all([fay.leave(), elsewhere.leave()]);
});

test("a page whose session was renewed outlives its first token", async (t) => {
  const own = await Server.start({ SNUG_TOKEN_LIFETIME: "8s" });
  t.after(() => own.stop());
  const gus = await here.visitor("gus", { url: own.url });
  await gus.register();
  await gus.log_in();
  const page = await gus.open("/general");
  await connected(page);
  await page.evaluate(() => (window.first = true));
  await page.getByRole("textbox", { name: "Message" }).fill("half a thought");
  const renewed = () => gus.context.request.post("/auth/renew", { headers: { origin: own.url } });
  // The socket that was opened with the first token is closed when that token expires.
  await reconnects(page, async () => {
    const before = await page.evaluate(() => performance.now());
    await until("the first token has ended", async () => {
      assert.equal((await renewed()).status(), 200);
      return (await page.evaluate(() => performance.now())) > before + 8_000;
    });
  });
  assert.equal(await page.evaluate(() => window.first), true, "it is the same page");
  await say(page, "half a thought");
  await gus.leave();
});

test("logging out is not interrupted by the end of its own session, and forgets only if it worked", async () => {
  const hal = await here.person("hal");
  hal.expects(/ERR_INTERNET_DISCONNECTED|status of 401/);
  const page = await hal.open("/general");
  await connected(page);
  const message = field(page, "Message");
  await message.fill("not yet");
  await hal.context.setOffline(true);
  await logOut(page);
  await until("it does not work", () => page.url().startsWith("chrome-error:"));
  await hal.context.setOffline(false);
  await hal.open("/general");
  assert.equal(await message.inputValue(), "not yet");
  await connected(page);

  // The session is over, and the tab has been told so, before the answer arrives.
  await page.route(/\/(auth\/)?logout$/, async (route) => {
    const told = page.waitForResponse((response) => response.url().endsWith("/auth/me") && response.status() === 401);
    const response = await route.fetch({ maxRedirects: 0 });
    await told;
    await route.fulfill({ response });
  });
  await logOut(page);
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.equal(new URL(page.url()).search, "");
  assert.equal(await page.getByText("has ended").count(), 0, "who logs out knows");
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  await hal.leave();
});

test("logging out asks first, and says what of the unsent would be lost", async () => {
  const ivy = await here.person("ivy");
  ivy.expectsRefusal(401, "/auth/(me|renew)");
  const page = await ivy.open("/general");
  await connected(page);
  const question = page.locator(".question.log-out");
  await page.locator("summary", { hasText: "Log out" }).click();
  await question.getByText("Log out of this browser?").waitFor();
  assert.equal(await question.getByText("would be lost").isVisible(), false, "nothing would");
  await look(page, "log-out-asks");
  await page.getByRole("heading", { name: "General", level: 1 }).click();
  await question.waitFor({ state: "hidden" });

  await field(page, "Message").fill("half a thought");
  await page.evaluate((user) => {
    for (let n = 1; n < 4; n += 1) {
      const entry = { client_id: `c${n}`, chat_id: 1, content: `refused\n${n}`, at: n, order: n, reason: "No." };
      localStorage.setItem(`snug.outbox.${user}.c${n}`, JSON.stringify(entry));
    }
  }, ivy.id);
  await page.locator("summary", { hasText: "Log out" }).click();
  await question.getByText("This has not been sent, and would be lost:").waitFor();
  assert.deepEqual(await question.getByRole("listitem").allTextContents(), ["refused 1", "refused 2", "refused 3", "and 1 more"]);
  await look(page, "log-out-loses");
  await question.getByRole("button", { name: "Cancel" }).click();
  await question.waitFor({ state: "hidden" });
  assert.equal(await field(page, "Message").inputValue(), "half a thought");
  await logOut(page);
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await ivy.leave();
});
