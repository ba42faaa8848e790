// Notifications: turned on by a button, shown by one tab, for what is not in view.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, reconnects, say } from "./lib/browser.js";
import { Proxy } from "./lib/proxy.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

// Headless Chromium shows none, so what it is asked to show is recorded, across all tabs.
function recorder() {
  if (location.protocol !== "http:") return;
  window.Notification = class {
    static permission = localStorage.getItem("test.permission") ?? "default";
    static async requestPermission() {
      localStorage.setItem("test.permission", "granted");
      return (Notification.permission = "granted");
    }
    constructor(title, { body, tag }) {
      const shown = JSON.parse(localStorage.getItem("test.shown") ?? "[]");
      localStorage.setItem("test.shown", JSON.stringify([...shown, { title, body, tag }]));
      window.lastNotice = this;
    }
    close() {}
  };
  window.AudioContext = class {
    constructor() {
      localStorage.setItem("test.sounded", "yes");
      throw new Error("no sound here");
    }
  };
}

const shown = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("test.shown") ?? "[]"));

async function listener(name, options) {
  const person = await here.visitor(name, options);
  await person.context.addInitScript(recorder);
  await person.register();
  await person.log_in();
  return person;
}

test("one tab notifies about what is not in view, with the message as plain text", async () => {
  const [ada, bob] = await Promise.all([listener("ada"), here.person("bob")]);
  const settings = await ada.open("/settings");
  assert.equal(await settings.evaluate(() => localStorage.getItem("test.permission")), null, "nobody asked on load");
  await settings.getByRole("button", { name: "Enable notifications" }).click();
  await settings.getByRole("button", { name: "Turn off" }).waitFor();
  const second = await ada.open("/settings", { tab: true });
  await Promise.all([connected(settings), connected(second)]);

  await bob.page.getByRole("textbox", { name: "Find people" }).fill("ada");
  await bob.page.getByRole("button", { name: "ada" }).click();
  await bob.page.getByText("This is the beginning").waitFor();
  await connected(bob.page);
  const markup = "<img src=x onerror=alert(1)>";
  await say(bob.page, markup);
  await until("a notification", async () => (await shown(second)).length);
  const link = settings.getByRole("link", { name: "bob" });
  await link.waitFor();

  // General notifies only when a person is mentioned.
  await bob.open("/general");
  await connected(bob.page);
  await say(bob.page, "to nobody in particular");
  await say(bob.page, "@ada, lunch?");
  const general = settings.locator('.chat-line[data-type="general"] .unread', { hasText: "2" });
  await general.waitFor();
  await until("a second notification", async () => (await shown(second)).length >= 2);
  const notices = await shown(second);
  assert.deepEqual(notices.map(({ title, body }) => [title, body]), [
    ["bob", markup],
    ["bob in General", "@ada, lunch?"],
  ]);
  assert.equal(await settings.evaluate(() => localStorage.getItem("test.sounded")), null, "sound is off");
  const titles = await Promise.all([settings.title(), second.title()]);
  assert.match(titles[0], /^\(3\) /);

  // A click opens the chat.
  const tab = (await settings.evaluate(() => Boolean(window.lastNotice))) ? settings : second;
  await tab.evaluate(() => window.lastNotice.onclick());
  await tab.getByRole("heading", { name: "General", level: 1 }).waitFor();

  // Nobody is notified about what they are looking at.
  await connected(tab);
  await say(bob.page, "@ada, now you see me");
  await tab.getByText("now you see me").last().waitFor();
  await say(bob.page, "one more word");
  await tab.getByText("one more word").last().waitFor();
  assert.equal((await shown(tab)).length, 2);

  await second.close();
  await ada.open("/settings");
  await ada.page.getByRole("button", { name: "Turn off" }).click();
  await ada.page.getByRole("button", { name: "Enable notifications" }).waitFor();
  await Promise.all([ada.leave(), bob.leave()]);
});

