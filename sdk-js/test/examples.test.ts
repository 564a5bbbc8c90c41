/** The programs in `examples` that use the SDK, run as an integrator would run them. */

import assert from "node:assert/strict";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { output, Projects } from "./support/package.ts";
import { makeWorld, type World } from "./support/world.ts";

const projects = new Projects();
let world: World;
before(async () => {
  world = await makeWorld();
});
after(() => projects.remove());

function environment(): Record<string, string> {
  return { EVENTFLOW_URL: world.url, EVENTFLOW_SECRET_KEY: world.secretKey, SEAT_MAP_ID: world.seatMapId };
}

function utc(time = ""): string {
  return new Date(time).toISOString();
}

test("a season is imported, once however often", async () => {
  const folder = await projects.install("../examples/season-import");
  const first = await output(folder, "node", ["import.js", "season.csv"], environment());
  assert.match(first, /5 of 5 events are on sale\n$/);

  const imported = (await world.client.events.list().all()).filter((event) => event.id !== world.eventId);
  assert.equal(imported.length, 5);
  const opening = imported.find((event) => event.name === 'Eröffnungskonzert: Beethoven, "Eroica"');
  assert.equal(utc(opening?.starts_at), "2030-09-14T17:30:00.000Z", "summer time in Berlin");
  assert.equal(utc(opening?.ends_at), "2030-09-14T19:30:00.000Z");
  const afterwards = imported.find((event) => event.name === "Mahler: Sinfonie Nr. 2");
  assert.equal(utc(afterwards?.starts_at), "2030-10-27T17:00:00.000Z", "the day on which summer time ends");
  const tiers = await world.client.priceTiers.list(opening?.id as string).all();
  assert.deepEqual(tiers.map((tier) => tier.price_minor), [9800, 8200, 6400, 4600, 2900, 1500]);
  const hold = await world.client.holds.create(opening?.id as string, { best_available: { quantity: 2 } });
  assert.equal(hold.items.length, 2, "it is on sale");

  const second = await output(folder, "node", ["import.js", "season.csv"], environment());
  assert.equal(second.match(/on sale already as evt_/g)?.length, 5);
  assert.equal((await world.client.events.list().all()).length, 6);
});

test("a line that cannot be imported says why, and the others are imported", async () => {
  const folder = await projects.install("../examples/season-import");
  const file = join(folder, "season.csv");
  writeFileSync(file, readFileSync(file, "utf8").split("\n").slice(0, 2).join("\n"));
  appendFileSync(file, "\nUnpriced,2031-04-01 20:00,90,twelve,,,,,\nPriced,2031-04-02 20:00,90,12.00,12.00,12.00,12.00,12.00,12.00\n");
  const failure: unknown = await output(folder, "node", ["import.js", "season.csv"], environment()).catch((error: unknown) => error);
  assert.match(String(failure), /3: Unpriced: FAILED: Error: twelve is no price/);
  assert.match(String(failure), /4: Priced: on sale as evt_/);
  assert.match(String(failure), /2 of 3 events are on sale/);
});

test("the ledger of a month is exported and balances", async () => {
  const folder = await projects.install("../examples/accounting-export");
  const order = await world.client.orders.create({
    event_id: world.eventId,
    best_available: { quantity: 3 },
    provider: "manual",
    buyer: {},
  });
  await world.client.refunds.create(order.id, { reason: "requested_by_buyer" });
  const month = new Date().toLocaleDateString("sv-SE", { timeZone: "Europe/Berlin" }).slice(0, 7);
  const csv = await output(folder, "node", ["export.js", month], environment());
  const [head, ...rows] = csv.trim().split("\n").map((line) => line.split(","));
  assert.equal(head?.join(","), "date,event,order,posting,account,debit,credit,currency");
  assert.deepEqual([...new Set(rows.map((row) => row[3]))], ["sale", "refund"]);
  assert.ok(rows.every((row) => row.length === 8 && row[2] === order.id));
  assert.ok(rows.some((row) => row[5] === "126.00" && row[4] === "clearing_manual"), "three tickets of 42.00");
  const sum = (column: number): number => rows.reduce((total, row) => total + Math.round(Number(row[column]) * 100), 0);
  assert.equal(sum(5), sum(6));
  assert.equal((await output(folder, "node", ["export.js", "1999-12"], environment())).trim().split("\n").length, 1);
});
