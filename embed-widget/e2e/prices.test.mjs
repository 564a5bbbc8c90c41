// Prices that plugins change: itemised before anything is paid, never a surprise, and cheaper with a code.
import assert from "node:assert/strict";
import { inspect } from "./axe.mjs";
import { demand, install, members } from "./plugins.mjs";
import { scenario } from "./scenario.mjs";
import { DESKTOP, newEvent, organizer, PHONE } from "./world.mjs";

/** A ticket of the club night: 24.00 and a fee of 1.50. */
const TICKET = 2550;
const euros = (minor) => `€${(minor / 100).toFixed(2)}`;
const signed = (minor) => (minor < 0 ? "−" : "+") + euros(Math.abs(minor));
const off = (percent) => Math.round(24 * percent);

/** What stands there, each in one line. */
const texts = async (one, selector) =>
  (await one.$(`[part="panel"] ${selector}`).allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim());
const total = (one) => one.$('[part="panel"] [part="total"]').innerText();
/** What stands above the sum. */
const changes = (one) => texts(one, '[part="changes"] li');
const priceOf = async (order) => (await organizer("GET", `/v1/orders/${order}`)).totals.total_minor;

/** Two standing places, reserved. */
async function reserveTwo(ada, event) {
  await ada.open(event);
  await ada.call("setArea", "club", 2);
  await ada.reserve();
}

async function enter(ada, code) {
  const details = ada.$('[part="codes"] details');
  if (!(await details.evaluate((details) => details.open))) await ada.$('[part="codes"] summary').click();
  await ada.page.getByRole("textbox", { name: "code" }).fill(code);
  await ada.button("Apply").click();
}

async function fill(ada) {
  await ada.page.getByLabel("Name").fill("Ada Lovelace");
  await ada.page.getByLabel("E-mail").fill("ada@example.org");
}

for (const [name, device] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  scenario(`what a plugin takes off is itemised, and the order costs what was shown, ${name}`, device, async (ada) => {
    const event = await newEvent({}, "party");
    await demand(event, -20);
    await reserveTwo(ada, event);
    const [listed, pays] = [2 * TICKET, 2 * (TICKET - off(20))];
    assert.deepEqual(await texts(ada, "del"), [`Regular price ${euros(listed)}`]);
    assert.deepEqual(await texts(ada, "ins"), [`now ${euros(pays)}`]);
    assert.deepEqual(await changes(ada), [`Regular price ${euros(listed)}`, `Early bird ${signed(pays - listed)}`]);
    assert.equal(await total(ada), euros(pays));
    const { changes: told } = await ada.heard("eventflow-hold");
    assert.deepEqual(told, [{ label: "Early bird", amountMinor: pays - listed }]);
    await inspect(ada, "with an itemised price");
    await ada.checkOut();
    await ada.pay();
    const order = await ada.heard("eventflow-order");
    assert.deepEqual([order.totalMinor, await priceOf(order.id)], [pays, pays]);
  });
}

scenario("a group of four pays less for each seat, in German", { ...DESKTOP, locale: "de-DE" }, async (ada) => {
  const event = await newEvent();
  await install("group-discount", event, { steps: [{ tickets: 4, percent: 10 }] });
  await ada.open(event, "index.html");
  await ada.call("bestAvailable", { quantity: 4 });
  await ada.$('[part="changes"]').waitFor();
  assert.equal((await texts(ada, "del")).length, 4);
  const [regular, group] = await changes(ada);
  assert.match(regular, /^Regulärer Preis \d+,\d\d €$/);
  assert.match(group, /^Gruppenrabatt −\d+,\d\d €$/);
  await inspect(ada, "with a group discount");
});

scenario("a price that changes before the order is told, and must be confirmed", DESKTOP, async (ada) => {
  const event = await newEvent({}, "party");
  await demand(event, -20);
  await reserveTwo(ada, event);
  const [before, after] = [2 * (TICKET - off(20)), 2 * (TICKET + off(50))];
  await demand(event, 50);
  await fill(ada);
  await ada.$('[part="pay"]').click();
  const notice = `The price has changed from ${euros(before)} to ${euros(after)}. Please check it before you pay.`;
  await ada.$('[part="notice"]').getByText(notice).waitFor();
  assert.equal(await ada.$('[aria-live="assertive"]').innerText(), notice);
  assert.deepEqual(ada.orders, [409]);
  assert.deepEqual(await changes(ada), [`Regular price ${euros(2 * TICKET)}`, `High demand ${signed(after - 2 * TICKET)}`]);
  assert.match(await ada.$('[part="pay"]').innerText(), new RegExp(`Pay ${euros(after).replace(".", "\\.")}`));
  await inspect(ada, "with a changed price");
  await ada.checkOut();
  await ada.pay();
  const order = await ada.heard("eventflow-order");
  assert.equal(await priceOf(order.id), after);
});

