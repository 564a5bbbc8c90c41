/**
 * What is free, as the platform sends it to those who look on: a snapshot at 2 bits a seat (`EFA1`), and diffs (`EFD1`)
 * between revisions. Seats go by their dense index in the seat map, areas by their order in it.
 */

import { fromBase64, Reader } from "./bytes.ts";
import { FormatError } from "./errors.ts";

/** As the two bits say it. */
const STATES = ["free", "held", "sold", "blocked"] as const;
/** The platform's own limits: what claims more is no answer of it. */
const SEATS_MAX = 200_000;
const AREAS_MAX = 500;

/** `held` is in a cart or in checkout, `blocked` is withdrawn from sale. */
export type SeatState = (typeof STATES)[number];

export interface SeatChange {
  seat: number;
  before: SeatState;
  after: SeatState;
}

/** Places left in a standing area. */
export interface AreaChange {
  area: number;
  before: number;
  after: number;
}

export interface Changes {
  seats: SeatChange[];
  areas: AreaChange[];
}

/** New states, between two revisions. */
export interface Diff {
  base: number;
  revision: number;
  seats: { seat: number; state: SeatState }[];
  areas: { area: number; left: number }[];
}

/** The states of all seats of an event at a revision. */
export class SeatStates {
  #packed: Uint8Array;
  #areas: number[];
  #revision: number;
  /** How many seats the map has. */
  readonly length: number;

  private constructor(revision: number, length: number, packed: Uint8Array, areas: number[]) {
    this.#revision = revision;
    this.length = length;
    this.#packed = packed;
    this.#areas = areas;
  }

  /** Reads what `availability.snapshot` answers. */
  static decode(bytes: Uint8Array): SeatStates {
    return reading("snapshot", bytes, "EFA1", (reader) => {
      const length = reader.u32();
      const revision = reader.u64();
      const areas = reader.u16();
      if (length > SEATS_MAX || areas > AREAS_MAX) throw new RangeError("more places than a map can have");
      // A copy: what came stays what it was.
      const packed = reader.take(Math.ceil(length / 4)).slice();
      if (length % 4 && (packed.at(-1) as number) >> (2 * (length % 4))) throw new RangeError("unused bits are set");
      return new SeatStates(revision, length, packed, Array.from({ length: areas }, () => reader.u32()));
    });
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  /** Places left in each standing area. */
  get areas(): readonly number[] {
    return this.#areas;
  }

  /** `undefined` for a seat that the map does not have. */
  get(seat: number): SeatState | undefined {
    return seat >= 0 && seat < this.length ? this.#read(seat) : undefined;
  }

  /** How many seats are in each state. */
  count(): Record<SeatState, number> {
    const count = { free: 0, held: 0, sold: 0, blocked: 0 };
    for (const state of this) count[state]++;
    return count;
  }

  *[Symbol.iterator](): Generator<SeatState, void, undefined> {
    for (let seat = 0; seat < this.length; seat++) yield this.#read(seat);
  }

  /**
   * Goes on to the diff's revision, and says what is different now; nothing if it tells nothing new. `undefined` if
   * changes in between are missing: then nothing has changed here, and a new snapshot is needed.
   */
  apply(diff: Diff): Changes | undefined {
    const changes: Changes = { seats: [], areas: [] };
    if (diff.revision <= this.#revision) return changes;
    const known = diff.seats.every(({ seat }) => seat < this.length) && diff.areas.every(({ area }) => area < this.#areas.length);
    if (diff.base !== this.#revision || !known) return undefined;
    for (const { seat, state } of diff.seats) {
      const before = this.#read(seat);
      // A diff may name what has become the same again.
      if (before === state) continue;
      const shift = (seat % 4) * 2;
      const byte = this.#packed[seat >> 2] as number;
      this.#packed[seat >> 2] = (byte & ~(3 << shift)) | (STATES.indexOf(state) << shift);
      changes.seats.push({ seat, before, after: state });
    }
    for (const { area, left } of diff.areas) {
      const before = this.#areas[area] as number;
      if (before !== left) changes.areas.push({ area, before, after: left });
      this.#areas[area] = left;
    }
    this.#revision = diff.revision;
    return changes;
  }

  #read(seat: number): SeatState {
    return STATES[((this.#packed[seat >> 2] as number) >> ((seat % 4) * 2)) & 3] as SeatState;
  }
}

/** Reads an `EFD1`. */
export function decodeDiff(bytes: Uint8Array): Diff {
  return reading("diff", bytes, "EFD1", (reader) => {
    const diff: Diff = { base: reader.u64(), revision: reader.u64(), seats: [], areas: [] };
    let next = 0;
    for (let count = reader.leb128(); count > 0; count--) {
      const change = reader.leb128();
      const seat = below(next + Math.floor(change / 4), SEATS_MAX);
      diff.seats.push({ seat, state: STATES[change % 4] as SeatState });
      next = seat + 1;
    }
    next = 0;
    for (let count = reader.leb128(); count > 0; count--) {
      const area = below(next + reader.leb128(), AREAS_MAX);
      diff.areas.push({ area, left: reader.leb128() });
      next = area + 1;
    }
    return diff;
  });
}

/** The bytes of an event's data. */
export function eventBytes(data: string): Uint8Array {
  try {
    return fromBase64(data);
  } catch (cause) {
    throw new FormatError("stream", "the stream sends what is not Base64", { cause });
  }
}

function below(value: number, limit: number): number {
  if (value >= limit) throw new RangeError("a place that no map has");
  return value;
}

/** Reads all of the bytes, or fails with a `FormatError`. */
function reading<T>(what: string, bytes: Uint8Array, magic: string, read: (reader: Reader) => T): T {
  try {
    const reader = new Reader(bytes);
    if (reader.text(4) !== magic) throw new RangeError(`the bytes do not begin with ${magic}`);
    const value = read(reader);
    if (reader.left) throw new RangeError("bytes follow after the end");
    return value;
  } catch (cause) {
    throw new FormatError(what, `this is no ${what} of availability: ${(cause as Error).message}`, { cause });
  }
}
