/** The same places as a list: sections, their rows, their seats. Only what is in view is in the document. */

import { h, type Child } from "../dom.js";
import { FREE, type Row } from "../engine.js";
import { gross } from "../money.js";
import type { State } from "../store.js";
import { areas } from "../ui/basket.js";
import { tiersOfCategory } from "../ui/legend.js";
import { glyph, iconButton, swatch, type App } from "../ui/view.js";

/** The height of an item in CSS pixels, as the style sheet says. */
const ITEM = 60;
/** Items beyond each edge of the view that are kept. */
const SPARE = 4;

/** Seats of a row that are shown at once; longer rows have pages. */
const SEATS_MAX = 120;

/** Where the user is in the list, and how far it is scrolled. */
export interface ListPlace {
  section: number;
  row: number;
  top: number;
  height: number;
  /** The item that has the tab stop; of a long row the page. */
  at: number;
}

export const listStart = (): ListPlace => ({ section: -1, row: -1, top: 0, height: 480, at: 0 });

/** Which of `n` items are shown at a scroll position. */
export function visible(n: number, top: number, height: number): { from: number; to: number } {
  const from = Math.max(0, Math.floor(top / ITEM) - SPARE);
  const to = Math.min(n, Math.ceil((top + height) / ITEM) + SPARE);
  return { from: Math.min(from, Math.max(0, n - 1)), to };
}

interface Item {
  key: number;
  title: string;
  note: string;
  price: string;
  colors: string[];
  empty: boolean;
  open: () => void;
}

/** A list that is as long as it is and as small in the document as what is seen of it. */
function virtual(place: ListPlace, all: readonly Item[], label: string, changed: () => void): Child {
  const { from, to } = visible(all.length, place.top, place.height);
  const onscroll = (event: Event): void => {
    const box = event.currentTarget as HTMLElement;
    [place.top, place.height] = [box.scrollTop, box.clientHeight];
    changed();
  };
  const onkeydown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(place.height / ITEM) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -all.length, End: all.length };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const box = event.currentTarget as HTMLElement;
    place.at = Math.max(0, Math.min(all.length - 1, place.at + step));
    const y = place.at * ITEM;
    if (y < box.scrollTop) box.scrollTop = y;
    else if (y + ITEM > box.scrollTop + box.clientHeight) box.scrollTop = y + ITEM - box.clientHeight;
    [place.top, place.height] = [box.scrollTop, box.clientHeight];
    changed();
    box.querySelector<HTMLElement>(`[data-at="${place.at}"]`)?.focus({ preventScroll: true });
  };
  const at = Math.max(from, Math.min(to - 1, place.at));
  return h(
    "div",
    { class: "scroll", key: label, onscroll, onkeydown },
    h(
      "ul",
      { "aria-label": label, style: { height: `${all.length * ITEM}px` } },
      all.slice(from, to).map((item, offset) =>
        h(
          "li",
          { key: item.key, "aria-setsize": all.length, "aria-posinset": from + offset + 1, style: { top: `${(from + offset) * ITEM}px` } },
          h(
            "button",
            { type: "button", class: "item", "data-at": from + offset, "data-empty": item.empty, tabindex: from + offset === at ? 0 : -1, onclick: item.open },
            h("span", { class: "item-colors" }, item.colors.slice(0, 4).map((color) => h("i", { style: { "--c": color } }))),
            h("span", { class: "item-text" }, h("strong", null, item.title), h("span", null, item.note)),
            h("span", { class: "price" }, item.price),
            glyph("next"),
          ),
        ),
      ),
    ),
  );
}

function from(app: App, categories: readonly number[]): string {
  const prices = categories.flatMap((category) => tiersOfCategory(app, category).filter((tier) => tier.category).map(gross));
  return prices.length ? app.texts.t("list.from", { price: app.money.text(Math.min(...prices)) }) : "";
}

const colors = (app: App, categories: readonly number[]): string[] =>
  categories.map((category) => app.engine.meta.categories[category]?.color ?? "");

const free = (app: App, n: number): string => (n ? app.texts.t("list.free", { n }) : app.texts.t("list.full"));

/** A table whole, or a booth, is one choice: no third level. */
const single = (row: Row): boolean => row.whole || row.count === 1;

