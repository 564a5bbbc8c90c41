// A platform of our own for the tests: `eventflow serve` with private databases in a temporary directory.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** `cargo xtask` says where its binary is; otherwise it is that of a plain `cargo build`. */
const PROGRAM = process.env.EVENTFLOW_PROGRAM ?? join(ROOT, "target/debug/eventflow");
/** The first start makes a database cluster and migrates it. */
const START_LIMIT_MS = 120_000;
const BOOTSTRAP_TOKEN = "a-bootstrap-token-for-tests";
/** Settings of the operator that would lead the tests to real databases or a real Stripe account. */
const FOREIGN_SETTINGS = [
  "DATABASE_URL",
  "DATABASE_OWNER_URL",
  "REDIS_URL",
  "STRIPE_SECRET_KEY",
  "STRIPE_WEBHOOK_SECRETS",
  "STRIPE_API_URL",
];

/** Starts a platform and resolves when it is ready to sell. */
export async function startPlatform() {
  const data = mkdtempSync(join(tmpdir(), "eventflow-sdk-js-"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const env = {
    ...process.env,
    EVENTFLOW_DATA_DIR: data,
    EVENTFLOW_LISTEN: url.slice("http://".length),
    EVENTFLOW_SANDBOX_PORT: String(await freePort()),
    EVENTFLOW_BOOTSTRAP_TOKEN: BOOTSTRAP_TOKEN,
    // Receivers of webhooks are in the tests.
    EVENTFLOW_WEBHOOKS_ALLOW_LOOPBACK: "true",
    // The tests send as fast as they can.
    EVENTFLOW_RATE_LIMIT_SCALE: "0",
  };
  for (const name of FOREIGN_SETTINGS) delete env[name];
  const log = join(data, "server.log");
  const server = spawn(PROGRAM, ["serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = createWriteStream(log);
  server.stdout.pipe(output);
  server.stderr.pipe(output);
  const ended = once(server, "exit");
  const stop = async () => {
    server.kill("SIGTERM");
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
  try {
    await Promise.race([
      ready(`${url}/readyz`),
      ended.then(([code]) => Promise.reject(new Error(`the server ended at its start (${code})`))),
    ]);
  } catch (error) {
    console.error(readFileSync(log, "utf8").split("\n").slice(-20).join("\n"));
    await stop();
    throw error;
  }
  // The sandbox takes this key only.
  const stripeKey = readFileSync(join(data, "sandbox-key"), "utf8").trim();
  return { url, bootstrapToken: BOOTSTRAP_TOKEN, stripeKey, stop };
}

async function ready(url) {
  for (const began = Date.now(); Date.now() - began < START_LIMIT_MS; await pause(50)) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
  }
  throw new Error(`${url} does not answer 200 within ${START_LIMIT_MS / 1000} s`);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
