/** The menu of filters: the highest price, what a place must have or must not. */

import { h, type Child } from "../dom.js";
import { TRAITS } from "../engine.js";
import { gross } from "../money.js";
import type { State } from "../store.js";
import { isFiltered, offered, resetFilters, show, tiersOfCategory } from "../ui/legend.js";
import type { App } from "../ui/view.js";

/** Traits that people look for, and one that they avoid. */
const WANTED = ["accessible", "wheelchair", "semi_ambulatory", "hearing_impaired", "sign_language", "plus_size", "lift_up_armrests", "aisle"];
const AVOIDED = "restricted_view";

export function filterBody(app: App, state: State): Child {
  const t = app.texts.t.bind(app.texts);
  const prices = [...new Set(offered(app).flatMap((category) => tiersOfCategory(app, category).map(gross)))].sort((a, b) => a - b);
  const bits = app.engine.meta.traits;
  const has = (name: string): number => bits & (1 << TRAITS.indexOf(name as (typeof TRAITS)[number]));
  const { filters } = state;
  const box = (label: string, bit: number, on: boolean, side: "required" | "excluded"): Child =>
    h(
      "label",
      { class: "check", key: label },
      h("input", { type: "checkbox", checked: on, onchange: () => show(app, { [side]: filters[side] ^ bit }) }),
      label,
    );
  return [
    prices.length > 1 &&
      h(
        "label",
        { class: "field" },
        h("span", null, t("filter.price_label")),
        h(
          "select",
          { value: filters.price ?? "", onchange: (event: Event) => show(app, { price: Number((event.target as HTMLSelectElement).value) || null }) },
          h("option", { value: "" }, t("filter.price_any")),
          prices.slice(0, -1).map((price) => h("option", { value: price }, t("filter.price", { price: app.money.text(price) }))),
        ),
      ),
    WANTED.filter(has).map((name) => box(app.names.trait(name), has(name), (filters.required & has(name)) !== 0, "required")),
    has(AVOIDED) !== 0 && box(t("filter.no_restricted"), has(AVOIDED), filters.excluded !== 0, "excluded"),
    isFiltered(filters) && h("button", { type: "button", class: "link", onclick: () => resetFilters(app) }, t("filter.reset")),
  ];
}
