// Hostile text is only ever text, and no other host is contacted.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hueOf, initialsOf } from "../../assets/js/avatar.js";
import { beginning } from "../../assets/js/cut.js";
import { spans } from "../../assets/js/spans.js";
import { connected, said, say, sees } from "./lib/browser.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const HOSTILE = `</script><img src=x onerror="document.title='pwned'">{{7*7}}<svg onload=alert(1)>`;

test("stored markup is text in messages, names, descriptions, lists and titles", async () => {
  const [ada, bob] = await Promise.all([here.person("ada"), here.person("bob")]);
  const elsewhere = [];
  for (const { context } of [ada, bob]) {
    context.on("request", (request) => request.url().startsWith(here.url) || elsewhere.push(request.url()));
    context.on("dialog", (dialog) => assert.fail(dialog.message()));
  }
  const name = HOSTILE.slice(0, 80);
  await ada.page.getByRole("textbox", { name: "Room name" }).fill(name);
  await ada.page.getByRole("textbox", { name: "Description" }).fill(HOSTILE);
  await ada.page.getByRole("button", { name: "Create room" }).click();
  await ada.page.getByRole("heading", { name, level: 1 }).waitFor();
  await connected(ada.page);
  await say(ada.page, HOSTILE);
  const link = await ada.page.getByRole("textbox", { name: "Invite link" }).inputValue();
  await bob.open(link);
  await bob.page.getByRole("heading", { name, level: 1 }).waitFor();
  await bob.page.getByRole("button", { name: "Ask to join" }).click();
  await bob.page.getByRole("main").getByText("Waiting for approval").waitFor();
  await connected(bob.page);
  // Arrives live: built by the script.
  await ada.page.getByRole("button", { name: "Approve" }).click();
  await bob.page.getByRole("heading", { name, level: 1 }).waitFor();
  await connected(bob.page);
  await say(ada.page, `again ${HOSTILE}`);
  await sees(bob.page, "again");
  assert.equal(await said(bob.page, "again").locator(".content").textContent(), `again ${HOSTILE}`);
  await bob.page.getByRole("complementary").getByText(HOSTILE).waitFor();
  for (const { page } of [ada, bob]) {
    assert.equal(await page.locator("img, main svg[onload]").count(), 0);
    // Until it is seen, a new message counts as unread.
    await until("the title", async () => (await page.title()) === `${name} · snug`);
    const isolated = await page.locator(".chat-link .name, .author").evaluateAll((all) => all.every(({ tagName }) => tagName === "BDI"));
    assert.ok(isolated);
  }
  assert.deepEqual(elsewhere, []);
  await Promise.all([ada.leave(), bob.leave()]);
});

test("no script can run in the page, whatever finds its way there", async () => {
  const cyd = await here.person("cyd");
  cyd.expects(/Trusted/);
  const thrown = await cyd.page.evaluate(() => {
    try {
      document.body.innerHTML = "<p>no</p>";
      return null;
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(thrown, "TypeError");
  await cyd.leave();
});

test("script and server agree on what is a link or a mention", () => {
  const cases = JSON.parse(readFileSync(new URL("spans.json", import.meta.url), "utf8"));
  for (const { content, name, spans: expected } of cases) {
    assert.deepEqual(spans(content, name), expected, content);
  }
});

test("cutting a message into spans takes time linear in it", () => {
  const quickest = (content) => {
    const runs = [1, 2, 3].map(() => {
      const began = performance.now();
      spans(content, "ada");
      return performance.now() - began;
    });
    return Math.min(...runs);
  };
  const length = 4000;
  const bound = 20 * Math.max(quickest("a word ".repeat(length / 7)), quickest(`http://${"a".repeat(length)}`), 0.1);
  for (const piece of [")", "]", "}", "(", "()", ".", "'", "h", "http://", "http://.", "https://)", "@", "@ada", "@ada.", "＠ada", "\u0301", "\u200D", " ", '"', "。", "𠀀"]) {
    for (const begin of ["", "http://"]) {
      const took = quickest(begin + piece.repeat(length / piece.length));
      assert.ok(took <= bound, `${begin}, ${piece} again and again: ${took} ms, not ${bound}`);
    }
  }
});

test("a text is cut between what one sees as characters", () => {
  const family = "👩\u200D👩\u200D👧";
  assert.equal(beginning("abc", 3), "abc");
  assert.equal(beginning(`ab${family}`, 4), "ab");
  assert.equal(beginning(`ab${family}c`, 10), `ab${family}`);
  assert.equal(beginning("🇩🇪🇫🇷", 6), "🇩🇪");
  assert.equal(beginning(`e${"\u0301".repeat(4000)}`, 5).length, 5);
});

test("script and server paint the same avatar", async () => {
  const dee = await here.person("dee.van-Hall");
  const avatar = dee.page.locator(".sidebar-foot .avatar");
  assert.equal(await avatar.textContent(), initialsOf("dee.van-Hall"));
  assert.ok((await avatar.getAttribute("class")).split(" ").includes(`hue-${hueOf(dee.id)}`));
  await dee.leave();
});
