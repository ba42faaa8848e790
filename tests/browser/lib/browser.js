// Chromium and the people who use it: each has their own context, whose console is monitored.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { chromium as oldChromium } from "playwright-core-old";
import { DEADLINE_MS, until } from "./until.js";

export const PASSWORD = "correct horse battery";
export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 360, height: 740 };

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// What is known of a page's connection: how many documents it has shown, how often a socket was
// welcomed, and the welcomed socket of the current document.
const lines = new WeakMap();

const args = process.getuid() === 0 ? ["--no-sandbox", ...FLAGS] : FLAGS;

export function launch(options = {}) {
  if (process.env.SNUG_BROWSER === "old") return launchOld();
  return chromium.launch({ executablePath: process.env.SNUG_CHROMIUM, args, ...options });
}

// With the memory for pages that are left (bfcache), which the driver switches off.
export const launchRemembering = () => launch({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });

// The oldest Chromium in which the scripts of the pages run.
export const launchOld = () => oldChromium.launch({ executablePath: process.env.SNUG_CHROMIUM_OLD, args });

export class Person {
  // `options` are the options of a context, plus `url` and `name`.
  static async of(browser, { url, name, ...options }) {
    const context = await browser.newContext({ baseURL: url, viewport: WIDE, locale: "en-GB", ...options });
    context.setDefaultTimeout(DEADLINE_MS);
    return new Person(context, name);
  }

  // A person who has signed up by the API and is on their dashboard.
  static async signedUp(browser, options) {
    const person = await Person.of(browser, options);
    await person.register();
    await person.log_in();
    await person.open("/");
    return person;
  }

  constructor(context, name) {
    this.context = context;
    this.name = name;
    this.complaints = [];
    this.expected = [];
    context.on("page", (page) => this.#listen(page));
  }

  async register() {
    const data = { username: this.name, email: `${this.name}@example.org`, password: PASSWORD };
    const answer = await this.context.request.post("/auth/signup", { data });
    assert.equal(answer.status(), 201, await answer.text());
    this.id = (await answer.json()).user_id;
  }

  async log_in(password = PASSWORD) {
    const data = { username: this.name, password };
    const answer = await this.context.request.post("/auth/login", { data });
    assert.equal(answer.status(), 200, await answer.text());
    this.token = (await answer.json()).access_token;
  }

  // In the same page, or in another tab.
  async open(path, { tab = false } = {}) {
    if (tab || !this.page) {
      const page = await this.context.newPage();
      this.page ??= page;
      await page.goto(path);
      return page;
    }
    await this.page.goto(path);
    return this.page;
  }

  // What the browser may complain about from now on, because the test provokes it.
  expects(pattern) {
    this.expected.push(pattern);
  }

  // An answer with this status from such a URL; any other error still counts.
  expectsRefusal(status, path) {
    this.expects(new RegExp(`status of ${status} .*\\(http://[^/]+${path}\\)$`));
  }

  #listen(page) {
    const line = { documents: 0, welcomes: 0, socket: null };
    lines.set(page, line);
    page.on("request", (request) => {
      if (!request.isNavigationRequest()) return;
      line.documents += 1;
      line.socket = null;
    });
    page.on("console", (message) => {
      if (message.type() !== "error" && !/Content Security Policy|Trusted/i.test(message.text())) return;
      this.#complain(`${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.#complain(error.stack));
    page.on("websocket", (socket) => {
      const { documents } = line;
      socket.on("framereceived", ({ payload }) => {
        if (!payload.includes('"type":"welcome"')) return;
        line.welcomes += 1;
        if (documents === line.documents) line.socket = socket;
      });
      socket.on("close", () => {
        if (line.socket === socket) line.socket = null;
      });
    });
  }

  #complain(text) {
    if (!this.expected.some((pattern) => pattern.test(text))) this.complaints.push(text);
  }

  async leave() {
    await this.context.close();
    assert.deepEqual(this.complaints, [], `${this.name}'s browser complained`);
  }
}

// ---- what people do and see ----

export const messages = (page) => page.locator(".message");

export const said = (page, text) => page.locator(".message", { has: page.locator(".content", { hasText: text }) });

export async function write(page, text) {
  const field = page.getByRole("textbox", { name: "Message" });
  await field.fill(text);
  await field.press("Enter");
}

// Sends a message and waits until it is stored.
export async function say(page, text) {
  await write(page, text);
  await stored(page, text);
}

export async function stored(page, text) {
  const message = said(page, text).last();
  await message.waitFor();
  await until(`"${text}" is stored`, async () => Number(await message.getAttribute("data-seq")) > 0);
}

export async function sees(page, text) {
  await said(page, text).last().waitFor();
}

// Does something that makes the page's socket reconnect, and waits for the new welcome.
export async function reconnects(page, change) {
  const line = lines.get(page);
  const before = line.welcomes;
  await change();
  await until("the socket is welcomed anew", () => line.welcomes > before);
}

// Waits until the socket of the current document has been welcomed. A navigation must be over before:
// wait for something on the new page, or use `reconnects`.
export async function connected(page) {
  await until("the socket is welcomed", () => lines.get(page).socket);
}

// Opens the question that comes before what cannot be undone, and answers it.
export async function answer(where, question, yes) {
  await where.locator("summary", { hasText: question }).click();
  await where.locator(".ask[open]").getByRole("button", { name: yes, exact: true }).click();
}

export const logOut = (page) => answer(page, "Log out", "Log out");

// Where a finger or a pointer hits it, once it stands still.
export async function middle(one) {
  await one.scrollIntoViewIfNeeded();
  const { x, y, width, height } = await one.boundingBox();
  return { x: x + width / 2, y: y + height / 2 };
}

export async function contents(page) {
  return page.locator(".message .content").allTextContents();
}

// Characters of the longest message, as the server tells them.
export async function contentLimit({ context }) {
  const described = await (await context.request.get("/openapi.json")).json();
  return described.components.schemas.Content.maxLength;
}

export const focused = (page) => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent.trim());
