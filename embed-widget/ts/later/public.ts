/** Holds and orders as the events and methods of the element show them to the page. */

import type { Ctx } from "../ctx.js";
import type { EventflowHold, EventflowOrder } from "../eventflow-seats.js";
import type { Hold, Order } from "../wire.js";
import { changes } from "./itemised.js";

export function publicHold(ctx: Ctx, hold: Hold): EventflowHold {
  return {
    id: hold.id,
    token: hold.token,
    expiresAt: hold.expires_at,
    totalMinor: hold.totals.total_minor,
    currency: hold.currency,
    changes: changes(hold.adjustments).map(({ label, amount }) => ({ label, amountMinor: amount })),
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
