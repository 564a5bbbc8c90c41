import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { Requests } from "./later/requests.js";
import { Api, Problem, retryAfterMs, retryDelay } from "./api.js";

const problem = (code: string, status: number, after = 0): Problem => new Problem(code, status, "", [], after);

test("only what passes by itself is repeated", () => {
  for (const [code, status] of [["network", 0], ["idempotency_in_flight", 409], ["rate_limited", 429], ["payment_unavailable", 502], ["rebuilding", 503]] as const) {
    assert.ok(retryDelay(problem(code, status), 0, 0.5) > 0, code);
  }
  for (const [code, status] of [["seats_taken", 409], ["internal", 500], ["invalid_request", 400], ["unauthenticated", 401]] as const) {
    assert.equal(retryDelay(problem(code, status), 0, 0.5), -1, code);
  }
});

test("repetitions become rarer, differ from visitor to visitor, and end", () => {
  const network = problem("network", 0);
  assert.ok(retryDelay(network, 1, 0.5) > retryDelay(network, 0, 0.5));
  assert.notEqual(retryDelay(network, 0, 0), retryDelay(network, 0, 0.9));
  assert.equal(retryDelay(network, 4, 0.5), -1);
});

test("the server's wish is heard, within reason", () => {
  assert.ok(retryDelay(problem("rate_limited", 429, 3_000), 0, 0) >= 3_000);
  assert.equal(retryDelay(problem("unavailable", 503, 3_600_000), 0, 0), 20_000);
  assert.equal(retryAfterMs("7", 0), 7_000);
  assert.equal(retryAfterMs("Thu, 01 Jan 1970 00:00:09 GMT", 4_000), 5_000);
  assert.equal(retryAfterMs("Thu, 01 Jan 1970 00:00:01 GMT", 4_000), 0);
  assert.equal(retryAfterMs(null, 0), 0);
  assert.equal(retryAfterMs("soon", 0), 0);
});

afterEach(() => mock.restoreAll());

/** Answers one request after the other; what is left over fails. */
function answers(...all: (Response | Error)[]): { url: string; init: RequestInit }[] {
  const seen: { url: string; init: RequestInit }[] = [];
  mock.method(globalThis, "fetch", async (url: string, init: RequestInit) => {
    seen.push({ url, init });
    const next = all.shift();
    if (!next || next instanceof Error) throw next ?? new TypeError("no answer");
    return next;
  });
  return seen;
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers });

test("a change is repeated with the same idempotency key until it is answered", async () => {
  mock.method(Math, "random", () => 0);
  const seen = answers(new TypeError("reset"), json({ code: "unavailable" }, 503), json({ id: "hold_1" }));
  const waits: string[] = [];
  const api = new Api("https://api.example", "evt_1", "ef_pk_1", (waited) => waits.push(waited.code));
  const hold = await new Requests(api).hold({ items: [{ seat: 7 }] }, "key-1");
  assert.equal(hold.id, "hold_1");
  assert.deepEqual(waits, ["network", "unavailable"]);
  assert.equal(seen.length, 3);
  for (const { url, init } of seen) {
    const headers = init.headers as Record<string, string>;
    assert.equal(url, "https://api.example/v1/events/evt_1/holds");
    assert.equal(headers["idempotency-key"], "key-1");
    assert.equal(headers["authorization"], "Bearer ef_pk_1");
    assert.equal(init.body, '{"items":[{"seat":7}]}');
  }
});

test("a refusal is told by its code, with the seats at fault", async () => {
  answers(json({ code: "seats_taken", detail: "gone", objects: ["P-1-2"] }, 409));
  const api = new Api("https://api.example", "evt_1", "ef_pk_1");
  await assert.rejects(new Requests(api).hold({ items: [] }, "k"), (error: Problem) => {
    assert.deepEqual([error.code, error.status, error.objects], ["seats_taken", 409, ["P-1-2"]]);
    return true;
  });
});

test("an answer that is on its way already is used once, and asked for again when it failed", async () => {
  mock.method(Math, "random", () => 0);
  const seen = answers(json({ id: "evt_1", name: "again" }));
  const api = new Api("https://api.example", "evt_1", "ef_pk_1");
  const early = Promise.resolve(json({ code: "rebuilding" }, 503));
  assert.equal((await api.getEvent(early)).name, "again");
  assert.equal(seen.length, 1);
});

test("all pages of the price tiers are read, and what is not for sale is left out", async () => {
  const tier = (id: string, active: boolean): object => ({ id, active });
  const seen = answers(json({ data: [tier("a", true), tier("b", false)], next_cursor: "x/y" }), json({ data: [tier("c", true)] }));
  const api = new Api("https://api.example", "evt_1", "ef_pk_1");
  assert.deepEqual((await api.tiers()).map((one) => one.id), ["a", "c"]);
  assert.match(seen[1]?.url ?? "", /cursor=x%2Fy$/);
});
