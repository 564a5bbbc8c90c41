/** Webhooks of the platform, and what only looks like one. */

import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { Webhook } from "standardwebhooks";
import { verify, WebhookError } from "../src/webhooks.ts";
import { Receiver } from "./support/receiver.ts";
import { makeWorld } from "./support/world.ts";

/** The example of the Standard Webhooks specification. */
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const BODY = '{"test": 2432232314}';
const NOW = new Date(1_614_265_330_000);
const HEADERS = {
  "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
  "webhook-timestamp": "1614265330",
  "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

const ed25519 = generateKeyPairSync("ed25519");
const PUBLIC_KEY = `whpk_${ed25519.publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("base64")}`;

function asymmetric(body: string): string {
  const signed = `${HEADERS["webhook-id"]}.${HEADERS["webhook-timestamp"]}.${body}`;
  return `v1a,${sign(null, Buffer.from(signed), ed25519.privateKey).toString("base64")}`;
}

async function refused(code: string, attempt: Promise<unknown>): Promise<WebhookError> {
  const error: unknown = await attempt.then(
    () => assert.fail("it was accepted"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof WebhookError, String(error));
  assert.equal(error.code, code);
  return error;
}

test("a message with the example's signature is accepted, as text and as bytes, with either kind of headers", async () => {
  const expected = { id: HEADERS["webhook-id"], sentAt: NOW, payload: { test: 2_432_232_314 } };
  assert.deepEqual(await verify(BODY, HEADERS, SECRET, { now: NOW }), expected);
  assert.deepEqual(await verify(Buffer.from(BODY), new Headers(HEADERS), SECRET, { now: NOW }), expected);
  const capitals = Object.fromEntries(Object.entries(HEADERS).map(([name, value]) => [name.toUpperCase(), value]));
  assert.deepEqual(await verify(new TextEncoder().encode(BODY).buffer, capitals, SECRET, { now: NOW }), expected);
});

test("a signature of the platform's private key is accepted", async () => {
  const headers = { ...HEADERS, "webhook-signature": asymmetric(BODY) };
  assert.deepEqual((await verify(BODY, headers, PUBLIC_KEY, { now: NOW })).payload, { test: 2_432_232_314 });
  await refused("signature", verify(`${BODY} `, headers, PUBLIC_KEY, { now: NOW }));
  // A signature counts for its own kind of key only.
  await refused("signature", verify(BODY, headers, SECRET, { now: NOW }));
  const confused = { ...HEADERS, "webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v1a,") };
  await refused("signature", verify(BODY, confused, PUBLIC_KEY, { now: NOW }));
});

test("while secrets are exchanged, any signature under any of them counts", async () => {
  const headers = { ...HEADERS, "webhook-signature": `v1,AAAA v9,what ${asymmetric(BODY)} ${HEADERS["webhook-signature"]}` };
  for (const secret of [SECRET, [OTHER_SECRET, SECRET], [PUBLIC_KEY, OTHER_SECRET]]) {
    assert.equal((await verify(BODY, headers, secret, { now: NOW })).id, HEADERS["webhook-id"]);
  }
  await refused("signature", verify(BODY, headers, OTHER_SECRET, { now: NOW }));
  await refused("signature", verify(BODY, headers, [], { now: NOW }));
});

test("each part of a message is signed", async () => {
  await refused("signature", verify(BODY.replace("4", "5"), HEADERS, SECRET, { now: NOW }));
  await refused("signature", verify(BODY, { ...HEADERS, "webhook-id": "msg_other" }, SECRET, { now: NOW }));
  await refused("signature", verify(BODY, { ...HEADERS, "webhook-timestamp": "1614265331" }, SECRET, { now: NOW }));
  for (const signature of ["v1", "v1,", "v1,!!", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", ","]) {
    await refused("signature", verify(BODY, { ...HEADERS, "webhook-signature": signature }, SECRET, { now: NOW }));
  }
});

test("old messages and wrong clocks are told apart from wrong secrets", async () => {
  const at = (secs: number): Date => new Date(NOW.getTime() + secs * 1000);
  await verify(BODY, HEADERS, SECRET, { now: at(300) });
  await verify(BODY, HEADERS, SECRET, { now: at(-300) });
  assert.match((await refused("too_old", verify(BODY, HEADERS, SECRET, { now: at(301) }))).message, /301 s behind this machine's clock/);
  assert.match((await refused("too_new", verify(BODY, HEADERS, SECRET, { now: at(-301) }))).message, /301 s ahead of/);
  await verify(BODY, HEADERS, SECRET, { now: at(3_600), toleranceSecs: 3_600 });
  await refused("too_old", verify(BODY, { ...HEADERS, "webhook-timestamp": "yesterday" }, SECRET, { now: NOW }));
});

test("what a developer does wrong is named", async () => {
  const error = await refused("body_parsed", verify(JSON.parse(BODY) as string, HEADERS, SECRET, { now: NOW }));
  assert.match(error.message, /as it came/);
  await refused("header_missing", verify(BODY, { ...HEADERS, "webhook-id": undefined }, SECRET, { now: NOW }));
  const malformed = await refused("secret_malformed", verify(BODY, HEADERS, "whsec_not base64 é", { now: NOW }));
  assert.doesNotMatch(malformed.message, /not base64 é/);
  await refused("secret_malformed", verify(BODY, HEADERS, "whpk_AAAA", { now: NOW }));
  // With an empty key anybody could sign; a variable of the environment may be empty or missing.
  const empty = ["", "whsec_", process.env["NO_SUCH_SECRET"] as string];
  for (const secret of empty) await refused("secret_malformed", verify(BODY, HEADERS, secret, { now: NOW }));
  const text = "plain";
  const signed = `${HEADERS["webhook-id"]}.${HEADERS["webhook-timestamp"]}.${text}`;
  const signature = createHmac("sha256", Buffer.from(SECRET.slice(6), "base64")).update(signed).digest("base64");
  await refused("not_json", verify(text, { ...HEADERS, "webhook-signature": `v1,${signature}` }, SECRET, { now: NOW }));
});

test("a message of the platform is verified here and by the package of Standard Webhooks", async () => {
  const { client, eventId } = await makeWorld();
  const receiver = await Receiver.start();
  const made = await client.webhookEndpoints.create({ url: receiver.url, event_types: ["order.paid"], payload: "fat" });
  const best = { event_id: eventId, best_available: { quantity: 2 }, buyer: {}, provider: "manual" } as const;
  const order = await client.orders.create(best);
  const { headers, body } = await receiver.message("order.paid", order.id);
  await receiver.stop();

  const { id, payload } = await verify(body, headers, made.secret);
  assert.ok(payload.type === "order.paid", payload.type);
  assert.equal(payload.data.id, order.id);
  assert.equal(payload.data.object?.tickets.length, 2);
  assert.equal(id, payload.id);
  assert.deepEqual((await verify(body, headers, made.webhook_endpoint.public_key)).payload, payload);
  assert.deepEqual(new Webhook(made.secret).verify(body, headers as Record<string, string>), payload);
  assert.throws(() => new Webhook(made.secret).verify(`${body} `, headers as Record<string, string>));

  const log = await client.eventsLog.list({ type: "order.paid" });
  assert.deepEqual(log.data.map((entry) => entry.id), [id]);
});
