/** A whole sale with the SDK, against the real platform. */

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { EventFlow as Page } from "../src/browser.ts";
import { ApiError, decodeTicket, EventFlow, hasCode, NotFoundError, SeatStates, TicketKeys, verifyTicket } from "../src/index.ts";
import { makeWorld, ORIGIN, pay, type World } from "./support/world.ts";

let world: World;
before(async () => {
  world = await makeWorld();
});

test("a buyer's page holds seats, a server makes the order, the buyer pays and has tickets", async () => {
  const page = new Page({ baseUrl: world.url, key: world.publishableKey, headers: { origin: ORIGIN } });
  const hold = await page.holds.create(world.eventId, { best_available: { quantity: 2 } });
  assert.equal(hold.items.length, 2);
  const longer = await page.holds.extend(hold.id, { token: hold.token });
  assert.equal(longer.extensions, 1);

  const order = await world.client.orders.create({
    hold_id: hold.id,
    hold_token: hold.token,
    buyer: { email: "clara@example.com", name: "Clara Schumann" },
  });
  assert.equal(order.state, "pending");
  await pay(order.checkout_url as string);
  let paid = await world.client.orders.refresh(order.id);
  for (; paid.state === "pending"; paid = await world.client.orders.get(order.id)) await pause(50);
  assert.equal(paid.state, "paid");

  const keys = new TicketKeys(await world.client.ticketKeys.list().all());
  const tickets = await page.tickets.list({ order_id: order.id, token: order.buyer_token as string }).all();
  assert.equal(tickets.length, 2);
  for (const ticket of tickets) {
    const token = await verifyTicket(ticket.token as string, keys);
    assert.equal(token.ticketId, ticket.id);
    // Whole minutes, outwards.
    assert.equal(token.notBefore.getTime(), Math.floor(Date.parse(ticket.not_before) / 60_000) * 60_000);
    assert.equal(token.notAfter.getTime(), Math.ceil(Date.parse(ticket.not_after) / 60_000) * 60_000);
    assert.deepEqual(token.flags, ["test"]);
    assert.match(await world.client.tickets.qrSvg(ticket.id), /^<svg|<\?xml/);
    const png = await world.client.tickets.qrPng(ticket.id, { scale: 4 });
    assert.deepEqual([...png.subarray(1, 4)], [...Buffer.from("PNG")]);
  }
});

test("the box office sells in one call, and a scanner lets the guest in", async () => {
  const order = await world.client.orders.create({
    event_id: world.eventId,
    items: [{ ga_area: "stehparkett", quantity: 1 }],
    provider: "manual",
    buyer: {},
  });
  const [ticket] = order.tickets;
  const token = ticket?.token as string;
  const list = await world.client.checkInLists.create({ event_id: world.eventId, name: "Main entrance" });
  const device = await world.client.devices.create(list.id, { name: "Gate 1" });
  const scanner = new EventFlow({ baseUrl: world.url, key: device.token });
  const scan = (): Promise<string | undefined> =>
    scanner.checkIns
      .create({ scans: [{ id: crypto.randomUUID(), token, kind: "entry", scanned_at: new Date().toISOString() }] })
      .then((answer) => answer.results[0]?.outcome);
  assert.equal(decodeTicket(token).ticketId, ticket?.id);
  assert.equal(await scan(), "admitted");
  assert.equal(await scan(), "already_admitted");
});

test("what the API refuses is an error with its class, code, way out and request id", async () => {
  const { client, eventId } = world;
  const hold = await client.holds.create(eventId, { best_available: { quantity: 1 } });
  const seat = hold.items[0]?.seat as number;
  const taken = await client.holds.create(eventId, { items: [{ seat }], ignore_seat_rules: true }).catch((error: unknown) => error);
  assert.ok(hasCode(taken, "seats_taken"), String(taken));
  assert.equal(taken.status, 409);
  assert.equal(taken.objects.length, 1);
  assert.match(taken.message, /holds\.create, request sdk_[0-9a-f]{24}\)$/);
  assert.match(taken.idempotencyKey as string, /^[0-9a-f]{32}$/);

  await assert.rejects(client.orders.get("ord_01h455vb4pex5vsknk084sn02q"), NotFoundError);
  const invalid = await client.venues.create({ name: "Hall", time_zone: "Europe/Nowhere" }).catch((error: unknown) => error);
  assert.ok(invalid instanceof ApiError);
  assert.deepEqual([invalid.name, invalid.status, invalid.code], ["InvalidRequestError", 400, "invalid_request"]);
  assert.deepEqual([invalid.param, /Europe\/Nowhere|IANA/.test(invalid.detail)], ["time_zone", true]);
});

