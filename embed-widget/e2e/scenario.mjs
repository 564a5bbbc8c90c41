// How a scenario runs: visitors come, something happens, and what went wrong leaves pictures.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, visitor, world } from "./world.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Registers a scenario with one visitor or several; whatever fails leaves pictures in target/e2e. */
export function scenario(name, devices, run) {
  test(name, async () => {
    const visitors = await Promise.all([devices].flat().map((device) => visitor(browser, device)));
    try {
      await run(...visitors);
      for (const one of visitors) {
        assert.deepEqual(one.complaints, [], "the page complains");
        assert.deepEqual(await one.page.evaluate(() => globalThis.refused), [], "the page's policy refused something");
      }
    } catch (error) {
      mkdirSync(world.output, { recursive: true });
      for (const [at, one] of visitors.entries()) {
        const path = join(world.output, `${name.replace(/[^a-z0-9]+/gi, "-")}-${at + 1}.png`);
        await one.page.screenshot({ path, fullPage: true }).catch(() => {});
        error.message += `\n  picture: ${path}\n  complaints: ${one.complaints.join("; ") || "none"}`;
      }
      throw error;
    } finally {
      await Promise.all(visitors.map((one) => one.page.context().close()));
    }
  });
}
