// Who is online, who writes and who has read, as people see it; and the switch that turns it off.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, said, say, sees } from "./lib/browser.js";
import { button, look, shoot } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const line = (page, name) => page.locator(".chat-line[data-type=private]", { hasText: name });
const isOnline = (page, name) => line(page, name).getByText("online", { exact: true }).waitFor({ state: "attached" });
const isGone = (page, name) => line(page, name).getByText("online", { exact: true }).waitFor({ state: "detached" });
const field = (page) => page.getByRole("textbox", { name: "Message", exact: true });
const writing = (page) => page.locator(".writing");

// Goes on writing until the returned function is called.
function write(page) {
  let ends = false;
  const written = (async () => {
    while (!ends) {
      await field(page).press("a");
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  })();
  return async () => {
    ends = true;
    await written;
    await field(page).fill("");
  };
}

const boxes = (page) =>
  page.evaluate(() =>
    [".scroller", ".composer", ".message", ".chat-line"].map((one) => {
      const { x, y, width, height } = [...document.querySelectorAll(one)].pop().getBoundingClientRect();
      return [x, y, width, height];
    }),
  );

test("one sees who is online, who writes and what the other one has seen, and nothing moves", async () => {
  const [ada, ben] = await Promise.all([here.person("ada"), here.person("ben")]);
  const chat_id = await here.begin(ada, ben);
  await ada.open(`/private/${chat_id}`);
  await connected(ada.page);
  await say(ada.page, "Are you there?");
  await ben.open("/general");
  await connected(ben.page);
  await isOnline(ada.page, "ben");
  await isOnline(ben.page, "ada");
  assert.equal(await ada.page.locator(".seen").count(), 0, "he has not looked");
  const before = await boxes(ada.page);

  await ben.open(`/private/${chat_id}`);
  await connected(ben.page);
  await ada.page.getByText("Seen", { exact: true }).waitFor();
  const stop = write(ben.page);
  await writing(ada.page).getByText("ben is writing…").waitFor();
  assert.deepEqual(await boxes(ada.page), before, "nothing moves");
  // It is not read out by itself, and can be read.
  assert.equal(await writing(ada.page).evaluate((one) => one.closest("[aria-live], [role=status], [aria-hidden]")), null);
  assert.equal(await writing(ben.page).count(), 0, "not to himself");
  await look(ada.page, "signals");
  await ada.page.emulateMedia({ forcedColors: "active" });
  await shoot(ada.page, "signals-forced-colours");
  await ada.page.emulateMedia({ forcedColors: "none" });
  await stop();
  await writing(ada.page).getByText("writing").waitFor({ state: "hidden" });

  const again = write(ben.page);
  await writing(ada.page).getByText("ben is writing…").waitFor();
  await again();
  await say(ben.page, "Yes.");
  await sees(ada.page, "Yes.");
  await until("his message ends it", async () => (await writing(ada.page).textContent()) === "");
  await ada.page.locator(".seen").waitFor({ state: "detached" });
  await say(ada.page, "Good.");
  await ada.page.getByText("Seen", { exact: true }).waitFor();
  // Also after a reload, and in a chat that one returns to.
  await ada.page.reload();
  await connected(ada.page);
  await ada.page.getByText("Seen", { exact: true }).waitFor();
  await isOnline(ada.page, "ben");
  await ada.page.getByRole("link", { name: "General" }).click();
  await ada.page.getByRole("heading", { name: "General" }).waitFor();
  await ada.page.getByRole("link", { name: "ben", exact: true }).click();
  await ada.page.getByText("Seen", { exact: true }).waitFor();
  assert.equal(await said(ada.page, "Good.").count(), 1);
  await Promise.all([ada.leave(), ben.leave()]);
});

test("of many who write three are named", async () => {
  const names = ["cal", "dot", "eve", "fin"];
  const [gus, ...others] = await Promise.all(["gus", ...names].map((name) => here.person(name)));
  const stops = [];
  await gus.open("/general");
  await connected(gus.page);
  for (const [at, one] of others.entries()) {
    await one.open("/general");
    await connected(one.page);
    stops.push(write(one.page));
    const shown = [/is writing…$/, /^\w+ and \w+ are writing…$/, /^\w+, \w+ and \w+ are writing…$/, /^Several people are writing…$/];
    await writing(gus.page).getByText(shown[at]).waitFor();
  }
  await Promise.all(stops.map((stop) => stop()));
  await Promise.all([gus, ...others].map((one) => one.leave()));
});

test("members of a room have a dot", async () => {
  const [hal, ida] = await Promise.all([here.person("hal"), here.person("ida")]);
  const { room_id, invite_link } = await here.call(hal, "/chats/room", { name: "Tea" });
  await hal.open(`/room/${room_id}`);
  await connected(hal.page);
  await ida.open("/general");
  await connected(ida.page);
  await here.call(ida, `/chats/room/${room_id}/join`, { invite_link });
  await here.call(hal, `/chats/room/${room_id}/invite/approve`, { user_id: ida.id });
  const member = (page, name) => page.locator(".member", { hasText: name }).getByText("online", { exact: true });
  await member(hal.page, "ida").waitFor({ state: "attached" });
  await ida.page.getByRole("link", { name: "Tea" }).click();
  await member(ida.page, "hal").waitFor({ state: "attached" });
  await look(hal.page, "signals-room");
  await Promise.all([hal.leave(), ida.leave()]);
});

test("one switch turns it off in both directions, also where a page is open", async () => {
  const [jon, kay] = await Promise.all([here.person("jon"), here.person("kay")]);
  const chat_id = await here.begin(jon, kay);
  for (const one of [jon, kay]) {
    await one.open(`/private/${chat_id}`);
    await connected(one.page);
  }
  await Promise.all([isOnline(jon.page, "kay"), isOnline(kay.page, "jon")]);
  await say(jon.page, "one");
  await jon.page.getByText("Seen", { exact: true }).waitFor();
  const settings = await kay.context.newPage();
  await settings.goto(`${here.url}/settings`);
  const section = settings.getByRole("region", { name: "Presence" });
  await section.getByRole("button", { name: "On", pressed: true }).waitFor();
  await look(settings, "settings-presence", ["light"]);
  await button(section, "Off").click();
  await section.getByRole("button", { name: "Off", pressed: true }).waitFor();
  await Promise.all([isGone(jon.page, "kay"), isGone(kay.page, "jon")]);
  await jon.page.getByText("Seen", { exact: true }).waitFor({ state: "detached" });
  await say(jon.page, "two");
  await sees(kay.page, "two");
  const stop = write(kay.page);
  await say(kay.page, "three");
  await sees(jon.page, "three");
  await stop();
  for (const { page } of [jon, kay]) {
    assert.equal(await page.locator(".seen").count(), 0);
    assert.equal(await writing(page).getByText("writing").count(), 0);
  }
  await button(section, "On").click();
  await Promise.all([isOnline(jon.page, "kay"), isOnline(kay.page, "jon")]);
  await Promise.all([jon.leave(), kay.leave()]);
});
