/** The engine of the map (Rust, see src/bridge.rs) with its answers as objects. */

import type { SeatPicker } from "./picker.js";
import type { Applied } from "./stream.js";
import type { AreaPick, Violation } from "./store.js";

export interface Section {
  i: number;
  key: string;
  name: string;
  floor: number;
  zone: number;
  entrance: string | null;
  seats: number;
  rows: number;
  categories: number[];
}

export interface Area {
  i: number;
  key: string;
  name: string;
  category: number;
  capacity: number;
  floor: number;
  zone: number;
  entrance: string | null;
  sold: "place" | "whole" | "group";
  min: number;
  max: number;
  /** Whether the map draws it: an area may have no outline. */
  shown: boolean;
}

export interface Meta {
  name: string;
  seats: number;
  has_focal: boolean;
  floors: { key: string; name: string }[];
  zones: { key: string; name: string }[];
  categories: { key: string; name: string; color: string; seats: number }[];
  sections: Section[];
  areas: Area[];
  /** Bits of the traits that seats of the plan have. */
  traits: number;
}

export interface Row {
  row: number;
  kind: "row" | "table" | "booth";
  label: string;
  shown: string;
  first: number;
  count: number;
  whole: boolean;
  free: number;
}

export interface RowSeat {
  i: number;
  n: string;
  cat: number;
  traits: number;
  st: number;
  sel: boolean;
  mine: boolean;
  on: boolean;
}

export interface Seat {
  i: number;
  label: string;
  section: number;
  section_name: string;
  row: number;
  row_label: string;
  number: string;
  category: number;
  traits: string[];
  st: number;
  sel: boolean;
  mine: boolean;
  on: boolean;
  floor: number;
  kind: "row" | "table" | "booth";
  whole: boolean;
  view: string | null;
  entrance: string | null;
  x: number;
  y: number;
  r: number;
}

export interface AreaNow {
  i: number;
  left: number;
  on: boolean;
  x: number;
  y: number;
}

export interface Toggled {
  added: number[];
  removed: number[];
  refused: { code: string; seats: number[] } | null;
}

export interface Hit {
  seat?: number;
  area?: number;
  section?: number;
}

export interface PointerAnswer {
  click?: Hit;
  hover?: Hit;
  marquee?: [number, number, number, number];
  drag?: boolean;
}

/** Traits by bit, as src/bridge.rs orders them. */
export const TRAITS = [
  "accessible",
  "wheelchair",
  "companion",
  "restricted_view",
  "hearing_impaired",
  "sign_language",
  "cart_service",
  "plus_size",
  "vertigo",
  "limited_legroom",
  "semi_ambulatory",
  "lift_up_armrests",
  "aisle",
] as const;

export const FREE = 0;

const APPLIED: Applied[] = ["ok", "gap", "malformed"];

export class Engine {
  readonly meta: Meta;
  readonly #areas: Map<string, Area>;

  constructor(readonly picker: SeatPicker) {
    this.meta = JSON.parse(picker.meta()) as Meta;
    this.#areas = new Map(this.meta.areas.map((area) => [area.key, area]));
  }

  applySnapshot(bytes: Uint8Array): Applied {
    return APPLIED[this.picker.apply_snapshot(bytes)] ?? "malformed";
  }
  applyDiff(bytes: Uint8Array): Applied {
    return APPLIED[this.picker.apply_diff(bytes)] ?? "malformed";
  }
  seat(seat: number): Seat | null {
    return parse(this.picker.seat(seat)) as Seat | null;
  }
  areaByKey(key: string): Area | undefined {
    return this.#areas.get(key);
  }
  area(area: number): AreaNow | null {
    return parse(this.picker.area(area)) as AreaNow | null;
  }
  rows(section: number): Row[] {
    return JSON.parse(this.picker.section_rows(section)) as Row[];
  }
  rowSeats(row: number): RowSeat[] {
    return JSON.parse(this.picker.row_seats(row)) as RowSeat[];
  }
  toggle(seat: number, party: number): Toggled {
    return JSON.parse(this.picker.toggle(seat, party)) as Toggled;
  }
  marquee(x0: number, y0: number, x1: number, y1: number, add: boolean): Toggled {
    return JSON.parse(this.picker.marquee(x0, y0, x1, y1, add)) as Toggled;
  }
  select(seats: number[]): Toggled {
    return JSON.parse(this.picker.select(Uint32Array.from(seats))) as Toggled;
  }
  selected(): number[] {
    return [...this.picker.selected()];
  }
  mine(seats: number[]): void {
    this.picker.mine(Uint32Array.from(seats));
  }
  /** What speaks against the selection together with these places of areas. */
  violations(areas: readonly AreaPick[]): Violation[] {
    const sum = (key: string): number => areas.reduce((sum, one) => sum + (one.area === key ? one.quantity : 0), 0);
    this.picker.set_area_picks(Uint32Array.from(this.meta.areas.flatMap(({ i, key }) => [i, sum(key)])));
    const found = JSON.parse(this.picker.violations()) as { rule: string; seats: number[]; area: number; limit: number }[];
    return found.map(({ rule, seats, area, limit }) => ({ rule, seats, n: limit || seats.length, area: this.meta.areas[area]?.name ?? "" }));
  }
  lost(): number[] {
    return [...this.picker.take_lost()];
  }
  /** Free and all seats of each category, places of areas included. */
  categoryAvailability(): { free: number; total: number }[] {
    const pairs = this.picker.category_availability();
    return this.meta.categories.map((_, at) => ({ free: pairs[at * 2] ?? 0, total: pairs[at * 2 + 1] ?? 0 }));
  }
  availability(section: number): { free: number; total: number } {
    const [free = 0, total = 0] = this.picker.availability(section);
    return { free, total };
  }
}

const parse = (text: string): unknown => (text ? JSON.parse(text) : null);
