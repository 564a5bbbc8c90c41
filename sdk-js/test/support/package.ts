/** The package as npm would publish it, installed into projects of its own. */

import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Programs and packages of the tests themselves. */
export const MODULES = join(process.cwd(), "node_modules");

/** `npm test` packs the package once, for all. */
const TARBALL = process.env["EVENTFLOW_SDK_TARBALL"] ?? "";

/** Projects in a temporary directory. */
export class Projects {
  readonly #folder = mkdtempSync(join(tmpdir(), "eventflow-sdk-js-projects-"));

  /** A copy of a folder with the package, and nothing else, installed. */
  async install(source: string): Promise<string> {
    const folder = join(this.#folder, basename(source));
    cpSync(source, folder, { recursive: true });
    await run("npm", ["install", "--offline", "--no-audit", "--no-fund", TARBALL], { cwd: folder });
    return folder;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The paths in the package. */
export async function packedFiles(): Promise<string[]> {
  const { stdout } = await run("tar", ["-tzf", TARBALL]);
  return stdout.trim().split("\n").sort();
}

/** What a program prints. Its errors fail the test. */
export async function output(folder: string, program: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { cwd: folder, env: { ...process.env, ...env } };
  const { stdout } = await run(program, args, options).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${program} ${args.join(" ")} failed:\n${error.stdout}${error.stderr}`);
  });
  return stdout;
}
