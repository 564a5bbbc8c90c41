/** Where this code runs. */

interface Globals {
  Bun?: { version: string };
  Deno?: { version: { deno: string } };
  process?: { versions?: { node?: string } };
  navigator?: { userAgent?: string };
  document?: unknown;
}

const globals = globalThis as Globals;

/** Whether this is a page, where everybody can read what the code knows. */
export function inPage(): boolean {
  return globals.document !== undefined;
}

/** The runtime and its version, as in a `User-Agent`. */
export function runtime(): string {
  if (globals.Bun) return `bun/${globals.Bun.version}`;
  if (globals.Deno) return `deno/${globals.Deno.version.deno}`;
  const agent = globals.navigator?.userAgent ?? "";
  // Workers say who they are, some beside a `process` for old code.
  if (/^[\w-]+$/.test(agent)) return agent.toLowerCase();
  const node = globals.process?.versions?.node;
  return node ? `node/${node}` : "unknown";
}

/** A random text of hexadecimal digits. `randomUUID` is missing in pages without TLS. */
export function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
