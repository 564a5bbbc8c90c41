/** What is held: the countdown, the buyer's details, and the way to the payment page. */

import { h, type Child } from "../dom.js";
import { extendable, remainingMs, type State } from "../store.js";
import type { HoldItem } from "../wire.js";
import { sums } from "../ui/basket.js";
import { glyph, swatch, type App } from "../ui/view.js";
import { codeField } from "./codes.js";
import { itemised, price } from "./itemised.js";

/** What the buyer has typed. It is never stored. */
export interface BuyerForm {
  name: string;
  email: string;
  /** Fields with an error, after the first try. */
  wrong: { name: boolean; email: boolean };
}

export const emptyBuyer = (): BuyerForm => ({ name: "", email: "", wrong: { name: false, email: false } });

/** The time is shown as urgent from here on. */
const SOON_MS = 120_000;

/** What mail servers take for an address, roughly: the server judges. */
export const isEmail = (text: string): boolean => /^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(text.trim());

export function countdown(app: App, state: State): Child {
  const { hold } = state;
  if (!hold) return null;
  const t = app.texts.t.bind(app.texts);
  const left = remainingMs(state, Date.now());
  const more = (): void => void app.holding.extend().catch(() => undefined);
  return h(
    "div",
    { class: "countdown", part: "countdown", "data-soon": left < SOON_MS },
    glyph("clock"),
    h("span", { role: "timer" }, t("hold.left", { time: app.texts.span(left / 1000) })),
    extendable(hold) &&
      h("button", { type: "button", class: "link", "aria-disabled": state.busy ? "true" : null, onclick: more }, t("hold.more")),
  );
}

/** Places of a hold or order: seats one by one, places of an area counted. */
export function items(app: App, all: readonly HoldItem[]): Child {
  const lines = new Map<string, { item: HoldItem; n: number; total: number; listed: number }>();
  all.forEach((item, at) => {
    const key = item.seat === undefined ? `${item.ga_area ?? item.label}/${item.price_tier_id}` : `#${at}`;
    const line = lines.get(key);
    if (line) {
      line.n++;
      line.total += item.total_minor;
      line.listed += item.list_total_minor;
    } else lines.set(key, { item, n: 1, total: item.total_minor, listed: item.list_total_minor });
  });
  return h(
    "ul",
    { class: "lines" },
    [...lines.values()].map(({ item, n, total, listed }) => {
      const seat = item.seat === undefined ? null : app.engine.seat(item.seat);
      const area = item.ga_area === undefined ? undefined : app.engine.areaByKey(item.ga_area);
      const name = seat ? app.names.short(seat) : `${n} × ${area?.name ?? item.label}`;
      return h(
        "li",
        { class: "line", part: "item" },
        swatch(app, seat?.category ?? area?.category ?? -1),
        h("strong", null, name),
        price(app, total, listed),
        h("span", { class: "line-sub" }, [seat?.section_name, item.tier_name].filter(Boolean).join(" · ")),
      );
    }),
  );
}

/** The fee that the buyer pays, with its tax, as the ticket types say. */
function feeOf(app: App, all: readonly HoldItem[]): number {
  return all.reduce((sum, item) => sum + (app.purchase.tier(item.price_tier_id)?.fee_minor ?? item.fee_minor), 0);
}

interface Field {
  name: "name" | "email";
  type: string;
  autocomplete: string;
  help: string;
  wrong: string;
}

function field(app: App, form: BuyerForm, spec: Field, changed: () => void): Child {
  const t = app.texts.t.bind(app.texts);
  const { name } = spec;
  const wrong = form.wrong[name];
  const described = [wrong && `${name}-wrong`, spec.help && `${name}-help`].filter(Boolean).join(" ");
  return h(
    "div",
    { class: "field" },
    h("label", { for: name }, t(`buyer.${name}`)),
    h("input", {
      id: name,
      name,
      type: spec.type,
      autocomplete: spec.autocomplete,
      required: true,
      maxlength: name === "name" ? 200 : 254,
      value: form[name],
      "aria-invalid": wrong ? "true" : null,
      "aria-describedby": described || null,
      oninput: (event: Event) => {
        form[name] = (event.target as HTMLInputElement).value;
        if (wrong && isRight(name, form[name])) {
          form.wrong[name] = false;
          changed();
        }
      },
    }),
    wrong && h("p", { id: `${name}-wrong`, class: "wrong" }, glyph("warn"), spec.wrong),
    spec.help && h("p", { id: `${name}-help`, class: "help" }, spec.help),
  );
}

const isRight = (name: "name" | "email", text: string): boolean => (name === "email" ? isEmail(text) : text.trim() !== "");

export function held(app: App, state: State, form: BuyerForm, changed: () => void): Child {
  const { hold } = state;
  if (!hold) return null;
  const t = app.texts.t.bind(app.texts);
  const ordering = state.phase === "ordering";
  const total = hold.totals.total_minor;
  const send = (event: Event): void => {
    event.preventDefault();
    const root = (event.currentTarget as HTMLElement).getRootNode() as ShadowRoot;
    form.wrong = { name: !isRight("name", form.name), email: !isRight("email", form.email) };
    changed();
    const first = form.wrong.name ? "name" : form.wrong.email ? "email" : "";
    if (first) root.getElementById(first)?.focus();
    else void app.ordering.submit({ name: form.name.trim(), email: form.email.trim() }).catch(() => undefined);
  };
  return [
    // What is wrong with a code has the focus before the step that it leads back to.
    h("h2", { tabindex: -1, "data-focus": app.holding.codes.wrong ? null : "held" }, t("hold.title")),
    countdown(app, state),
    items(app, hold.items),
    codeField(app, state),
    itemised(app, hold.items, hold.adjustments),
    sums(app, total, feeOf(app, hold.items)),
    h(
      "form",
      { class: "buyer", part: "buyer", novalidate: true, onsubmit: send },
      h("h3", null, t("buyer.title")),
      field(app, form, { name: "name", type: "text", autocomplete: "name", help: "", wrong: t("buyer.name_missing") }, changed),
      field(app, form, { name: "email", type: "email", autocomplete: "email", help: t("buyer.email_help"), wrong: t("buyer.email_invalid") }, changed),
      h(
        "button",
        { type: "submit", class: "primary", part: "pay", "aria-disabled": ordering || state.busy ? "true" : null, "aria-busy": ordering ? "true" : null },
        ordering ? t("buyer.paying") : total > 0 ? t("buyer.pay", { price: app.money.text(total) }) : t("buyer.free"),
      ),
      total > 0 && h("p", { class: "help" }, t("buyer.redirect")),
    ),
    !ordering &&
      h(
        "button",
        { type: "button", class: "link", "aria-disabled": state.busy ? "true" : null, onclick: () => void app.holding.release().catch(() => undefined) },
        t("hold.change"),
      ),
  ];
}
