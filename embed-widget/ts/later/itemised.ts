/** What plugins of the organizer changed of prices: the regular price beside the new one, and a line for each kind of change. */

import { h, type Child } from "../dom.js";
import type { App } from "../ui/view.js";
import type { Adjustment, HoldItem } from "../wire.js";

/** One line of the sums: all changes with the same label. */
export interface Change {
  label: string;
  amount: number;
}

/** Changes summed up by label, in the order in which they were made. */
export function changes(adjustments: readonly Adjustment[]): Change[] {
  const all = new Map<string, Change>();
  for (const { label, amount_minor } of adjustments) {
    const known = all.get(label);
    if (known) known.amount += amount_minor;
    else all.set(label, { label, amount: amount_minor });
  }
  return [...all.values()];
}

/** "−2.00 EUR", "+2.00 EUR": with a real minus, which is read as one. */
export const signed = (app: App, minor: number): string => (minor < 0 ? "\u2212" : "+") + app.money.text(Math.abs(minor));

/** The price of a line; where it is another than the regular one, both. */
export function price(app: App, total: number, listed: number): Child {
  const t = app.texts.t.bind(app.texts);
  if (total === listed) return h("span", { class: "price" }, app.money.text(total));
  return h(
    "span",
    { class: "price", part: "changed-price" },
    h("del", null, h("span", { class: "hidden" }, `${t("price.regular")} `), app.money.text(listed)),
    " ",
    h("ins", null, h("span", { class: "hidden" }, `${t("price.now")} `), app.money.text(total)),
  );
}

/** From the regular price to the sum below it, line by line; nothing when nothing was changed. */
export function itemised(app: App, items: readonly HoldItem[], adjustments: readonly Adjustment[]): Child {
  if (!adjustments.length) return null;
  const listed = items.reduce((sum, item) => sum + item.list_total_minor, 0);
  const line = (label: string, amount: string, key: string): Child =>
    h("li", { key }, h("span", null, label), h("span", { class: "price" }, amount));
  return h(
    "ul",
    { class: "changes", part: "changes" },
    line(app.texts.t("price.regular"), app.money.text(listed), "regular"),
    changes(adjustments).map(({ label, amount }) => line(label, signed(app, amount), `=${label}`)),
  );
}
