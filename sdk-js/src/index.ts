/** EventFlow for servers, workers and scripts: everything that a secret key, a scanner or the bootstrap token may do. */

import { Client, type ClientOptions } from "./client.ts";
import { OPERATIONS, VERSION } from "./generated/operations.ts";
import type { Resources } from "./generated/resources.ts";
import { resources } from "./resources.ts";
import { inPage, runtime } from "./runtime.ts";
import { type EventStreams, watch } from "./stream.ts";
import * as webhooks from "./webhooks.ts";

export * from "./exports.ts";
export type * from "./generated/resources.ts";
export * from "./tickets.ts";
export { webhooks };

export interface ServerOptions extends ClientOptions {
  /** A secret key (`ef_sk_…`), the token of a scanner (`ef_dev_…`), or the bootstrap token. */
  key: string;
  /** Names your program in the `User-Agent`, as `box-office/2.1`. */
  appInfo?: string | undefined;
}

/** The API with a secret key. Each noun of the contract is a member: `client.holds.create(…)`. */
export class EventFlow extends Client {
  declare readonly events: Resources["events"] & EventStreams;

  constructor(options: ServerOptions) {
    if (inPage() && options.key?.startsWith("ef_sk_")) {
      throw new TypeError("a secret key must not be in a page, where everybody reads it: use @eventflow/sdk/browser");
    }
    const agent = [`eventflow-sdk-js/${VERSION}`, runtime(), options.appInfo].filter(Boolean).join(" ");
    super(options, { operations: OPERATIONS, headers: { "user-agent": agent }, init: {} });
    Object.assign(this, resources(this, OPERATIONS));
    Object.assign(this.events, { stream: watch.bind(undefined, this) } satisfies EventStreams);
  }
}

export interface EventFlow extends Omit<Resources, "events"> {}
