// Puts a season on sale: one event for each line of a CSV file.
//
//     EVENTFLOW_URL=… EVENTFLOW_SECRET_KEY=… SEAT_MAP_ID=map_… node import.js season.csv
//
// Run it again after a mistake, a crash or a lost connection: what is there already stays as it is.

import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { ApiError, EventFlow } from "@eventflow/sdk";

/** Lines that are worked on at once: the platform has other customers. */
const AT_ONCE = 4;

const { EVENTFLOW_URL, EVENTFLOW_SECRET_KEY, SEAT_MAP_ID } = process.env;
const eventflow = new EventFlow({ baseUrl: EVENTFLOW_URL, key: EVENTFLOW_SECRET_KEY, appInfo: "season-import/1.0" });
const { time_zone: timeZone } = await eventflow.tenant.get();
const lines = readCsv(readFileSync(process.argv[2] ?? "season.csv", "utf8"));

/** Keys of a request are kept for a day; a season is imported again after weeks. */
const known = new Map();
for await (const event of eventflow.events.list()) known.set(`${event.name} ${Date.parse(event.starts_at)}`, event);

let failed = 0;
const queue = lines.entries();
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (const [index, line] of queue) {
      const result = await importLine(line).catch((error) => {
        failed++;
        // Says what is wrong and the way out; the request id helps when you ask the platform.
        return error instanceof ApiError ? `FAILED: ${error.detail} (${[error.code, ...error.objects, error.requestId].join(", ")})` : `FAILED: ${error}`;
      });
      console.log(`${index + 2}: ${line.name}: ${result}`);
    }
  }),
);
console.log(`${lines.length - failed} of ${lines.length} events are on sale`);
process.exitCode = failed ? 1 : 0;

async function importLine(line) {
  const startsAt = toUtc(line.starts, timeZone);
  const present = known.get(`${line.name} ${startsAt.getTime()}`);
  if (present?.published_at) return `on sale already as ${present.id}`;
  // The same line makes the same requests: one that was answered before is not done again.
  const keyOf = (step) => createHash("sha256").update(`${SEAT_MAP_ID} ${JSON.stringify(line)} ${step}`).digest("hex");
  const event =
    present ??
    (await eventflow.events.create(
      {
        seat_map_id: SEAT_MAP_ID,
        name: line.name,
        starts_at: startsAt.toISOString(),
        ends_at: new Date(startsAt.getTime() + Number(line.minutes) * 60_000).toISOString(),
        time_zone: timeZone,
      },
      { idempotencyKey: keyOf("event") },
    ));
  const priced = new Set((await eventflow.priceTiers.list(event.id).all()).map((tier) => tier.category ?? tier.ga_area));
  for (const [column, price] of Object.entries(line)) {
    const [, kind, key] = /^(seats|area):(.+)$/.exec(column) ?? [];
    if (!key || !price || priced.has(key)) continue;
    const tier = { name: key, [kind === "seats" ? "category" : "ga_area"]: key, price_minor: minorUnits(price), tax_rate_bps: 700 };
    await eventflow.priceTiers.create(event.id, tier, { idempotencyKey: keyOf(key) });
  }
  await eventflow.events.publish(event.id, {}, { idempotencyKey: keyOf("publish") });
  return `on sale as ${event.id}`;
}

/** "98.00" in cents, without a detour over fractions. */
function minorUnits(price) {
  const [, units, cents] = /^(\d+)\.(\d\d)$/.exec(price) ?? [];
  if (!units) throw new Error(`${price} is no price: write it as 98.00`);
  return Number(units) * 100 + Number(cents);
}

/** The moment of a local time: "2030-09-14 19:30" in Europe/Berlin is 17:30 UTC. */
function toUtc(local, zone) {
  const asUtc = Date.parse(`${local.replace(" ", "T")}Z`);
  if (Number.isNaN(asUtc)) throw new Error(`${local} is no time: write it as 2030-09-14 19:30`);
  const wallClock = (moment) => Date.parse(`${new Date(moment).toLocaleString("sv-SE", { timeZone: zone }).replace(" ", "T")}Z`);
  // Twice, for a guess that lies on the other side of a change of the clocks.
  let moment = asUtc;
  for (let round = 0; round < 2; round++) moment += asUtc - wallClock(moment);
  return new Date(moment);
}

/** Lines as objects by the names of the first line; quotes as spreadsheets write them. */
function readCsv(text) {
  const rows = text.trim().split(/\r?\n/).map((row) =>
    [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain),
  );
  const [names, ...lines] = rows;
  return lines.map((values) => Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""])));
}