export function list(app: App, state: State, place: ListPlace, changed: () => void): Child {
  const { meta } = app.engine;
  const go = (patch: Partial<ListPlace>): void => {
    Object.assign(place, { top: 0, at: 0 }, patch);
    changed();
  };
  const section = meta.sections[place.section];
  if (!section) {
    const all = meta.sections.map((one): Item => {
      const now = app.engine.availability(one.i);
      const floor = meta.floors.length > 1 ? meta.floors[one.floor]?.name : "";
      return {
        key: one.i,
        title: one.name,
        note: [floor, free(app, now.free)].filter(Boolean).join(" · "),
        price: from(app, one.categories),
        colors: colors(app, one.categories),
        empty: now.free === 0,
        open: () => go({ section: one.i, row: -1 }),
      };
    });
    return h("div", { class: "list", part: "list" }, all.length > 0 && virtual(place, all, app.texts.t("list.sections"), changed), areas(app, state));
  }
  const rows = app.engine.rows(section.i);
  const row = rows.find((one) => one.row === place.row);
  if (row) return h("div", { class: "list", part: "list" }, seatChoice(app, section.name, rows, row, place.at, go));
  const all = rows.map((one): Item => {
    const first = app.engine.rowSeats(one.row)[0];
    const categories = first && first.cat >= 0 ? [first.cat] : [];
    return {
      key: one.row,
      title: app.names.row(one),
      note: free(app, one.free),
      price: from(app, categories),
      colors: colors(app, categories),
      empty: one.free === 0,
      open: () => (single(one) ? app.purchase.toggle(one.first) : go({ row: one.row })),
    };
  });
  return h(
    "div",
    { class: "list", part: "list" },
    crumbs(app, section.name, () => go({ section: -1 })),
    virtual(place, all, section.name, changed),
  );
}

function crumbs(app: App, title: string, back: () => void, more: Child = null): Child {
  return h(
    "div",
    { class: "crumbs" },
    iconButton("back", app.texts.t("list.back"), back),
    h("h2", { tabindex: -1, "data-focus": `list-${title}` }, title),
    more,
  );
}

function seatChoice(app: App, section: string, rows: Row[], row: Row, page: number, go: (patch: Partial<ListPlace>) => void): Child {
  const at = rows.indexOf(row);
  const step = (by: number, name: "up" | "down"): Child => {
    const other = rows[at + by];
    return other && iconButton(name, app.names.row(other), () => go({ row: other.row }));
  };
  const all = app.engine.rowSeats(row.row);
  const shown = all.slice(page * SEATS_MAX, (page + 1) * SEATS_MAX);
  const turn = (by: number, name: "back" | "next"): Child => {
    const seats = all.slice((page + by) * SEATS_MAX, (page + by + 1) * SEATS_MAX);
    return page + by >= 0 && seats.length > 0 && iconButton(name, `${seats[0]?.n}–${seats.at(-1)?.n}`, () => go({ at: page + by }));
  };
  return [
    crumbs(app, `${section}, ${app.names.row(row)}`, () => go({ row: -1 }), [turn(-1, "back"), turn(1, "next"), step(-1, "up"), step(1, "down")]),
    h(
      "ul",
      { class: "seats", "aria-label": app.names.row(row) },
      shown.map((seat) =>
        h(
          "li",
          { key: seat.i },
          h(
            "button",
            {
              type: "button",
              class: "seat",
              "aria-pressed": String(seat.sel || seat.mine),
              "aria-disabled": seat.on || seat.sel ? null : "true",
              "aria-label": app.names.spoken(section, row, seat),
              "data-taken": seat.st !== FREE && !seat.mine,
              style: { "--c": app.engine.meta.categories[seat.cat]?.color ?? "" },
              onclick: () => app.purchase.toggle(seat.i),
            },
            seat.n,
          ),
        ),
      ),
    ),
    legendOfRow(app, row),
  ];
}

function legendOfRow(app: App, row: Row): Child {
  const categories = [...new Set(app.engine.rowSeats(row.row).map((seat) => seat.cat))].filter((cat) => cat >= 0);
  return h(
    "ul",
    { class: "row-legend" },
    categories.map((cat) => h("li", null, swatch(app, cat), `${app.engine.meta.categories[cat]?.name ?? ""}: ${app.names.price(app.names.tiersOfCategory(cat))}`)),
  );
}
