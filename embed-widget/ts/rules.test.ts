import assert from "node:assert/strict";
import { test } from "node:test";

import { basketViolations, tiersFor } from "./rules.js";
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

const AREAS = {
  floor: { name: "Floor", sold: "place", capacity: 100, min: 1, max: 0 },
  box: { name: "Box", sold: "whole", capacity: 6, min: 1, max: 0 },
  lounge: { name: "Lounge", sold: "group", capacity: 12, min: 4, max: 8 },
} as const;
const areaOf = (key: string) => AREAS[key as keyof typeof AREAS];
const seats = (...tiers: string[]) => tiers.map((id, seat) => ({ seat, tier: id }));
const rules = (found: { rule: string }[]): string[] => found.map((one) => one.rule);

const check = (
  picks: { seat: number; tier: string }[],
  areas: { area: string; tier: string; quantity: number }[],
  tiers: Tier[],
  limits = { min: 0, max: 0 },
) => rules(basketViolations(picks, areas, tiers, areaOf, limits));

test("an empty basket breaks no rule", () => {
  assert.deepEqual(check([], [], [tier("a", { min_per_hold: 2 })], { min: 3, max: 1 }), []);
});

test("the order's limits count seats and standing places together", () => {
  const areas = [{ area: "floor", tier: "s", quantity: 2 }];
  assert.deepEqual(check(seats("a"), areas, [tier("a"), tier("s")], { min: 4, max: 0 }), ["min_places"]);
  assert.deepEqual(check(seats("a"), areas, [tier("a"), tier("s")], { min: 0, max: 2 }), ["max_places"]);
  assert.deepEqual(check(seats("a"), areas, [tier("a"), tier("s")], { min: 3, max: 3 }), []);
});

test("ticket types have limits, and children come with somebody", () => {
  const tiers = [tier("adult"), tier("child", { accompanied: true }), tier("group", { min_per_hold: 3, max_per_hold: 4 })];
  assert.deepEqual(check(seats("child"), [], tiers), ["accompanied"]);
  assert.deepEqual(check(seats("child", "adult"), [], tiers), []);
  assert.deepEqual(check(seats("group", "group"), [], tiers), ["tier_min"]);
  assert.deepEqual(check(seats("group", "group", "group", "group", "group"), [], tiers), ["tier_max"]);
});

test("areas for one party are taken whole, or within their size", () => {
  const tiers = [tier("t")];
  const of = (area: string, quantity: number) => check([], [{ area, tier: "t", quantity }], tiers);
  assert.deepEqual(of("box", 5), ["whole_area"]);
  assert.deepEqual(of("box", 6), []);
  assert.deepEqual(of("lounge", 3), ["group_min"]);
  assert.deepEqual(of("lounge", 9), ["group_max"]);
  assert.deepEqual(of("lounge", 8), []);
});

test("a place is bought with the ticket types of its category or its area", () => {
  const tiers = [tier("a"), tier("b", { category: "b" }), { ...tier("s"), category: undefined, ga_area: "floor" } as unknown as Tier];
  assert.deepEqual(tiersFor(tiers, { category: "a" }).map((one) => one.id), ["a"]);
  assert.deepEqual(tiersFor(tiers, { area: "floor" }).map((one) => one.id), ["s"]);
  assert.deepEqual(tiersFor(tiers, { category: undefined }), []);
});
