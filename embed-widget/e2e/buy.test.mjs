// Two seats, from the map to the tickets: with a mouse, with a finger, with the keyboard, in a frame.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { test } from "node:test";
import { clickSeats, tapSeats } from "./map.mjs";
import { scenario } from "./scenario.mjs";
import { DESKTOP, newEvent, PHONE, platform, site } from "./world.mjs";

const manifest = JSON.parse(readFileSync(new URL("../dist/manifest.json", import.meta.url), "utf8"));

scenario("buy two seats with a mouse, loading no more than a first visit may", DESKTOP, async (ada) => {
  await ada.open(await newEvent());
  for (const file of ada.loaded) assert.ok(manifest.first_visit.includes(file), `${file} belongs to no first visit`);
  await clickSeats(ada, 2);
  await ada.reserve();
  await ada.checkOut();
  await ada.pay();
  assert.deepEqual([ada.holds, ada.orders], [[201], [201]]);
});

test("the server sends as many bytes as the limit counts", async () => {
  const bytes = (file) =>
    new Promise((resolve, reject) => {
      const headers = { "accept-encoding": "gzip" };
      const request = get(`${platform}/embed/${file}`, { headers }, async (answer) => {
        let sum = 0;
        for await (const chunk of answer) sum += chunk.length;
        resolve(sum);
      });
      request.on("error", reject);
    });
  for (const file of manifest.first_visit) assert.equal(await bytes(file), manifest.files[file].gzip_bytes, file);
});

scenario("buy two seats with a finger on a phone", PHONE, async (ada) => {
  await ada.open(await newEvent());
  await tapSeats(ada, 2);
  await ada.button("Reserve").tap();
  await ada.heard("eventflow-hold");
  await ada.page.getByLabel("Name").fill("Ada Lovelace");
  await ada.page.getByLabel("E-mail").fill("ada@example.org");
  await ada.$('[part="pay"]').tap();
  await ada.page.waitForURL((url) => url.origin !== site);
  await ada.pay();
});

scenario("buy two seats with the keyboard alone", DESKTOP, async (ada) => {
  const { page } = ada;
  const { keyboard } = page;
  await ada.open(await newEvent());
  const focused = () => page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    const { role, name, type, part } = { role: element.getAttribute("role"), name: element.textContent, type: element.type, part: element.getAttribute("part") };
    return { role, name: element.getAttribute("aria-label") ?? name, type, part };
  });
  const tabUntil = async (wanted) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await keyboard.press("Tab");
      const now = await focused();
      if (wanted(now)) return now;
    }
    assert.fail("the tab key does not lead there");
  };
  await tabUntil(({ role }) => role === "grid" || role === "gridcell");
  await keyboard.press("ArrowRight");
  const first = (await focused()).name;
  assert.match(first, /row .+, seat .+/);
  assert.match(first, /€/, "a seat is read with its price");
  await keyboard.press("Enter");
  await ada.heard("eventflow-select");
  await keyboard.press("ArrowRight");
  assert.notEqual((await focused()).name, first);
  await keyboard.press("Enter");
  await ada.heard("eventflow-select", 2);
  await tabUntil(({ part }) => part === "reserve");
  await keyboard.press("Enter");
  await ada.heard("eventflow-hold");
  await tabUntil(({ type }) => type === "text");
  await keyboard.type("Ada Lovelace");
  await tabUntil(({ type }) => type === "email");
  await keyboard.type("ada@example.org");
  await keyboard.press("Enter");
  await page.waitForURL((url) => url.origin !== site);
  await tabUntil(({ type }) => type === "submit");
  await keyboard.press("Enter");
  await ada.ticketsShown();
});

scenario("buy standing places with the steppers", DESKTOP, async (ada) => {
  await ada.open(await newEvent({}, "party"));
  await ada.button("One more").first().click();
  await ada.button("One more").first().click();
  await ada.reserve();
  await ada.checkOut();
  await ada.pay();
});

scenario("buy two seats in a frame, where the page allows no WebAssembly", DESKTOP, async (ada) => {
  const { page } = ada;
  await page.goto(`${site}/frame.html?event=${await newEvent()}`);
  await ada.heard("eventflow-ready");
  await ada.call("bestAvailable", { quantity: 2 });
  await ada.heard("eventflow-hold");
  const frame = page.locator("eventflow-seats").frameLocator("iframe");
  await frame.getByLabel("Name").fill("Ada Lovelace");
  await frame.getByLabel("E-mail").fill("ada@example.org");
  await frame.locator('[part="pay"]').click();
  await page.waitForURL((url) => url.origin !== site);
  await page.locator('form[action^="/pay/"] button[type=submit]').click();
  await page.waitForURL((url) => url.origin === site);
  await frame.locator('[part="ticket"] [part="code"]').nth(1).waitFor();
});

