// The documentation as integrators use it: found by a search, tried out, read on a phone; and nobody else hears of it.
import assert from "node:assert/strict";
import { inspect } from "./axe.mjs";
import { scenario } from "./scenario.mjs";
import { DESKTOP, PATIENCE_MS, PHONE, platform, world } from "./world.mjs";

const TABLES = ["errors", "scopes", "event-types", "limits"];

/** Opens a page of the documentation; the visitor complains of requests to anybody but the platform. */
async function read({ page, complaints }, path) {
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== platform && protocol !== "data:" && protocol !== "blob:") complaints.push(`asks ${request.url()}`);
  });
  await page.goto(`${platform}${path}`);
}

/** A scenario with the viewer, which asks whether it may compile code from text. It may not, and goes on without. */
function viewed(name, device, run) {
  scenario(name, device, async (ada) => {
    await run(ada);
    await ada.page.evaluate(() => {
      globalThis.refused = globalThis.refused.filter((refused) => refused !== "script-src eval");
    });
  });
}

async function isAsWideAsTheScreen({ page }) {
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= screen, `${content} px on a screen of ${screen}`);
}

viewed("an operation is found by a search", DESKTOP, async (ada) => {
  await read(ada, "/docs");
  await ada.page.getByRole("button", { name: /search/i }).first().click({ timeout: PATIENCE_MS });
  await ada.page.keyboard.type("Hold places for a while");
  await ada.page.getByRole("option", { name: /Hold places for a while/ }).first().click();
  await ada.page.waitForURL(/holds\.create/);
  await ada.page.getByRole("heading", { name: /Hold places for a while/ }).first().waitFor();
});

viewed("a request is sent from the documentation", DESKTOP, async (ada) => {
  await read(ada, "/docs#tag/platform/jwks.get");
  await ada.page.getByRole("button", { name: /test request/i }).first().click({ timeout: PATIENCE_MS });
  const answer = ada.page.waitForResponse((response) => response.url().endsWith("/.well-known/jwks.json"));
  await ada.page.getByRole("button", { name: /send/i }).last().click();
  assert.equal((await answer).status(), 200);
});

viewed("an error leads to its explanation, and from there to the operations that answer it", DESKTOP, async (ada) => {
  const refused = await fetch(`${platform}/v1/orders/ord_01h455vb4pex5vsknk084sn02q`, {
    headers: { authorization: `Bearer ${world.secret_key}` },
  }).then((answer) => answer.json());
  await read(ada, refused.type);
  assert.equal(await ada.page.locator(":target").getAttribute("id"), "not_found");
  await ada.page.locator("#sold_out").getByRole("link", { name: "holds.create" }).click();
  await ada.page.getByRole("heading", { name: /Hold places for a while/ }).first().waitFor({ timeout: PATIENCE_MS });
});

for (const colorScheme of ["light", "dark"]) {
  for (const [size, device] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    scenario(`the tables are readable: ${size}, ${colorScheme}`, { ...device, colorScheme }, async (ada) => {
      for (const table of TABLES) {
        await read(ada, `/docs/${table}`);
        await inspect(ada, table);
        await isAsWideAsTheScreen(ada);
      }
    });
    viewed(`the viewer is readable: ${size}, ${colorScheme}`, { ...device, colorScheme }, async (ada) => {
      await read(ada, "/docs");
      await ada.page.getByRole("heading", { name: "EventFlow" }).first().waitFor({ timeout: PATIENCE_MS });
      await isAsWideAsTheScreen(ada);
    });
  }
}
