import assert from "node:assert/strict";
import { test } from "node:test";

import { base64, SseParser, type SseEvent } from "./stream.js";

const STREAM =
  'retry: 2000\n\n: hb\n\nevent: snapshot\nid: 41\ndata: AAEC\n\nevent: diff\r\nid: 42\r\ndata: one\r\ndata:two\r\n\r\nevent: offer\rdata: {}\r\rdata\n\nid: 43\n\n';

const EVENTS: SseEvent[] = [
  { type: "snapshot", data: "AAEC", id: "41" },
  { type: "diff", data: "one\ntwo", id: "42" },
  { type: "offer", data: "{}", id: "42" },
  { type: "message", data: "", id: "42" },
];

test("events come out whole", () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push(STREAM), EVENTS);
  assert.equal(parser.retryMs, 2_000);
  assert.equal(parser.id, "43");
});

test("it does not matter where the network cuts", () => {
  for (let cut = 1; cut < STREAM.length; cut++) {
    const parser = new SseParser();
    const events = [...parser.push(STREAM.slice(0, cut)), ...parser.push(STREAM.slice(cut))];
    assert.deepEqual(events, EVENTS, `cut at ${cut}`);
  }
  const parser = new SseParser();
  assert.deepEqual([...STREAM].flatMap((character) => parser.push(character)), EVENTS);
});

test("half an event is none", () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push("event: diff\ndata: x\n"), []);
  assert.deepEqual(parser.push("\n"), [{ type: "diff", data: "x", id: "" }]);
});

test("base64 becomes bytes", () => {
  assert.deepEqual([...base64("AAEC/w==")], [0, 1, 2, 255]);
});
