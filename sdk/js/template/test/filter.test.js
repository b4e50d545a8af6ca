import assert from "node:assert/strict";
import test from "node:test";

import { makeFilter } from "../src/filter.js";

test("a listed word is found where it stands, counted in bytes", () => {
  const { verdict, findings } = makeFilter({ words: ["refund"] })("你好, Refund now");
  assert.equal(verdict.tag, "warn");
  assert.deepEqual(findings.map(({ start, end }) => [start, end]), [[8, 14]]);
});

test("other messages pass", () => {
  assert.equal(makeFilter({})("see you at noon").verdict.tag, "pass");
});

test("an empty word is refused", () => {
  assert.throws(() => makeFilter({ words: [" "] }), /empty word/);
});
