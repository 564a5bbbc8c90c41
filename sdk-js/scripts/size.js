// How much a page loads of each entry point: bundled, minified, gzip. Fails above a limit.

import { buildSync } from "esbuild";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Kilobytes. A page should not notice that it loads the SDK; a scanner or a webhook's receiver needs a part only. */
const LIMITS_KB = { index: 15, browser: 15, tickets: 3, webhooks: 3 };
const SOURCES = fileURLToPath(new URL("../src/", import.meta.url));

let failed = false;
for (const [entry, limitKb] of Object.entries(LIMITS_KB)) {
  const { outputFiles } = buildSync({
    entryPoints: [`${SOURCES}${entry}.ts`],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  const kb = gzipSync(outputFiles[0].contents, { level: 9 }).length / 1000;
  const verdict = kb <= limitKb ? "" : "  TOO LARGE";
  console.log(`${entry.padEnd(10)} ${kb.toFixed(2).padStart(6)} kB gzip, limit ${limitKb} kB${verdict}`);
  failed ||= kb > limitKb;
}
process.exitCode = failed ? 1 : 0;
