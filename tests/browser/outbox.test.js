// What waits in the browser to be sent: kept in order, sent once, and refused where people can see it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, contentLimit, said, say, sees, stored, write } from "./lib/browser.js";
import { scene } from "./lib/scene.js";

const here = scene();

test("a refused message can be sent again with the same client_id, or discarded", async () => {
  const guy = await here.person("guy");
  const page = await guy.open("/general");
  await connected(page);
  // As if a draft had been refused earlier and was found again on the next page.
  const name = "0123456789abcdef0123456789abcdef";
  await page.evaluate(([user, client_id]) => {
    const entry = { client_id, chat_id: 1, content: "second try", at: Date.now(), order: 1, reason: "It was refused." };
    localStorage.setItem(`snug.outbox.${user}.${client_id}`, JSON.stringify(entry));
    const other = { ...entry, client_id: "other", content: "never mind" };
    localStorage.setItem(`snug.outbox.${user}.other`, JSON.stringify(other));
  }, [guy.id, name]);
  await page.reload();
  await connected(page);
  // Another tab shows it, too, and finds out only by trying that it is gone.
  const other = await guy.open("/general", { tab: true });
  await connected(other);
  await said(page, "never mind").getByRole("button", { name: "Discard" }).click();
  await said(page, "never mind").waitFor({ state: "detached" });
  await said(other, "never mind").getByRole("button", { name: "Retry" }).click();
  await said(other, "never mind").waitFor({ state: "detached" });
  await said(page, "second try").getByText("It was refused.").waitFor();
  await said(page, "second try").getByRole("button", { name: "Retry" }).click();
  await stored(page, "second try");
  const history = await (await guy.context.request.get("/chats/general/history")).json();
  const kept = history.messages.filter(({ content }) => content === "second try");
  assert.deepEqual(kept.map(({ client_id }) => client_id), [name]);
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("outbox"))), []);
  await guy.leave();
});

test("half a surrogate pair does not block the outbox forever", async () => {
  const max = await here.person("max");
  const page = await max.open("/general");
  await connected(page);
  await page.getByRole("textbox", { name: "Message" }).evaluate((field) => {
    field.value = `cut ${String.fromCharCode(0xd83d)} in the middle`;
    field.form.requestSubmit();
  });
  await stored(page, "in the middle");
  await say(page, "and on");
  const { messages } = await (await max.context.request.get("/chats/general/history?limit=2")).json();
  assert.deepEqual(messages.map(({ content }) => content), ["cut \ufffd in the middle", "and on"]);
  await max.leave();
});

test("a refusal in a chat that is not in view is shown beside that chat", async () => {
  const [nia, otto] = await Promise.all([here.person("nia"), here.person("otto")]);
  const created = await nia.context.request.post("/chats/private", { data: { receiver_id: otto.id }, headers: { origin: here.url } });
  const { chat_id } = await created.json();
  const limit = await contentLimit(nia);
  await nia.page.evaluate(([user, chat_id, length]) => {
    const entry = { client_id: "long", chat_id, content: "x".repeat(length), at: Date.now(), order: 1, reason: null };
    localStorage.setItem(`snug.outbox.${user}.long`, JSON.stringify(entry));
  }, [nia.id, chat_id, limit + 1]);
  const page = await nia.open("/settings");
  const line = page.locator(`.chat-line[data-chat="${chat_id}"]`);
  await line.getByText("Not sent.").waitFor();
  await page.reload();
  await line.getByText("Not sent.").waitFor();
  await page.getByRole("link", { name: "otto" }).click();
  await said(page, "xxx").getByText(`${limit.toLocaleString("en")} characters`).waitFor();
  await Promise.all([nia.leave(), otto.leave()]);
});

test("if too many messages are waiting, the next stays in the composer, and the page says so", async () => {
  const pia = await here.person("pia");
  await pia.page.evaluate((user) => {
    for (let n = 0; n < 200; n += 1) {
      const entry = { client_id: `n${n}`, chat_id: 1, content: `waits ${n}`, at: Date.now(), order: n, reason: "It was refused." };
      localStorage.setItem(`snug.outbox.${user}.n${n}`, JSON.stringify(entry));
    }
  }, pia.id);
  const page = await pia.open("/general");
  await connected(page);
  await write(page, "one too many");
  const full = page.getByRole("alert").filter({ hasText: "Too many messages are waiting" });
  await full.waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Message" }).inputValue(), "one too many");
  await said(page, "waits 199").getByRole("button", { name: "Discard" }).click();
  await say(page, "one too many");
  await full.waitFor({ state: "hidden" });
  await pia.leave();
});

test("a message written after the clock was set back waits its turn", async () => {
  const rae = await here.person("rae");
  const page = await rae.open("/general");
  await connected(page);
  await page.evaluate((user) => {
    const entry = { client_id: "earlier", chat_id: 1, content: "earlier", at: Date.now() + 3_600_000, order: 7, reason: null };
    localStorage.setItem(`snug.outbox.${user}.earlier`, JSON.stringify(entry));
  }, rae.id);
  await say(page, "later");
  await sees(page, "earlier");
  const { messages } = await (await rae.context.request.get("/chats/general/history?limit=2")).json();
  assert.deepEqual(messages.map(({ content }) => content), ["earlier", "later"]);
  await rae.leave();
});
