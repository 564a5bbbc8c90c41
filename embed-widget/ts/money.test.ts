import assert from "node:assert/strict";
import { test } from "node:test";

import { gross, grossFee, Money } from "./money.js";

const tier = (price_minor: number, fee_minor: number, tax_rate_bps: number, tax_inclusive: boolean) => ({
  price_minor,
  fee_minor,
  tax_rate_bps,
  tax_inclusive,
});

test("the sums of the server's own table (core/src/pricing.rs)", () => {
  for (const [input, expected] of [
    [tier(10_000, 0, 1_900, false), 11_900],
    [tier(11_900, 0, 1_900, true), 11_900],
    [tier(5_000, 250, 700, false), 5_618],
    [tier(5_000, 250, 700, true), 5_250],
    [tier(5, 0, 1_000, false), 6],
    [tier(4, 0, 1_000, false), 4],
    [tier(0, 0, 1_900, false), 0],
  ] as const) {
    assert.equal(gross(input), expected);
  }
});

test("the fee is shown with its tax", () => {
  assert.equal(grossFee(tier(5_000, 200, 1_900, false)), 238);
  assert.equal(grossFee(tier(5_000, 200, 1_900, true)), 200);
});

test("prices are spelled as the buyer's language spells them", () => {
  assert.equal(new Money("EUR", "en").text(4_550), "€45.50");
  assert.equal(new Money("EUR", "de").text(4_550), "45,50\u00a0€");
  assert.equal(new Money("JPY", "en").text(4_550), "¥4,550");
  assert.equal(new Money("BHD", "en").text(4_550), "BHD\u00a04.550");
});

test("a range of one price is that price", () => {
  const money = new Money("EUR", "en");
  assert.equal(money.range(1_000, 1_000), "€10");
  assert.match(money.range(1_000, 2_050), /^€10\D+20\.5/);
});
