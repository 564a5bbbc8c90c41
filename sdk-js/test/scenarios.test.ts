/** `tools/sdk-scenarios`: what every SDK must do. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ApiError, EventFlowError, TicketKeys, verifyTicket } from "../src/index.ts";
import { verify } from "../src/webhooks.ts";
import { Receiver } from "./support/receiver.ts";
import { makeEvent, makeWorld, pay, type World } from "./support/world.ts";

/** Longer than anything takes that happens by itself. */
const PATIENCE_MS = 30_000;
const CLASSES: Record<string, string> = {
  invalid_request: "InvalidRequestError",
  authentication: "AuthenticationError",
  permission: "PermissionError",
  not_found: "NotFoundError",
  conflict: "ConflictError",
  rate_limit: "RateLimitError",
  server: "ServerError",
};

type Values = Record<string, unknown>;

interface Webhook {
  body: string;
  headers: Record<string, string>;
  secrets: string[];
  now: string;
}

interface Expected {
  type: string;
  about: string;
  secrets: string[];
  is_tampered?: boolean;
}

interface Step {
  call?: string;
  pay?: { checkout_url: string };
  verify_ticket?: { text: string };
  verify_webhook?: Webhook;
  receive_webhook?: Expected;
  path?: Record<string, string>;
  query?: Values;
  body?: unknown;
  token?: string;
  idempotency_key?: string;
  as?: string;
  expect?: Values;
  length?: Record<string, number>;
  until?: Values;
  error?: Values;
}

const SCENARIOS = JSON.parse(readFileSync("../tools/sdk-scenarios/scenarios.json", "utf8")).scenarios as {
  name: string;
  steps: Step[];
}[];

let world: World;
before(async () => {
  world = await makeWorld();
});

assert.ok(SCENARIOS.length > 0);
for (const { name, steps } of SCENARIOS) {
  test(name, async () => {
    const receiver = await Receiver.start();
    const known: Values = { event_id: await makeEvent(world.client, world.seatMapId), webhook_url: receiver.url };
    try {
      for (const [index, step] of steps.entries()) {
        await go(step, known, receiver).catch((cause: Error) => {
          throw new Error(`step ${index + 1}: ${cause.message}`, { cause });
        });
      }
    } finally {
      await receiver.stop();
    }
  });
}

async function go(step: Step, known: Values, receiver: Receiver): Promise<void> {
  const resolved = (value: unknown): unknown => resolve(value, known);
  if (step.error) {
    const error = await take(step, resolved, receiver).then((answer) => assert.fail(`${JSON.stringify(answer)} is no error`), refusal);
    for (const [name, value] of Object.entries(step.error)) assert.deepEqual(error[name], resolved(value), name);
    return;
  }
  const isSo = (answer: unknown, parts: Values = {}): boolean =>
    Object.entries(parts).every(([path, value]) => at(answer, path) === resolved(value));
  const began = Date.now();
  let answer = await take(step, resolved, receiver);
  while (!isSo(answer, step.until) && Date.now() - began < PATIENCE_MS) {
    await pause(50);
    answer = await take(step, resolved, receiver);
  }
  for (const [path, value] of Object.entries({ ...step.until, ...step.expect })) {
    assert.deepEqual(at(answer, path), resolved(value), path);
  }
  for (const [path, length] of Object.entries(step.length ?? {})) {
    assert.equal((at(answer, path) as unknown[]).length, length, path);
  }
  if (step.as) known[step.as] = answer;
}

async function take(step: Step, resolved: (value: unknown) => unknown, receiver: Receiver): Promise<unknown> {
  if (step.pay) return pay(resolved(step.pay.checkout_url) as string);
  if (step.verify_ticket) {
    const keys = new TicketKeys(await world.client.ticketKeys.list().all());
    const { ticketId, flags } = await verifyTicket(resolved(step.verify_ticket.text) as string, keys);
    return { id: ticketId, flags };
  }
  if (step.verify_webhook) {
    const { body, headers, secrets, now } = step.verify_webhook;
    return verify(body, headers, secrets, { now: new Date(now) });
  }
  if (step.receive_webhook) {
    const { type, about, secrets, is_tampered } = resolved(step.receive_webhook) as Expected;
    const { headers, body } = await receiver.message(type, about);
    return verify(is_tampered ? body.replace(/.$/, " ") : body, headers, secrets);
  }
  assert.ok(step.call, "a step is one of `call`, `pay`, `verify_ticket`, `verify_webhook` and `receive_webhook`");
  const input = { path: resolved(step.path) as Record<string, string>, query: resolved(step.query) as Values, body: resolved(step.body) };
  return world.client.send(step.call, input, {
    token: resolved(step.token) as string | undefined,
    idempotencyKey: resolved(step.idempotency_key) as string | undefined,
  });
}

/** An error as the table names it. */
function refusal(error: unknown): Values {
  if (!(error instanceof EventFlowError)) throw error;
  if (!(error instanceof ApiError)) return { code: error.code };
  const { code, status, objects, param } = error;
  return { class: Object.keys(CLASSES).find((name) => CLASSES[name] === error.name), code, status, objects, param };
}

/** With what references refer to. */
function resolve(value: unknown, known: Values): unknown {
  if (Array.isArray(value)) return value.map((part) => resolve(part, known));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, resolve(part, known)]));
  }
  if (typeof value !== "string" || !value.startsWith("$")) return value;
  if (value === "$new_id") return crypto.randomUUID();
  const found = at(known, value.slice(1));
  assert.notEqual(found, undefined, `${value} is not known`);
  return found;
}

/** A part by names and numbers with dots between them. */
function at(value: unknown, path: string): unknown {
  return path.split(".").reduce((whole, part) => (whole as Values | undefined)?.[part], value);
}
