// A running platform with the demo's hall, a partner's site on another origin, and visitors with browsers. `cargo xtask
// test --only e2e` and `cargo xtask screenshots` start them and say where they are.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

export const world = JSON.parse(readFileSync(process.env.EVENTFLOW_E2E, "utf8"));
export const { platform, site } = world;
/** How long anything may take on a busy machine, unless a scenario is about time. */
export const PATIENCE_MS = 20_000;
/** The sandbox's card that always pays is chosen already. */
const PAY_BUTTON = 'form[action^="/pay/"] button[type=submit]';

export const DESKTOP = { viewport: { width: 1280, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

/** Calls the API as the organizer. */
export async function organizer(method, path, body) {
  const answer = await fetch(`${platform}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${world.secret_key}`,
      ...(body ? { "content-type": "application/json", "idempotency-key": randomUUID() } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** An event of its own, like one of the demo's events (`concert` or `party`) but for `terms` and `offer`. */
export async function newEvent(terms = {}, like = "concert", offer = undefined) {
  const model = await organizer("GET", `/v1/events/${world[like]}`);
  const tiers = offer ?? (await organizer("GET", `/v1/events/${world[like]}/price-tiers?limit=100`)).data;
  const copied = ["venue_id", "seat_map_id", "name", "description", "currency", "time_zone", "starts_at", "ends_at"];
  const kept = [...copied, "sale_starts_at", "sale_ends_at", "max_per_buyer", "hold_ttl_secs"];
  const body = Object.fromEntries(kept.map((field) => [field, model[field]]));
  const event = await organizer("POST", "/v1/events", { ...body, ...terms });
  const priced = ["name", "category", "ga_area", "price_minor", "fee_minor", "tax_rate_bps", "tax_inclusive"];
  for (const tier of tiers) {
    const fields = priced.filter((field) => tier[field] !== undefined && tier[field] !== null);
    await organizer("POST", `/v1/events/${event.id}/price-tiers`, Object.fromEntries(fields.map((f) => [f, tier[f]])));
  }
  await organizer("POST", `/v1/events/${event.id}/publish`, {});
  return event.id;
}

/** One visitor: a browser context with a page, and what it has heard. */
export class Visitor {
  constructor(page) {
    this.page = page;
    this.complaints = [];
    this.loaded = [];
    this.holds = [];
    this.orders = [];
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (error) => this.complaints.push(`error: ${error.message}`));
    page.on("console", (message) => {
      // A refused hold is an answer; the browser also logs it.
      const refused = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !refused) this.complaints.push(`console: ${message.text()}`);
    });
    page.on("response", (response) => {
      const [url, method] = [response.url(), response.request().method()];
      if (url.startsWith(`${platform}/embed/`)) this.loaded.push(url.slice(`${platform}/embed/`.length).split("?")[0]);
      if (method === "POST" && url.endsWith("/holds")) this.holds.push(response.status());
      if (method === "POST" && url.endsWith("/v1/orders")) this.orders.push(response.status());
    });
  }

  /** Opens a page of the partner's site and waits until the map is live. */
  async open(event, path = "en.html") {
    await this.page.goto(`${site}/${path}?event=${event}`);
    await this.heard("eventflow-ready");
    return this;
  }

  /** Waits for an event of the element; answers its detail. */
  async heard(name, count = 1) {
    const handle = await this.page.waitForFunction(
      ([name, count]) => globalThis.heard?.filter((event) => event.name === name)[count - 1],
      [name, count],
      { polling: 50 },
    );
    return (await handle.jsonValue()).detail;
  }

  /** Calls a method of the element. */
  call(method, ...args) {
    return this.page.evaluate(
      ([method, args]) => document.querySelector("eventflow-seats")[method](...args),
      [method, args],
    );
  }

  /** Something inside of the element (open shadow roots are looked through). */
  $(selector) {
    return this.page.locator("eventflow-seats").locator(selector);
  }

  button(name) {
    return this.page.locator("eventflow-seats").getByRole("button", { name, exact: typeof name === "string" });
  }

  /** The lines of the basket. */
  get lines() {
    return this.$('[part="panel"] [part="item"]');
  }

  async reserve() {
    await this.button("Reserve").click();
    await this.heard("eventflow-hold");
    await this.$('[part="countdown"]').waitFor();
  }

  /** From the reserved seats to the page of the payment provider. */
  async checkOut() {
    await this.page.getByLabel("Name").fill("Ada Lovelace");
    await this.page.getByLabel("E-mail").fill("ada@example.org");
    await this.$('[part="pay"]').click();
    await this.page.waitForURL((url) => url.origin !== site);
  }

  async pay(tickets = 2) {
    await this.page.locator(PAY_BUTTON).click();
    await this.ticketsShown(tickets);
  }

  /** Back on the partner's page, with the tickets. */
  async ticketsShown(count = 2) {
    await this.page.waitForURL((url) => url.origin === site);
    const codes = this.$('[part="ticket"] [part="code"]');
    await codes.nth(count - 1).waitFor();
    assert.equal(await codes.count(), count);
    const sizes = await codes.locator("path").evaluateAll((paths) => paths.map((path) => path.getBoundingClientRect().width));
    assert.ok(sizes.length === count && sizes.every((width) => width > 80), `codes that are drawn: ${sizes}`);
  }
}

/** Runs in the page before anything else: remembers the element's events and what the policy of the page refused. */
function listen() {
  const names = ["ready", "select", "deselect", "lost", "hold", "release", "hold-expired", "order", "error"];
  globalThis.heard = [];
  globalThis.refused = [];
  for (const name of names.map((name) => `eventflow-${name}`)) {
    addEventListener(name, (event) => heard.push({ name, detail: event.detail, at: performance.timeOrigin + performance.now() }));
  }
  addEventListener("securitypolicyviolation", (event) => refused.push(`${event.violatedDirective} ${event.blockedURI}`));
}

export const launch = () => chromium.launch({ executablePath: world.chromium, args: ["--no-sandbox"] });

/** A visitor of their own; `device` is one of the above, with more options of a browser context. */
export async function visitor(browser, device) {
  const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...device });
  await context.addInitScript(listen);
  return new Visitor(await context.newPage());
}
