import assert from "node:assert/strict";
import { test } from "node:test";

import { tiersFor, tierViolations } from "./rules.js";
import type { Tier } from "./wire.js";

const tier = (id: string, more: Partial<Tier> = {}): Tier => ({
  id,
  name: id.toUpperCase(),
  category: "a",
  price_minor: 1_000,
  fee_minor: 0,
  tax_rate_bps: 0,
  tax_inclusive: true,
  active: true,
  ...more,
});

const seats = (...tiers: string[]) => tiers.map((id, seat) => ({ seat, tier: id }));
const rules = (found: { rule: string }[]): string[] => found.map((one) => one.rule);

const check = (picks: { seat: number; tier: string }[], areas: { area: string; tier: string; quantity: number }[], tiers: Tier[]) =>
  rules(tierViolations(picks, areas, tiers));

test("an empty basket breaks no rule", () => {
  assert.deepEqual(check([], [], [tier("a", { min_per_hold: 2 })]), []);
});

test("a ticket type counts seats and standing places together", () => {
  const areas = [{ area: "floor", tier: "a", quantity: 2 }];
  assert.deepEqual(check(seats("a"), areas, [tier("a", { min_per_hold: 4 })]), ["tier_min"]);
  assert.deepEqual(check(seats("a"), areas, [tier("a", { max_per_hold: 2 })]), ["tier_max"]);
  assert.deepEqual(check(seats("a"), areas, [tier("a", { min_per_hold: 3, max_per_hold: 3 })]), []);
});

test("ticket types have limits, and children come with somebody", () => {
  const tiers = [tier("adult"), tier("child", { accompanied: true }), tier("group", { min_per_hold: 3, max_per_hold: 4 })];
  assert.deepEqual(check(seats("child"), [], tiers), ["accompanied"]);
  assert.deepEqual(check(seats("child", "adult"), [], tiers), []);
  assert.deepEqual(check(seats("group", "group"), [], tiers), ["tier_min"]);
  assert.deepEqual(check(seats("group", "group", "group", "group", "group"), [], tiers), ["tier_max"]);
});

test("a place is bought with the ticket types of its category or its area", () => {
  const tiers = [tier("a"), tier("b", { category: "b" }), { ...tier("s"), category: undefined, ga_area: "floor" } as unknown as Tier];
  assert.deepEqual(tiersFor(tiers, { category: "a" }).map((one) => one.id), ["a"]);
  assert.deepEqual(tiersFor(tiers, { area: "floor" }).map((one) => one.id), ["s"]);
  assert.deepEqual(tiersFor(tiers, { category: undefined }), []);
});
