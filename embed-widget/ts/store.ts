/**
 * The state of one purchase and how it moves: a pure function from state and action to state, and a store around it that
 * tells the views once per frame. What is selected on the map is known by the engine; `picks` is what the basket shows of it.
 */

import type { Problem } from "./api.js";
import type { NetState } from "./stream.js";
import type { EventInfo, Hold, Order, Tier } from "./wire.js";

export type Phase =
  /** Nothing is known yet. */
  | "loading"
  /** It could not be loaded; `problem` says why. */
  | "failed"
  /** Places are being chosen. */
  | "picking"
  /** A hold is asked for. */
  | "reserving"
  /** Places are held: the buyer's details. */
  | "held"
  /** An order is asked for. */
  | "ordering"
  /** There is an order; its state says the rest. */
  | "ordered";

/** Why nothing can be bought now. */
export type Waiting = "soon" | "ended" | "cancelled" | "draft";

/** A seat in the basket, and the ticket that is bought for it. */
export interface Pick {
  seat: number;
  tier: string;
}

/** Places of an area in the basket. */
export interface AreaPick {
  area: string;
  tier: string;
  quantity: number;
}

export interface Filters {
  /** Keys of categories; empty is all. */
  categories: readonly string[];
  /** The highest price of a ticket in minor units. */
  price: number | null;
  /** Bits of traits that a seat must have, and must not have. */
  required: number;
  excluded: number;
}

/** What speaks against the selection, as the engine and the rules of tickets name it. */
export interface Violation {
  rule: string;
  seats: readonly number[];
  /** The number that the rule names. */
  n?: number;
  /** The name of the ticket type at fault, or of the area. */
  tier?: string;
  area?: string;
}

/** Something to tell the user beside the basket, with a way out. */
export interface Notice {
  kind: "problem" | "lost" | "expired" | "rule";
  text: string;
  code?: string;
}

export interface State {
  phase: Phase;
  event: EventInfo | null;
  tiers: readonly Tier[];
  waiting: Waiting | null;
  picks: readonly Pick[];
  areas: readonly AreaPick[];
  hold: Hold | null;
  /** The buyer's clock minus the server's, in ms. */
  skew: number;
  /** What an expired hold contained, for "reserve again". */
  lapsed: { picks: readonly Pick[]; areas: readonly AreaPick[] } | null;
  order: Order | null;
  orderToken: string;
  /** A request about the hold or order is on its way. */
  busy: boolean;
  problem: Problem | null;
  notice: Notice | null;
  net: NetState;
  /** When availability was last known to be true. */
  freshAt: number;
  violations: readonly Violation[];
  filters: Filters;
  party: number;
  view: "map" | "list";
  floor: number;
  /** The sheet of a phone is open. */
  sheet: boolean;
  rebuilding: boolean;
  /** Grows with every change of availability that the views show. */
  revision: number;
}

export const initial: State = {
  phase: "loading",
  event: null,
  tiers: [],
  waiting: null,
  picks: [],
  areas: [],
  hold: null,
  skew: 0,
  lapsed: null,
  order: null,
  orderToken: "",
  busy: false,
  problem: null,
  notice: null,
  net: "live",
  freshAt: 0,
  violations: [],
  filters: { categories: [], price: null, required: 0, excluded: 0 },
  party: 1,
  view: "map",
  floor: 0,
  sheet: false,
  rebuilding: false,
  revision: 0,
};

export type Action =
  | { do: "loaded"; event: EventInfo; tiers: readonly Tier[]; now: number }
  | { do: "failed"; problem: Problem }
  | { do: "retry" }
  | { do: "offer"; event: EventInfo; tiers: readonly Tier[]; now: number }
  | { do: "tick"; now: number }
  | { do: "picked"; picks: readonly Pick[]; areas: readonly AreaPick[]; violations: readonly Violation[] }
  | { do: "reserve" }
  | { do: "held"; hold: Hold; now: number }
  | { do: "refused"; notice: Notice | null }
  | { do: "busy"; busy: boolean }
  | { do: "released" }
  | { do: "expired"; notice: Notice }
  | { do: "order" }
  | { do: "ordered"; order: Order; token: string }
  | { do: "restart" }
  | { do: "notice"; notice: Notice | null }
  | { do: "net"; net: NetState; now: number }
  | { do: "show"; patch: Partial<Shown> }
  | { do: "revised"; now: number };

/** What views change by themselves. */
type Shown = { filters: Filters; party: number; view: "map" | "list"; floor: number; sheet: boolean; rebuilding: boolean };

export function waitingOf(event: EventInfo, now: number): Waiting | null {
  if (event.state === "cancelled") return "cancelled";
  if (event.state !== "published") return "draft";
  if (now < Date.parse(event.sale_starts_at)) return "soon";
  if (now >= Date.parse(event.sale_ends_at)) return "ended";
  return null;
}

