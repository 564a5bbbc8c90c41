/** What may be bought together: limits of ticket types, beside the rules for places, which the engine knows. */

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

/** What ticket types have against the basket. An empty basket breaks no rule. */
export function tierViolations(picks: readonly Pick[], areas: readonly AreaPick[], tiers: readonly Tier[]): Violation[] {
  const counts = countByTier(picks, areas);
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
