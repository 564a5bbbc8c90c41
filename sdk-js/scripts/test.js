// `npm test`: generated files, types and sizes, then every test against a platform of its own. Arguments choose tests by
// their file's name and leave the rest out: `npm test -- stream`.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { buildSync } from "esbuild";
import { fileURLToPath } from "node:url";
import { startPlatform } from "../test/support/platform.js";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
/** Beside node_modules, where the tests find what they import. */
const OUTPUT = `${FOLDER}node_modules/.tests`;

const chosen = process.argv.slice(2);
const names = readdirSync(`${FOLDER}test`).filter((name) => name.endsWith(".test.ts"));
const tests = names.filter((name) => !chosen.length || chosen.some((part) => name.includes(part)));
if (!tests.length) fail(`no test has ${chosen.join(" or ")} in its name; there are ${names.join(", ")}`);

if (!chosen.length) {
  for (const script of ["generate -- --check", "check", "size"]) {
    if (!run("npm", ["run", "--silent", ...script.split(" ")])) fail(`npm run ${script}: failed`);
  }
}
const passed = await runTests(bundle(), pack());
if (!passed) fail("tests failed");

/** The tests as files for Node. */
function bundle() {
  rmSync(OUTPUT, { recursive: true, force: true });
  mkdirSync(OUTPUT);
  buildSync({
    entryPoints: tests.map((name) => `${FOLDER}test/${name}`),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: "inline",
    outdir: OUTPUT,
    outExtension: { ".js": ".mjs" },
    logLevel: "warning",
  });
  return tests.map((name) => `${OUTPUT}/${name.replace(/\.ts$/, ".mjs")}`);
}

/** The package as it is published. */
function pack() {
  const options = { cwd: FOLDER, encoding: "utf8" };
  const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--silent", "--pack-destination", OUTPUT], options));
  return `${OUTPUT}/${filename}`;
}

async function runTests(files, tarball) {
  const platform = await startPlatform();
  try {
    return run("node", ["--enable-source-maps", "--test", "--test-reporter=spec", ...files], {
      EVENTFLOW_URL: platform.url,
      EVENTFLOW_BOOTSTRAP_TOKEN: platform.bootstrapToken,
      EVENTFLOW_SDK_TARBALL: tarball,
      EVENTFLOW_STRIPE_KEY: platform.stripeKey,
    });
  } finally {
    await platform.stop();
  }
}

function run(program, args, env = {}) {
  const { status } = spawnSync(program, args, { cwd: FOLDER, env: { ...process.env, ...env }, stdio: "inherit" });
  return status === 0;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
