/** What networks, overloaded servers, impatient buyers and wrong clocks do to a client, and what the SDK does then. */

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import {
  ApiError,
  type ClientOptions,
  ConnectionError,
  countdown,
  EventFlow,
  type EventFlowError,
  RateLimitError,
  ServerError,
  TimeoutError,
} from "../src/index.ts";
import { type Fault, FaultProxy } from "./support/proxy.ts";
import { Receiver } from "./support/receiver.ts";
import { makeWorld, type World } from "./support/world.ts";

let world: World;
let proxy: FaultProxy;
/** What `onRetry` was told. */
let retried: { code: string; delayMs: number }[] = [];

before(async () => {
  world = await makeWorld();
  proxy = await FaultProxy.start(world.url);
});
after(() => proxy.stop());
beforeEach(() => {
  proxy.faults.length = 0;
  proxy.seen.length = 0;
  retried = [];
});

function through(options: Partial<ClientOptions> = {}): EventFlow {
  const onRetry = ({ code }: EventFlowError, delayMs: number): void => void retried.push({ code, delayMs });
  return new EventFlow({ baseUrl: proxy.url, key: world.secretKey, onRetry, ...options });
}

/** Sells one standing place. */
const sell = (client: EventFlow, options = {}) =>
  client.orders.create(
    { event_id: world.eventId, items: [{ ga_area: "stehparkett", quantity: 1 }], provider: "manual", buyer: {} },
    options,
  );

async function countOrders(): Promise<number> {
  return (await world.client.orders.list({ event_id: world.eventId }).all()).length;
}

const keysSeen = (): unknown[] => proxy.seen.map(({ headers }) => headers["idempotency-key"]);

for (const kind of ["refuse", "lose_answer", "cut_answer"] as const) {
  test(`a connection that dies (${kind}) makes one order, whichever moment it was`, async () => {
    const before = await countOrders();
    proxy.faults.push({ kind }, { kind });
    const order = await sell(through());
    assert.equal(order.state, "paid");
    assert.equal(await countOrders(), before + 1);
    assert.deepEqual(retried.map(({ code }) => code), ["network", "network"]);
    assert.equal(new Set(keysSeen()).size, 1, "the same key each time");
    assert.equal(new Set(proxy.seen.map(({ body }) => body)).size, 1, "the same bytes each time");
    assert.equal(new Set(proxy.seen.map(({ headers }) => headers["x-request-id"])).size, 3, "each attempt has its id");
  });
}

test("an address where nobody listens is named", async () => {
  const { origin } = await Receiver.address();
  const error = await through({ baseUrl: origin, retries: 0 }).tenant.get().catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ConnectionError, String(error));
  assert.ok(error.message.startsWith(`no answer: ECONNREFUSED at ${origin} (tenant.get, `), error.message);
});

test("nobody answers: the call ends in time, and its key finishes it later", async () => {
  const before = await countOrders();
  proxy.faults.push({ kind: "hang" });
  const error = await sell(through({ timeoutMs: 700, retries: 0 })).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof TimeoutError && error instanceof ConnectionError, String(error));
  assert.match(error.message, /no answer within 700 ms \(orders\.create, request sdk_[0-9a-f]{24}\)/);
  const { idempotencyKey } = error;
  const order = await sell(through(), { idempotencyKey });
  assert.equal(order.state, "paid");
  assert.equal(await countOrders(), before + 1, "what was done without an answer is not done again");
});

test("429: the SDK comes again when the server says, not earlier", async () => {
  proxy.faults.push({ kind: "answer", status: 429, headers: { "retry-after": "1" } });
  const began = performance.now();
  await through().events.get(world.eventId);
  assert.ok(performance.now() - began >= 1000);
  assert.equal(retried.length, 1);
  assert.ok((retried[0]?.delayMs as number) >= 1000 && (retried[0]?.delayMs as number) <= 1250, "with jitter on top");
});

test("429 with a long wait is for the caller to plan", async () => {
  const body = JSON.stringify({ code: "rate_limited", detail: "Slow down.", status: 429 });
  proxy.faults.push({ kind: "answer", status: 429, headers: { "retry-after": "90" }, body });
  const error = await through().events.get(world.eventId).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof RateLimitError);
  assert.deepEqual([error.code, error.retryAfterMs, proxy.seen.length], ["rate_limited", 90_000, 1]);
});

test("503: a change is repeated until it is done, once", async () => {
  const before = await countOrders();
  const problem = JSON.stringify({ code: "rebuilding", detail: "Come again.", status: 503 });
  proxy.faults.push(
    { kind: "answer", status: 503, headers: { "retry-after": "0" }, body: problem },
    { kind: "answer", status: 502, body: "<html>Bad gateway</html>" },
  );
  await sell(through());
  assert.deepEqual(retried.map(({ code }) => code), ["rebuilding", "unavailable"]);
  assert.equal(new Set(keysSeen()).size, 1);
  assert.equal(await countOrders(), before + 1);
});

