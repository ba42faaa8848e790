// How quick the pages are: `make browser-figures` prints a table. Only what does not depend on the machine
// is asserted, in `weight.test.js`. Round trips are made by a proxy, because Chromium's own emulation does not
// delay frames.

import { test } from "node:test";
import { connected, messages, said } from "./lib/browser.js";
import { Proxy } from "./lib/proxy.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

// As the browser's developer tools have them.
const SLOW_3G = { roundTrip: 2_000, bytesPerSecond: 50_000 };
const FAST_3G = { roundTrip: 562, bytesPerSecond: 180_000 };
const A_SECOND_AWAY = { roundTrip: 1_000, bytesPerSecond: 1_000_000 };
const SHORT_LOG = 50;
const LONG_LOG = 5_000;
const IDLE_MS = 60_000;
const READ_FIRST_MS = 6_000;

const rows = [];
const note = (what, value) => rows.push([what, value]);
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
const middle = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];
const link = (page, name) => page.getByRole("navigation", { name: "Chats" }).getByRole("link", { name, exact: true });

async function call(person, path, data) {
  const answer = await fetch(here.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json" },
    body: JSON.stringify(data),
  });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
}

const begin = async (person, other) => (await call(person, "/chats/private", { receiver_id: other.id })).chat_id;

async function past(person, chat_id, count) {
  const sentence = "a sentence of about the length that people write in a chat";
  for (let n = 0; n < count; n += 50) {
    const few = Array.from({ length: Math.min(50, count - n) }, (_, one) => n + one);
    await Promise.all(few.map((n) => call(person, `/chats/${chat_id}/messages`, { content: `message ${n}: ${sentence}` })));
  }
}

// A person behind such a connection.
async function behind(name, conditions) {
  const proxy = await Proxy.to(here.server.port, conditions);
  const person = await here.visitor(name, { url: proxy.url });
  person.expects(/./);
  await person.context.request.post(`${here.url}/auth/signup`, { data: { username: name, email: `${name}@example.org`, password: "correct horse battery" } });
  const login = await (await fetch(`${here.url}/auth/login`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ username: name, password: "correct horse battery" }) })).json();
  person.token = login.access_token;
  person.id = login.user_id;
  await person.log_in();
  return Object.assign(person, { proxy });
}

// From a click to the frame in which the chat is shown, as the page itself sees it.
async function clickTo(page, name) {
  await page.evaluate(() => {
    addEventListener("click", () => sessionStorage.setItem("clicked", performance.timeOrigin + performance.now()), { capture: true, once: true });
  });
  await link(page, name).click();
  await page.getByRole("heading", { name, level: 1, exact: true }).waitFor();
  await until("it is painted", () => page.evaluate(() => window.shownAt > Number(sessionStorage.getItem("clicked"))));
  return page.evaluate(() => window.shownAt - Number(sessionStorage.getItem("clicked")));
}

// Notes when the frame is painted in which the page has another heading.
const watch = (page) =>
  page.addInitScript(() => {
    let last = null;
    const note = () => (window.shownAt = performance.timeOrigin + performance.now());
    new MutationObserver(() => {
      const now = document.querySelector("h1")?.textContent;
      if (now && now !== last) requestAnimationFrame(() => setTimeout(note));
      last = now ?? last;
    }).observe(document, { childList: true, subtree: true });
  });

test("the first visit of a chat", async () => {
  const ada = await here.visitor("ada");
  await ada.register();
  await ada.log_in();
  await past(ada, 1, 50);
  const page = await ada.context.newPage();
  const session = await ada.context.newCDPSession(page);
  await session.send("Network.enable");
  let [requests, bytes] = [0, 0];
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    requests += 1;
    bytes += encodedDataLength;
  });
  await page.goto("/general");
  await connected(page);
  await page.waitForLoadState("networkidle");
  note("first visit of a chat: requests, bytes", `${requests}, ${(bytes / 1000).toFixed(1)} kB`);
  await ada.leave();
});

test("Slow 3G, nothing in the cache", async () => {
  const far = await behind("far", SLOW_3G);
  const page = await far.context.newPage();
  const began = performance.now();
  await page.goto("/general", { waitUntil: "commit" });
  await connected(page);
  const live = performance.now() - began;
  const readable = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  note("Slow 3G, no cache: readable / live", `${seconds(readable)} / ${seconds(live)}`);
  far.proxy.close();
  await far.leave();
});

