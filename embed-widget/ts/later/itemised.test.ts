import assert from "node:assert/strict";
import { test } from "node:test";

import { changes } from "./itemised.js";

test("changes are summed up by label, in their order", () => {
  const early = { label: "Early bird", amount_minor: -240 };
  const all = [{ item: 0, ...early }, { item: 0, label: "Member price", amount_minor: -100 }, { item: 1, ...early }];
  assert.deepEqual(changes(all), [
    { label: "Early bird", amount: -480 },
    { label: "Member price", amount: -100 },
  ]);
  assert.deepEqual(changes([]), []);
});
