/** The programs in `examples` that use the SDK, run as an integrator would run them. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { output, Projects, Running } from "./support/package.ts";
import { FaultProxy, type Seen } from "./support/proxy.ts";
import { Receiver } from "./support/receiver.ts";
import { makeWorld, pay, type World } from "./support/world.ts";

/** The platform waits five seconds before it sends a message again. */
const PATIENCE_MS = 30_000;

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
  let failures = 0;
  const chat = createServer((request, response) => {
    void buffer(request).then((body) => {
      if (failures-- > 0) return response.writeHead(500).end();
      lines.push((JSON.parse(body.toString()) as { text: string }).text);
      return response.end();
    });
  }).listen(0, "127.0.0.1");
  await once(chat, "listening");
  const { origin, port } = await Receiver.address();
  // Sees what the platform sends.
  const front = await FaultProxy.start(origin);
  const { secret } = await world.client.webhookEndpoints.create({
    url: `${front.url}/`,
    event_types: ["order.paid", "refund.succeeded", "event.updated"],
  });
  const bot = await Running.start(folder, "bot.js", {
    ...environment(),
    WEBHOOK_SECRET: secret,
    CHAT_URL: `http://127.0.0.1:${(chat.address() as AddressInfo).port}/`,
    PORT: port,
  });
  const sent = (type: string): Seen[] => front.seen.filter(({ body }) => body.includes(`"${type}"`));
  const again = async (message: Seen, change: Record<string, string> = {}): Promise<number> => {
    const headers = { ...(message.headers as Record<string, string>), ...change };
    const signed = Object.entries(headers).filter(([name]) => name.startsWith("webhook-"));
    return (await fetch(bot.url, { method: "POST", headers: signed, body: message.body })).status;
  };
  try {
    await world.client.events.update(world.eventId, { description: "With a choir." });
    const best = { event_id: world.eventId, best_available: { quantity: 3 } };
    const order = await world.client.orders.create({ ...best, provider: "manual", buyer: {} });
    await until(() => lines.length === 1);
    await world.client.refunds.create(order.id, { amount_minor: 4200, reason: "one was ill" });
    await until(() => lines.length === 2);
    // The chat takes nothing, and the platform sends it once more.
    failures = 1;
    await world.client.refunds.create(order.id, { amount_minor: 4200, reason: "two were ill" });
    await until(() => lines.length === 3 && sent("event.updated").length > 0);
    const given = ["€42.00 given back: one was ill", "€42.00 given back: two were ill"];
    assert.deepEqual(lines, ["3 tickets for Mahler: Symphony No. 2: €126.00", ...given]);
    assert.equal(sent("refund.succeeded").length, 3);

    const [paid] = sent("order.paid") as [Seen];
    assert.equal(await again(paid), 204, "a repetition");
    assert.equal(await again({ ...paid, body: paid.body.replace("order.paid", "order.free") }), 401, "tampered");
    assert.equal(await again(paid, { "webhook-id": "log_01h455vb4pex5vsknk084sn02q" }), 401, "under another id");
    assert.equal(await again(paid, { "webhook-signature": "v1,AAAA" }), 401, "somebody else");
    assert.equal(lines.length, 3);
  } finally {
    bot.stop();
    chat.close();
    await front.stop();
  }
});

async function until(isSo: () => boolean): Promise<void> {
  for (const began = Date.now(); !isSo(); await pause(50)) {
    if (Date.now() - began > PATIENCE_MS) throw new Error(`it did not come to ${String(isSo)} within ${PATIENCE_MS / 1000} s`);
  }
}
