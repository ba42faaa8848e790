// Back is free: a page that was left comes out of the browser's memory (bfcache), and is current again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, launchRemembering } from "./lib/browser.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene({}, () => {}, launchRemembering);

// The driver loses a page that comes back; the browser itself can still be asked. A question that a navigation
// interrupts is asked again.
async function ask(page) {
  const session = await page.context().newCDPSession(page);
  return async function tell(expression) {
    try {
      const { result } = await session.send("Runtime.evaluate", { expression, returnByValue: true });
      return result.value;
    } catch (error) {
      if (!error.message.includes("navigated or closed")) throw error;
      return tell(expression);
    }
  };
}

// What leads to another page happens once its answer is on its way, so that it is not interrupted itself.
const soon = (action) => `setTimeout(() => ${action}, 50), true`;

async function leaveAndReturn(page, tell, between) {
  await tell("window.pinned = 'yes'; addEventListener('pageshow', ({ persisted }) => (window.returned = persisted))");
  await tell(soon("document.querySelector('a[href=\"/settings\"]').click()"));
  await until("the settings", async () => (await tell("location.pathname")) === "/settings" && (await tell("document.readyState")) === "complete");
  await between();
  await back(tell);
}

// From a page that can be told from the one it leads to.
async function back(tell) {
  await tell("window.isLeft = true");
  await tell(soon("history.back()"));
  await until("another page", async () => await tell("!window.isLeft && document.readyState === 'complete'"));
}

test("a page that was left is there at once, connects again, and shows what was said meanwhile", async () => {
  const [ada, bob] = [await here.person("ada"), await here.person("bob")];
  const page = await ada.open("/general");
  await connected(page);
  const tell = await ask(page);
  await leaveAndReturn(page, tell, async () => {
    const data = { content: "said meanwhile" };
    await bob.context.request.post("/chats/1/messages", { data, headers: { origin: here.url } });
  });
  await until("the page is back", async () => (await tell("window.returned")) === true);
  assert.equal(await tell("window.pinned"), "yes", "it is the page that was left");
  await until("what was said meanwhile", async () => (await tell("document.querySelector('#log').textContent")).includes("said meanwhile"));
  await Promise.all([ada.leave(), bob.leave()]);
});

test("after logging out nothing shows, even out of the browser's memory", async () => {
  const cyd = await here.person("cyd");
  cyd.expects(/status of 401/);
  const page = await cyd.open("/general");
  await connected(page);
  const tell = await ask(page);
  await leaveAndReturn(page, tell, async () => {
    await tell(soon("document.querySelector('form.log-out').requestSubmit()"));
    await until("logged out", async () => (await tell("location.pathname")) === "/login");
    await back(tell);
  });
  await until("the login page", async () => (await tell("location.pathname")) === "/login");
  assert.ok(!(await tell("document.body.innerText")).includes("Write a message"));
  await cyd.leave();
});
