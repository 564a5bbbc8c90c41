/** Places in words, and what they cost. */

import type { Engine, Row, RowSeat, Seat } from "./engine.js";
import { FREE, TRAITS } from "./engine.js";
import type { Texts } from "./i18n/texts.js";
import { gross, type Money } from "./money.js";
import { tiersFor } from "./rules.js";
import type { Tier } from "./wire.js";

export class Names {
  constructor(
    private readonly engine: Engine,
    private readonly texts: Texts,
    private readonly money: Money,
    private readonly tiers: readonly Tier[],
  ) {}

  /** "Stalls left, row F, seat 12". */
  full(seat: Seat): string {
    const values = { section: seat.section_name, row: seat.row_label, seat: seat.number };
    if (seat.kind === "booth") return this.texts.t("seat.booth", { ...values, seat: seat.number || seat.row_label });
    if (seat.kind === "table") return this.texts.t(seat.whole ? "seat.whole" : "seat.table", values);
    return this.texts.t("seat", values);
  }

  /** "Row F, seat 12". */
  short(seat: Seat): string {
    const values = { row: seat.row_label, seat: seat.number };
    if (seat.kind === "booth") return seat.number || seat.row_label;
    if (seat.kind === "table") return this.texts.t(seat.whole ? "seat.short_whole" : "seat.short_table", values);
    return this.texts.t("seat.short", values);
  }

  of(index: number): string {
    const seat = this.engine.seat(index);
    return seat ? this.full(seat) : `#${index}`;
  }

  row(row: Row): string {
    const values = { row: row.shown || row.label };
    if (row.kind === "booth") return `${this.texts.t("row.booth")} ${values.row}`;
    return this.texts.t(row.kind === "table" ? "row.table" : "row", values);
  }

  trait(name: string): string {
    const key = `trait.${name}`;
    return this.texts.has(key) ? this.texts.t(key) : name;
  }

  traits(bits: number): string[] {
    return TRAITS.filter((_, bit) => bits & (1 << bit)).map((name) => this.trait(name));
  }

  status(seat: { st: number; sel: boolean; mine: boolean; on: boolean }): string {
    if (seat.mine) return this.texts.t("status.mine");
    if (seat.sel) return this.texts.t("status.selected");
    if (seat.st === FREE) return this.texts.t(seat.on ? "status.free" : "status.filtered");
    return this.texts.t(seat.st === 1 ? "status.held" : seat.st === 2 ? "status.sold" : "status.blocked");
  }

  /** The ticket types of a category, in the order of the organizer. */
  tiersOfCategory(category: number): Tier[] {
    return tiersFor(this.tiers, { category: this.engine.meta.categories[category]?.key });
  }

  /** "45.00 EUR", or a range when there are several ticket types; "" when it is not sold. */
  price(tiers: readonly Tier[]): string {
    if (!tiers.length) return "";
    const prices = tiers.map(gross);
    return this.money.range(Math.min(...prices), Math.max(...prices));
  }

  /** All that a screen reader needs of a seat in its row. */
  spoken(section: string, row: Row, seat: RowSeat): string {
    const values = { section, row: row.shown || row.label, seat: seat.n };
    const key = row.kind === "booth" ? "seat.booth" : row.kind === "table" ? (row.whole ? "seat.whole" : "seat.table") : "seat";
    const place = this.texts.t(key, row.kind === "booth" ? { ...values, seat: seat.n || values.row } : values);
    const parts = [place, this.price(this.tiersOfCategory(seat.cat)), ...this.traits(seat.traits), this.status(seat)];
    return parts.filter(Boolean).join(", ");
  }
}
