/** The programs in `examples` that use the SDK, run as an integrator would run them. */

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { output, Projects, Running } from "./support/package.ts";
import { makeWorld, pay, type World } from "./support/world.ts";

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

test("a shop of one's own sells two seats, and says how they were paid", async () => {
  const folder = await projects.install("../examples/headless-checkout", "stripe");
  // The sandbox is where the checkout page is.
  const model = await world.client.holds.create(world.eventId, { best_available: { quantity: 1 } });
  const order = await world.client.orders.create({ hold_id: model.id, hold_token: model.token, buyer: { email: "a@example.org" } });
  const shop = await Running.start(folder, "shop.js", {
    ...environment(),
    EVENT_ID: world.eventId,
    STRIPE_SECRET_KEY: process.env["EVENTFLOW_STRIPE_KEY"] ?? "",
    STRIPE_API_URL: new URL(order.checkout_url as string).origin,
  });
  try {
    const front = await fetch(shop.url).then((answer) => answer.text());
    assert.match(front, /Mahler: Symphony No\. 2[^]*seats are free[^]*action="\/buy"/);
    const form = new URLSearchParams({ quantity: "2", name: "Clara <b>Schumann</b>", email: "clara@example.org" });
    const bought = await fetch(`${shop.url}/buy`, { method: "POST", body: form, redirect: "manual" });
    assert.equal(bought.status, 303);
    const cookie = (bought.headers.get("set-cookie") ?? "").split(";")[0] as string;
    const thanks = (headers: Record<string, string>): Promise<string> =>
      fetch(`${shop.url}/thanks`, { headers }).then((answer) => answer.text());
    assert.match(await thanks({ cookie }), /We wait for your payment/);
    await pay(bought.headers.get("location") as string);
    let page = await thanks({ cookie });
    for (let tries = 0; tries < 50 && !page.includes("Your tickets"); tries++) page = await thanks({ cookie });
    assert.equal(page.match(/<svg/g)?.length, 2);
    assert.equal(/Paid: [^<]*/.exec(page)?.[0], "Paid: €84.00, with visa ending in 4242.");
    assert.doesNotMatch(await thanks({}), /<svg/, "who has no cookie sees no tickets");

    const tooMany = new URLSearchParams({ quantity: "99", name: "Clara", email: "clara@example.org" });
    const refused = await fetch(`${shop.url}/buy`, { method: "POST", body: tooMany, redirect: "manual" });
    assert.equal(refused.status, 200);
    assert.match(await refused.text(), /action="\/buy"/);
  } finally {
    shop.stop();
  }
});

test("a chat bot says what was sold, once, and believes only the platform", async () => {
  const folder = await projects.install("../examples/chat-bot");
  const lines: string[] = [];
  const chat = createServer((request, response) => {
    request.on("data", (chunk: Buffer) => lines.push((JSON.parse(String(chunk)) as { text: string }).text));
    request.on("end", () => response.end());
  }).listen(0, "127.0.0.1");
  await once(chat, "listening");
  const secret = randomBytes(24);
  const bot = await Running.start(folder, "bot.js", {
    ...environment(),
    WEBHOOK_SECRET: `whsec_${secret.toString("base64")}`,
    CHAT_URL: `http://127.0.0.1:${(chat.address() as AddressInfo).port}/`,
  });
  /** A message as the platform signs it (Standard Webhooks). */
  const tell = async (id: string, type: string, data: object, key = secret): Promise<number> => {
    const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
    const time = String(Math.floor(Date.now() / 1000));
    const signature = createHmac("sha256", key).update(`${id}.${time}.${body}`).digest("base64");
    const headers = { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": `v1,${signature}` };
    return (await fetch(bot.url, { method: "POST", body, headers })).status;
  };
  try {
    const order = await world.client.orders.create({ event_id: world.eventId, best_available: { quantity: 3 }, provider: "manual", buyer: {} });
    assert.equal(await tell("msg_1", "order.paid", { id: order.id }), 204);
    assert.equal(await tell("msg_1", "order.paid", { id: order.id }), 204, "a repetition");
    assert.equal(await tell("msg_2", "order.paid", { id: order.id }, randomBytes(24)), 401, "somebody else");
    assert.equal(await tell("msg_3", "venue.updated", { id: world.venueId }), 204, "what it says nothing about");
    const refund = await world.client.refunds.create(order.id, { amount_minor: 4200, reason: "one was ill" });
    assert.equal(await tell("msg_4", "refund.succeeded", { id: refund.id, detail: { order_id: order.id } }), 204);
    assert.deepEqual(lines, ["3 tickets for Mahler: Symphony No. 2: €126.00", "€42.00 given back: one was ill"]);
    assert.equal(await tell("msg_5", "order.paid", { id: "ord_01h455vb4pex5vsknk084sn02q" }), 500, "the platform tries again");
  } finally {
    bot.stop();
    chat.close();
  }
});
