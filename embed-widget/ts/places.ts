/** Places as the events and methods of the element show them to the page. */

import type { Ctx } from "./ctx.js";
import type { EventflowPlace } from "./eventflow-seats.js";
import { gross } from "./money.js";
import type { AreaPick, Pick } from "./store.js";

export function places(ctx: Ctx, picks: readonly Pick[], areas: readonly AreaPick[]): EventflowPlace[] {
  const tiers = ctx.store.state.tiers;
  const of = (id: string, quantity: number): Omit<EventflowPlace, "label" | "name"> => {
    const tier = tiers.find((one) => one.id === id);
    return { quantity, priceTier: id, ticketType: tier?.name ?? "", totalMinor: tier ? gross(tier) * quantity : 0 };
  };
  return [
    ...picks.map(({ seat, tier }) => {
      const label = ctx.engine.seat(seat)?.label ?? "";
      return { seat, label, name: ctx.names.of(seat), ...of(tier, 1) };
    }),
    ...areas.map(({ area, tier, quantity }) => {
      const name = ctx.engine.areaByKey(area)?.name ?? area;
      return { label: area, name, ...of(tier, quantity) };
    }),
  ];
}