test("mistakes that never reach the server are told at once", async (context) => {
  const { client, url } = world;
  assert.throws(() => new EventFlow({ baseUrl: "tickets.example", key: "x" }), /baseUrl/);
  assert.throws(() => new EventFlow({ baseUrl: url, key: "" }), /key is missing/);
  assert.throws(() => new EventFlow({ baseUrl: url, key: "ef_sk_…" }), /copy it whole/);
  assert.throws(() => new Page({ baseUrl: url, key: world.secretKey }), /publishable key/);
  const versioned = new EventFlow({ baseUrl: `${url}/v1/`, key: world.secretKey });
  assert.equal((await versioned.tenant.get()).id, (await client.tenant.get()).id);
  Object.assign(globalThis, { document: {} });
  context.after(() => Object.assign(globalThis, { document: undefined }));
  assert.throws(() => new EventFlow({ baseUrl: url, key: world.secretKey }), /must not be in a page/);
  await assert.rejects(client.orders.get(undefined as unknown as string), /order_id is missing/);
  await assert.rejects(client.orders.get(""), /order_id is missing/);
  await assert.rejects(client.orders.get(".."), /order_id is missing/);
  assert.throws(() => (client.orders.get as (...values: unknown[]) => unknown)("ord_1", {}, {}), /2 arguments at most/);
});

test("lists go on over their pages, and are read only as far as they are used", async () => {
  const { client, eventId } = world;
  const sent: string[] = [];
  const onResponse = (response: Response): void => void sent.push(new URL(response.url).search);
  const first = await client.seats.list(eventId, { limit: 100, onResponse });
  assert.equal(first.data.length, 100);
  const indexes: number[] = [];
  for await (const { seat } of client.seats.list(eventId, { limit: 100 })) indexes.push(seat);
  const { length } = SeatStates.decode(await client.availability.snapshot(eventId));
  assert.deepEqual(indexes, Array.from({ length }, (_, index) => index));

  sent.length = 0;
  for await (const _ of client.seats.list(eventId, { limit: 100, onResponse })) if (sent.length === 2) break;
  assert.equal(sent.length, 2, "breaking the loop ends the requests");
  assert.match(sent[1] as string, /limit=100&cursor=/);
  assert.equal((await client.seats.list(eventId, { limit: 10 }).all(25)).length, 25);
  assert.ok((await client.roles.list().all()).length > 2, "a list without a cursor has one page");
});

test("availability is not sent again to whoever has it", async () => {
  const { client, eventId } = world;
  let etag = "";
  await client.availability.get(eventId, { onResponse: ({ headers }) => void (etag = headers.get("etag") ?? "") });
  const again = client.availability.get(eventId, { headers: { "If-None-Match": etag } });
  await assert.rejects(again, { status: 304, code: "not_modified" });
});

test("any operation by its id", async () => {
  const { client, eventId } = world;
  const event = await client.request("events.get", { path: { event_id: eventId } });
  assert.equal(event.name, "Mahler: Symphony No. 2");
  const page = await client.request("price_tiers.list", { path: { event_id: eventId }, query: { limit: 2 } });
  assert.equal(page.data.length, 2);
  await assert.rejects(client.send("webhooks.stripe", {}), /no operation webhooks\.stripe/);
  const path = { event_id: eventId };
  await assert.rejects(client.send("availability.stream", { path }), /use client\.events\.stream/);
});
