/** The package as npm would publish it, installed into projects of its own. */

import { execFile, spawn } from "node:child_process";
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

  /** A copy of a folder with the package, those of our own development tools that it needs, and nothing else, installed. */
  async install(source: string, ...tools: string[]): Promise<string> {
    const folder = join(this.#folder, basename(source));
    cpSync(source, folder, { recursive: true });
    const packages = [TARBALL, ...tools.map((tool) => join(MODULES, tool))];
    await run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--legacy-peer-deps", ...packages], { cwd: folder });
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

/** A server that says where it listens in its first line. */
export class Running {
  readonly url: string;
  readonly #end: () => void;

  private constructor(url: string, end: () => void) {
    this.url = url;
    this.#end = end;
  }

  static async start(folder: string, file: string, env: Record<string, string>): Promise<Running> {
    const child = spawn("node", [file], { cwd: folder, env: { ...process.env, PORT: "0", ...env }, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    for await (const chunk of child.stdout) {
      said += String(chunk);
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0];
      if (url) return new Running(url, () => void child.kill());
    }
    throw new Error(`${file} did not start: ${said}`);
  }

  stop(): void {
    this.#end();
  }
}

/** What a program prints. Its errors fail the test. */
export async function output(folder: string, program: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { cwd: folder, env: { ...process.env, ...env } };
  const { stdout } = await run(program, args, options).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${program} ${args.join(" ")} failed:\n${error.stdout}${error.stderr}`);
  });
  return stdout;
}
