// Messages with marks: on both ways to the page, in code, and from the composer.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { format, unmarked } from "../../assets/js/formatting.js";
import { spans } from "../../assets/js/spans.js";
import { connected, said, sees, stored } from "./lib/browser.js";
import { shown } from "./lib/formatted.js";
import { look } from "./lib/look.js";
import { scene } from "./lib/scene.js";
import { until } from "./lib/until.js";

const here = scene();

const cases = JSON.parse(readFileSync(new URL("formatting.json", import.meta.url), "utf8"));
const FENCE = "```";

test("script and server agree on what marks mean", () => {
  for (const { content, shows } of cases) assert.equal(shown(format(content, "ada", spans)), shows, content);
});

test("beyond the limit everything is text", () => {
  for (const piece of ["**a** ", "`a` ", "@ada ", "- a\n", "> a\n\n"]) {
    const found = shown(format(piece.repeat(4000 / piece.length), "ada", spans));
    const elements = found.split("</").length - found.split("</ul>").length;
    assert.ok(elements >= 199 && elements <= 200, `${piece}: ${elements}`);
  }
});

test("formatting takes time linear in the message", () => {
  const quickest = (content) => {
    const runs = [1, 2, 3].map(() => {
      const began = performance.now();
      format(content, "ada", spans);
      return performance.now() - began;
    });
    return Math.min(...runs);
  };
  const length = 4000;
  const bound = 20 * Math.max(quickest("a word ".repeat(length / 7)), quickest("**a** ".repeat(length / 6)), 0.1);
  const pieces = ["*", "**", "** ", "**a", "**a ", "**a**", "_", "_a ", "_a_ ", "~~a", "**_", "**_~~a", "a_**", "`", "`a", "`a``", "`a``b```c", "` ", "\\`", "\\**", `${FENCE}\n`, `${FENCE}x\n`, `${FENCE}\r`, ` ${FENCE}\n`, "> ", ">", ">\n", "> \n", "> a\n", "> > > a\n", "- ", "-", "- a\n", "- - ", "- a\n  ", "-\n", "1. a\n", "1. 1. a\n", "9", "  \n", "\r\n", "\r", "\n", " ", "\t", "👩**", "@ada ", "`@ada` ", "http://a ", "_http://a_ ", "a\n\n", "**a\n\n"];
  for (const piece of pieces) {
    for (const begin of ["", "**_~~", "> ", "- ", `${FENCE}\n`, FENCE, "`", "` "]) {
      const took = quickest(begin + piece.repeat(length / piece.length));
      assert.ok(took <= bound, `${begin}, ${JSON.stringify(piece)} again and again: ${took} ms, not ${bound}`);
    }
  }
});

test("a notification has the text without its marks", () => {
  const said = (content) => unmarked(content, "ada", spans);
  assert.equal(said("**a** _b_ `c`"), "a b c");
  assert.equal(said(`x\n\n> a\n\n- b\n- @ada\n${FENCE}js\nc\n${FENCE}`), "x\na\nb\n@ada\nc");
  assert.equal(said("`@ada` ¯\\_(ツ)_/¯"), "@ada ¯\\_(ツ)_/¯");
});

test("what arrives live looks as what the server writes", async () => {
  const [ada, bob] = await Promise.all([here.person("ada"), here.person("bob")]);
  await bob.open("/general");
  await connected(bob.page);
  // Some in each message, so that they are within what one may send at once.
  const some = 20;
  for (let from = 0; from < cases.length; from += some) {
    const contents = cases.slice(from, from + some).map(({ content }) => content);
    await here.tell(ada, 1, contents.filter((one) => one.trim()).join("\n\n"));
  }
  await here.tell(ada, 1, "the **last** one");
  await sees(bob.page, "the last one");
  const markup = () => bob.page.locator(".message .content").evaluateAll((all) => all.map((one) => one.innerHTML));
  const loaded = () => bob.page.evaluate(() => customElements.whenDefined("copy-button"));
  await loaded();
  const live = await markup();
  await bob.page.reload();
  await connected(bob.page);
  await loaded();
  // HTML has no carriage returns.
  const withoutReturns = live.map((one) => one.replaceAll("\r", ""));
  (await markup()).forEach((one, n) => assert.ok(one === withoutReturns[n], `${withoutReturns[n]}, not ${one}`));
  assert.ok(live.length > cases.length / some);
  assert.ok((await bob.page.locator(".content :is(strong, em, del, code, pre, ul, ol, blockquote)").count()) > 100);
  await Promise.all([ada.leave(), bob.leave()]);
});

test("a block of code is copied as it is, and scrolls sideways", async () => {
  const cyn = await here.person("cyn", { permissions: ["clipboard-read", "clipboard-write"] });
  const { room_id } = await here.call(cyn, "/chats/room", { name: "Marks" });
  await cyn.open(`/room/${room_id}`);
  const { page } = cyn;
  await connected(page);
  const code = `let a = "@cyn https://a.example/";\n  ${"b".repeat(300)}`;
  await here.tell(cyn, room_id, `See **this**, _that_ and ~~those~~:\n${FENCE}js\n${code}\n${FENCE}\n> quoted\n\n- one\n- \`two\`\n\n1. first\n2. second`);
  for (const way of ["live", "loaded"]) {
    const message = said(page, "See this, that and those").last();
    await message.getByRole("button", { name: "Copy" }).click();
    await message.getByText("Copied").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), code, way);
    const pre = message.locator("pre");
    assert.ok(await pre.evaluate((one) => one.scrollWidth > one.clientWidth), way);
    assert.equal(await message.locator("a, mark").count(), 0, way);
    await look(page, `formatting-${way}`);
    await page.reload();
    await connected(page);
  }
  await cyn.leave();
});

test("a button and keys of the composer put marks in and take them away", async () => {
  const dee = await here.person("dee");
  await dee.open("/general");
  const { page } = dee;
  await connected(page);
  const field = page.getByRole("textbox", { name: "Message" });
  const holds = (value) => until(`the field holds ${value}`, async () => (await field.inputValue()) === value);
  await field.fill("bold words");
  await field.press("Control+a");
  await field.press("Control+b");
  await holds("**bold words**");
  await field.press("Control+b");
  await holds("bold words");
  await field.press("Control+i");
  await holds("_bold words_");
  await field.press("Control+z");
  await holds("bold words");
  await field.fill("");
  await field.press("Control+e");
  await holds("``");
  await page.keyboard.type("x");
  await holds("`x`");
  await field.fill("a\nb");
  await field.press("Control+a");
  await page.locator("summary", { hasText: "Formatting" }).click();
  await page.getByRole("button", { name: "Numbers" }).click();
  await holds("1. a\n2. b");
  await page.getByRole("button", { name: "Numbers" }).click();
  await holds("a\nb");
  await page.getByRole("button", { name: "Code" }).click();
  await holds(`${FENCE}\na\nb\n${FENCE}`);
  await look(page, "formatting-composer");
  await field.press("Enter");
  await stored(page, "a");
  assert.equal(await page.locator(".message pre").last().innerText(), "a\nb");
  await dee.leave();
});
