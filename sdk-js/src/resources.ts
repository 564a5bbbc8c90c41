/** Nouns with their methods, made of the table of operations: `holds.create` becomes `client.holds.create(…)`. */

import type { CallOptions, Client, Operation } from "./client.ts";
import { type Page, Pages } from "./pages.ts";

/** What else stands in the options of a call belongs to the query. */
const CALL_OPTIONS: Record<keyof CallOptions, true> = {
  signal: true,
  timeoutMs: true,
  retries: true,
  idempotencyKey: true,
  token: true,
  headers: true,
  onResponse: true,
  onRetry: true,
};

type Method = (...values: unknown[]) => unknown;
type Nouns = Record<string, Record<string, Method>>;

export function resources(client: Client, operations: Record<string, Operation>): Nouns {
  const nouns: Nouns = {};
  for (const [id, operation] of Object.entries(operations)) {
    if (operation.answer === "events") continue;
    const [noun, verb] = id.split(".").map(camel) as [string, string];
    (nouns[noun] ??= {})[verb] = method(client, id, operation);
  }
  return nouns;
}

/** Takes the ids of the path in order, then the body if there is one, then options with the query among them. */
function method(client: Client, id: string, operation: Operation): Method {
  const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  const optionsAt = names.length + (operation.body ? 1 : 0);
  return (...values) => {
    if (values.length > optionsAt + 1) throw new TypeError(`${id} takes ${optionsAt + 1} arguments at most`);
    const path = Object.fromEntries(names.map((name, index) => [name, values[index] as string]));
    const { query, options } = divided(values[optionsAt] as Record<string, unknown> | undefined);
    const body = operation.body ? values[names.length] : undefined;
    if (operation.answer !== "page") return client.send(id, { path, query, body }, options);
    return new Pages(
      (cursor) => client.send(id, { path, query: cursor ? { ...query, cursor } : query }, options) as Promise<Page<unknown>>,
    );
  };
}

function divided(given: Record<string, unknown> = {}): { query: Record<string, unknown>; options: CallOptions } {
  const entries = Object.entries(given);
  return {
    query: Object.fromEntries(entries.filter(([name]) => !Object.hasOwn(CALL_OPTIONS, name))),
    options: Object.fromEntries(entries.filter(([name]) => Object.hasOwn(CALL_OPTIONS, name))),
  };
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
