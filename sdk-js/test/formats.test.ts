/** The binary formats of availability, by the golden bytes of `core`, and the parser of server-sent events. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { FormatError } from "../src/errors.ts";
import { decodeDiff, type Diff, SeatStates } from "../src/seat-states.ts";
import { EventParser } from "../src/sse.ts";

/** Bytes as `core` writes them in its tests. */
function bytes(...parts: (string | number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...Buffer.from(part, "latin1")] : part)));
}

const SNAPSHOT = bytes("EFA1\0\0\0\x05\0\0\0\0\0\0\x01\x02\0\x02\xe1\x02\0\0\0\x07\0\x01\0\x01");
const DIFF = bytes("EFD1\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01\x02", [3, 0x0b, 0xa6, 0x09, 0, 2, 0, 0, 3, 0xc8, 1]);

test("the golden snapshot", () => {
  const states = SeatStates.decode(SNAPSHOT);
  assert.deepEqual([...states], ["held", "free", "sold", "blocked", "sold"]);
  assert.deepEqual([states.length, states.revision, states.areas], [5, 258, [7, 65_537]]);
  assert.deepEqual(states.count(), { free: 1, held: 1, sold: 2, blocked: 1 });
  assert.deepEqual([states.get(3), states.get(5), states.get(-1)], ["blocked", undefined, undefined]);
});

test("the golden diff", () => {
  assert.deepEqual(decodeDiff(DIFF), {
    base: 1,
    revision: 258,
    seats: [
      { seat: 2, state: "blocked" },
      { seat: 300, state: "sold" },
      { seat: 301, state: "free" },
    ],
    areas: [
      { area: 0, left: 0 },
      { area: 4, left: 200 },
    ],
  });
});

test("other bytes are refused", () => {
  const refused = (decode: (bytes: Uint8Array) => unknown, wrong: Uint8Array): void => {
    assert.throws(() => decode(wrong), FormatError, Buffer.from(wrong).toString("latin1"));
  };
  const changed = (at: number, ...values: number[]): Uint8Array => {
    const copy = SNAPSHOT.slice();
    copy.set(values, at);
    return copy;
  };
  for (let end = 0; end < SNAPSHOT.length; end++) refused(SeatStates.decode, SNAPSHOT.slice(0, end));
  for (let end = 0; end < DIFF.length; end++) refused(decodeDiff, DIFF.slice(0, end));
  refused(SeatStates.decode, bytes([...SNAPSHOT, 0]));
  refused(decodeDiff, bytes([...DIFF, 0]));
  refused(SeatStates.decode, changed(0, 0x58));
  refused(SeatStates.decode, changed(19, 4));
  refused(SeatStates.decode, changed(4, 0xff, 0xff, 0xff, 0xff));
  refused(SeatStates.decode, changed(16, 0xff, 0xff));
  refused(SeatStates.decode, changed(8, 0xff));
  const head = [...DIFF.slice(0, 20)];
  for (const tail of [
    [1, 0x80, 0, 0],
    [1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0],
    [0, 2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0],
    [0, 1, 0xf4, 3, 0],
    [0xff, 0xff, 0xff, 0xff, 0x0f],
    [1, 0xff, 0xff, 0xff, 0xff, 0x1f, 0],
  ]) {
    refused(decodeDiff, bytes([...head, ...tail]));
  }
});

test("diffs apply in order, whole or not at all, and tell what is different", () => {
  const states = SeatStates.decode(SNAPSHOT);
  const before = [...states];
  const diff = (more: Partial<Diff>): Diff => ({ base: 258, revision: 260, seats: [], areas: [], ...more });
  assert.equal(states.apply(diff({ base: 259 })), undefined, "a gap");
  assert.equal(states.apply(diff({ seats: [{ seat: 0, state: "free" }, { seat: 5, state: "free" }] })), undefined);
  assert.equal(states.apply(diff({ areas: [{ area: 2, left: 1 }] })), undefined);
  assert.deepEqual([[...states], states.revision], [before, 258]);

  const seats = [{ seat: 0, state: "held" as const }, { seat: 4, state: "free" as const }];
  assert.deepEqual(states.apply(diff({ seats, areas: [{ area: 0, left: 6 }, { area: 1, left: 65_537 }] })), {
    seats: [{ seat: 4, before: "sold", after: "free" }],
    areas: [{ area: 0, before: 7, after: 6 }],
  });
  assert.deepEqual([[...states], states.areas, states.revision], [["held", "free", "sold", "blocked", "free"], [6, 65_537], 260]);
  assert.deepEqual(states.apply(diff({ seats: [{ seat: 4, state: "sold" }] })), { seats: [], areas: [] }, "told twice");
  assert.equal(states.get(4), "free");
});

test("server-sent events in pieces of any length", () => {
  const text = "retry: 2000\n\n: hb\n\nid: 7\r\nevent: diff\r\ndata: one\r\ndata:two\r\n\r\nevent: offer\ndata: {}\n\nevent: empty\n\nid\n\ndata: x\rdata\r\r";
  const expected = [
    { type: "diff", data: "one\ntwo", id: "7" },
    { type: "offer", data: "{}", id: "7" },
    { type: "message", data: "x\n", id: "" },
  ];
  for (let length = 1; length <= text.length; length++) {
    const parser = new EventParser();
    const pieces = text.match(new RegExp(`[^]{1,${length}}`, "g")) as string[];
    const events = pieces.flatMap((piece) => parser.push(piece));
    // A CR at the very end waits for what follows it.
    events.push(...parser.push("\n"));
    assert.deepEqual(events, expected, `pieces of ${length}`);
    assert.equal(parser.retryMs, 2000);
  }
});
