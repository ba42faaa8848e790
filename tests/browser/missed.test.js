// What happens while a page has no line is there when it has one again: in the list of chats, among the
// requests, in the log, and said once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, reconnects } from "./lib/browser.js";
import { Proxy } from "./lib/proxy.js";
import { scene } from "./lib/scene.js";

const here = scene();

const NOISE = /ERR_(CONNECTION|INTERNET|EMPTY|NETWORK|SOCKET)|WebSocket connection/;
const banner = (page) => page.getByText("No connection. What you write is kept");
const online = (page) => page.evaluate(() => dispatchEvent(new Event("online")));
const line = (page, chat_id) => page.locator(`.chat-line[data-chat="${chat_id}"]`);

// Somebody with a line that can be cut.
async function remote(name, options) {
  const proxy = await Proxy.to(here.server.port);
  const person = await here.visitor(name, { url: proxy.url, ...options });
  person.expects(NOISE);
  await person.register();
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

// A call of the API on somebody's behalf.
async function call(person, path, data) {
  const answer = await person.context.request.post(path, { data, headers: { origin: here.url } });
  assert.ok(answer.ok(), `${path}: ${await answer.text()}`);
  return answer.json();
}

const tell = (person, chat_id, content) => call(person, `/chats/${chat_id}/messages`, { content });
const begin = async (person, other) => (await call(person, "/chats/private", { receiver_id: other.id })).chat_id;

test("the list shows what was said last, and the latest first, after every gap", async () => {
  const [ada, bob, cyd] = await Promise.all([remote("ada"), here.person("bob"), here.person("cyd")]);
  const withBob = await begin(bob, ada);
  const withCyd = await begin(cyd, ada);
  await tell(bob, withBob, "first");
  await tell(cyd, withCyd, "second");
  const page = await ada.open("/settings");
  await connected(page);
  for (const round of ["once", "twice"]) {
    await ada.cut();
    await tell(cyd, withCyd, `cyd, ${round}`);
    await tell(bob, withBob, `bob, ${round}`);
    await tell(bob, 1, `to all, ${round}`);
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
