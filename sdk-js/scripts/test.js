// `npm test`: types, sizes and generated files, then every test against a platform of its own. Arguments choose tests by
// their file's name: `npm test -- stream`.

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
if (!tests.length) throw new Error(`no test has ${chosen.join(" or ")} in its name; there are ${names.join(", ")}`);

if (!chosen.length) {
  for (const script of ["generate -- --check", "check", "size"]) run("npm", ["run", "--silent", ...script.split(" ")]);
}
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

const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--pack-destination", OUTPUT], { cwd: FOLDER, encoding: "utf8" }));

const platform = await startPlatform();
try {
  const files = tests.map((name) => `${OUTPUT}/${name.replace(/\.ts$/, ".mjs")}`);
  run("node", ["--enable-source-maps", "--test", "--test-reporter=spec", ...files], {
    EVENTFLOW_URL: platform.url,
    EVENTFLOW_BOOTSTRAP_TOKEN: platform.bootstrapToken,
    EVENTFLOW_SDK_TARBALL: `${OUTPUT}/${filename}`,
  });
} finally {
  await platform.stop();
}

function run(program, args, env = {}) {
  const { status } = spawnSync(program, args, { cwd: FOLDER, env: { ...process.env, ...env }, stdio: "inherit" });
  if (status !== 0) {
    process.exitCode = 1;
    throw new Error(`${program} ${args.slice(0, 3).join(" ")} failed`);
  }
}