/** Milliseconds until the hold ends, on the server's clock. */
export function remainingMs(state: State, now: number): number {
  return state.hold ? Date.parse(state.hold.expires_at) - (now - state.skew) : 0;
}

/** Whether more time can still be had: an extension must add something. */
export function extendable(hold: Hold): boolean {
  return Date.parse(hold.expires_at) < Date.parse(hold.extendable_until);
}

const areasOf = (hold: Hold): AreaPick[] => {
  const areas: AreaPick[] = [];
  for (const item of hold.items) {
    if (item.ga_area === undefined) continue;
    const known = areas.find((one) => one.area === item.ga_area && one.tier === item.price_tier_id);
    if (known) known.quantity++;
    else areas.push({ area: item.ga_area, tier: item.price_tier_id, quantity: 1 });
  }
  return areas;
};

const picksOf = (hold: Hold): Pick[] =>
  hold.items.flatMap((item) => (item.seat === undefined ? [] : [{ seat: item.seat, tier: item.price_tier_id }]));

/** The next state. An action that makes no sense in a phase changes nothing: answers come late, buttons are pressed twice. */
export function reduce(state: State, action: Action): State {
  switch (action.do) {
    case "loaded": {
      const { event, tiers, now } = action;
      const phase = state.phase === "loading" ? "picking" : state.phase;
      return { ...state, phase, event, tiers, waiting: waitingOf(event, now), problem: null, rebuilding: false };
    }
    case "failed":
      return state.phase === "loading" ? { ...state, phase: "failed", problem: action.problem } : state;
    case "retry":
      return state.phase === "failed" ? { ...state, phase: "loading", problem: null } : state;
    case "offer":
      return { ...state, event: action.event, tiers: action.tiers, waiting: waitingOf(action.event, action.now) };
    case "tick": {
      const waiting = state.event ? waitingOf(state.event, action.now - state.skew) : null;
      return waiting === state.waiting ? state : { ...state, waiting };
    }
    case "picked":
      return { ...state, picks: action.picks, areas: action.areas, violations: action.violations };
    case "reserve":
      return state.phase === "picking" ? { ...state, phase: "reserving", notice: null, lapsed: null } : state;
    case "held": {
      const { hold, now } = action;
      const skew = now - Date.parse(hold.server_time);
      const kept = { ...state, hold, skew, picks: picksOf(hold), areas: areasOf(hold), busy: false, lapsed: null };
      if (state.phase === "ordering" || state.phase === "ordered") return state;
      return { ...kept, phase: "held", notice: state.phase === "held" ? state.notice : null };
    }
    case "refused": {
      const phase = state.phase === "reserving" ? "picking" : state.phase === "ordering" ? "held" : state.phase;
      return { ...state, phase, notice: action.notice, busy: false };
    }
    case "busy":
      return { ...state, busy: action.busy };
    case "released":
      return state.phase === "held" ? { ...state, phase: "picking", hold: null, busy: false } : state;
    case "expired": {
      if (state.phase !== "held" && state.phase !== "ordering") return state;
      const lapsed = { picks: state.picks, areas: state.areas };
      const empty = { hold: null, picks: [], areas: [], busy: false };
      return { ...state, ...empty, phase: "picking", lapsed, notice: action.notice };
    }
    case "order":
      return state.phase === "held" ? { ...state, phase: "ordering", notice: null } : state;
    case "ordered":
      return {
        ...state,
        phase: "ordered",
        order: action.order,
        orderToken: action.token,
        hold: null,
        picks: [],
        areas: [],
        busy: false,
        notice: null,
      };
    case "restart": {
      const { event, tiers, waiting, net, freshAt, filters, party, view, floor, skew, revision } = state;
      const kept = { event, tiers, waiting, net, freshAt, filters, party, view, floor, skew, revision };
      return { ...initial, ...kept, phase: event ? "picking" : "loading" };
    }
    case "notice":
      return { ...state, notice: action.notice };
    case "net": {
      const fresh = action.net === "live" || action.net === "polling";
      return { ...state, net: action.net, freshAt: fresh ? action.now : state.freshAt };
    }
    case "show":
      return { ...state, ...action.patch };
    case "revised":
      return { ...state, revision: state.revision + 1, freshAt: action.now };
  }
}

export class Store {
  #state: State;
  #listeners = new Set<(state: State, before: State) => void>();
  #told: State;
  #frame = 0;

  constructor(start: State = initial) {
    this.#state = this.#told = start;
  }

  get state(): State {
    return this.#state;
  }

  do(action: Action): void {
    const next = reduce(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    // One telling per task, however many actions: not a frame, which hidden tabs do not get.
    this.#frame ||= 1;
    queueMicrotask(() => this.#tell());
  }

  /** Calls `listener` after changes, with the state that it was told before. */
  subscribe(listener: (state: State, before: State) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    if (!this.#frame) return;
    this.#frame = 0;
    const [state, before] = [this.#state, this.#told];
    this.#told = state;
    for (const listener of this.#listeners) listener(state, before);
  }
}
