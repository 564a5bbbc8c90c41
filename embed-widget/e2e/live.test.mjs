// What others do: seats that are lost, holds that run out, pages that are left and come back to.
import assert from "node:assert/strict";
import { scenario } from "./scenario.mjs";
import { DESKTOP, newEvent, site } from "./world.mjs";

/** From the answer to one visitor until another one sees it. */
const TRUTH_MS = 1_000;

const when = (visitor, name) =>
  visitor.page.evaluate((name) => globalThis.heard.find((event) => event.name === name)?.at, name);

scenario("two browsers race for one seat, and both see the truth within a second", [DESKTOP, DESKTOP], async (ada, bob) => {
  const event = await newEvent();
  await Promise.all([ada.open(event), bob.open(event)]);
  const [seat] = await ada.call("select", 700);
  await bob.call("select", seat.label);
  const both = [ada, bob];
  await Promise.all(both.map((one) => one.button("Reserve").click()));
  // The loser learns it from the answer to the request or, when the other one was faster than the click, from the stream.
  const outcome = (one) => one.heard("eventflow-hold").then(() => true);
  const loss = (one) => one.heard("eventflow-lost").then(() => false);
  const won = await Promise.all(both.map((one) => Promise.race([outcome(one), loss(one)])));
  assert.deepEqual([...won].sort(), [false, true], "exactly one has it");
  const [winner, loser] = won[0] ? [ada, bob] : [bob, ada];
  await loser.heard("eventflow-lost");
  const late = (await when(loser, "eventflow-lost")) - (await when(winner, "eventflow-hold"));
  assert.ok(late < TRUTH_MS, `the loser knew ${late} ms later`);
  assert.equal(await loser.lines.count(), 0);
  await loser.$('[part="notice"]').waitFor();
  await winner.$('[part="countdown"]').waitFor();
});

scenario("a seat that somebody else takes leaves the basket within a second", [DESKTOP, DESKTOP], async (ada, bob) => {
  const event = await newEvent();
  await Promise.all([ada.open(event), bob.open(event)]);
  const seats = await ada.call("select", 700, 701);
  assert.equal(seats.length, 2);
  await bob.call("select", 700);
  await bob.reserve();
  const { places } = await ada.heard("eventflow-lost");
  assert.deepEqual(places.map((place) => place.seat), [700]);
  const late = (await when(ada, "eventflow-lost")) - (await when(bob, "eventflow-hold"));
  assert.ok(late < TRUTH_MS, `${late} ms`);
  await ada.lines.nth(0).waitFor();
  assert.equal(await ada.lines.count(), 1);
});

scenario("a hold runs out, is told, and can be had again", DESKTOP, async (ada) => {
  await ada.open(await newEvent({ hold_ttl_secs: 5 }));
  await ada.call("select", 700, 701);
  await ada.reserve();
  await ada.heard("eventflow-hold-expired");
  await ada.$('[part="notice"]').getByText("Your reservation has expired.").waitFor();
  await ada.button("Reserve again").click();
  await ada.heard("eventflow-hold", 2);
  assert.deepEqual(ada.holds, [201, 201]);
});

scenario("more time is given before the hold runs out", DESKTOP, async (ada) => {
  await ada.open(await newEvent());
  await ada.call("select", 700, 701);
  await ada.reserve();
  const before = (await ada.heard("eventflow-hold")).expiresAt;
  const longer = await ada.call("extend");
  assert.ok(longer.expiresAt > before, `${longer.expiresAt} is after ${before}`);
});

scenario("a reload keeps the basket, and then the hold", DESKTOP, async (ada) => {
  await ada.open(await newEvent());
  await ada.call("select", 700, 701);
  await ada.lines.nth(1).waitFor();
  const before = await ada.lines.allInnerTexts();
  await ada.page.reload();
  await ada.heard("eventflow-ready");
  await ada.lines.nth(1).waitFor();
  assert.deepEqual(await ada.lines.allInnerTexts(), before);
  await ada.reserve();
  await ada.page.reload();
  await ada.heard("eventflow-ready");
  await ada.$('[part="countdown"]').waitFor();
  assert.equal(await ada.lines.count(), 2);
  assert.deepEqual(ada.holds, [201], "the reload has held nothing anew");
});

scenario("back from the payment page, the order is there, and can be given up", DESKTOP, async (ada) => {
  await ada.open(await newEvent());
  await ada.call("select", 700, 701);
  await ada.reserve();
  await ada.checkOut();
  await ada.page.goBack();
  await ada.page.waitForURL((url) => url.origin === site);
  await ada.$('[part="panel"]').getByText("Waiting for your payment").waitFor();
  await ada.button("Cancel the order").click();
  await ada.$('[part="panel"]').getByText("The order was not paid").waitFor();
  await ada.button("Back to the seats").click();
  await ada.button("Reserve").waitFor();
  assert.deepEqual(ada.orders, [201]);
});

scenario("what could not be fetched is told, asked for again, and what was pressed meanwhile is not lost", DESKTOP, async (ada) => {
  await ada.page.route("**/later.js", (route) => route.abort());
  await ada.open(await newEvent());
  await ada.$('[role="grid"]').focus();
  await ada.$('[part="notice"]').getByText("No connection").waitFor();
  await ada.page.keyboard.press("ArrowRight");
  await ada.page.keyboard.press("Enter");
  await ada.page.unroute("**/later.js");
  await ada.heard("eventflow-select");
  await ada.lines.first().waitFor();
  assert.equal(await ada.$('[part="notice"]').count(), 0);
});

scenario("a double click reserves once and orders once", DESKTOP, async (ada) => {
  await ada.open(await newEvent());
  await ada.call("select", 700, 701);
  await ada.button("Reserve").dblclick();
  await ada.heard("eventflow-hold");
  await ada.page.getByLabel("Name").fill("Ada Lovelace");
  await ada.page.getByLabel("E-mail").fill("ada@example.org");
  await ada.$('[part="pay"]').dblclick();
  await ada.page.waitForURL((url) => url.origin !== site);
  assert.deepEqual([ada.holds, ada.orders], [[201], [201]]);
});
