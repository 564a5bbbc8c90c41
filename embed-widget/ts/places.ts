/** Places, holds and orders as the events and methods of the element show them to the page. */

import type { Ctx } from "./ctx.js";
import type { EventflowHold, EventflowOrder, EventflowPlace } from "./eventflow-seats.js";
import { gross } from "./money.js";
import type { AreaPick, Pick } from "./store.js";
import type { Hold, Order } from "./wire.js";

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

export function publicHold(ctx: Ctx, hold: Hold): EventflowHold {
  return {
    id: hold.id,
    token: hold.token,
    expiresAt: hold.expires_at,
    totalMinor: hold.totals.total_minor,
    currency: hold.currency,
    places: hold.items.map((item) => ({
      ...(item.seat === undefined ? {} : { seat: item.seat }),
      label: item.ga_area ?? item.label,
      name: item.seat === undefined ? item.label : ctx.names.of(item.seat),
      quantity: 1,
      priceTier: item.price_tier_id,
      ticketType: item.tier_name,
      totalMinor: item.total_minor,
    })),
  };
}

export function publicOrder(order: Order): EventflowOrder {
  return { id: order.id, state: order.state, totalMinor: order.totals.total_minor, currency: order.currency };
}