test("a window behind another one is told of what comes in the chat that it shows", async () => {
  const [ines, jon] = await Promise.all([listener("ines"), here.person("jon")]);
  const page = await ines.open("/settings");
  await page.getByRole("button", { name: "Enable notifications" }).click();
  await page.getByRole("button", { name: "Turn off" }).waitFor();
  const chat_id = await here.begin(jon, ines);
  await ines.open(`/private/${chat_id}`);
  await connected(page);
  await here.tell(jon, chat_id, "seen as it comes");
  await page.locator(`.chat-line[data-chat="${chat_id}"][data-read-seq="1"]`).waitFor({ state: "attached" });
  await page.evaluate(() => {
    document.hasFocus = () => false;
    dispatchEvent(new Event("blur"));
  });
  await here.tell(jon, chat_id, "behind another window");
  await until("a notification", async () => (await shown(page)).length > 0);
  assert.deepEqual((await shown(page)).map(({ title, body }) => [title, body]), [["jon", "behind another window"]]);
  await Promise.all([ines.leave(), jon.leave()]);
});

test("the sound plays if it is switched on, and notifications do not depend on it", async () => {
  const [cyd, dee] = await Promise.all([listener("cyd"), here.person("dee")]);
  cyd.expects(/no sound here/);
  await cyd.open("/settings");
  await cyd.page.getByRole("button", { name: "Enable notifications" }).click();
  await cyd.page.getByRole("button", { name: "Turn off" }).waitFor();
  await cyd.page.getByRole("checkbox", { name: "Play a sound, too" }).check();
  await connected(cyd.page);
  await dee.open("/general");
  await connected(dee.page);
  await say(dee.page, "hello @cyd");
  await until("a sound", () => cyd.page.evaluate(() => localStorage.getItem("test.sounded")));
  await until("a notification", async () => (await shown(cyd.page)).length === 1);
  await Promise.all([cyd.leave(), dee.leave()]);
});

test("after a gap each chat notifies once, and not about what was read elsewhere", async () => {
  const proxy = await Proxy.to(here.server.port);
  const [eve, fay, guy] = await Promise.all([listener("eve", { url: proxy.url }), here.person("fay"), here.person("guy")]);
  eve.expects(/ERR_(CONNECTION|INTERNET|EMPTY|NETWORK|SOCKET)|WebSocket connection/);
  const [withFay, withGuy] = [await here.begin(fay, eve), await here.begin(guy, eve)];
  const page = await eve.open("/settings");
  await page.getByRole("button", { name: "Enable notifications" }).click();
  await connected(page);
  const online = () => page.evaluate(() => dispatchEvent(new Event("online")));
  proxy.die();
  await online();
  await page.getByText("No connection. What you write is kept").waitFor();
  for (const content of ["one", "two", "three"]) await here.tell(fay, withFay, content);
  for (const content of ["hello all", "hello @eve", "bye all"]) await here.tell(fay, 1, content);
  const { seq } = await here.tell(guy, withGuy, "seen on the phone");
  await here.call(eve, `/chats/${withGuy}/read`, { seq });
  proxy.revive();
  await reconnects(page, online);
  await page.locator(`.chat-line[data-chat="${withFay}"] .unread`, { hasText: "3" }).waitFor();
  await here.tell(guy, withGuy, "and now?");
  await until("what is said now", async () => (await shown(page)).some(({ body }) => body === "and now?"));
  const notices = (await shown(page)).map(({ title, body, tag }) => [title, body, tag]);
  assert.deepEqual(notices.toSorted(), [
    ["fay in General", "hello @eve", "message-1"],
    ["fay", "three", `message-${withFay}`],
    ["guy", "and now?", `message-${withGuy}`],
  ]);
  proxy.close();
  await Promise.all([eve.leave(), fay.leave(), guy.leave()]);
});

