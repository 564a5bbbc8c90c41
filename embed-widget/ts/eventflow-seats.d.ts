/**
 * Types of `<eventflow-seats>` for pages in TypeScript: put this file beside your sources, or refer to it with
 * `/// <reference path="…" />`. The element itself comes from `https://<your EventFlow>/embed/v1/eventflow.js`.
 */

/** A seat or places of an area, by the labels of the seat map. */
export interface EventflowPlace {
  /** Dense index of the seat; absent for an area. */
  seat?: number;
  /** Technical label, as `stalls-F-12`; the key of the area for an area. */
  label: string;
  /** In words, in the language of the widget. */
  name: string;
  quantity: number;
  priceTier: string;
  ticketType: string;
  /** What the buyer pays for all of `quantity`, in minor units, fees and tax included. */
  totalMinor: number;
}

export interface EventflowHold {
  id: string;
  /** The credential to get, extend, release and order the hold. Treat it as a secret of the buyer. */
  token: string;
  expiresAt: string;
  totalMinor: number;
  currency: string;
  /** What plugins of the organizer changed of the prices, summed up by label; negative for a discount. It is in the totals. */
  changes: { label: string; amountMinor: number }[];
  places: EventflowPlace[];
}

export interface EventflowOrder {
  id: string;
  /** pending, processing, paid, expired, cancelled, … */
  state: string;
  totalMinor: number;
  currency: string;
}

export interface EventflowProblem {
  /** A code of `/docs/errors`, or `network`. */
  code: string;
  message: string;
}

/** What each event of the element carries in `detail`. All bubble and cross shadow roots. */
export interface EventDetails {
  /** The map is shown and live. */
  "eventflow-ready": { event: string; seats: number };
  /** Cancelable: places are about to be selected. In a frame an answer within half a second counts. */
  "eventflow-before-select": { places: EventflowPlace[] };
  "eventflow-select": { places: EventflowPlace[]; selection: EventflowPlace[] };
  "eventflow-deselect": { places: EventflowPlace[]; selection: EventflowPlace[] };
  /** Selected seats were taken by somebody else. */
  "eventflow-lost": { places: EventflowPlace[]; selection: EventflowPlace[] };
  /** Places are held; after `eventflow-release` once more, with another token, when the buyer has entered a code. */
  "eventflow-hold": EventflowHold;
  "eventflow-release": { hold: string };
  "eventflow-hold-expired": { hold: string };
  /** An order was made or has changed its state. */
  "eventflow-order": EventflowOrder;
  /** Cancelable: the browser is about to go to the payment page. */
  "eventflow-checkout": { url: string; order: EventflowOrder };
  "eventflow-error": EventflowProblem;
}

/** What `bestAvailable` looks for. */
export interface BestAvailable {
  quantity: number;
  priceTier?: string;
  section?: string;
  zone?: string;
  accessible?: boolean;
}

/** A seat by dense index or label, or one with the ticket type to buy it with. */
export type SeatChoice = number | string | { seat: number | string; priceTier?: string };

export interface EventflowMethods {
  /** Resolves when the map is shown. */
  ready(): Promise<void>;
  /** Selects seats in addition; resolves with the selection. Rejects with an `EventflowProblem` when none can be had. */
  select(...seats: SeatChoice[]): Promise<EventflowPlace[]>;
  deselect(...seats: (number | string)[]): Promise<EventflowPlace[]>;
  clear(): Promise<void>;
  selection(): Promise<EventflowPlace[]>;
  /** Sets how many places of an area are selected with a ticket type. */
  setArea(area: string, quantity: number, priceTier?: string): Promise<EventflowPlace[]>;
  /** Holds the best seats together, beside what is selected. */
  bestAvailable(wish: BestAvailable): Promise<EventflowHold>;
  /** Holds what is selected. */
  hold(): Promise<EventflowHold>;
  release(): Promise<void>;
  extend(): Promise<EventflowHold>;
  /** Orders what is held, and goes to the payment page unless `eventflow-checkout` is cancelled. */
  checkout(buyer: { name: string; email: string }): Promise<EventflowOrder>;
  zoomToSection(key: string): Promise<void>;
  zoomToSeats(...seats: (number | string)[]): Promise<void>;
  showFloor(key: string): Promise<void>;
  fit(): Promise<void>;
}

export interface EventflowSeatsElement extends HTMLElement, EventflowMethods {
  /** The token of the hold, "" without one; also the value in a form, under `name`. */
  readonly value: string;
  readonly form: HTMLFormElement | null;
  addEventListener<N extends keyof EventDetails>(
    type: N,
    listener: (this: EventflowSeatsElement, event: CustomEvent<EventDetails[N]>) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "eventflow-seats": EventflowSeatsElement;
  }
}
