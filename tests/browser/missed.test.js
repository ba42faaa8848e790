// What happens while a page is disconnected appears after it reconnects: in the list of chats, among the
// requests, in the log; and it is announced once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contents, reconnects, said, sees, stored, write } from "./lib/browser.js";
import { Proxy } from "./lib/proxy.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const NOISE = /ERR_(CONNECTION|INTERNET|EMPTY|NETWORK|SOCKET)|WebSocket connection/;
const banner = (page) => page.getByText("No connection. What you write is kept");
const online = (page) => page.evaluate(() => dispatchEvent(new Event("online")));
const line = (page, chat_id) => page.locator(`.chat-line[data-chat="${chat_id}"]`);

// A person whose connection can be cut.
async function remote(name, { known = false } = {}) {
  const proxy = await Proxy.to(here.server.port);
  const person = await here.visitor(name, { url: proxy.url });
  person.expects(NOISE);
  if (!known) await person.register();
  await person.log_in();
  const cut = async () => {
    proxy.die();
    await online(person.page);
    await banner(person.page).waitFor();
  };
  const mend = async () => {
    proxy.revive();
    await reconnects(person.page, () => online(person.page));
  };
  return Object.assign(person, { proxy, cut, mend });
}


test("after every gap, the list shows the last messages, most recent first", async () => {
  const [ada, bob, cyd] = await Promise.all([remote("ada"), here.person("bob"), here.person("cyd")]);
  const withBob = await here.begin(bob, ada);
  const withCyd = await here.begin(cyd, ada);
  await here.tell(bob, withBob, "first");
  await here.tell(cyd, withCyd, "second");
  const page = await ada.open("/settings");
  await connected(page);
  for (const round of ["once", "twice"]) {
    await ada.cut();
    await here.tell(cyd, withCyd, `cyd, ${round}`);
    await here.tell(bob, withBob, `bob, ${round}`);
    await here.tell(bob, 1, `to all, ${round}`);
    await ada.mend();
    await line(page, 1).getByText(`to all, ${round}`).waitFor();
    await line(page, withBob).getByText(`bob, ${round}`).waitFor();
    await line(page, withCyd).getByText(`cyd, ${round}`).waitFor();
    const order = await page.locator('[data-kind="private"] .chat-line').evaluateAll((all) => all.map((one) => Number(one.dataset.chat)));
    assert.deepEqual(order, [withBob, withCyd]);
  }
  await line(page, withBob).locator(".unread", { hasText: "3" }).waitFor();
  ada.proxy.close();
  await Promise.all([ada.leave(), bob.leave(), cyd.leave()]);
});

test("a person who missed too much for a replay sees the newest messages, and the rest by scrolling", async () => {
  const [dee, eve] = await Promise.all([remote("dee"), here.person("eve")]);
  const chat_id = await here.begin(eve, dee);
  await here.tell(eve, chat_id, "before");
  const page = await dee.open(`/private/${chat_id}`);
  await sees(page, "before");
  await connected(page);
  const elsewhere = await remote("dee", { known: true });
  await elsewhere.open("/settings");
  await connected(elsewhere.page);
  await Promise.all([dee.cut(), elsewhere.cut()]);
  await write(page, "written meanwhile");
  const lot = Array.from({ length: 1_010 }, (_, n) => `missed ${n}`);
  for (let at = 0; at < 1_009; at += 20) {
    await Promise.all(lot.slice(at, Math.min(at + 20, 1_009)).map((content) => here.tell(eve, chat_id, content)));
  }
  await here.tell(eve, chat_id, lot[1_009]);
  // At first the newest page cannot be loaded.
  dee.expects(/ERR_FAILED/);
  let failed = 0;
  await page.route(/history\?limit=50$/, async (route) => {
    failed += 1;
    if (failed > 1) return route.continue();
    return route.abort();
  });
  await dee.mend();
  await sees(page, "missed 1009");
  await stored(page, "written meanwhile");
  assert.equal(failed, 2);
  assert.equal(await said(page, "before").count(), 0);
  // A chat that is not in view shows what was said last, too.
  await elsewhere.mend();
  await line(elsewhere.page, chat_id).getByText("written meanwhile").waitFor();
  const scroller = page.getByRole("log");
  await until("all of it", async () => {
    await scroller.evaluate((element) => (element.scrollTop = -element.scrollHeight));
    return (await page.locator('.message[data-seq="1"]').count()) === 1;
  });
  assert.deepEqual((await contents(page)).sort(), ["before", ...lot, "written meanwhile"].sort());
  const seqs = await page.locator(".message").evaluateAll((all) => all.map((one) => Number(one.dataset.seq)));
  assert.deepEqual(seqs, seqs.map((_, at) => at + 1), "in order, without a hole");
  dee.proxy.close();
  elsewhere.proxy.close();
  await Promise.all([dee.leave(), elsewhere.leave(), eve.leave()]);
});

test("a new chat, an ended one and a request to join appear after a gap", async () => {
  const [fay, guy, hal] = await Promise.all([remote("fay"), here.person("guy"), here.person("hal")]);
  const join = async (person, { room_id, invite_link }) => {
    await here.call(person, `/chats/room/${room_id}/join`, { invite_link });
  };
  await fay.open("/");
  const own = await here.call(fay, "/chats/room", { name: "Attic" });
  const other = await here.call(guy, "/chats/room", { name: "Cellar" });
  await join(fay, other);
  await here.call(guy, `/chats/room/${other.room_id}/invite/approve`, { user_id: fay.id });
  const page = await fay.open("/settings");
  await connected(page);
  await line(page, other.room_id).waitFor();
  await fay.cut();
  const withGuy = await here.begin(guy, fay);
  await here.tell(guy, withGuy, "are you there?");
  await here.tell(guy, withGuy, "hello?");
  await join(hal, own);
  const removed = await guy.context.request.delete(`/chats/room/${other.room_id}/members/${fay.id}`, { headers: { origin: here.url } });
  assert.equal(removed.status(), 204);
  await fay.mend();
  await page.getByRole("link", { name: "guy" }).waitFor();
  await line(page, withGuy).getByText("hello?").waitFor();
  await line(page, withGuy).locator(".unread", { hasText: "2" }).waitFor();
  await until("the title shows it, too", async () => /^\(2\) /.test(await page.title()));
  await page.locator(".request", { hasText: "hal asks to join Attic" }).waitFor();
  await line(page, other.room_id).waitFor({ state: "detached" });
  // From here on it is a chat like any other.
  await here.tell(guy, withGuy, "good morning");
  await line(page, withGuy).getByText("good morning").waitFor();
  await page.getByRole("button", { name: "Approve" }).click();
  await page.locator(".request", { hasText: "hal asks to join Attic" }).waitFor({ state: "hidden" });
  // Another gap shows nothing twice.
  await fay.cut();
  await fay.mend();
  await until("it stands once", async () => (await page.getByRole("link", { name: "guy" }).count()) === 1);
  fay.proxy.close();
  await Promise.all([fay.leave(), guy.leave(), hal.leave()]);
});
