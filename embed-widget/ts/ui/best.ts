/** The form for people who want good places and no map: how many, at which price, where. */

import { h, type Child } from "../dom.js";
import type { State } from "../store.js";
import { offered, tiersOfCategory } from "./legend.js";
import { glyph, stepper, type App } from "./view.js";

/** What the form holds until it is sent; the state of the purchase does not know it. */
export interface BestForm {
  quantity: number;
  tier: string;
  where: string;
  accessible: boolean;
}

export const emptyBest = (): BestForm => ({ quantity: 2, tier: "", where: "", accessible: false });

const value = (event: Event): string => (event.target as HTMLSelectElement).value;

export function best(app: App, state: State, form: BestForm, changed: () => void): Child {
  const { meta } = app.engine;
  if (!meta.seats || !state.tiers.some((tier) => tier.category)) return null;
  const t = app.texts.t.bind(app.texts);
  const room = Math.max(1, (app.purchase.max() || 20) - state.picks.length - state.areas.reduce((sum, one) => sum + one.quantity, 0));
  const quantity = Math.min(form.quantity, room);
  const set = (patch: Partial<BestForm>): void => {
    Object.assign(form, patch);
    changed();
  };
  const [place, ...key] = form.where.split(":");
  const send = (event: Event): void => {
    event.preventDefault();
    const where = place ? { [place]: key.join(":") } : {};
    const wish = { quantity, accessible: form.accessible, ...(form.tier ? { priceTier: form.tier } : {}), ...where };
    void app.purchase.hold(wish).catch(() => undefined);
  };
  const sold = offered(app).filter((at) => (meta.categories[at]?.seats ?? 0) > 0);
  return h(
    "form",
    { class: "best", part: "best-available", onsubmit: send },
    h("div", { class: "row" }, h("span", { id: "best-quantity" }, t("best.quantity")), stepper({
      label: t("best.quantity"),
      value: quantity,
      min: 1,
      max: room,
      less: t("less"),
      more: t("more"),
      change: (next) => set({ quantity: next }),
    })),
    h(
      "label",
      { class: "field" },
      h("span", null, t("best.tier")),
      h(
        "select",
        { value: form.tier, onchange: (event: Event) => set({ tier: value(event) }) },
        h("option", { value: "" }, t("best.any_tier")),
        sold.map((at) =>
          h(
            "optgroup",
            { label: meta.categories[at]?.name ?? "" },
            tiersOfCategory(app, at)
              .filter((tier) => tier.category)
              .map((tier) => h("option", { value: tier.id }, `${tier.name}: ${app.names.price([tier])}`)),
          ),
        ),
      ),
    ),
    meta.sections.length > 1 &&
      h(
        "label",
        { class: "field" },
        h("span", null, t("best.where")),
        h(
          "select",
          { value: form.where, onchange: (event: Event) => set({ where: value(event) }) },
          h("option", { value: "" }, t("best.anywhere")),
          meta.zones.map((zone) => h("option", { value: `zone:${zone.key}` }, zone.name)),
          meta.sections.map((section) => h("option", { value: `section:${section.key}` }, section.name)),
        ),
      ),
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", checked: form.accessible, onchange: () => set({ accessible: !form.accessible }) }),
      t("best.accessible"),
    ),
    h(
      "button",
      { type: "submit", class: "secondary", disabled: state.phase !== "picking" || state.waiting !== null },
      glyph("star"),
      t("best.go"),
    ),
  );
}