test("a server that stays away is an error after three repetitions, with pauses that grow", async () => {
  proxy.faults.push(...Array.from({ length: 9 }, (): Fault => ({ kind: "answer", status: 503, body: "" })));
  const error = await through().events.get(world.eventId).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ServerError);
  assert.deepEqual([error.status, error.code, proxy.seen.length], [503, "unavailable", 4]);
  for (const [index, { delayMs }] of retried.entries()) {
    const middle = 400 * 2 ** index;
    assert.ok(delayMs >= middle / 2 && delayMs <= middle * 1.5, `pause ${index}: ${delayMs}`);
  }
});

test("what is wrong with a request is not repeated", async () => {
  await assert.rejects(through().orders.get("ord_01h455vb4pex5vsknk084sn02q"), ApiError);
  await assert.rejects(through({ key: `${world.secretKey}x` }).tenant.get(), { name: "AuthenticationError", code: "unauthenticated" });
  assert.deepEqual([proxy.seen.length, retried.length], [2, 0]);
});

test("an order that is submitted twice at once is one order, and both hear of it", async () => {
  const before = await countOrders();
  const client = through();
  const orders = await Promise.all([1, 2, 3].map(() => sell(client, { idempotencyKey: `submit-${before}-${world.eventId}` })));
  assert.equal(new Set(orders.map((order) => order.id)).size, 1);
  assert.equal(await countOrders(), before + 1);
  assert.ok(retried.every(({ code }) => code === "idempotency_in_flight"));
});

test("a key that is used for something else is refused, not repeated", async () => {
  const idempotencyKey = `other-${world.eventId}`;
  await sell(through(), { idempotencyKey });
  const other = through().venues.create({ name: "Club", time_zone: "Europe/Berlin" }, { idempotencyKey });
  await assert.rejects(other, { name: "InvalidRequestError", code: "idempotency_conflict" });
});

test("clock skew: dates of Retry-After count by the server's clock", async () => {
  const hourAgo = Date.now() - 3_600_000;
  const headers = { date: new Date(hourAgo).toUTCString(), "retry-after": new Date(hourAgo + 1000).toUTCString() };
  proxy.faults.push({ kind: "answer", status: 503, headers });
  await through().events.get(world.eventId);
  assert.ok((retried[0]?.delayMs as number) >= 1000, "by our own clock the date is long past");
});

test("clock skew: a hold is counted down by the server's clock", async (context) => {
  const hold = await world.client.holds.create(world.eventId, { best_available: { quantity: 1 } });
  context.mock.timers.enable({ apis: ["Date"], now: Date.now() + 7_200_000 });
  const left = countdown(hold);
  assert.ok(left() > 590_000 && left() <= 600_000, "two hours ahead, and still ten minutes");
  context.mock.timers.setTime(Date.now() + 100_000);
  assert.ok(left() > 490_000 && left() <= 500_000, "the machine slept");
  context.mock.timers.setTime(0);
  assert.ok(left() > 590_000 && left() <= 600_000, "a clock that is set back stops nothing");
});

test("the caller ends a call whenever it likes", async () => {
  const reason = new Error("the buyer went away");
  const already = AbortSignal.abort(reason);
  await assert.rejects(through().events.get(world.eventId, { signal: already }), reason);
  assert.equal(proxy.seen.length, 0, "nothing is sent");

  const waiting = new AbortController();
  proxy.faults.push({ kind: "hang" });
  const call = through().events.get(world.eventId, { signal: waiting.signal });
  setTimeout(() => waiting.abort(reason), 50);
  await assert.rejects(call, reason);

  const pausing = new AbortController();
  proxy.faults.push({ kind: "answer", status: 503, headers: { "retry-after": "15" } });
  const onRetry = (): void => pausing.abort(reason);
  await assert.rejects(through().events.get(world.eventId, { signal: pausing.signal, onRetry }), reason);
  assert.equal(proxy.seen.length, 2, "not repeated");
});

test("a baseUrl that leads elsewhere says where, and the credential does not follow", async () => {
  const elsewhere = await FaultProxy.start(world.url);
  proxy.faults.push({ kind: "answer", status: 301, headers: { location: `${elsewhere.url}/v1/tenant` } });
  const error = await through().tenant.get().catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ApiError);
  assert.equal(error.code, "redirected");
  assert.ok(error.detail.includes(elsewhere.url));
  assert.equal(elsewhere.seen.length, 0);
  await elsewhere.stop();
});

test("every request names the SDK, its runtime and the program", async () => {
  await new EventFlow({ baseUrl: proxy.url, key: world.secretKey, appInfo: "box-office/2.1" }).tenant.get();
  assert.match(proxy.seen[0]?.headers["user-agent"] as string, /^eventflow-sdk-js\/\d+\.\d+\.\d+ node\/\d+\.\d+\.\d+ box-office\/2\.1$/);
});
