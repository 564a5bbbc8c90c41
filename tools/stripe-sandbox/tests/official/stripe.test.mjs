// Stripe's official JavaScript SDK against the sandbox: it must parse every answer and accept the webhooks.
//
//   node stripe.test.mjs [base_url]
//
// Without a base URL it starts the program named by STRIPE_SANDBOX_PROGRAM. With one, that sandbox must accept the key
// STRIPE_SECRET_KEY (default sk_test_sandbox); its webhook target is changed. Exits non-zero on any failure.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { once } from "node:events";
import Stripe from "stripe";

const KEY = process.env.STRIPE_SECRET_KEY ?? "sk_test_sandbox";
const SECRET = "whsec_official_js";
const PATIENCE_MS = 20_000;

let child;
async function sandboxUrl() {
  if (process.argv[2]) return process.argv[2];
  const program = process.env.STRIPE_SANDBOX_PROGRAM;
  if (!program) throw new Error("give a base URL, or set STRIPE_SANDBOX_PROGRAM to the sandbox's program");
  child = spawn(program, ["--port", "0", "--secret-key", KEY], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const chunk of child.stdout) {
    const url = /listens on (\S+)/.exec(chunk.toString())?.[1];
    if (url) return url;
  }
  throw new Error("the sandbox did not start");
}

const received = [];
const receiver = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    received.push({ signature: request.headers["stripe-signature"], body: Buffer.concat(chunks) });
    response.end();
    receiver.emit("webhook");
  });
});

const base = new URL(await sandboxUrl());
const stripe = new Stripe(KEY, {
  host: base.hostname,
  port: Number(base.port),
  protocol: "http",
  maxNetworkRetries: 0,
  telemetry: false,
});

