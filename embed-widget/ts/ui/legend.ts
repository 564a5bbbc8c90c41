/** Above the map: categories with prices and places left (a click filters), filters, party size, map or list. */

import { h, type Child } from "../dom.js";
import { gross } from "../money.js";
import type * as Later from "../later/later.js";
import { tiersFor } from "../rules.js";
import type { Filters, State } from "../store.js";
import type { Tier } from "../wire.js";
import { glyph, stepper, swatch, type App } from "./view.js";

/** The largest party that one click seats. */
const PARTY_MAX = 8;

/** The ticket types of a category: of its seats and of its areas. */
export function tiersOfCategory(app: App, category: number): Tier[] {
  const { meta } = app.engine;
  const tiers = app.store.state.tiers;
  const areas = meta.areas.filter((area) => area.category === category);
  const found = [
    ...tiersFor(tiers, { category: meta.categories[category]?.key }),
    ...areas.flatMap((area) => tiersFor(tiers, { area: area.key })),
  ];
  return found;
}

/** Categories that are for sale here, by index. */
export function offered(app: App): number[] {
  const only = app.settings.categories;
  return app.engine.meta.categories.flatMap((category, at) =>
    (only.length === 0 || only.includes(category.key)) && tiersOfCategory(app, at).length > 0 ? [at] : [],
  );
}

/** Which categories pass the filters: what the engine dims and refuses. */
export function enabled(app: App, filters: Filters): Uint8Array {
  const sold = new Set(offered(app));
  return Uint8Array.from(app.engine.meta.categories, (category, at) => {
    const chosen = filters.categories.length === 0 || filters.categories.includes(category.key);
    const { price } = filters;
    const cheap = price === null || tiersOfCategory(app, at).some((tier) => gross(tier) <= price);
    return Number(sold.has(at) && chosen && cheap);
  });
}

export const isFiltered = (filters: Filters): boolean =>
  filters.categories.length > 0 || filters.price !== null || filters.required !== 0 || filters.excluded !== 0;

export const show = (app: App, filters: Partial<Filters>): void => {
  app.store.do({ do: "show", patch: { filters: { ...app.store.state.filters, ...filters } } });
};

export const resetFilters = (app: App): void => show(app, { categories: [], price: null, required: 0, excluded: 0 });

function chip(app: App, state: State, category: number, left: number): Child {
  const { meta } = app.engine;
  const one = meta.categories[category];
  if (!one) return null;
  const chosen = state.filters.categories;
  const pressed = chosen.includes(one.key);
  const toggle = (): void =>
    show(app, { categories: pressed ? chosen.filter((key) => key !== one.key) : [...chosen, one.key] });
  const { t } = bound(app);
  return h(
    "li",
    { key: one.key },
    h(
      "button",
      { type: "button", class: "chip", part: "category", "aria-pressed": String(pressed), "data-empty": left === 0, onclick: toggle },
      swatch(app, category),
      h("span", { class: "chip-name" }, one.name),
      h("span", { class: "chip-price" }, app.names.price(tiersOfCategory(app, category))),
      h("span", { class: "chip-left" }, left ? t("legend.left", { n: left }) : t("legend.none")),
    ),
  );
}

const bound = (app: App): { t: App["texts"]["t"] } => ({ t: app.texts.t.bind(app.texts) });

function filterMenu(app: App, state: State, later: typeof Later | undefined): Child {
  const { t } = bound(app);
  const { filters } = state;
  return h(
    "details",
    { class: "menu", onkeydown: closeOnEscape, onfocusout: closeOnLeave },
    h("summary", { class: "tool", "data-on": filters.price !== null || filters.required + filters.excluded > 0 }, glyph("filter"), h("span", null, t("filter.label"))),
    h("div", { class: "menu-body" }, later ? later.filterBody(app, state) : h("div", { class: "skeleton coming" })),
  );
}

/** A menu closes with Escape, and when the focus goes elsewhere. */
export function closeOnEscape(event: KeyboardEvent): void {
  const menu = event.currentTarget as HTMLDetailsElement;
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary")?.focus();
  event.stopPropagation();
}
export function closeOnLeave(event: FocusEvent): void {
  const menu = event.currentTarget as HTMLDetailsElement;
  if (event.relatedTarget && !menu.contains(event.relatedTarget as Node)) menu.open = false;
}

export function bar(app: App, state: State, later: typeof Later | undefined): Child {
  const { t } = bound(app);
  const left = app.engine.categoryAvailability();
  const hasSeats = app.engine.meta.seats > 0;
  const view = (name: "map" | "list"): Child =>
    h(
      "button",
      { type: "button", "aria-pressed": String(state.view === name), onclick: () => app.store.do({ do: "show", patch: { view: name } }) },
      glyph(name),
      h("span", null, t(`view.${name}`)),
    );
  return [
    h(
      "div",
      { class: "tools" },
      h("div", { class: "segments", role: "group", "aria-label": t("view.label") }, view("map"), view("list")),
      hasSeats &&
        h(
          "div",
          { class: "party" },
          h("span", { class: "party-label", "aria-hidden": "true" }, t("party.label")),
          stepper({
            label: t("party.label"),
            value: state.party,
            min: 1,
            max: Math.min(PARTY_MAX, app.purchase.max() || PARTY_MAX),
            less: t("less"),
            more: t("more"),
            change: (party) => {
              app.store.do({ do: "show", patch: { party } });
              app.say(t("party", { n: party }));
            },
          }),
        ),
      filterMenu(app, state, later),
    ),
    h(
      "ul",
      { class: "chips", part: "legend", "aria-label": t("legend.label") },
      offered(app).map((category) => chip(app, state, category, left[category]?.free ?? 0)),
    ),
  ];
}
