// The connection between page and server: cut, silently dead, or gone with the server. Nothing that was
// written is lost, and nothing appears twice.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, connected, contents, reconnects, said, say, sees, stored, write } from "./lib/browser.js";
import { Proxy } from "./lib/proxy.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const NOISE = /ERR_(CONNECTION|INTERNET|EMPTY|NETWORK|SOCKET)|WebSocket connection/;
const banner = (page) => page.getByText("No connection. What you write is kept");
const positions = (page) => page.locator(".message").evaluateAll((all) => all.map((one) => Number(one.dataset.seq)));

test("a server that is killed in the middle of a conversation loses and duplicates nothing", async () => {
  const [ada, bob] = await Promise.all([here.person("ada"), here.person("bob")]);
  for (const one of [ada, bob]) {
    one.expects(NOISE);
    await one.open("/general");
    await connected(one.page);
  }
  await say(ada.page, "before");
  for (let n = 0; n < 5; n += 1) await write(bob.page, `under way ${n}`);
  await here.server.kill();
  await banner(ada.page).waitFor();
  await write(ada.page, "written while it was away");
  await said(ada.page, "written while").getByText("Waits for a connection").waitFor();
  // What is waiting also survives the closing of the page: it is stored in the browser.
  await here.server.restart();
  await Promise.all([ada, bob].map(({ page }) => page.evaluate(() => dispatchEvent(new Event("online")))));
  await stored(ada.page, "written while it was away");
  for (let n = 0; n < 5; n += 1) await stored(bob.page, `under way ${n}`);
  await sees(bob.page, "written while it was away");
  await banner(ada.page).waitFor({ state: "hidden" });
  await say(bob.page, "and after");
  await sees(ada.page, "and after");
  const all = ["before", "written while it was away", "and after", ...[0, 1, 2, 3, 4].map((n) => `under way ${n}`)];
  for (const { page } of [ada, bob]) {
    assert.deepEqual((await contents(page)).sort(), all.toSorted());
    const seqs = await positions(page);
    assert.deepEqual(seqs, seqs.map((_, at) => seqs[0] + at), "in order, without a hole");
  }
  await ada.page.reload();
  await sees(ada.page, "and after");
  assert.deepEqual(await contents(ada.page), await contents(bob.page));
  await Promise.all([ada.leave(), bob.leave()]);
});

test("messages written offline are sent once the network is back, and missed ones arrive", async () => {
  const [cyd, dee] = await Promise.all([here.person("cyd"), here.person("dee")]);
  const proxy = await Proxy.to(here.server.port);
  // Chromium's offline mode leaves open sockets alone, so the connection is cut as well.
  const cut = await here.visitor("cyd", { url: proxy.url });
  cut.expects(NOISE);
  await cut.log_in();
  await cut.open("/general");
  await dee.open("/general");
  await Promise.all([connected(cut.page), connected(dee.page)]);
  await cut.context.setOffline(true);
  proxy.silence();
  await cut.page.evaluate(() => dispatchEvent(new Event("online")));
  await write(cut.page, "from the train");
  await write(dee.page, "missed one");
  await stored(dee.page, "missed one");
  await banner(cut.page).waitFor();
  await reconnects(cut.page, () => cut.context.setOffline(false));
  await stored(cut.page, "from the train");
  await sees(cut.page, "missed one");
  await sees(dee.page, "from the train");
  assert.deepEqual(await contents(cut.page), await contents(dee.page));
  proxy.close();
  await Promise.all([cyd.leave(), cut.leave(), dee.leave()]);
});

test("the page itself notices a connection that is silently dead", async () => {
  const fay = await here.person("fay");
  const proxy = await Proxy.to(here.server.port);
  const far = await here.visitor("eve", { url: proxy.url });
  far.expects(NOISE);
  await far.register();
  await far.log_in();
  await far.open("/general");
  await fay.open("/general");
  await Promise.all([connected(far.page), connected(fay.page)]);
  // The live region that will say so is already there, empty: only what is added to a region is read out.
  const region = far.page.locator("line-banner").and(far.page.getByRole("status"));
  assert.deepEqual(await region.allTextContents(), [""]);
  proxy.die();
  await write(far.page, "into the void");
  await say(fay.page, "said meanwhile");
  // Nothing tells the browser: only the page's own ping finds out, because it is not answered.
  const written = performance.now();
  await banner(far.page).waitFor();
  const noticed = performance.now() - written;
  // Much sooner than on a connection on which nothing is waiting; but the machine may be busy.
  assert.ok(noticed < 20_000, `noticed after ${noticed} ms`);
  await reconnects(far.page, () => {
    proxy.revive();
    // What a phone signals when it has a network again; the next attempt would come by itself, too.
    return far.page.evaluate(() => dispatchEvent(new Event("online")));
  });
  await stored(far.page, "into the void");
  await sees(far.page, "said meanwhile");
  await sees(fay.page, "into the void");
  assert.equal(await said(fay.page, "into the void").count(), 1);
  assert.deepEqual(await contents(far.page), await contents(fay.page));
  proxy.close();
  await Promise.all([far.leave(), fay.leave()]);
});

