import assert from "node:assert/strict";
import { test } from "node:test";

import { returnUrl } from "./ordering.js";

test("the buyer comes back to the page itself, marked once", () => {
  const url = returnUrl("https://shop.example/gig?lang=de&eventflow=back#top", "paid");
  assert.equal(url, "https://shop.example/gig?lang=de&eventflow=paid");
});
