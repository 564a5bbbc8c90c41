/** The contract between the loader, which is small and first, and the rest of the widget, which it fetches. */

/** What the loader has fetched already: answers that the first picture needs. */
export interface Early {
  event: Promise<Response>;
  tiers: Promise<Response>;
  plan: Promise<Response>;
  stream: Promise<Response>;
}

export interface MountOptions {
  host: HTMLElement;
  root: ShadowRoot;
  internals: ElementInternals;
  /** Where the API is: origin without a slash at the end. */
  api: string;
  event: string;
  key: string;
  /** The module, checked against its hash. */
  wasm: Promise<Response>;
  early: Early;
  /** The language that is asked for, as a BCP 47 tag. */
  locale: () => string;
  /** The texts of the nearest language that there is: those of the first sight, or with `-later` the others. */
  texts: (locale: string, part?: "-later") => Promise<unknown>;
  /** Fetches another part of the widget, checked against its hash. */
  load: (name: string) => Promise<unknown>;
  /** Opens everything anew: the way out of a failure. */
  restart: () => void;
}

/** A running widget. */
export interface Mounted {
  /** An attribute of the element has changed. */
  attribute(name: string, value: string | null): void;
  /** Calls a method of the element. */
  call(name: string, args: unknown[]): Promise<unknown>;
  /** The token of the hold. */
  readonly value: string;
  close(): void;
}

export type Mount = (options: MountOptions) => Mounted;

/** Attributes that change a running widget. */
export const LIVE_ATTRIBUTES = [
  "party",
  "locale",
  "lang",
  "theme",
  "categories",
  "max",
  "success-url",
  "cancel-url",
  "view",
  "messages-url",
  "buyer",
  "floor",
] as const;

/** Attributes that make it another widget. */
export const IDENTITY_ATTRIBUTES = ["event", "key", "publishable-key", "api", "mode"] as const;

export const METHODS = [
  "ready",
  "select",
  "deselect",
  "clear",
  "selection",
  "setArea",
  "bestAvailable",
  "hold",
  "release",
  "extend",
  "checkout",
  "zoomToSection",
  "zoomToSeats",
  "showFloor",
  "fit",
] as const;

/** Events of the element; `frame.ts` relays them. */
export const EVENTS = [
  "eventflow-ready",
  "eventflow-before-select",
  "eventflow-select",
  "eventflow-deselect",
  "eventflow-lost",
  "eventflow-hold",
  "eventflow-release",
  "eventflow-hold-expired",
  "eventflow-order",
  "eventflow-checkout",
  "eventflow-error",
] as const;
