/** The README's examples run as they stand there. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, test } from "node:test";
import { output, Projects } from "./support/package.ts";
import { Receiver } from "./support/receiver.ts";
import { makeWorld, ORIGIN, type World } from "./support/world.ts";

const README = readFileSync("README.md", "utf8");
/** Examples that are marked as executed, by the heading above them. */
const EXAMPLES = new Map(
  [...README.matchAll(/^## ([^\n]+)\n(?:(?!^## )[^])*?<!-- executed by test\/readme\.test\.ts -->\n```js\n([^]*?)```/gm)].map(
    ([, heading, code]) => [heading as string, code as string],
  ),
);

const projects = new Projects();
let world: World;
let folder: string;
before(async () => {
  [world, folder] = await Promise.all([makeWorld(), projects.install("test/projects/node-esm")]);
});
after(() => projects.remove());

/** What an example prints, by lines. `around` is the program that it stands in. */
async function run(
  heading: string,
  env: Record<string, string> = {},
  around = (example: string): string => example,
): Promise<string[]> {
  const example = EXAMPLES.get(heading);
  assert.ok(example, `the README has no executed example under ${heading}`);
  const code = around(example);
  const file = `${heading.replaceAll(/\W/g, "-")}.js`;
  writeFileSync(join(folder, file), code);
  const text = await output(folder, "node", [file], {
    EVENTFLOW_URL: world.url,
    EVENTFLOW_SECRET_KEY: world.secretKey,
    EVENT_ID: world.eventId,
    ...env,
  });
  return text.trim().split("\n");
}

test("ten lines sell a ticket", async () => {
  const lines = (EXAMPLES.get("Sell a ticket") as string).split("\n").filter((line) => line.trim());
  assert.ok(lines.length <= 10, `${lines.length} lines`);
  const printed = await run("Sell a ticket");
  assert.equal(printed.length, 2);
  for (const line of printed) assert.match(line, / EF1:.{150}$/);
  assert.equal((await world.client.orders.list({ event_id: world.eventId, state: "paid" }).all()).length, 1);
});

test("the door reads the ticket", async () => {
  const [order] = await world.client.orders.list({ event_id: world.eventId }).all();
  const [ticket] = await world.client.tickets.list({ order_id: order?.id as string }).all();
  const [line] = await run("At the door, without a network", { TICKET: ticket?.token as string });
  assert.equal(line, `${ticket?.id} [ 'test' ] true`);
});

test("lists", async () => {
  const [paid, counts] = await run("Lists");
  assert.match(paid as string, /^ord_/);
  assert.equal(counts, "1 undefined 2");
});

test("the live stream", async () => {
  const printed = run("Live");
  let done = false;
  void printed.finally(() => (done = true));
  // Somebody buys, again and again, until the example has seen it.
  while (!done) {
    const hold = await world.client.holds.create(world.eventId, { best_available: { quantity: 1 } });
    await pause(200);
    await world.client.holds.delete(hold.id, { event_id: world.eventId });
  }
  const [first, ...changes] = await printed;
  assert.match(first as string, /^\{ free: \d+, held: \d, sold: 2, blocked: 0 \}$/);
  assert.match(changes.at(-1) as string, /^\d+ (free held|held free)$/);
});

test("a page holds seats", async () => {
  const page = (example: string): string =>
    example
      .replace("https://tickets.example", world.url)
      // Node sends no origin of its own.
      .replace('key: "ef_pk_…"', `key: "${world.publishableKey}", headers: { origin: "${ORIGIN}" }`)
      .replace("evt_…", world.eventId)
      .concat("console.log(hold.items.length, left() > 590_000);");
  assert.deepEqual(await run("In a page", {}, page), ["2 true"]);
});

test("webhooks of the platform are received, and others are not", async () => {
  const { href: url, port } = await Receiver.address();
  const { secret } = await world.client.webhookEndpoints.create({ url, event_types: ["order.paid"] });
  writeFileSync(join(folder, "webhooks.js"), EXAMPLES.get("Webhooks") as string);
  const env = { ...process.env, PORT: port, WEBHOOK_SECRET: secret };
  const example = spawn("node", ["webhooks.js"], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    let unsigned: Response | undefined;
    while (!unsigned) unsigned = await fetch(url, { method: "POST", body: "{}" }).catch(() => pause(50).then(() => undefined));
    assert.equal(unsigned.status, 401);
    assert.match(await unsigned.text(), /no webhook-id/);
    const order = await world.client.orders.create({
      event_id: world.eventId,
      best_available: { quantity: 1 },
      provider: "manual",
      buyer: {},
    });
    const [line] = (await once(createInterface({ input: example.stdout }), "line")) as [string];
    assert.match(line, new RegExp(`^log_\\w+: ${order.id} is paid$`));
  } finally {
    example.kill();
  }
});

test("every executed example is run", () => {
  const headings = ["Sell a ticket", "Lists", "In a page", "Live", "Webhooks", "At the door, without a network"];
  assert.deepEqual([...EXAMPLES.keys()], headings);
  assert.equal(README.match(/^```js$/gm)?.length, headings.length, "there is no other");
});
