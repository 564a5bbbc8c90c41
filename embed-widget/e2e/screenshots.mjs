// Pictures of the picker in its states, for people to look at. Called by `cargo xtask screenshots`.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DESKTOP, launch, newEvent, organizer, PHONE, visitor, world } from "./world.mjs";

/** A published event on a ground of 100,000 seats, a third of them sold. */
async function stadium() {
  const document = JSON.parse(readFileSync(world.stadium, "utf8"));
  const { venue_id } = await organizer("GET", `/v1/events/${world.concert}`);
  const map = await organizer("POST", `/v1/venues/${venue_id}/seat-maps`, { name: document.name, document });
  await organizer("POST", `/v1/seat-maps/${map.id}/publish`, {});
  const tiers = document.categories.map(({ key, name }, at) => ({
    name,
    category: key,
    price_minor: 9000 - at * 1500,
    fee_minor: 250,
    tax_rate_bps: 1900,
    tax_inclusive: true,
  }));
  return newEvent({ seat_map_id: map.id, name: "Pokalfinale (Cup final)", description: "" }, "concert", tiers);
}

const browser = await launch();
mkdirSync(world.output, { recursive: true });

async function picture(name, device, run) {
  const one = await visitor(browser, device);
  const shoot = (part) => one.page.screenshot({ path: join(world.output, `${name}${part ? `-${part}` : ""}.png`) });
  try {
    await run(one, shoot);
    await shoot();
  } catch (error) {
    await shoot("FAILED");
    console.error(`${name}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await one.page.context().close();
  }
}

const center = (one) => one.$('[part="map"]').evaluate((map) => map.scrollIntoView({ block: "center" }));
const hall = await newEvent();
const ground = await stadium();
const seats = [700, 701, 702];

for (const colorScheme of ["light", "dark"]) {
  const desktop = { ...DESKTOP, colorScheme };
  const phone = { ...PHONE, colorScheme };
  await picture(`hall-desktop-${colorScheme}`, desktop, async (one, shoot) => {
    await one.open(hall);
    await shoot("page");
    await center(one);
    await shoot("fit");
    await one.call("select", ...seats);
    await one.call("zoomToSeats", ...seats);
    await one.lines.nth(2).waitFor();
  });
  await picture(`hall-desktop-list-${colorScheme}`, desktop, async (one) => {
    await one.open(hall);
    await center(one);
    await one.button("List").click();
  });
  await picture(`hall-phone-${colorScheme}`, phone, async (one, shoot) => {
    await one.open(hall);
    await center(one);
    await shoot("fit");
    await one.call("select", ...seats);
    await one.call("zoomToSeats", ...seats);
    await one.lines.nth(2).waitFor({ state: "attached" });
    await shoot("picked");
    await one.$(".sheet-handle").tap();
    await shoot("basket");
    await one.reserve();
  });
  await picture(`stadium-desktop-${colorScheme}`, desktop, async (one, shoot) => {
    await one.open(ground);
    await center(one);
    await shoot("fit");
    await one.call("zoomToSection", "U05");
    await shoot("section");
    await one.call("select", 40_000, 40_001);
    await one.call("zoomToSeats", 40_000, 40_001);
    await one.lines.nth(1).waitFor();
  });
  await picture(`stadium-phone-${colorScheme}`, phone, async (one) => {
    await one.open(ground);
    await center(one);
  });
}
await picture("order-desktop", DESKTOP, async (one, shoot) => {
  await one.open(await newEvent());
  await one.call("select", ...seats);
  await one.reserve();
  await center(one);
  await shoot("reserved");
  await one.checkOut();
  await one.pay(3);
  await center(one);
});
await picture("frame-desktop", DESKTOP, async (one) => {
  await one.page.goto(`${world.site}/frame.html?event=${hall}`);
  await one.heard("eventflow-ready");
  await one.$("iframe").evaluate((frame) => frame.scrollIntoView({ block: "center" }));
});
await picture("react-desktop", DESKTOP, async (one) => {
  await one.page.goto(`${world.site}/react.html?event=${hall}`);
  await one.heard("eventflow-ready");
  await one.call("select", ...seats);
});
await picture("hosted-phone", PHONE, async (one) => {
  await one.page.goto(`${world.platform}/e/${hall}?key=${world.publishable_key}`);
  await one.heard("eventflow-ready");
});
await browser.close();