scenario("a code that is entered before or after reserving lowers the price, and without it the price is back", DESKTOP, async (ada) => {
  const event = await newEvent({}, "party");
  await members(event);
  await ada.open(event);
  await ada.button("One more").first().click();
  await enter(ada, "nobody");
  await ada.$('[part="code-said"]').getByText("NOBODY counts as soon as you reserve.").waitFor();
  await inspect(ada, "with a code in the basket");
  await ada.reserve();
  await ada.$('[part="code-said"]').getByText("With NOBODY the price of these places stays the same.").waitFor();
  assert.equal(await total(ada), euros(TICKET));
  assert.deepEqual(await changes(ada), []);
  await enter(ada, " friends-26 ");
  await ada.$('[part="code-said"]').getByText(`With FRIENDS-26 you pay ${euros(TICKET - off(25))}.`).waitFor();
  assert.deepEqual(await changes(ada), [`Regular price ${euros(TICKET)}`, `Member price ${signed(-off(25))}`]);
  assert.equal(ada.holds.length, 2);
  await inspect(ada, "with two codes");
  await ada.page.reload();
  await ada.$('[part="countdown"]').waitFor();
  assert.deepEqual(await texts(ada, '[part="codes"] .chosen li'), ["NOBODY", "FRIENDS-26"]);
  await ada.button("Remove the code FRIENDS-26").click();
  await ada.$(`[part="total"]`).getByText(euros(TICKET)).waitFor();
  assert.deepEqual(await changes(ada), []);
  await enter(ada, "STAFF-26");
  await ada.$('[part="changes"]').waitFor();
  await ada.checkOut();
  await ada.pay(1);
  assert.equal(await priceOf((await ada.heard("eventflow-order")).id), TICKET - off(25));
});

scenario("a price that cannot be confirmed is asked for again by itself", DESKTOP, async (ada) => {
  const event = await newEvent({}, "party");
  await demand(event, -20);
  await reserveTwo(ada, event);
  const keys = [];
  await ada.page.route("**/v1/orders", async (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    keys.push(await route.request().headerValue("idempotency-key"));
    if (keys.length > 1) return route.fallback();
    const headers = { "access-control-allow-origin": "*", "access-control-expose-headers": "retry-after", "retry-after": "1" };
    const body = JSON.stringify({ code: "price_unconfirmed", status: 409, title: "", detail: "" });
    return route.fulfill({ status: 409, headers, contentType: "application/problem+json", body });
  });
  await fill(ada);
  await ada.$('[part="pay"]').click();
  await ada.$('[part="notice"]').getByText("Your price is being confirmed.").waitFor();
  await ada.pay();
  assert.equal(new Set(keys).size, 1, "asked for again as the same order");
  assert.deepEqual(ada.orders, [409, 201]);
});

scenario("a seat that somebody takes while a code is entered is told, and the other one stays selected", DESKTOP, async (ada) => {
  const event = await newEvent();
  await members(event);
  await ada.open(event);
  await ada.call("select", 700, 701);
  await ada.reserve();
  await ada.page.route("**/holds", async (route) => {
    if (route.request().method() === "POST") await organizer("POST", `/v1/events/${event}/holds`, { items: [{ seat: 700 }] });
    return route.fallback();
  });
  await enter(ada, "friends-26");
  await ada.heard("eventflow-release");
  await ada.$('[part="notice"]').getByText("Somebody was faster. Please choose other places.").waitFor();
  const { places } = await ada.heard("eventflow-lost");
  assert.deepEqual(places.map((place) => place.seat), [700]);
  assert.deepEqual((await ada.call("selection")).map((place) => place.seat), [701]);
  assert.deepEqual(await texts(ada, '[part="codes"] .chosen li'), ["FRIENDS-26"]);
});

scenario("what the organizer has against a cart is said where codes are entered", PHONE, async (ada) => {
  const event = await newEvent({}, "party");
  await members(event, { members_only: true });
  await reserveTwo(ada, event);
  await fill(ada);
  await ada.$('[part="pay"]').click();
  await ada.$('[part="code-wrong"]').getByText("This sale is for members: please enter your code.").waitFor();
  const code = ada.page.getByRole("textbox", { name: "code" });
  await ada.page.waitForFunction(() => document.querySelector("eventflow-seats").shadowRoot.activeElement?.id === "code");
  assert.equal(await code.getAttribute("aria-describedby"), "code-wrong");
  assert.deepEqual(ada.orders, [422]);
  await inspect(ada, "refused without a code");
  await enter(ada, "staff-26");
  await ada.$('[part="changes"]').waitFor();
  await ada.$('[part="pay"]').click();
  await ada.page.waitForURL((url) => !url.href.includes("/en.html"));
  await ada.pay();
});
