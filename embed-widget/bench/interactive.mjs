// From the navigation to a picker that answers, with the largest ground: a cold browser, the partner's page, the real
// server on this machine. Prints the median as JSON. Called by `cargo xtask bench --widget`.
import { DESKTOP, launch, site, visitor } from "../e2e/world.mjs";
import { stadiumEvent } from "../e2e/stadium.mjs";

const RUNS = 7;

const event = await stadiumEvent();
const times = [];
let first = 0;
for (let run = 0; run <= RUNS; run += 1) {
  // A browser of its own: nothing is cached, nothing is compiled.
  const browser = await launch();
  const one = await visitor(browser, DESKTOP);
  await one.page.goto(`${site}/en.html?event=${event}`);
  await one.heard("eventflow-ready");
  const ms = await one.page.evaluate(async () => {
    const ready = heard.find((event) => event.name === "eventflow-ready").at - performance.timeOrigin;
    // A click on the element is answered by then: the answer of a method proves it.
    const asked = performance.now();
    await document.querySelector("eventflow-seats").select(40_000);
    return Math.round(ready + (performance.now() - asked));
  });
  // The server compiles the plan for the first visitor of all.
  if (run === 0) first = ms;
  else times.push(ms);
  await browser.close();
}
times.sort((a, b) => a - b);
console.log(JSON.stringify({ interactive_ms: times[Math.floor(RUNS / 2)], interactive_worst_ms: times.at(-1), interactive_first_visitor_ms: first }));
