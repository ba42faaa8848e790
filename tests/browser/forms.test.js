// A second click on a button does what the first did, and shows its result.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD } from "./lib/browser.js";
import { scene } from "./lib/scene.js";

const here = scene();

// The second comes while the answer to the first is under way, so that the browser waits for its own instead.
async function clickTwice(page, name) {
  let held = 0;
  await page.route("**", async (route) => {
    if (route.request().method() === "POST" && (held += 1) === 1) await route.fetch({ maxRedirects: 0 });
    else await route.continue();
  });
  const button = page.getByRole("button", { name, exact: true });
  await button.evaluate((element) => {
    element.click();
    setTimeout(() => element.click(), 300);
  });
  return () => held;
}

test("a second click on Sign up is no second account, and signs in", async () => {
  const amy = await here.visitor("amy");
  const page = await amy.open("/signup");
  await page.getByRole("textbox", { name: "Username" }).fill("amy");
  await page.getByRole("textbox", { name: "Email" }).fill("amy@example.org");
  await page.getByLabel("Password").fill(PASSWORD);
  const sent = await clickTwice(page, "Sign up");
  await page.getByRole("heading", { name: "General", level: 1 }).waitFor();
  assert.equal(sent(), 2);
  await amy.leave();
});

test("a second click on Create room or Change password does it once, and shows it", async () => {
  const cal = await here.person("cal");
  const page = await cal.open("/");
  await page.getByRole("textbox", { name: "Room name" }).fill("Shed");
  let sent = await clickTwice(page, "Create room");
  await page.getByRole("heading", { name: "Shed", level: 1 }).waitFor();
  assert.equal(sent(), 2);
  assert.equal(await page.locator(".chat-line", { hasText: "Shed" }).count(), 1);

  await page.unrouteAll();
  await cal.open("/settings");
  await page.getByLabel("Current password").fill(PASSWORD);
  await page.getByLabel("New password").fill("a better password");
  sent = await clickTwice(page, "Change password");
  await page.getByText("The password is changed.").waitFor();
  assert.equal(sent(), 2);
  await cal.leave();
});
