// What the pages make of a close code, against the list that client authors have.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { afterClose } from "../../assets/js/wire.js";

const list = JSON.parse(readFileSync(new URL("../../assets/protocol.json", import.meta.url)));
const NEXT = { "come back": "return", "stay away": "refused", "log in": "ended" };

test("every close code is taken as it is listed", () => {
  for (const { code, then } of list.closes) assert.equal(afterClose(code), NEXT[then], `${code}`);
});

test("a line that breaks is come back to", () => {
  for (const code of [1006, 1011, 4999]) assert.equal(afterClose(code), "return");
});
