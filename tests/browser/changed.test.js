// Messages that change while their chat is shown: edited and deleted ones stand there as they are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contents, messages, reconnects, said, sees } from "./lib/browser.js";
import { Proxy } from "./lib/proxy.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

async function change(person, method, seq, data, chat_id = 1) {
  const url = `${here.url}/chats/${chat_id}/messages/${seq}`;
  const answer = await person.context.request.fetch(url, { method, data, headers: { origin: here.url } });
  assert.ok(answer.ok(), `${method} ${seq}: ${await answer.text()}`);
}

test("a message that is edited or deleted is shown as it stands", async () => {
  const [ada, bo] = await Promise.all([here.person("ada"), here.person("bob")]);
  for (const content of ["helo", "secret", "still here"]) await here.tell(ada, 1, content);
  await bo.open("/general");
  await connected(bo.page);
  await change(ada, "PATCH", 1, { content: "hello" });
  await said(bo.page, "hello").locator(".edited").waitFor();
  await change(ada, "DELETE", 2);
  await bo.page.locator(".content .deleted").waitFor();
  assert.deepEqual(await contents(bo.page), ["hello", "deleted", "still here"]);
  // The first has the head of all three.
  const heads = await messages(bo.page).evaluateAll((all) => all.map((one) => !one.classList.contains("continues")));
  assert.deepEqual(heads, [true, false, false]);
  await change(ada, "PATCH", 3, { content: "the last" });
  const last = bo.page.locator('.chat-line[data-chat="1"] .last-text');
  await until("the line in the list is corrected", async () => (await last.textContent()) === "the last");
  await bo.page.reload();
  await sees(bo.page, "the last");
  assert.deepEqual(await contents(bo.page), ["hello", "deleted", "the last"]);
  assert.equal(await bo.page.locator(".message .edited").count(), 2);
  await Promise.all([ada.leave(), bo.leave()]);
});

test("what changed while the line was broken is told when it is back", async () => {
  const cyd = await here.person("cyd");
  const { seq } = await here.tell(cyd, 1, "wrong");
  const proxy = await Proxy.to(here.server.port);
  const cut = await here.visitor("cyd", { url: proxy.url });
  cut.expects(/ERR_(CONNECTION|INTERNET|EMPTY|NETWORK|SOCKET)|WebSocket connection/);
  await cut.log_in();
  await cut.open("/general");
  await connected(cut.page);
  await cut.context.setOffline(true);
  proxy.silence();
  await cut.page.evaluate(() => dispatchEvent(new Event("online")));
  await cut.page.getByText("No connection. What you write is kept").waitFor();
  await change(cyd, "PATCH", seq, { content: "right" });
  await reconnects(cut.page, () => cut.context.setOffline(false));
  await said(cut.page, "right").locator(".edited").waitFor();
  proxy.close();
  await Promise.all([cyd.leave(), cut.leave()]);
});

test("pins that were put while the line was broken are in order when it is back", async () => {
  const [dan, eve] = await Promise.all([here.person("dan"), here.person("eve")]);
  const chat_id = await here.begin(dan, eve);
  for (let n = 1; n <= 3; n += 1) await here.tell(dan, chat_id, `line ${n}.`);
  const pin = (seq) => change(dan, "PUT", `${seq}/pin`, undefined, chat_id);
  await pin(2);
  const proxy = await Proxy.to(here.server.port);
  const cut = await here.visitor("eve", { url: proxy.url });
  cut.expects(/ERR_(CONNECTION|INTERNET|EMPTY|NETWORK|SOCKET)|WebSocket connection/);
  await cut.log_in();
  await cut.open(`/private/${chat_id}`);
  await connected(cut.page);
  // What keeps them is there.
  await cut.page.locator("template#pin").waitFor({ state: "attached" });
  await cut.page.waitForLoadState("networkidle");
  await cut.context.setOffline(true);
  proxy.silence();
  await cut.page.evaluate(() => dispatchEvent(new Event("online")));
  await cut.page.getByText("No connection. What you write is kept").waitFor();
  // What changed last was not pinned last.
  await pin(1);
  await pin(3);
  await change(dan, "PATCH", 1, { content: "changed meanwhile" }, chat_id);
  await reconnects(cut.page, () => {
    proxy.revive();
    return cut.context.setOffline(false);
  });
  const pins = () => cut.page.locator(".pins q").allTextContents();
  await until("they are in order", async () => (await pins()).join() === "line 3.,changed meanwhile,line 2.");
  assert.equal(await cut.page.locator(".pin-line q").textContent(), "line 3.");
  proxy.close();
  await Promise.all([dan.leave(), eve.leave(), cut.leave()]);
});
