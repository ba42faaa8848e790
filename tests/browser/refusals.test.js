// A browser that keeps nothing, or in which others write at the same time: talking goes on, and nothing is
// overwritten.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contents, said, say, sees } from "./lib/browser.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const field = (page) => page.getByRole("textbox", { name: "Message" });
const unkept = (page) => page.getByText("Your browser keeps no drafts here");

const REFUSALS = {
  full: () => {
    Storage.prototype.setItem = () => {
      throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
    };
  },
  forbidden: () => {
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("Access is denied for this document.", "SecurityError");
      },
    });
  },
};

for (const [how, refuse] of Object.entries(REFUSALS)) {
  test(`with a storage that is ${how}, talking goes on, and the page says that drafts are not kept`, async () => {
    const [ada, bob] = await Promise.all([here.visitor(`ada_${how}`), here.person(`bob_${how}`)]);
    await ada.context.addInitScript(refuse);
    await ada.register();
    await ada.log_in();
    const page = await ada.open("/general");
    await bob.open("/general");
    await Promise.all([connected(page), connected(bob.page)]);
    assert.equal(await unkept(page).count(), 0);
    await field(page).fill(`half a thought, ${how}`);
    await unkept(page).waitFor();
    await look(page, `general-unkept-${how}`);
    await say(page, `sent all the same, ${how}`);
    await sees(bob.page, `sent all the same, ${how}`);
    await say(bob.page, `and answered, ${how}`);
    await sees(page, `and answered, ${how}`);
    assert.equal(await unkept(page).count(), 0);
    await Promise.all([ada.leave(), bob.leave()]);
  });
}

test("a draft of more than 64 KiB is kept that far", async () => {
  const cyd = await here.person("cyd");
  const page = await cyd.open("/general");
  await field(page).fill("x".repeat(100_000));
  const kept = await page.evaluate((user) => localStorage.getItem(`snug.draft.${user}.1`).length * 2, cyd.id);
  assert.equal(kept, 64 * 1024);
  await cyd.leave();
});

test("two tabs with one chat keep a draft each, and what one has sent the other does not send again", async () => {
  const dee = await here.person("dee");
  const one = await dee.open("/general");
  await connected(one);
  await field(one).fill("begun in one tab");
  const two = await dee.open("/general", { tab: true });
  await connected(two);
  assert.equal(await field(two).inputValue(), "begun in one tab");
  // Sent in one, it is gone in the other.
  await field(one).press("Enter");
  await sees(two, "begun in one tab");
  await until("the other tab's field is empty", async () => (await field(two).inputValue()) === "");

  await field(one).fill("a thought");
  await until("it is in the other, too", async () => (await field(two).inputValue()) === "a thought");
  // Both write at the same time: neither has heard of the other's words when it writes.
  await field(two).fill("another thought");
  await field(two).evaluate((area) => (area.value = "something else in two"));
  await field(one).fill("mine in one");
  await field(two).press("End");
  await field(two).pressSequentially("!");
  const drafts = () => one.evaluate((user) => Object.keys(localStorage).filter((key) => key.startsWith(`snug.draft.${user}.1`)).map((key) => localStorage.getItem(key)).sort(), dee.id);
  await until("both are kept", async () => (await drafts()).join() === "mine in one,something else in two!");
  await field(one).press("Enter");
  await said(two, "mine in one").waitFor();
  assert.equal(await field(two).inputValue(), "something else in two!");
  await two.reload();
  assert.equal(await field(two).inputValue(), "something else in two!");
  assert.deepEqual((await contents(two)).slice(-2), ["begun in one tab", "mine in one"]);
  await dee.leave();
});

test("a clock that was ahead once does not stop renewal", async () => {
  const eve = await here.person("eve");
  await eve.page.evaluate(() => localStorage.setItem("snug.renewed", Date.now() + 10 * 365 * 86_400_000));
  const renewed = eve.page.waitForRequest((request) => request.url().endsWith("/auth/renew"));
  await eve.page.reload();
  await renewed;
  await until("the time is right", () => eve.page.evaluate(() => Number(localStorage.getItem("snug.renewed")) <= Date.now()));
  await eve.leave();
});
