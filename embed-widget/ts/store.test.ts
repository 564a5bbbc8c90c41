import assert from "node:assert/strict";
import { test } from "node:test";

import { Problem } from "./api.js";
import { extendable, initial, reduce, remainingMs, Store, waitingOf, type Action, type State } from "./store.js";
import type { EventInfo, Hold, Order } from "./wire.js";

const NOW = Date.parse("2026-05-01T10:00:00Z");
const at = (seconds: number): string => new Date(NOW + seconds * 1_000).toISOString();

const EVENT = {
  id: "evt_1",
  state: "published",
  sale_starts_at: at(-3_600),
  sale_ends_at: at(3_600),
} as EventInfo;

const hold = (more: Partial<Hold> = {}): Hold =>
  ({
    id: "hold_1",
    expires_at: at(600),
    extendable_until: at(7_200),
    server_time: at(0),
    items: [
      { seat: 7, price_tier_id: "t1", total_minor: 100 },
      { ga_area: "floor", price_tier_id: "t2", total_minor: 50 },
      { ga_area: "floor", price_tier_id: "t2", total_minor: 50 },
    ],
    token: "secret",
    ...more,
  }) as unknown as Hold;

const order = (state: string): Order => ({ id: "ord_1", state, items: [], tickets: [] }) as unknown as Order;
const notice = { kind: "problem", text: "no" } as const;
const run = (...actions: Action[]): State => actions.reduce(reduce, initial);
const loaded: Action = { do: "loaded", event: EVENT, tiers: [], now: NOW };
const held: Action = { do: "held", hold: hold(), now: NOW };

test("the way to tickets", () => {
  const phases = [loaded, { do: "reserve" }, held, { do: "order" }, { do: "ordered", order: order("paid"), token: "t" }] as Action[];
  let state = initial;
  assert.deepEqual(
    phases.map((action) => (state = reduce(state, action)).phase),
    ["picking", "reserving", "held", "ordering", "ordered"],
  );
  assert.equal(state.hold, null);
  assert.equal(state.order?.state, "paid");
});

test("a hold fills the basket: seats one by one, standing places counted", () => {
  const state = run(loaded, { do: "reserve" }, held);
  assert.deepEqual(state.picks, [{ seat: 7, tier: "t1" }]);
  assert.deepEqual(state.areas, [{ area: "floor", tier: "t2", quantity: 2 }]);
});

test("a second press, and answers that come late, change nothing", () => {
  const reserving = run(loaded, { do: "reserve" });
  assert.equal(reduce(reserving, { do: "reserve" }), reserving);
  const ordering = run(loaded, { do: "reserve" }, held, { do: "order" });
  assert.equal(reduce(ordering, { do: "order" }), ordering);
  assert.equal(reduce(ordering, held), ordering);
  assert.equal(reduce(ordering, { do: "released" }), ordering);
  const done = reduce(ordering, { do: "ordered", order: order("paid"), token: "t" });
  assert.equal(reduce(done, { do: "expired", notice: { ...notice, kind: "expired" } }), done);
});

test("a refusal leads back to where one can go on", () => {
  assert.equal(run(loaded, { do: "reserve" }, { do: "refused", notice }).phase, "picking");
  assert.equal(run(loaded, { do: "reserve" }, held, { do: "order" }, { do: "refused", notice }).phase, "held");
});

test("an expired hold is remembered, and forgotten when places are held again", () => {
  const expired = run(loaded, { do: "reserve" }, held, { do: "expired", notice: { ...notice, kind: "expired" } });
  assert.deepEqual([expired.phase, expired.hold, expired.picks.length], ["picking", null, 0]);
  assert.deepEqual(expired.lapsed?.picks, [{ seat: 7, tier: "t1" }]);
  assert.equal(reduce(reduce(expired, { do: "reserve" }), held).lapsed, null);
});

test("giving back leaves the places selected", () => {
  const state = run(loaded, { do: "reserve" }, held, { do: "released" });
  assert.deepEqual([state.phase, state.hold, state.picks.length], ["picking", null, 1]);
});

test("time is counted on the server's clock", () => {
  const late = reduce(run(loaded, { do: "reserve" }), { do: "held", hold: hold(), now: NOW + 90_000 });
  assert.equal(late.skew, 90_000);
  assert.equal(remainingMs(late, NOW + 90_000 + 100_000), 500_000);
});

test("more time can be had until the cap", () => {
  assert.equal(extendable(hold()), true);
  assert.equal(extendable(hold({ expires_at: at(7_200) })), false);
});

test("why nothing can be bought", () => {
  assert.equal(waitingOf(EVENT, NOW), null);
  assert.equal(waitingOf({ ...EVENT, sale_starts_at: at(5) }, NOW), "soon");
  assert.equal(waitingOf({ ...EVENT, sale_ends_at: at(0) }, NOW), "ended");
  assert.equal(waitingOf({ ...EVENT, state: "cancelled" }, NOW), "cancelled");
  assert.equal(waitingOf({ ...EVENT, state: "draft" }, NOW), "draft");
});

test("the sale opens by itself", () => {
  const soon = reduce(initial, { do: "loaded", event: { ...EVENT, sale_starts_at: at(5) }, tiers: [], now: NOW });
  assert.equal(soon.waiting, "soon");
  assert.equal(reduce(soon, { do: "tick", now: NOW + 1_000 }), soon);
  assert.equal(reduce(soon, { do: "tick", now: NOW + 5_000 }).waiting, null);
});

test("what could not be loaded can be tried again", () => {
  const failed = reduce(initial, { do: "failed", problem: new Problem("network", 0, "") });
  assert.equal(failed.phase, "failed");
  assert.equal(reduce(failed, { do: "retry" }).phase, "loading");
  const picking = run(loaded);
  assert.equal(reduce(picking, { do: "failed", problem: new Problem("network", 0, "") }), picking);
});

test("a new purchase keeps what is known of the event and nothing of the last one", () => {
  const state = run(loaded, { do: "reserve" }, held, { do: "order" }, { do: "ordered", order: order("paid"), token: "t" }, { do: "restart" });
  assert.deepEqual([state.phase, state.event?.id, state.order, state.orderToken, state.notice], ["picking", "evt_1", null, "", null]);
});

test("stale availability keeps the time at which it was true", () => {
  const live = run(loaded, { do: "net", net: "live", now: NOW });
  const stale = reduce(live, { do: "net", net: "stale", now: NOW + 60_000 });
  assert.equal(stale.freshAt, NOW);
});

test("views are told once for many actions, with the state of before", async () => {
  const store = new Store();
  const told: [string, string][] = [];
  store.subscribe((state, before) => told.push([before.phase, state.phase]));
  store.do(loaded);
  store.do({ do: "reserve" });
  await Promise.resolve();
  assert.deepEqual(told, [["loading", "reserving"]]);
});
