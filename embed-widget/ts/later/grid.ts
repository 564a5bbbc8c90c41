/**
 * The map for keyboards and screen readers: a grid of the rows around the focused seat, laid invisibly over the canvas. It is
 * one tab stop; the engine moves the focus by geometry and draws the ring, the grid says what the seat is.
 */

import { h, render, type Child } from "../dom.js";
import type { Row } from "../engine.js";
import { frameGrid } from "../ui/grid.js";
import type { App } from "../ui/view.js";

/** Rows before and after the focused one, and seats before and after it in each: at most 350 cells and rows. */
const ROWS_AROUND = 3;
const SEATS_AROUND = 24;

const DIRECTIONS: Record<string, number> = {
  ArrowLeft: 0,
  ArrowRight: 1,
  ArrowUp: 2,
  ArrowDown: 3,
  Home: 4,
  End: 5,
  PageUp: 6,
  PageDown: 7,
};

export class Grid {
  #section = -1;
  #active = false;

  constructor(
    private readonly app: App,
    readonly element: HTMLElement,
    private readonly focused: (seat: number) => void,
  ) {
    this.element.addEventListener("keydown", this.#key);
    this.element.addEventListener("focusin", this.#enter);
    this.element.addEventListener("focusout", this.#leave);
    // A screen reader "clicks" the cell; the pointer never reaches it.
    this.element.addEventListener("click", () => this.#toggle());
  }

  /** Draws it anew: the state has changed. */
  refresh(): void {
    this.#render();
  }

  /** Takes the focus, at a seat or where it was. */
  focus(seat = -1): void {
    if (seat >= 0) this.app.engine.picker.focus(seat);
    this.#render();
    (this.element.querySelector<HTMLElement>("[tabindex='0']") ?? this.element).focus({ preventScroll: true });
  }

  /** Moves the focused cell to where its seat is on the screen, for magnifiers. */
  place(): void {
    const cell = this.element.querySelector<HTMLElement>("[data-now]");
    const seat = cell ? this.app.engine.seat(this.app.engine.picker.focused()) : null;
    if (cell && seat) cell.style.transform = `translate(${seat.x}px, ${seat.y}px)`;
  }

  #enter = (event: FocusEvent): void => {
    this.#active = true;
    const { picker } = this.app.engine;
    const cell = event.target as HTMLElement;
    const seat = Number(cell.dataset["seat"] ?? -1);
    if (seat >= 0 && seat !== picker.focused()) picker.focus(seat);
    if (picker.focused() < 0) picker.move_focus(1);
    picker.show_focus(this.element.matches(":has(:focus-visible)"));
    if (cell === this.element && picker.focused() >= 0) this.focus();
    this.app.map.paint();
    this.focused(picker.focused());
  };

  #leave = (event: FocusEvent): void => {
    if (this.element.contains(event.relatedTarget as Node | null)) return;
    this.#active = false;
    this.app.engine.picker.show_focus(false);
    this.app.map.paint();
    this.focused(-1);
  };

  #key = (event: KeyboardEvent): void => {
    if (event.altKey || event.metaKey) return;
    const { picker } = this.app.engine;
    const before = picker.focused();
    const rtl = this.app.texts.direction === "rtl";
    let handled = true;
    if (event.key in DIRECTIONS) {
      const direction = DIRECTIONS[event.key] ?? 0;
      // Left is left on a map, whatever the script; Home and End follow the row as it is drawn.
      picker.move_focus(rtl && (direction === 4 || direction === 5) ? 9 - direction : direction);
      picker.show_focus(true);
      this.focus();
      if (picker.focused() === before) this.focused(before);
    } else if (event.key === "Enter" || event.key === " ") this.#toggle();
    else if (event.key === "+" || event.key === "=") this.app.map.zoom(1.5);
    else if (event.key === "-") this.app.map.zoom(1 / 1.5);
    else if (event.key === "0") picker.fit();
    else if (event.key === "Escape") {
      picker.fit();
      handled = false;
    } else handled = false;
    if (handled) event.preventDefault();
    this.app.map.paint();
  };

  #toggle(): void {
    const seat = this.app.engine.picker.focused();
    if (seat >= 0) this.app.purchase.toggle(seat);
  }

  #render(): void {
    const { engine, texts } = this.app;
    const index = engine.picker.focused();
    const seat = index >= 0 ? engine.seat(index) : null;
    const { element } = this;
    frameGrid(this.app, element, seat !== null);
    if (!seat) return;
    const rows = engine.rows(seat.section);
    const at = rows.findIndex((row) => row.row === seat.row);
    const section = engine.meta.sections[seat.section];
    if (this.#active && seat.section !== this.#section && this.#section >= 0 && section) {
      const { free } = engine.availability(seat.section);
      this.app.say(texts.t("said.section", { section: section.name, free: texts.t("list.free", { n: free }) }));
    }
    this.#section = seat.section;
    element.setAttribute("aria-rowcount", String(rows.length));
    const shown = rows.slice(Math.max(0, at - ROWS_AROUND), at + ROWS_AROUND + 1);
    const first = Math.max(0, at - ROWS_AROUND);
    render(element, shown.map((row, offset) => this.#row(row, first + offset, seat.section_name, index)));
    this.place();
  }

  #row(row: Row, position: number, section: string, focused: number): Child {
    const { engine, names } = this.app;
    const seats = engine.rowSeats(row.row);
    const here = seats.findIndex((seat) => seat.i === focused);
    const middle = here >= 0 ? here : Math.min(seats.length - 1, Math.max(0, focused - row.first));
    const from = Math.max(0, Math.min(middle, seats.length - 1) - SEATS_AROUND);
    return h(
      "div",
      { role: "row", key: row.row, "aria-rowindex": position + 1 },
      seats.slice(from, from + 2 * SEATS_AROUND + 1).map((seat, offset) =>
        h("div", {
          role: "gridcell",
          key: seat.i,
          "data-seat": seat.i,
          "data-now": seat.i === focused,
          tabindex: seat.i === focused ? 0 : -1,
          "aria-colindex": from + offset + 1,
          "aria-selected": String(seat.sel || seat.mine),
          "aria-disabled": seat.on || seat.sel ? null : "true",
          "aria-label": names.spoken(section, row, seat),
        }),
      ),
    );
  }
}
