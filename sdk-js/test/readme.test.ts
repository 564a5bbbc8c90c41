/** The README's examples run as they stand there. */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, test } from "node:test";
import { output, Projects } from "./support/package.ts";
import { makeWorld, type World } from "./support/world.ts";

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

/** What an example prints, by lines. */
async function run(heading: string, env: Record<string, string> = {}): Promise<string[]> {
  const code = EXAMPLES.get(heading);
  assert.ok(code, `the README has no executed example under ${heading}`);
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

test("every executed example is run", () => {
  assert.deepEqual([...EXAMPLES.keys()], ["Sell a ticket", "Lists", "Live", "At the door, without a network"]);
});
