/** The package as it is published, installed and used: modules, CommonJS, TypeScript, a page by Vite, a worker. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { delimiter, extname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { MODULES, output, packedFiles, Projects } from "./support/package.ts";
import { makeWorld, type World } from "./support/world.ts";

/** A browser that starts on a loaded machine. */
const BROWSER_LIMIT_MS = 60_000;

const projects = new Projects();
let world: World;
before(async () => {
  world = await makeWorld();
});
after(() => projects.remove());

function environment(): Record<string, string> {
  return { EVENTFLOW_URL: world.url, EVENTFLOW_SECRET_KEY: world.secretKey, EVENT_ID: world.eventId };
}

/** A ticket of the box office: its id and its code. */
async function sellTicket(): Promise<{ id: string; token: string }> {
  const items = [{ ga_area: "stehparkett", quantity: 1 }];
  const order = await world.client.orders.create({ event_id: world.eventId, items, provider: "manual", buyer: {} });
  return order.tickets[0] as { id: string; token: string };
}

test("the package has what it needs and nothing else", async () => {
  const files = await packedFiles();
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { exports: Record<string, unknown>; dependencies?: object };
  assert.equal(manifest.dependencies, undefined);
  const targets = JSON.stringify(manifest.exports).match(/(?<="\.\/)[^"]+\.(js|ts|json)(?=")/g) as string[];
  assert.ok(targets.length > 16);
  for (const target of targets) assert.ok(files.includes(`package/${target}`), `${target} is exported, but not packed`);
  const other = files.filter((name) => !/^package\/(dist\/(esm|cjs)\/[\w/-]+(\.d\.ts|\.js)|(dist\/cjs\/)?package\.json|README\.md|LICENSE)$/.test(name));
  assert.deepEqual(other, []);
});

for (const project of ["node-esm", "node-cjs"]) {
  test(`it sells a ticket in Node (${project})`, async () => {
    const folder = await projects.install(`test/projects/${project}`);
    const result = JSON.parse(await output(folder, "node", ["main.js"], environment())) as Record<string, unknown>;
    assert.match(result["ticketId"] as string, /^tkt_/);
    assert.deepEqual([result["code"], result["page"], result["same"]], [true, "function", true]);
  });
}

test("TypeScript takes it from modules and CommonJS, without the types of browsers, and finds mistakes", async () => {
  const folder = await projects.install("test/projects/typescript");
  await output(folder, join(MODULES, ".bin/tsc"), ["--typeRoots", join(MODULES, "@types")]);
  const modules = JSON.parse(await output(folder, "node", ["out/modules.mjs"], environment())) as unknown;
  assert.deepEqual(modules, { total: 4200, labels: 6, code: "not_found" });
  const commonjs = JSON.parse(await output(folder, "node", ["out/commonjs.cjs"], environment())) as unknown;
  assert.deepEqual(commonjs, { same: true });
});

test("Vite builds a page with it, which holds seats from another origin in Chromium", async () => {
  const folder = await projects.install("test/projects/vite");
  await output(folder, join(MODULES, ".bin/vite"), ["build", "--logLevel", "error"]);
  const ticket = await sellTicket();
  const site = await Site.start(join(folder, "dist"));
  try {
    const made = await world.client.apiKeys.create({ kind: "publishable", name: "Vite", origins: [site.origin] });
    const ticketKeys = await world.client.ticketKeys.list().all();
    site.task = { url: world.url, key: made.token, eventId: world.eventId, ticket: ticket.token, ticketKeys };
    const result = await site.visit(join(folder, "profile"));
    assert.deepEqual(result, {
      first: "snapshot",
      changed: true,
      seats: 2,
      left: true,
      taken: true,
      requestId: true,
      verified: ticket.id,
    });
  } finally {
    await site.stop();
  }
});

test("a worker takes a webhook, sells a ticket and looks on (workerd)", async () => {
  const folder = await projects.install("test/projects/worker");
  const bundle = ["worker.js", "--bundle", "--format=esm", "--platform=neutral", "--conditions=workerd,worker", "--outfile=worker.bundle.js"];
  await output(folder, join(MODULES, ".bin/esbuild"), [...bundle, "--log-level=warning"]);
  const pair = generateKeyPairSync("ed25519");
  const publicKey = `whpk_${pair.publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("base64")}`;
  const secret = Buffer.from("a secret of thirty-two bytes !!!");
  const env = { ...process.env, ...environment(), WEBHOOK_SECRETS: `whsec_${secret.toString("base64")},${publicKey}` };
  const program = spawn(workerd(), ["serve", "workerd.capnp", "--control-fd=3"], {
    cwd: folder,
    env,
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  try {
    const [line] = (await once(createInterface(program.stdio[3] as Readable), "line")) as [string];
    const { port } = JSON.parse(line) as { port: number };
    const [id, timestamp, body] = ["msg_1", String(Math.floor(Date.now() / 1000)), '{"type":"order.paid"}'];
    const signed = Buffer.from(`${id}.${timestamp}.${body}`);
    const signatures = [
      `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`,
      `v1a,${sign(null, signed, pair.privateKey).toString("base64")}`,
    ];
    for (const signature of signatures) {
      const headers = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", headers, body });
      assert.equal(answer.status, 200, await answer.clone().text());
      const result = (await answer.json()) as Record<string, unknown>;
      assert.deepEqual([result["id"], result["payload"], result["first"]], [id, { type: "order.paid" }, "snapshot"]);
      assert.match(result["ticketId"] as string, /^tkt_/);
    }
  } finally {
    await end(program);
  }
});

/** The partner's site: files of a folder, a task for the page, and the page's result. */
class Site {
  task: unknown;
  readonly origin: string;
  readonly #server: Server;
  #result: (text: string) => void = () => {};

  private constructor(server: Server, folder: string) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };
    server.on("request", async (request, response) => {
      if (request.url === "/task") return response.end(JSON.stringify(this.task));
      if (request.url === "/result") {
        this.#result(Buffer.concat(await request.toArray()).toString());
        return response.end();
      }
      const file = join(folder, request.url === "/" ? "index.html" : (request.url as string));
      if (!existsSync(file)) return response.writeHead(404).end();
      return response.writeHead(200, { "content-type": types[extname(file)] ?? "text/plain" }).end(readFileSync(file));
    });
  }

  static async start(folder: string): Promise<Site> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Site(server, folder);
  }

  /** What the page reports. */
  async visit(profile: string): Promise<unknown> {
    const result = new Promise<string>((resolve) => {
      this.#result = resolve;
    });
    const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${profile}`];
    const browser = spawn(chromium(), [...flags, `${this.origin}/`], { stdio: "ignore" });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("the page reports nothing")), BROWSER_LIMIT_MS);
    });
    try {
      return JSON.parse(await Promise.race([result, late])) as unknown;
    } finally {
      clearTimeout(timer);
      await end(browser);
    }
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** The browser that `CHROMIUM` names, else the first in PATH. */
function chromium(): string {
  const names = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];
  const places = (process.env["PATH"] ?? "").split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const found = process.env["CHROMIUM"] ?? places.find((program) => existsSync(program));
  if (!found) throw new Error("there is no Chromium: install it, or name it in CHROMIUM");
  return found;
}

/** The program itself: what npm links is a script that keeps its files to itself. */
function workerd(): string {
  return (createRequire(join(MODULES, "x"))("workerd") as { default: string }).default;
}

async function end(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null) return;
  const ended = once(program, "exit");
  program.kill();
  await ended;
}