test("two tabs agree on what is read and on what was written", async () => {
  const [hal, ivy] = await Promise.all([here.person("hal"), here.person("ivy")]);
  const settings = await hal.open("/settings");
  await ivy.open("/general");
  await Promise.all([connected(settings), connected(ivy.page)]);
  await say(ivy.page, "for hal");
  const unread = settings.locator('.chat-line[data-type="general"] .unread');
  await unread.waitFor();
  const chat = await hal.open("/general", { tab: true });
  await sees(chat, "for hal");
  await unread.waitFor({ state: "hidden" });
  await until("the title shows it, too", async () => !/^\(/.test(await settings.title()));
  const other = await hal.open("/general", { tab: true });
  await connected(other);
  await say(chat, "from one tab");
  await stored(other, "from one tab");
  assert.equal(await said(other, "from one tab").count(), 1);
  await Promise.all([hal.leave(), ivy.leave()]);
});

test("a browser that does not accept relative WebSocket URLs connects, too", async () => {
  const jan = await here.visitor("jan");
  await jan.context.addInitScript(() => {
    window.WebSocket = class extends WebSocket {
      constructor(address) {
        if (!/^wss?:/.test(address)) throw new SyntaxError(`The URL '${address}' is invalid.`);
        super(address);
      }
    };
  });
  await jan.register();
  await jan.log_in();
  const page = await jan.open("/general");
  await connected(page);
  await say(page, "from an old browser");
  await jan.leave();
});

test("what one user wrote is never sent or shown as another's", async () => {
  const lou = await here.person("lou");
  const proxy = await Proxy.to(here.server.port);
  const kim = await here.visitor("kim", { url: proxy.url });
  kim.expects(NOISE);
  await kim.register();
  await kim.log_in();
  const page = await kim.open("/general");
  await connected(page);
  const online = () => page.evaluate(() => dispatchEvent(new Event("online")));
  const field = page.getByRole("textbox", { name: "Message" });
  proxy.die();
  await online();
  await banner(page).waitFor();
  await write(page, "from kim alone");
  await field.fill("half a thought of kim's");
  // In another tab of this browser, which shares one cookie.
  const log_in = (username) => kim.context.request.post(`${here.url}/auth/login`, {
    data: { username, password: PASSWORD },
    headers: { origin: here.url },
  });
  assert.equal((await log_in("lou")).status(), 200);
  proxy.revive();
  await reconnects(page, online);
  await page.locator(".viewer", { hasText: "lou" }).waitFor();
  assert.equal(await field.inputValue(), "");
  await say(page, "from lou");
  assert.equal(await said(page, "from kim alone").count(), 0);

  // The page may ask before the browser has the new session's cookie.
  kim.expectsRefusal(401, "/auth/me");
  // A login ends the session that the browser had before, and the page turns by itself.
  assert.equal((await log_in("kim")).status(), 200);
  await page.locator(".viewer", { hasText: "kim" }).waitFor();
  await stored(page, "from kim alone");
  assert.equal(await field.inputValue(), "half a thought of kim's");
  const { messages } = await (await lou.context.request.get("/chats/general/history")).json();
  const who = messages.filter(({ content }) => /^from (kim|lou)/.test(content)).map(({ username, content }) => [username, content]);
  assert.deepEqual(who, [["lou", "from lou"], ["kim", "from kim alone"]]);
  proxy.close();
  await Promise.all([lou.leave(), kim.leave()]);
});

test("a search while offline says so and shows no earlier results", async () => {
  const [max, pip] = await Promise.all([here.person("max"), here.person("pip")]);
  max.expects(NOISE);
  const field = max.page.getByRole("textbox", { name: "Find people" });
  const found = max.page.getByRole("button", { name: "pip" });
  await field.fill("pi");
  await found.waitFor();
  await max.context.setOffline(true);
  await field.fill("pip");
  await max.page.getByText("The server cannot be reached.").waitFor();
  assert.equal(await found.count(), 0);
  await max.context.setOffline(false);
  await Promise.all([max.leave(), pip.leave()]);
});
