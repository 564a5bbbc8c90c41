// For everybody: axe finds nothing in any state, light and dark, and the grid for screen readers stays small.
import assert from "node:assert/strict";
import { inspect } from "./axe.mjs";
import { scenario } from "./scenario.mjs";
import { DESKTOP, newEvent, PHONE } from "./world.mjs";

/** Nodes of the grid at any zoom. */
const GRID_NODES_MAX = 400;

async function everyState(ada) {
  await ada.open(await newEvent());
  await inspect(ada, "the map");
  await ada.call("select", 700, 701);
  await ada.lines.nth(1).waitFor({ state: "attached" });
  await inspect(ada, "with a basket");
  const handle = ada.$('[aria-expanded="false"].sheet-handle');
  if (await handle.isVisible()) {
    await handle.click();
    await ada.lines.nth(1).waitFor();
    await inspect(ada, "with an open basket");
    await ada.$('[aria-expanded="true"].sheet-handle').click();
  }
  await ada.button("List").click();
  await ada.$('[part="list"]').waitFor();
  await inspect(ada, "as a list");
  await ada.reserve();
  await inspect(ada, "reserved");
  await ada.$('[part="pay"]').click();
  await ada.$('[aria-invalid="true"]').first().waitFor();
  await inspect(ada, "with a wrong form");
  await ada.checkOut();
  await ada.page.goBack();
  await ada.$('[part="panel"]').getByText("Waiting for your payment").waitFor();
  await inspect(ada, "waiting for the payment");
  await ada.button("Continue to payment").click();
  await ada.pay();
  await inspect(ada, "with tickets");
}

for (const colorScheme of ["light", "dark"]) {
  scenario(`axe finds nothing, ${colorScheme}`, { ...DESKTOP, colorScheme }, everyState);
}
scenario("axe finds nothing on a phone", PHONE, everyState);

scenario("the grid for screen readers stays small and names seats in full", DESKTOP, async (ada) => {
  await ada.open(await newEvent());
  const grid = ada.$('[role="grid"]');
  await grid.focus();
  const nodes = () => grid.evaluate((grid) => grid.querySelectorAll("*").length);
  for (const key of ["ArrowRight", "PageDown", "End", "PageDown", "Home", "ArrowDown"]) {
    await ada.page.keyboard.press(key);
    const count = await nodes();
    assert.ok(count > 0 && count <= GRID_NODES_MAX, `${count} nodes after ${key}`);
  }
  assert.equal(await grid.locator('[tabindex="0"]').count(), 1, "one tab stop");
});
