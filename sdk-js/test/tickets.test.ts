/** The golden vectors of the ticket token, which every implementation meets. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { decodeTicket, isValidAt, TicketError, TicketKeys, verifyTicket } from "../src/tickets.ts";

interface Vectors {
  keys: { kid: number; public_hex: string; state: "active" | "retired" | "revoked" }[];
  valid: {
    name: string;
    text: string;
    fields: Record<string, number> & {
      ticket_id: string;
      flag_names: string[];
      not_before_utc: string;
      not_after_utc: string;
    };
  }[];
  invalid: { name: string; text: string; error: string }[];
}

const vectors = JSON.parse(readFileSync("../core/testdata/ticket-vectors.json", "utf8")) as Vectors;
const keys = new TicketKeys(
  vectors.keys.map(({ kid, public_hex, state }) => ({ kid, state, public_key: Buffer.from(public_hex, "hex").toString("base64") })),
);

/** The UUID in a TypeID, by another way than the SDK's. */
function uuidOf(typeId: string): string {
  const digits = [...(typeId.split("_")[1] as string)].map((letter) => "0123456789abcdefghjkmnpqrstvwxyz".indexOf(letter));
  const hex = digits.reduce((sum, digit) => sum * 32n + BigInt(digit), 0n).toString(16).padStart(32, "0");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Years beyond 9999 have six digits in JavaScript. */
function utc(time: string): string {
  return time.replace(/^\+(\d{5})-/, "+0$1-");
}

test("valid codes say what they say", async () => {
  assert.equal(vectors.valid.length, 6);
  for (const { name, text, fields } of vectors.valid) {
    const token = await verifyTicket(text, keys);
    const expected = {
      kid: fields["kid"],
      eventNo: fields["event_no"],
      ticketId: fields.ticket_id,
      generation: fields["generation"],
      typeNo: fields["type_no"],
      notBefore: new Date(utc(fields.not_before_utc)),
      notAfter: new Date(utc(fields.not_after_utc)),
      flags: fields.flag_names,
      zoneMask: fields["zone_mask"],
    };
    assert.deepEqual({ ...token, ticketId: uuidOf(token.ticketId) }, expected, name);
    assert.deepEqual(decodeTicket(text), token, name);
  }
});

test("invalid codes are refused for the reason that all name", async () => {
  assert.equal(vectors.invalid.length, 27);
  for (const { name, text, error } of vectors.invalid) {
    await assert.rejects(verifyTicket(text, keys), (thrown: unknown) => {
      assert.ok(thrown instanceof TicketError, name);
      assert.equal(thrown.code, error, name);
      return true;
    });
  }
});

test("the window of a ticket includes its ends, and may be wider for a door whose clock is wrong", () => {
  const token = { notBefore: new Date("2026-09-18T05:00:00Z"), notAfter: new Date("2026-09-18T13:00:00Z") };
  const at = (time: string, toleranceMs?: number): boolean => isValidAt(token, new Date(`2026-09-18T${time}Z`), toleranceMs);
  assert.deepEqual([at("04:59:59"), at("05:00:00"), at("13:00:00"), at("13:00:01")], [false, true, true, false]);
  assert.deepEqual([at("04:56:00", 300_000), at("13:04:00", 300_000), at("13:06:00", 300_000)], [true, true, false]);
});
