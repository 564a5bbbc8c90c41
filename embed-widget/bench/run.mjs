// `cargo xtask bench --widget`: the engine beside pixi.js and konva, one browser after the other, on the same seats.
// Called with the folder of the seats (written by the example `bench_data`), the folder for pages, the browser, and
// where to write the numbers.
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const { values: options } = parseArgs({
  options: {
    data: { type: "string" },
    pages: { type: "string" },
    chromium: { type: "string" },
    output: { type: "string" },
    sizes: { type: "string", default: "10000,50000,100000" },
    only: { type: "string", default: "eventflow,pixi,konva" },
    ratios: { type: "string", default: "1,2" },
    rounds: { type: "string", default: "3" },
  },
});
const here = fileURLToPath(new URL(".", import.meta.url));
const list = (text) => text.split(",").map((part) => (Number.isNaN(Number(part)) ? part : Number(part)));
/** Frames of a phase of the journey. Konva, which needs seconds for each, makes the same journey in fewer. */
const FRAMES = { eventflow: 90, pixi: 90, konva: 12 };
/** Rounds are repeated in turn, so that whatever else the machine does meets everyone. */
const ROUNDS = { eventflow: Number(options.rounds), pixi: Number(options.rounds), konva: 1 };
const PHASE_LIMIT_MS = 30_000;
/** A browser that does not answer must not hold up the run: it is closed and measured again. */
const MEASURE_LIMIT_MS = 180_000;
const TRIES = 3;
const BURSTS = 5;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

const median = (numbers) => quantile(numbers, 0.5);
function quantile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

async function buildPages() {
  await mkdir(options.pages, { recursive: true });
  const names = list(options.only);
  await build({
    entryPoints: names.map((name) => join(here, `${name}.ts`)),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    outdir: options.pages,
    define: { __EF_VERSION__: '"bench"' },
    logLevel: "warning",
  });
  for (const name of names) {
    const page = `<!doctype html><title>${name}</title><style>body{margin:0;overflow:hidden}</style><script type="module" src="${name}.js"></script>`;
    await writeFile(join(options.pages, `${name}.html`), page);
  }
  await writeFile(join(options.pages, "engine_bg.wasm"), await readFile(join(here, "../pkg/engine_bg.wasm")));
}

/** Serves pages and seats on a free port of 127.0.0.1, isolated so that the browser's clock is fine (5 µs). */
async function serve() {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, "http://localhost").pathname);
    const file = path.startsWith("/data/") ? join(options.data, path.slice(6)) : join(options.pages, path);
    const body = await readFile(file).catch(() => undefined);
    response.writeHead(body ? 200 : 404, {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** Seconds of CPU that all processes of the browser have used. */
async function cpuSeconds(session) {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  return sum(processInfo.map((process) => process.cpuTime));
}

/** One contestant, one size, one pixel ratio, in a browser of its own. */
async function measure(base, name, size, ratio) {
  const browser = await chromium.launch({
    executablePath: options.chromium,
    args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--js-flags=--expose-gc"],
  });
  // Closing the browser ends whatever waits for it.
  const watch = setTimeout(() => void browser.close(), MEASURE_LIMIT_MS);
  try {
    const session = await browser.newBrowserCDPSession();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, deviceScaleFactor: ratio });
    const page = await context.newPage();
    page.on("pageerror", (error) => console.error(`${name}: ${error.message}`));
    await page.goto(`${base}/${name}.html`);
    await page.waitForFunction(() => "contest" in window);
    const built = await page.evaluate(([size, ratio]) => contest.build(size, ratio), [size, ratio]);
    const phases = {};
    for (const phase of await page.evaluate(() => contest.phases)) {
      const before = await cpuSeconds(session);
      const intervals = await page.evaluate(
        ([phase, frames, limit]) => contest.phase(phase, frames, limit),
        [phase, FRAMES[name], PHASE_LIMIT_MS],
      );
      const cpu = ((await cpuSeconds(session)) - before) * 1000;
      phases[phase] = { frames: intervals.length, cpu_ms: cpu, intervals };
    }
    const bursts = [];
    for (let seed = 1; seed <= BURSTS; seed += 1) bursts.push(await page.evaluate((seed) => contest.burst(seed), seed));
    const hits = await page.evaluate(() => contest.hits(2000, 50));
    const foreign = await page.evaluate(() => contest.foreignBytes());
    const heap = await page.evaluate(() => (gc(), performance.memory.usedJSHeapSize));
    const shot = join(options.pages, `${name}-${size}-${ratio}x.png`);
    await page.screenshot({ path: shot });
    return { build_ms: built.ms, phases, bursts, hits, heap_mb: heap / 1e6, foreign_mb: foreign / 1e6 };
  } finally {
    clearTimeout(watch);
    await browser.close();
  }
}