test("a tab that is hidden no longer counts as showing anything, however quickly it was hidden", async () => {
  const ivo = await here.person("ivo");
  const { page } = ivo;
  await connected(page);
  const held = () =>
    page.evaluate(async () => (await navigator.locks.query()).held.filter(({ name }) => name === "snug.shown.page").length);
  const turn = (...states) =>
    page.evaluate((all) => {
      for (const state of all) {
        Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }
    }, states);
  await until("it is shown", async () => (await held()) === 1);
  await turn("hidden", "visible", "hidden", "visible");
  await until("it is shown once", async () => (await held()) === 1);
  await turn("hidden");
  await until("it is shown no more", async () => (await held()) === 0);
  await ivo.leave();
});

// As in Chrome on Android, where a page's own notifications throw.
function onlyByWorker() {
  window.Notification = class {
    static permission = "granted";
    static requestPermission = async () => "granted";
    constructor() {
      throw new TypeError("Illegal constructor. Use ServiceWorkerRegistration.showNotification() instead.");
    }
  };
}

const ofWorker = (page) =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    const notices = (await registration?.getNotifications()) ?? [];
    return notices.map(({ title, body, data }) => ({ title, body, href: data.href }));
  });

test("where a page may not notify, the service worker does; a click opens the chat, reading elsewhere closes it", async () => {
  const [kim, lea] = await Promise.all([here.visitor("kim", { permissions: ["notifications"] }), here.person("lea")]);
  await kim.context.addInitScript(onlyByWorker);
  await kim.register();
  await kim.log_in();
  const page = await kim.open("/settings");
  await connected(page);
  await page.getByRole("button", { name: "Enable notifications" }).click();
  await page.getByRole("button", { name: "Turn off" }).waitFor();
  await lea.open("/general");
  await connected(lea.page);
  await say(lea.page, "hello @kim");
  await until("a notification", async () => (await ofWorker(page)).length === 1);
  assert.deepEqual(await ofWorker(page), [{ title: "lea in General", body: "hello @kim", href: "/general" }]);

  const read = async () => {
    const { messages } = await (await kim.context.request.get("/chats/general/history?limit=1")).json();
    const data = { seq: messages[0].seq };
    await kim.context.request.post("/chats/1/read", { data, headers: { origin: here.url } });
  };
  await read();
  await until("it is closed", async () => (await ofWorker(page)).length === 0);

  await say(lea.page, "@kim again");
  await until("another", async () => (await ofWorker(page)).length === 1);
  const [worker] = kim.context.serviceWorkers();
  await worker.evaluate(async () => {
    const [notification] = await registration.getNotifications();
    dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  });
  await page.getByRole("heading", { name: "General", level: 1 }).waitFor();
  assert.deepEqual(await ofWorker(page), []);
  await Promise.all([kim.leave(), lea.leave()]);
});

test("the switch is off when it turns out that nothing can be shown", async () => {
  const [mia, ned] = await Promise.all([here.visitor("mia", { permissions: ["notifications"], serviceWorkers: "block" }), here.person("ned")]);
  await mia.context.addInitScript(onlyByWorker);
  mia.expects(/Service Worker registration blocked/);
  await mia.register();
  await mia.log_in();
  const page = await mia.open("/settings");
  await connected(page);
  await page.getByRole("button", { name: "Enable notifications" }).click();
  await page.getByRole("button", { name: "Turn off" }).waitFor();
  await ned.open("/general");
  await connected(ned.page);
  await say(ned.page, "hello @mia");
  await page.getByText("This browser shows no notifications.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Turn off" }).count(), 0);
  await Promise.all([mia.leave(), ned.leave()]);
});

test("the settings say why there can be no notifications", async () => {
  for (const [name, prepare, said] of [
    ["oda", () => Object.defineProperty(window, "isSecureContext", { value: false }), "Browsers notify only about pages whose address begins with https."],
    ["pam", () => delete window.Notification, "This browser shows no notifications."],
  ]) {
    const person = await here.visitor(name);
    await person.context.addInitScript(prepare);
    await person.register();
    await person.log_in();
    const page = await person.open("/settings");
    await page.getByText(said).waitFor();
    assert.equal(await page.getByRole("button", { name: "Enable notifications" }).count(), 0);
    await look(page, `settings-${name === "oda" ? "insecure" : "without-notifications"}`);
    await person.leave();
  }
});
