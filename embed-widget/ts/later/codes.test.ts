import assert from "node:assert/strict";
import { test } from "node:test";

import { withCode } from "./codes.js";

test("a code is trimmed, in upper case, and there once", () => {
  assert.deepEqual(withCode([], "  friends-26 "), ["FRIENDS-26"]);
  assert.deepEqual(withCode(["FRIENDS-26"], "Friends-26"), ["FRIENDS-26"]);
  assert.deepEqual(withCode(["A"], "b"), ["A", "B"]);
  assert.deepEqual(withCode(["A"], "  "), ["A"]);
});