async function measureAgain(base, name, size, ratio) {
  for (let turn = 1; ; turn += 1) {
    try {
      return await measure(base, name, size, ratio);
    } catch (error) {
      if (turn === TRIES) throw error;
      console.error(`${name}, ${size} seats, DPR ${ratio}: once more (${error.message.split("\n")[0]})`);
    }
  }
}

/** The rounds of one contestant as one row. */
function summarize(rounds) {
  const intervals = (phase) => rounds.flatMap((round) => round.phases[phase].intervals);
  const names = Object.keys(rounds[0].phases);
  const perFrame = (round, phases) =>
    sum(phases.map((phase) => round.phases[phase].cpu_ms)) / sum(phases.map((phase) => round.phases[phase].frames));
  const row = {
    build_ms: median(rounds.map((round) => round.build_ms)),
    cpu_ms: median(rounds.map((round) => perFrame(round, names))),
    fps_p50: 1000 / median(names.flatMap(intervals)),
    frame_p95_ms: quantile(names.flatMap(intervals), 0.95),
    burst_ms: median(rounds.flatMap((round) => round.bursts)),
    heap_mb: median(rounds.map((round) => round.heap_mb)),
    foreign_mb: median(rounds.map((round) => round.foreign_mb)),
  };
  for (const phase of names) {
    row[`${phase}_cpu_ms`] = median(rounds.map((round) => perFrame(round, [phase])));
    row[`${phase}_fps_p50`] = 1000 / median(intervals(phase));
  }
  const micros = rounds.flatMap((round) => round.hits.micros);
  if (rounds[0].hits.found > 0) row.hit_p99_us = quantile(micros, 0.99);
  return row;
}

const COLUMNS = [
  ["build_ms", "build ms", 0],
  ["cpu_ms", "CPU/frame", 1],
  ["overview_cpu_ms", "overview", 1],
  ["zoom_cpu_ms", "zoom", 1],
  ["close_cpu_ms", "close", 1],
  ["fps_p50", "fps p50", 1],
  ["frame_p95_ms", "p95 ms", 1],
  ["burst_ms", "burst ms", 1],
  ["heap_mb", "JS MB", 1],
  ["foreign_mb", "wasm MB", 1],
  ["hit_p99_us", "hit p99 µs", 2],
];

function print(rows) {
  const head = ["contestant".padEnd(10), "seats".padStart(7), "DPR".padStart(3)];
  console.log([...head, ...COLUMNS.map(([, title]) => title.padStart(10))].join(" "));
  for (const { name, size, ratio, row } of rows) {
    const cells = COLUMNS.map(([key, , digits]) => (row[key] === undefined ? "-" : row[key].toFixed(digits)).padStart(10));
    console.log([name.padEnd(10), String(size).padStart(7), String(ratio).padStart(3), ...cells].join(" "));
  }
}

await buildPages();
const server = await serve();
const base = `http://127.0.0.1:${server.address().port}`;
const load = [loadavg()[0]];
const rows = [];
for (const ratio of list(options.ratios)) {
  for (const size of list(options.sizes)) {
    const contestants = list(options.only);
    const rounds = Object.fromEntries(contestants.map((name) => [name, []]));
    for (let round = 0; round < Math.max(...contestants.map((name) => ROUNDS[name])); round += 1) {
      for (const name of contestants) {
        if (round < ROUNDS[name]) rounds[name].push(await measureAgain(base, name, size, ratio));
      }
    }
    for (const name of contestants) rows.push({ name, size, ratio, row: summarize(rounds[name]) });
    load.push(loadavg()[0]);
    console.error(`${size} seats at DPR ${ratio}: done, load ${loadavg()[0].toFixed(1)}`);
  }
}
server.close();
print(rows);
const find = (name, size, ratio) => rows.find((row) => row.name === name && row.size === size && row.ratio === ratio)?.row;
const largest = Math.max(...list(options.sizes));
const ours = find("eventflow", largest, 1);
const numbers = {};
const ratioTo = (peer) => (ours && find(peer, largest, 1) ? ours.cpu_ms / find(peer, largest, 1).cpu_ms : undefined);
numbers.cpu_to_pixi_ratio = ratioTo("pixi");
numbers.cpu_to_konva_ratio = ratioTo("konva");
numbers.fps_p50 = ours?.fps_p50;
numbers.hit_p99_us = ours?.hit_p99_us;
for (const { name, size, ratio, row } of rows) {
  for (const [key, value] of Object.entries(row)) numbers[`${name}_${size}_dpr${ratio}_${key}`] = value;
}
numbers.load_before = load[0];
numbers.load_max = Math.max(...load);
const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: here, encoding: "utf8" }).trim();
const rounded = Object.fromEntries(
  Object.entries(numbers).filter(([, value]) => value !== undefined).map(([key, value]) => [key, Number(value.toPrecision(5))]),
);
await writeFile(options.output, `${JSON.stringify({ ...rounded, commit }, undefined, 2)}\n`);
