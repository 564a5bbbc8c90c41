/** The live stream through a proxy that cuts it. */

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import {
  type AvailabilityEvent,
  AuthenticationError,
  ConnectionError,
  EventFlow,
  NotFoundError,
  SeatStates,
  type StreamOptions,
} from "../src/index.ts";
import { FaultProxy } from "./support/proxy.ts";
import { makeEvent, makeWorld, type World } from "./support/world.ts";

let world: World;
let proxy: FaultProxy;
let client: EventFlow;
let eventId: string;

before(async () => {
  world = await makeWorld();
  proxy = await FaultProxy.start(world.url);
  client = new EventFlow({ baseUrl: proxy.url, key: world.secretKey });
});
after(() => proxy.stop());
beforeEach(async () => {
  eventId = await makeEvent(world.client, world.seatMapId);
  proxy.seen.length = 0;
  proxy.faults.length = 0;
  proxy.loses = () => false;
});

/** A stream, read one event at a time. */
class Viewer {
  readonly #events: AsyncGenerator<AvailabilityEvent, void, undefined>;

  constructor(options?: StreamOptions) {
    this.#events = client.events.stream(eventId, options);
  }

  /** The next event, which is of this type. Offers that nobody waits for may come at any time. */
  async next<Type extends AvailabilityEvent["type"]>(type: Type): Promise<Extract<AvailabilityEvent, { type: Type }>> {
    let { value } = await this.#events.next();
    while (value?.type === "offer" && type !== "offer") ({ value } = await this.#events.next());
    assert.equal(value?.type, type);
    return value as Extract<AvailabilityEvent, { type: Type }>;
  }

  /** Changes until `seats` seats have changed: the server may spread them over several diffs. */
  async changes(seats: number): Promise<Map<number, string>> {
    const states = new Map<number, string>();
    while (states.size < seats) for (const change of (await this.next("diff")).seats) states.set(change.seat, change.after);
    return states;
  }

  close(): Promise<unknown> {
    return this.#events.return();
  }
}

const hold = () => world.client.holds.create(eventId, { best_available: { quantity: 3 } });
const seatsOf = (held: { items: { seat?: number | null }[] }): number[] => held.items.map(({ seat }) => seat as number);
const lastIds = (): unknown[] => proxy.seen.map(({ headers }) => headers["last-event-id"]);

/** What the server says now. */
async function truth(): Promise<string[]> {
  return [...SeatStates.decode(await world.client.availability.snapshot(eventId))];
}

test("a snapshot comes first, then what changes, typed", async () => {
  const viewer = new Viewer();
  const { states, revision } = await viewer.next("snapshot");
  assert.equal(states.count().free, states.length);
  const held = await hold();
  const changed = await viewer.changes(3);
  assert.deepEqual([...changed.keys()].sort(), seatsOf(held).sort());
  assert.deepEqual([...new Set(changed.values())], ["held"]);
  assert.ok(states.revision > revision, "one object, brought up to date");
  assert.deepEqual([...states], await truth());

  const area = await world.client.holds.create(eventId, { items: [{ ga_area: "stehparkett", quantity: 2 }] });
  const diff = await viewer.next("diff");
  assert.deepEqual(diff.areas.map(({ before, after }) => before - after), [2]);
  await world.client.holds.delete(area.id, { event_id: eventId });
  assert.deepEqual((await viewer.next("diff")).areas.map(({ before, after }) => after - before), [2]);
  await viewer.close();
});

test("a change of prices is an offer to read them again", async () => {
  const viewer = new Viewer();
  await viewer.next("snapshot");
  const [tier] = (await world.client.priceTiers.list(eventId)).data;
  await world.client.priceTiers.update(tier?.id as string, { price_minor: 9900 });
  await viewer.next("offer");
  await viewer.close();
});

test("a killed connection goes on where it was, with everything that happened meanwhile", async () => {
  const retried: string[] = [];
  const viewer = new Viewer({ onRetry: ({ code }) => void retried.push(code) });
  const { states } = await viewer.next("snapshot");
  await hold();
  await viewer.changes(3);
  const revision = states.revision;
  const missed = viewer.changes(3);
  proxy.faults.push({ kind: "refuse" });
  proxy.cut();
  const held = await hold();
  assert.deepEqual([...(await missed).keys()].sort(), seatsOf(held).sort());
  assert.deepEqual(lastIds(), [undefined, String(revision), String(revision)]);
  assert.deepEqual(retried, ["network", "network"]);
  assert.deepEqual([...states], await truth());
  await viewer.close();
});

test("what cannot be reached by diffs comes as a snapshot", async () => {
  const viewer = new Viewer();
  const { states } = await viewer.next("snapshot");
  const fresh = viewer.next("snapshot");
  const lost = new Promise<void>((resolve) => {
    proxy.loses = (chunk) => chunk.includes("event: diff") && (resolve(), true);
  });
  await hold();
  await lost;
  proxy.loses = () => false;
  // Applied to what we have, the next diff would show wrong seats.
  await hold();
  const again = await fresh;
  assert.notEqual(again.states, states);
  assert.deepEqual([...again.states], await truth());
  assert.deepEqual(lastIds(), [undefined, undefined]);
  await viewer.close();
});

test("a connection that says nothing counts as lost", async () => {
  const viewer = new Viewer({ silenceMs: 400 });
  const { states } = await viewer.next("snapshot");
  const missed = viewer.changes(3);
  // The heartbeat comes every 15 seconds only.
  while (proxy.seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  await hold();
  await missed;
  assert.deepEqual([...states], await truth());
  await viewer.close();
});

test("a stream ends with the loop, with the signal, and with its last retry", async () => {
  for await (const event of client.events.stream(eventId)) if (event.type === "snapshot") break;

  const leaving = new AbortController();
  const viewer = new Viewer({ signal: leaving.signal });
  await viewer.next("snapshot");
  const end = assert.rejects(viewer.next("diff"), { name: "AbortError" });
  leaving.abort();
  await end;

  proxy.faults.push({ kind: "refuse" }, { kind: "refuse" });
  const impatient = new Viewer({ retries: 1, onRetry: () => {} });
  await assert.rejects(impatient.next("snapshot"), ConnectionError);
});

test("a full or restarting server is asked again when it says", async () => {
  const pauses: [string, number][] = [];
  const full = JSON.stringify({ code: "stream_limit", status: 429, detail: "Too many streams." });
  proxy.faults.push(
    { kind: "answer", status: 429, headers: { "retry-after": "2" }, body: full },
    { kind: "answer", status: 503, headers: { "retry-after": "1" } },
  );
  const viewer = new Viewer({ onRetry: ({ code }, delayMs) => void pauses.push([code, delayMs]) });
  await viewer.next("snapshot");
  assert.deepEqual(pauses.map(([code]) => code), ["stream_limit", "unavailable"]);
  assert.ok((pauses[0]?.[1] as number) >= 2000 && (pauses[1]?.[1] as number) >= 1000);
  await viewer.close();
});

test("who may not look on is told so, once", async () => {
  const stranger = new EventFlow({ baseUrl: proxy.url, key: "ef_sk_test_nobody" });
  await assert.rejects(stranger.events.stream(eventId).next(), AuthenticationError);
  await assert.rejects(client.events.stream("evt_01h455vb4pex5vsknk084sn02q").next(), NotFoundError);
  assert.equal(proxy.seen.length, 2);
});