async function control(path, body) {
  const response = await fetch(new URL(`/_sandbox/${path}`, base), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

async function webhook(type, objectId) {
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    for (const { signature, body } of received) {
      const event = stripe.webhooks.constructEvent(body, signature, SECRET);
      if (event.type === type && event.data.object.id === objectId) return { event, signature, body };
    }
    await once(receiver, "webhook", { signal: deadline });
  }
}

const session = (change = {}) => ({
  mode: "payment",
  client_reference_id: "ord_js",
  line_items: [
    { quantity: 2, price_data: { currency: "eur", unit_amount: 2000, product_data: { name: "Row A, seat 1–2" } } },
  ],
  metadata: { order_id: "ord_js" },
  payment_intent_data: { metadata: { order_id: "ord_js" } },
  success_url: "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
  cancel_url: "https://shop.example/back",
  expires_at: Math.floor(Date.now() / 1000) + 31 * 60,
  ...change,
});

const steps = {
  async "creates, reads and expires a session"() {
    const params = session();
    const created = await stripe.checkout.sessions.create(params, { idempotencyKey: `js:${Date.now()}` });
    assert.equal(created.status, "open");
    assert.equal(created.amount_total, 4000);
    const read = await stripe.checkout.sessions.retrieve(created.id, { expand: ["line_items"] });
    assert.equal(read.line_items.data[0].description, "Row A, seat 1–2");
    const expired = await stripe.checkout.sessions.expire(created.id);
    assert.equal(expired.status, "expired");
    await assert.rejects(stripe.checkout.sessions.expire(created.id), Stripe.errors.StripeInvalidRequestError);
    await webhook("checkout.session.expired", created.id);
  },

  async "repeats an idempotent request and refuses a changed one"() {
    const [params, options] = [session(), { idempotencyKey: `js-key:${Date.now()}` }];
    const first = await stripe.checkout.sessions.create(params, options);
    const second = await stripe.checkout.sessions.create(params, options);
    assert.equal(second.id, first.id);
    assert.equal(second.lastResponse.headers["idempotent-replayed"], "true");
    const changed = stripe.checkout.sessions.create({ ...params, client_reference_id: "other" }, options);
    await assert.rejects(changed, Stripe.errors.StripeIdempotencyError);
  },

  async "pays, refunds, and verifies the webhooks"() {
    const since = Math.floor(Date.now() / 1000) - 2;
    const created = await stripe.checkout.sessions.create(session());
    await control(`sessions/${created.id}/pay`, { card: "4242424242424242" });
    const paid = await stripe.checkout.sessions.retrieve(created.id, { expand: ["payment_intent.latest_charge"] });
    assert.equal(paid.payment_status, "paid");
    assert.equal(paid.payment_intent.latest_charge.paid, true);
    const { signature, body } = await webhook("checkout.session.completed", created.id);
    assert.throws(
      () => stripe.webhooks.constructEvent(body, signature, "whsec_other"),
      Stripe.errors.StripeSignatureVerificationError,
    );

    const intent = paid.payment_intent.id;
    const refund = await stripe.refunds.create({ payment_intent: intent, amount: 1500, metadata: { refund_id: "r" } });
    assert.equal(refund.status, "succeeded");
    const over = stripe.refunds.create({ payment_intent: intent, amount: 2501 });
    await assert.rejects(over, Stripe.errors.StripeInvalidRequestError);
    assert.equal((await stripe.refunds.list({ payment_intent: intent })).data.length, 1);
    const charge = await stripe.charges.retrieve(refund.charge);
    assert.equal(charge.amount_refunded, 1500);
    await webhook("charge.refunded", charge.id);

    const types = ["checkout.session.completed", "charge.refunded"];
    const events = [];
    for await (const event of stripe.events.list({ created: { gt: since }, types, limit: 1 })) events.push(event);
    assert.ok(events.some((event) => event.data.object.id === created.id));
    assert.ok(events.some((event) => event.data.object.id === charge.id));
    assert.equal((await stripe.events.retrieve(events[0].id)).id, events[0].id);
  },

  async "keeps connected accounts apart"() {
    const account = await stripe.accounts.create({ type: "standard", country: "DE" });
    const options = { stripeAccount: account.id };
    const params = session({ payment_intent_data: { application_fee_amount: 100 } });
    const created = await stripe.checkout.sessions.create(params, options);
    assert.equal((await stripe.checkout.sessions.retrieve(created.id, {}, options)).id, created.id);
    await assert.rejects(stripe.checkout.sessions.retrieve(created.id), { statusCode: 404 });
    await control(`sessions/${created.id}/pay`, {});
    const { event } = await webhook("checkout.session.completed", created.id);
    assert.equal(event.account, account.id);
  },

  async "disputes a payment"() {
    const created = await stripe.checkout.sessions.create(session());
    await control(`sessions/${created.id}/pay`, {});
    const dispute = await control("disputes", { session: created.id });
    assert.equal((await stripe.disputes.retrieve(dispute.id)).status, "needs_response");
    assert.equal((await stripe.disputes.close(dispute.id)).status, "lost");
    await webhook("charge.dispute.closed", dispute.id);
  },

  async "reports errors by their class"() {
    const stranger = new Stripe("sk_test_stranger", {
      host: base.hostname,
      port: Number(base.port),
      protocol: "http",
      maxNetworkRetries: 0,
    });
    await assert.rejects(stranger.events.list(), Stripe.errors.StripeAuthenticationError);
    await assert.rejects(stripe.checkout.sessions.create(session({ expires_at: 1 })), { param: "expires_at" });
    await assert.rejects(stripe.customers.create({}), { statusCode: 404 });
  },
};

let failures = 0;
try {
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  await control("webhook", { url: `http://127.0.0.1:${receiver.address().port}/`, secret: SECRET, connect_secret: SECRET });
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      console.log(`ok    stripe-node ${Stripe.PACKAGE_VERSION ?? ""} ${name}`);
    } catch (error) {
      failures += 1;
      console.error(`FAIL  ${name}\n`, error);
    }
  }
} finally {
  receiver.close();
  receiver.closeAllConnections();
  child?.kill();
}
process.exit(failures ? 1 : 0);
