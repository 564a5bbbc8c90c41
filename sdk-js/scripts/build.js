// Writes dist: the sources as modules and as CommonJS, each with its types.

import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));

export function build() {
  rmSync(`${FOLDER}/dist`, { recursive: true, force: true });
  for (const project of ["tsconfig.build.json", "tsconfig.cjs.json"]) {
    execFileSync("node_modules/.bin/tsc", ["-p", project], { cwd: FOLDER, stdio: "inherit" });
  }
  // The package is of modules; this folder is not.
  writeFileSync(`${FOLDER}/dist/cjs/package.json`, '{ "type": "commonjs" }\n');
  // npm packs no file from above.
  copyFileSync(`${FOLDER}/../LICENSE`, `${FOLDER}/LICENSE`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
