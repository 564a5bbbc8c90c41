import assert from "node:assert/strict";
import { test } from "node:test";

import { isEmail } from "./checkout.js";
import { visible } from "./list.js";

test("only what is in view is in the document", () => {
  assert.deepEqual(visible(10, 0, 600), { from: 0, to: 10 });
  const middle = visible(5_000, 60 * 1_000, 600);
  assert.ok(middle.from <= 1_000 && middle.to >= 1_010 && middle.to - middle.from < 30);
  assert.deepEqual(visible(0, 0, 600), { from: 0, to: 0 });
  assert.equal(visible(20, 60 * 400, 600).from, 19);
});

test("addresses are judged mildly", () => {
  for (const good of ["ada@example.org", " ada@example.org ", "a+b@mail.example.co.uk"]) assert.ok(isEmail(good), good);
  for (const bad of ["", "ada", "ada@", "ada@example", "a b@example.org", "ada@example.org."]) assert.ok(!isEmail(bad), bad);
});