for (const [name, conditions] of [["no throttle", {}], ["Fast 3G", FAST_3G]]) {
  test(`a click on a chat, ${name}`, async () => {
    const word = name.replace(/\W/g, "");
    const near = await behind(`near${word}`, conditions);
    const friends = [];
    for (const n of [1, 2, 3]) {
      const friend = await here.person(`friend${n}${word}`);
      const chat_id = await begin(friend, near);
      await past(friend, chat_id, 50);
      await call(near, `/chats/${chat_id}/read`, { seq: 50 });
      friends.push([friend, chat_id]);
    }
    const page = await near.context.newPage();
    await watch(page);
    await page.goto("/general");
    await connected(page);
    const [fresh, again] = [[], []];
    for (const times of [fresh, again]) {
      // As somebody who reads first what is there.
      if (times === fresh) await new Promise((resolve) => setTimeout(resolve, READ_FIRST_MS));
      for (const [{ name }] of friends) times.push(await clickTo(page, name));
    }
    note(`click on a chat to readable, ${name}: never visited / visited before`, `${middle(fresh).toFixed(0)} ms / ${middle(again).toFixed(0)} ms`);
    await page.goto("/general");
    await connected(page);
    note(`the same at once after loading the page, ${name}`, `${(await clickTo(page, friends[0][0].name)).toFixed(0)} ms`);
    near.proxy.close();
    await Promise.all([near.leave(), ...friends.map(([friend]) => friend.leave())]);
  });
}

test("ten messages behind a round trip of a second", async () => {
  const far = await behind("away", A_SECOND_AWAY);
  const page = await far.context.newPage();
  await page.goto("/general");
  await connected(page);
  const field = page.getByRole("textbox", { name: "Message" });
  const began = performance.now();
  for (let n = 0; n < 10; n += 1) {
    await field.fill(`typed ${n}`);
    await field.press("Enter");
    const next = began + (n + 1) * 200;
    if (n < 9) await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
  }
  await until("all are stored", async () => {
    const all = await said(page, "typed").evaluateAll((all) => all.map(({ dataset }) => Number(dataset.seq)));
    return all.length === 10 && all.every((seq) => seq > 0);
  });
  note("10 messages typed in 2 s behind 1 s of round trip, all stored", seconds(performance.now() - began));
  far.proxy.close();
  await far.leave();
});

test("an idle tab", async () => {
  const ivy = await here.person("ivy");
  const page = await ivy.open("/general");
  await connected(page);
  const spent = await meter(page);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const before = await spent();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  note("own CPU of an idle tab, a minute", `${((await spent()) - before).toFixed(3)} s`);
  await ivy.leave();
});

// What is more in a long one depends on its length; the rest is what the page costs to show anything.
for (const length of [SHORT_LOG, LONG_LOG]) {
  test(`a message in a log of ${length}`, async () => {
    const [jan, kim] = [await here.person(`jan${length}`), await here.person(`kim${length}`)];
    const chat_id = await begin(jan, kim);
    await past(jan, chat_id, length);
    await call(kim, `/chats/${chat_id}/read`, { seq: length });
    const page = await kim.open(`/private/${chat_id}`);
    await connected(page);
    await page.getByRole("log").evaluate(async (log) => {
      const frame = () => new Promise(requestAnimationFrame);
      while (Number(log.querySelector(".message").dataset.seq) > 1) {
        log.scrollTop = -log.scrollHeight;
        await frame();
      }
      log.scrollTop = 0;
      await frame();
    });
    const session = await kim.context.newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    const spent = await meter(page);
    // Nothing is asked of the page meanwhile: that would be counted, too. It is shown in the first half of the time,
    // and counts as read in the second.
    const HALF_MS = 750;
    const cost = async (act) => {
      const marks = [await spent()];
      await act();
      while (marks.length < 3) {
        await new Promise((resolve) => setTimeout(resolve, HALF_MS));
        marks.push(await spent());
      }
      return [1, 2].map((half) => (marks[half] - marks[half - 1]) * 1000);
    };
    const [idle, times] = [[], []];
    for (let n = 0; n < 9; n += 1) {
      idle.push(await cost(() => {}));
      times.push(await cost(() => call(jan, `/chats/${chat_id}/messages`, { content: `late ${n}` })));
    }
    const more = (half) => middle(times.map((all) => all[half])) - middle(idle.map((all) => all[half]));
    note(`a message arriving in a log of ${await messages(page).count()} at 4x CPU, all tasks and painting: shown / read`, `${more(0).toFixed(0)} ms / ${more(1).toFixed(0)} ms`);
    await Promise.all([jan.leave(), kim.leave()]);
  });
}

test("the table", () => {
  const width = Math.max(...rows.map(([what]) => what.length));
  for (const [what, value] of rows) console.log(`${what.padEnd(width)}  ${value}`);
});

// Seconds that the page's tasks have taken so far.
async function meter(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration").value;
  };
}
