// A football ground of 100,000 seats, on sale.
import { readFileSync } from "node:fs";
import { newEvent, organizer, world } from "./world.mjs";

/** A published event there. */
export async function stadiumEvent() {
  const document = JSON.parse(readFileSync(world.stadium, "utf8"));
  const { venue_id } = await organizer("GET", `/v1/events/${world.concert}`);
  const map = await organizer("POST", `/v1/venues/${venue_id}/seat-maps`, { name: document.name, document });
  await organizer("POST", `/v1/seat-maps/${map.id}/publish`, {});
  const standing = new Map((document.ga_areas ?? []).map((area) => [area.category, area.key]));
  const tiers = document.categories.map(({ key, name }, at) => ({
    name,
    ...(standing.has(key) ? { ga_area: standing.get(key) } : { category: key }),
    price_minor: 9000 - at * 1000,
    fee_minor: 250,
    tax_rate_bps: 1900,
    tax_inclusive: true,
  }));
  return newEvent({ seat_map_id: map.id, name: "Pokalfinale (Cup final)", description: "" }, "concert", tiers);
}
