/** What every view and every action of one widget works with. */

import type { Api } from "./api.js";
import type { Engine } from "./engine.js";
import type { EventDetails } from "./eventflow-seats.js";
import type { Texts } from "./i18n/texts.js";
import type * as Later from "./later/later.js";
import type { Money } from "./money.js";
import type { Names } from "./names.js";
import type { Session } from "./session.js";
import type { Store } from "./store.js";

export type EventName = keyof EventDetails;

/** Attributes of the element that matter beside those that the state holds. */
export interface Settings {
  /** At most so many places, below the event's own limit; 0 = the event's. */
  max: number;
  successUrl: string;
  cancelUrl: string;
  /** The visitor id of the integrator. */
  buyer: string;
  /** Keys of categories that are offered; empty = all. */
  categories: readonly string[];
}

export interface Ctx {
  readonly host: HTMLElement;
  readonly store: Store;
  readonly api: Api;
  readonly engine: Engine;
  readonly session: Session;
  readonly settings: Settings;
  /** These three change with the language and the offer. */
  texts: Texts;
  money: Money;
  names: Names;
  /** Dispatches an event at the element; false when its default was prevented. */
  emit<N extends EventName>(name: N, detail: EventDetails[N]): boolean;
  /** Fetches what is needed once places are chosen. */
  later(): Promise<typeof Later>;
  /** Speaks to screen readers. */
  say(text: string, urgent?: boolean): void;
}
