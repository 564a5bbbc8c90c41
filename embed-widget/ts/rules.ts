/** What may be bought together: limits of ticket types, areas and the order, beside the seat rules that the engine knows. */

import type { Area } from "./engine.js";
import type { AreaPick, Pick, Violation } from "./store.js";
import type { Tier } from "./wire.js";

/** Tickets of each type in a basket. */
export function countByTier(picks: readonly Pick[], areas: readonly AreaPick[]): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (tier: string, n: number): void => void counts.set(tier, (counts.get(tier) ?? 0) + n);
  for (const pick of picks) add(pick.tier, 1);
  for (const area of areas) add(area.tier, area.quantity);
  return counts;
}

export interface Limits {
  /** Places of one order; 0 = no limit. */
  min: number;
  max: number;
}

/** What speaks against the basket, seat rules left aside. An empty basket breaks no rule. */
export function basketViolations(
  picks: readonly Pick[],
  areas: readonly AreaPick[],
  tiers: readonly Tier[],
  areaOf: (key: string) => AreaLimits | undefined,
  limits: Limits,
): Violation[] {
  const counts = countByTier(picks, areas);
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  if (total === 0) return [];
  const found: Violation[] = [];
  if (total < limits.min) found.push({ rule: "min_places", seats: [], n: limits.min });
  if (limits.max > 0 && total > limits.max) found.push({ rule: "max_places", seats: [], n: limits.max });
  for (const key of new Set(areas.map((one) => one.area))) {
    const area = areaOf(key);
    if (!area || area.sold === "place") continue;
    const n = areas.reduce((sum, one) => sum + (one.area === key ? one.quantity : 0), 0);
    const name = area.name;
    if (area.sold === "whole" && n !== area.capacity) {
      found.push({ rule: "whole_area", seats: [], n: area.capacity, area: name });
    }
    if (area.sold === "group" && n < area.min) found.push({ rule: "group_min", seats: [], n: area.min, area: name });
    if (area.sold === "group" && area.max > 0 && n > area.max) {
      found.push({ rule: "group_max", seats: [], n: area.max, area: name });
    }
  }
  return [...found, ...tierViolations(counts, tiers)];
}

/** The members of an area that rules look at. */
type AreaLimits = { [K in "name" | "sold" | "capacity" | "min" | "max"]: Area[K] };

function tierViolations(counts: Map<string, number>, tiers: readonly Tier[]): Violation[] {
  const found: Violation[] = [];
  let unaccompanied = "";
  let adults = 0;
  for (const tier of tiers) {
    const n = counts.get(tier.id) ?? 0;
    if (n === 0) continue;
    const [least, most] = [tier.min_per_hold ?? 0, tier.max_per_hold ?? 0];
    if (least > n) found.push({ rule: "tier_min", seats: [], n: least, tier: tier.name });
    if (most > 0 && n > most) found.push({ rule: "tier_max", seats: [], n: most, tier: tier.name });
    if (tier.accompanied) unaccompanied ||= tier.name;
    else adults += n;
  }
  if (unaccompanied && adults === 0) found.push({ rule: "accompanied", seats: [], tier: unaccompanied });
  return found;
}

/** The ticket types that a place can be bought with: those of its area, or of its category. */
export function tiersFor(tiers: readonly Tier[], place: { category?: string | undefined; area?: string }): Tier[] {
  return tiers.filter((tier) =>
    place.area !== undefined ? tier.ga_area === place.area : tier.category !== undefined && tier.category === place.category,
  );
}