scenario("a frame looks like the page around it, and asks it before seats are selected", DESKTOP, async (ada) => {
  const { page } = ada;
  await page.goto(`${site}/frame.html?event=${await newEvent()}`);
  await ada.heard("eventflow-ready");
  const frame = page.locator("eventflow-seats").frameLocator("iframe");
  const inside = (selector, look) => frame.locator(selector).first().evaluate((element, look) => getComputedStyle(element)[look], look);
  const becomes = async (selector, look, wanted) => {
    for (let asked = 0; asked < 100 && (await inside(selector, look)) !== wanted; asked += 1) await page.waitForTimeout(50);
    assert.equal(await inside(selector, look), wanted, `${look} of ${selector}`);
  };
  assert.equal(await inside("body", "backgroundColor"), "rgba(0, 0, 0, 0)");
  await page.evaluate(() => {
    const { style } = document.querySelector("eventflow-seats");
    style.setProperty("--ef-accent", "rgb(1, 2, 3)");
    style.colorScheme = "dark";
  });
  await becomes('.floors [aria-pressed="true"]', "color", "rgb(1, 2, 3)");
  await becomes("html", "colorScheme", "dark");
  await page.evaluate(() => {
    globalThis.refuse = (event) => event.preventDefault();
    addEventListener("eventflow-before-select", refuse);
  });
  await assert.rejects(ada.call("select", 700));
  assert.deepEqual(await ada.call("selection"), []);
  await page.evaluate(() => removeEventListener("eventflow-before-select", refuse));
  assert.equal((await ada.call("select", 700)).length, 1);
});

scenario("a page that speaks with the frame itself gets no further than the element's own methods", DESKTOP, async (ada) => {
  const { page } = ada;
  const event = await newEvent();
  await page.goto(`${site}/frame.html?event=${event}`);
  await ada.heard("eventflow-ready");
  const said = await page.evaluate(async () => {
    const theirs = document.querySelector("eventflow-seats").shadowRoot.querySelector("iframe");
    const frame = document.createElement("iframe");
    frame.src = theirs.src;
    frame.id = "own";
    const greeting = new Promise((resolve) => {
      addEventListener("message", (message) => message.source === frame.contentWindow && resolve(message.origin));
    });
    document.body.append(frame);
    const channel = new MessageChannel();
    const results = new Promise((resolve) => {
      const heard = [];
      channel.port1.onmessage = ({ data }) => "result" in data && heard.push(data) === 2 && resolve(heard);
    });
    frame.contentWindow.postMessage("eventflow-frame", await greeting, [channel.port2]);
    const look = { "--ef-background": "url(https://elsewhere.example/x)", "--ef-accent": "rgb(1, 2, 3)", "--ef-font": "Kurland", "--other": "1" };
    channel.port1.postMessage({ look, dark: false });
    channel.port1.postMessage({ attribute: "api", value: "https://elsewhere.example" });
    channel.port1.postMessage({ attribute: "lang", value: "de" });
    channel.port1.postMessage({ call: 1, name: "insertAdjacentHTML", args: ["afterbegin", "<h1 id=pwn>Hello</h1>"] });
    channel.port1.postMessage({ call: 2, name: "remove", args: [] });
    return (await results).map(({ problem }) => problem?.code);
  });
  assert.deepEqual(said, ["invalid", "invalid"]);
  const inside = await page.frameLocator("#own").locator("eventflow-seats").evaluate((element) => ({
    api: element.getAttribute("api"),
    lang: element.getAttribute("lang"),
    looks: ["--ef-background", "--ef-accent", "--ef-font", "--other"].map((name) => element.style.getPropertyValue(name)),
    added: element.ownerDocument.querySelector("#pwn"),
  }));
  assert.equal(inside.added, null);
  assert.notEqual(inside.api, "https://elsewhere.example");
  assert.deepEqual([inside.lang, inside.looks], ["de", ["", "rgb(1, 2, 3)", "Kurland", ""]]);
});
