/** The places that have been chosen, and what speaks against reserving them. */

import { h, type Child } from "../dom.js";
import type { TextKey } from "../i18n/texts.js";
import { gross } from "../money.js";
import type { Pick, State, Violation } from "../store.js";
import { tierSelect } from "../ui/basket.js";
import { glyph, iconButton, swatch, type App } from "../ui/view.js";

function seatLine(app: App, pick: Pick, bad: boolean): Child {
  const seat = app.engine.seat(pick.seat);
  if (!seat) return null;
  const t = app.texts.t.bind(app.texts);
  const full = app.names.full(seat);
  const tier = app.purchase.tier(pick.tier);
  const notes = seat.traits.filter((name) => name !== "aisle").map((name) => app.names.trait(name));
  return h(
    "li",
    { key: `s${pick.seat}`, class: "line", part: "item", "data-bad": bad },
    swatch(app, seat.category),
    h("button", { type: "button", class: "line-name", "aria-label": t("basket.locate", { seat: full }), onclick: () => app.locate([pick.seat]) }, app.names.short(seat)),
    h("span", { class: "price" }, tier ? app.money.text(gross(tier)) : ""),
    iconButton("close", t("basket.remove", { seat: full }), () => app.purchase.remove([pick.seat])),
    h("span", { class: "line-sub" }, [seat.section_name, ...notes].join(" · ")),
    tierSelect(app, app.names.tiersOfCategory(seat.category), pick.tier, t("basket.type", { seat: full }), (id) => app.purchase.setTier(pick.seat, id)),
  );
}

const seatsOf = (app: App, seats: readonly number[]): string => app.texts.list(seats.map((seat) => shortName(app, seat)));

function shortName(app: App, index: number): string {
  const seat = app.engine.seat(index);
  return seat ? app.names.short(seat) : `#${index}`;
}

/** A rule that is broken, in words. */
export function violationText(app: App, one: Violation): string {
  const values = { n: one.n ?? one.seats.length, seats: seatsOf(app, one.seats), tier: one.tier ?? "", area: one.area ?? "" };
  return app.texts.t(`rule.${one.rule}` as TextKey, values);
}

/** A violation where it happens, with a way out of it. */
function violation(app: App, one: Violation): Child {
  const t = app.texts.t.bind(app.texts);
  const seats = seatsOf(app, one.seats);
  const fix =
    one.rule === "orphan" || one.rule === "whole_table"
      ? { label: t("rule.orphan_fix", { n: one.seats.length }), act: () => void app.purchase.add([...one.seats]) }
      : one.rule === "companion" || one.rule === "adjacent"
        ? { label: t("rule.companion_fix"), act: () => app.purchase.remove(one.seats) }
        : null;
  return h(
    "li",
    { key: one.rule + one.seats.join() },
    glyph("warn"),
    h("span", null, violationText(app, one)),
    one.seats.length > 0 && iconButton("pin", t("basket.locate", { seat: seats }), () => app.locate(one.seats)),
    fix && h("button", { type: "button", class: "link", onclick: fix.act }, fix.label),
  );
}

export function violations(app: App, state: State): Child {
  const all = state.violations.map((one) => violation(app, one));
  return h("div", { class: "violations", role: "alert" }, all.length > 0 && h("ul", null, all));
}

export function lines(app: App, state: State): Child {
  const bad = new Set(state.violations.flatMap((one) => [...one.seats]));
  return h("ul", { class: "lines" }, state.picks.map((pick) => seatLine(app, pick, bad.has(pick.seat))));
}
