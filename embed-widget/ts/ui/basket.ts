/** What can be bought beside the map: ticket types, standing areas, sums, the button that reserves. */

import { h, type Child } from "../dom.js";
import type * as Later from "../later/later.js";
import { gross, grossFee } from "../money.js";
import { tiersOfArea } from "../purchase.js";
import type { State } from "../store.js";
import type { Tier } from "../wire.js";
import { stepper, swatch, type App } from "./view.js";

/** The ticket types to choose from, as a select; a plain name when there is one. */
export function tierSelect(app: App, tiers: readonly Tier[], chosen: string, label: string, change: (tier: string) => void): Child {
  const [only] = tiers;
  if (tiers.length <= 1) return h("span", { class: "tier" }, only?.name ?? "");
  return h(
    "select",
    { class: "tier", "aria-label": label, value: chosen, onchange: (event: Event) => change((event.target as HTMLSelectElement).value) },
    tiers.map((tier) => h("option", { value: tier.id }, `${tier.name}: ${app.money.text(gross(tier))}`)),
  );
}

/** Places without numbers: a stepper for each ticket type. */
export function areaSteppers(app: App, state: State, key: string): Child {
  const area = app.engine.areaByKey(key);
  if (!area) return null;
  const t = app.texts.t.bind(app.texts);
  const left = app.engine.area(area.i)?.left ?? 0;
  const chosen = state.areas.filter((one) => one.area === key);
  const all = chosen.reduce((sum, one) => sum + one.quantity, 0);
  const whole = area.sold === "whole";
  const room = area.sold === "group" && area.max > 0 ? Math.min(left, area.max) : left;
  const note =
    left === 0
      ? t("area.full")
      : whole
        ? t("area.whole", { n: area.capacity })
        : area.sold === "group"
          ? t("area.group", { min: area.min, max: area.max || area.capacity })
          : t("area.left", { n: left });
  return h(
    "div",
    { class: "area", key: `a${key}`, "data-area": key },
    h("div", { class: "area-head" }, swatch(app, area.category), h("strong", null, area.name), h("span", { class: "notes" }, note)),
    tiersOfArea(state, key).map((tier) => {
      const n = chosen.find((one) => one.tier === tier.id)?.quantity ?? 0;
      const others = all - n;
      const most = Math.max(0, Math.min(room, app.purchase.max() || room, tier.max_per_hold || room) - others);
      // A whole area is all or nothing; a party begins with its least number.
      const least = whole ? area.capacity - others : area.sold === "group" && others === 0 ? area.min : 1;
      const change = (wanted: number): void => {
        const up = wanted > n;
        const next = up ? Math.max(wanted, least) : wanted < least ? 0 : wanted;
        app.purchase.setArea(key, tier.id, Math.min(next, Math.max(most, whole ? least : 0)));
      };
      return h(
        "div",
        { class: "area-tier", key: tier.id },
        h("span", { class: "tier" }, tier.name),
        h("span", { class: "price" }, app.money.text(gross(tier))),
        stepper({
          label: t("area.places", { area: `${area.name}, ${tier.name}` }),
          value: n,
          min: 0,
          max: whole ? (left >= area.capacity ? area.capacity : 0) : most,
          less: t("less"),
          more: t("more"),
          change,
        }),
      );
    }),
  );
}

export function areas(app: App, state: State): Child {
  const { meta } = app.engine;
  const only = app.settings.categories;
  const offered = (category: number): boolean => only.length === 0 || only.includes(meta.categories[category]?.key ?? "");
  const sold = meta.areas.filter((area) => offered(area.category) && tiersOfArea(state, area.key).length > 0);
  if (!sold.length) return null;
  return h(
    "section",
    { class: "areas", "aria-label": app.texts.t("area.title") },
    meta.seats > 0 && h("strong", null, app.texts.t("area.title")),
    sold.map((area) => areaSteppers(app, state, area.key)),
  );
}

/** "Total, incl. fees". */
export function sums(app: App, total: number, fee: number): Child {
  const t = app.texts.t.bind(app.texts);
  return h(
    "div",
    { class: "sums" },
    h("span", null, t("basket.total"), fee > 0 && h("small", null, t("basket.fees", { fee: app.money.text(fee) }))),
    h("strong", { class: "total", part: "total" }, app.money.text(total)),
  );
}

/** Fees in the basket, tax included. */
export function feesOf(app: App, state: State): number {
  const fee = (id: string): number => {
    const tier = app.purchase.tier(id);
    return tier ? grossFee(tier) : 0;
  };
  const seats = state.picks.reduce((sum, pick) => sum + fee(pick.tier), 0);
  return state.areas.reduce((sum, one) => sum + fee(one.tier) * one.quantity, seats);
}

export const countOf = (state: State): number => state.picks.length + state.areas.reduce((sum, one) => sum + one.quantity, 0);

export function reserveButton(app: App, state: State, later: typeof Later | undefined): Child {
  const t = app.texts.t.bind(app.texts);
  const busy = state.phase === "reserving";
  const ready = state.phase === "picking" && state.waiting === null && countOf(state) > 0 && !state.violations.length;
  const press = (): void => {
    const [first] = state.violations;
    if (ready) void app.purchase.hold().catch(() => undefined);
    // Why nothing happens, for those who do not see it.
    else if (first && later) app.say(later.violationText(app, first), true);
  };
  return h(
    "button",
    { type: "button", class: "primary", part: "reserve", "aria-disabled": ready ? null : "true", "aria-busy": busy ? "true" : null, onclick: press },
    busy ? t("basket.reserving") : t("basket.reserve"),
  );
}
