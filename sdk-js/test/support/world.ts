/** A tenant with a hall and an event on sale, made through the API as any integrator would. */

import { readFile } from "node:fs/promises";
import { EventFlow } from "../../src/index.ts";

/** The hall of the demo: 2,114 seats and a standing area. */
const HALL = "../examples/demo-venue/seat-map.json";
const DAY_MS = 86_400_000;
export const ORIGIN = "https://tickets.example";

export interface World {
  url: string;
  secretKey: string;
  publishableKey: string;
  /** With the secret key. */
  client: EventFlow;
  venueId: string;
  seatMapId: string;
  eventId: string;
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is missing: run \`npm test\`, which starts the platform`);
  return value;
}

export async function makeWorld(origins: string[] = [ORIGIN]): Promise<World> {
  const url = setting("EVENTFLOW_URL");
  const platform = new EventFlow({ baseUrl: url, key: setting("EVENTFLOW_BOOTSTRAP_TOKEN") });
  const founded = await platform.tenants.create({
    name: "Philharmonie Lindenhain",
    currency: "EUR",
    time_zone: "Europe/Berlin",
    owner: { name: "Alma Mahler", email: "alma@lindenhain.example" },
    origins,
  });
  const client = new EventFlow({ baseUrl: url, key: founded.secret_key });
  const venue = await client.venues.create({ name: "Philharmonie", city: "Lindenhain", country: "DE", time_zone: "Europe/Berlin" });
  const document = JSON.parse(await readFile(HALL, "utf8"));
  const map = await client.seatMaps.create(venue.id, { name: "Großer Saal", document });
  await client.seatMaps.publish(map.id);
  const world = {
    url,
    secretKey: founded.secret_key,
    publishableKey: founded.publishable_key,
    client,
    venueId: venue.id,
    seatMapId: map.id,
  };
  return { ...world, eventId: await makeEvent(client, map.id) };
}

/** An event on sale, in a month. */
export async function makeEvent(client: EventFlow, seatMapId: string): Promise<string> {
  const at = (hours: number): string => new Date(Date.now() + 30 * DAY_MS + hours * 3_600_000).toISOString();
  const event = await client.events.create({
    seat_map_id: seatMapId,
    name: "Mahler: Symphony No. 2",
    starts_at: at(0),
    ends_at: at(2.5),
    max_per_buyer: 100,
  });
  for (const category of ["pk1", "pk2", "pk3", "pk4", "pk5"]) {
    await client.priceTiers.create(event.id, { name: category, category, price_minor: 4200, tax_rate_bps: 700 });
  }
  await client.priceTiers.create(event.id, { name: "Standing", ga_area: "stehparkett", price_minor: 1500 });
  await client.events.publish(event.id);
  return event.id;
}

/** Pays the order of a checkout page in the Stripe sandbox, as a buyer's browser would. */
export async function pay(checkoutUrl: string): Promise<void> {
  const session = /cs_\w+/.exec(checkoutUrl)?.[0];
  const answer = await fetch(`${new URL(checkoutUrl).origin}/_sandbox/sessions/${session}/pay`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ card: "4242424242424242" }),
  });
  if (!answer.ok) throw new Error(`the sandbox answers ${answer.status} ${await answer.text()}`);
}
