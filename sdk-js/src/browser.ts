/** EventFlow for pages: what a publishable key or a buyer's token may do. */

import { Client, type ClientOptions } from "./client.ts";
import { BROWSER_OPERATIONS } from "./generated/operations.ts";
import type { BrowserResources } from "./generated/resources.ts";
import { resources } from "./resources.ts";
import { type EventStreams, watch } from "./stream.ts";

export * from "./exports.ts";
export type { BrowserResources } from "./generated/resources.ts";

export interface BrowserOptions extends ClientOptions {
  /** A publishable key (`ef_pk_…`) that is registered for the page's origin, or a buyer's token. */
  key: string;
}

/** The API with a publishable key. Each noun of the contract is a member: `client.holds.create(…)`. */
export class EventFlow extends Client {
  declare readonly events: BrowserResources["events"] & EventStreams;

  constructor(options: BrowserOptions) {
    if (/^ef_(sk|dev)_/.test(options.key ?? "")) {
      throw new TypeError("this key must not be in a page, where everybody reads it: use a publishable key, ef_pk_…");
    }
    // No header of ours that the server does not allow to pages, and no cookies.
    const init: RequestInit = { credentials: "omit", referrerPolicy: "origin" };
    super(options, { operations: BROWSER_OPERATIONS, headers: {}, init });
    Object.assign(this, resources(this, BROWSER_OPERATIONS));
    Object.assign(this.events, { stream: watch.bind(undefined, this) } satisfies EventStreams);
  }
}

export interface EventFlow extends Omit<BrowserResources, "events"> {}
