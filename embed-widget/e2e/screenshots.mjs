// Pictures of the picker in its states, for people to look at. Called by `cargo xtask screenshots`.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { demand, install, members } from "./plugins.mjs";
import { stadiumEvent } from "./stadium.mjs";
import { DESKTOP, launch, newEvent, PHONE, visitor, world } from "./world.mjs";

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
const ground = await stadiumEvent();
const seats = [700, 701, 702];

for (const colorScheme of ["light", "dark"]) {
  // Of its own for each: the pictures reserve seats.
  const hall = await newEvent();
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
    await one.$('[part="list"]').waitFor();
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
    await one.call("zoomToSection", "305");
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
  await one.page.locator("eventflow-seats").evaluate((element) => element.scrollIntoView());
});
const hall = await newEvent();
for (const [name, device] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  await picture(`german-${name}`, { ...device, locale: "de-DE" }, async (one, shoot) => {
    await one.open(hall, "index.html");
    await center(one);
    await shoot("fit");
    await one.$(".menu summary").click();
    await shoot("filters");
    await one.$(".menu summary").click();
    await one.call("select", 700, 702);
    await one.call("zoomToSeats", 700, 702);
    await one.lines.nth(1).waitFor({ state: "attached" });
    if (device === PHONE) await one.$(".sheet-handle").tap();
  });
}
for (const [name, device, path] of [
  ["desktop", { ...DESKTOP, locale: "de-DE" }, "index.html"],
  ["phone", PHONE, "en.html"],
  ["phone-dark", { ...PHONE, colorScheme: "dark" }, "en.html"],
]) {
  await picture(`prices-${name}`, device, async (one, shoot) => {
    const event = await newEvent();
    await demand(event, -20);
    await install("group-discount", event, { steps: [{ tickets: 3, percent: 10 }] });
    await members(event);
    await one.open(event, path);
    await one.call("select", ...seats);
    await one.lines.nth(2).waitFor({ state: "attached" });
    const show = (selector) => one.$(selector).evaluate((element) => element.scrollIntoView({ block: "center" }));
    if (device.hasTouch) await one.$(".sheet-handle").tap();
    await one.$('[part="codes"] summary').click();
    await one.page.waitForTimeout(200);
    await shoot("basket");
    await one.$("#code").fill("friends-26");
    await one.$('[part="codes"] button[type="submit"]').click();
    await one.$('[part="code-said"]').waitFor();
    await shoot("code");
    await one.$('[part="reserve"]').click();
    await one.$('[part="changes"]').waitFor();
    if (!device.hasTouch) await center(one);
    await shoot("reserved");
    await demand(event, 30);
    await one.$("#name").fill("Ada Lovelace");
    await one.$("#email").fill("ada@example.org");
    await one.$('[part="pay"]').click();
    await one.$('[part="notice"]').waitFor();
    await show('[part="notice"]');
    await shoot("changed");
    await one.$('[part="pay"]').click();
    await one.page.waitForURL((url) => url.origin !== world.site);
    await one.page.goBack();
    await one.$('[part="changes"]').waitFor();
    await show('[part="changes"]');
  });
}
await picture("tapped-phone", PHONE, async (one, shoot) => {
  await one.page.goto(`${world.platform}/e/${hall}?key=${world.publishable_key}`);
  await one.heard("eventflow-ready");
  await one.call("zoomToSeats", 700);
  const map = await one.$('[part="map"]').boundingBox();
  await one.page.touchscreen.tap(map.x + map.width / 2, map.y + map.height / 2);
  await one.lines.nth(0).waitFor({ state: "attached" });
  await shoot("card");
  await one.button("List").tap();
  await one.$('[part="list"]').waitFor();
});
await picture("focus-desktop", DESKTOP, async (one, shoot) => {
  await one.open(hall);
  await center(one);
  await one.$('[role="grid"]').focus();
  for (const key of ["ArrowRight", "ArrowRight", "Enter"]) await one.page.keyboard.press(key);
  await one.lines.nth(0).waitFor();
  await shoot("seat");
  for (let presses = 0; presses < 3; presses += 1) await one.page.keyboard.press("Tab");
});
await picture("soon-desktop", DESKTOP, async (one) => {
  await one.open(await newEvent({ sale_starts_at: new Date(Date.now() + 86_400_000).toISOString() }));
  await center(one);
});
await picture("expired-desktop", DESKTOP, async (one) => {
  await one.open(await newEvent({ hold_ttl_secs: 5 }));
  await one.call("select", ...seats);
  await one.reserve();
  await one.heard("eventflow-hold-expired");
  await center(one);
});
for (const [name, device] of [["desktop", DESKTOP], ["phone", { ...PHONE, colorScheme: "dark" }]]) {
  await picture(`failure-${name}`, device, async (one) => {
    await one.page.goto(`${world.site}/en.html?event=evt_01m8a9rzh0ekxasmbknzyrqwnw`);
    await one.heard("eventflow-error");
    await one.$('[part="failure"]').waitFor();
    await one.page.locator("eventflow-seats").evaluate((element) => element.scrollIntoView({ block: "center" }));
  });
}
await picture("frame-desktop", DESKTOP, async (one) => {
  await one.page.goto(`${world.site}/frame.html?event=${hall}`);
  await one.heard("eventflow-ready");
  await one.$("iframe").evaluate((frame) => frame.scrollIntoView({ block: "center" }));
  await one.page.waitForTimeout(1_500);
});
await picture("frame-desktop-dark", { ...DESKTOP, colorScheme: "dark" }, async (one) => {
  await one.page.goto(`${world.site}/frame.html?event=${hall}`);
  await one.heard("eventflow-ready");
  await one.$("iframe").evaluate((frame) => frame.scrollIntoView({ block: "center" }));
});
await picture("react-desktop", DESKTOP, async (one) => {
  await one.page.goto(`${world.site}/react.html?event=${hall}`);
  await one.heard("eventflow-ready");
  await one.call("select", ...seats);
});
await picture("hosted-phone-returned", { ...PHONE, locale: "de-DE" }, async (one) => {
  await one.page.goto(`${world.platform}/e/${hall}?order=ord_01m8a9rzh0ekxasmbknzyrqwnw`);
});
await picture("hosted-phone", PHONE, async (one) => {
  await one.page.goto(`${world.platform}/e/${hall}?key=${world.publishable_key}`);
  await one.heard("eventflow-ready");
});
await browser.close();
