// Letting in those who have signed up, and seeing where one is logged in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, connected } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";

const here = scene({ SNUG_SIGNUPS: "approval" });

const requests = (page) => page.getByRole("region", { name: "Requests to join" });
const path = (page) => new URL(page.url()).pathname;

// The owner, on this page.
async function owner(page) {
  const olga = await here.visitor("olga");
  await olga.register();
  here.server.query("update users set role = 'owner', state = 'active' where username = 'olga'");
  await olga.log_in();
  await olga.open(page);
  await connected(olga.page);
  return olga;
}

test("an owner lets in somebody who has signed up, and sees where she herself is logged in", async () => {
  const olga = await owner("/settings");
  const nel = await here.visitor("nel");
  const page = await nel.open("/signup");
  await page.getByText("let you in after you have signed up").waitFor();
  await page.getByRole("textbox", { name: "Username" }).fill("nel");
  await page.getByRole("textbox", { name: "Email" }).fill("nel@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.getByText("Your account waits for").waitFor();
  assert.equal(path(page), "/login");
  await look(page, "login-waiting");

  // She is told on the page that she is on, and stays there.
  await requests(olga.page).getByText("nel asks for an account").waitFor();
  await look(olga.page, "signup-request");
  await requests(olga.page).getByRole("button", { name: "Approve" }).click();
  await requests(olga.page).waitFor({ state: "hidden" });
  assert.equal(path(olga.page), "/settings");

  await page.getByRole("textbox", { name: "Username" }).fill("nel");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "General", level: 1 }).waitFor();

  // Another browser of hers, which she does not know any more. A page would notice that its cookie is gone, and
  // lead away.
  await olga.page.goto("about:blank");
  await olga.log_in();
  await olga.context.clearCookies();
  await olga.log_in();
  await olga.open("/settings");
  const sessions = olga.page.getByRole("region", { name: "Sessions" });
  await sessions.getByText("This one.").waitFor();
  const end = sessions.getByRole("button", { name: "End" });
  const before = await end.count();
  assert.ok(before > 0);
  await end.first().click();
  await sessions.getByText("That session has ended.").waitFor();
  assert.equal(await end.count(), before - 1);
  await look(olga.page, "settings-sessions");
  await olga.leave();
  await nel.leave();
});
