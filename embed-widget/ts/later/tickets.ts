/** What became of the order: waiting for the payment, the tickets with their codes, or why there are none. */

import { h, type Child, type VNode } from "../dom.js";
import { CLOSED } from "../ordering.js";
import type { State } from "../store.js";
import type { Order, Ticket } from "../wire.js";
import { sums } from "../ui/basket.js";
import { items } from "./checkout.js";
import { itemised } from "./itemised.js";
import { glyph, type App } from "../ui/view.js";

/** A code as what the API answers: the shape of its dark modules, and the field around them. */
interface Code {
  viewBox: string;
  path: string;
  /** The whole picture, to be saved. */
  file: string;
}

/**
 * The drawing in the API's SVG. It is drawn anew instead of shown as an image, which the policy of a page may refuse, or
 * taken over as markup, which nobody should.
 */
export function readCode(svg: string): Omit<Code, "file"> | null {
  const [, viewBox] = /viewBox="([\d .]+)"/.exec(svg) ?? [];
  // The last one: a path before it is the light ground.
  const path = [...svg.matchAll(/<path[^>]*\sd="([MmHhVvLlZz\d\s,.-]+)"/g)].at(-1)?.[1];
  return viewBox && path ? { viewBox, path } : null;
}

/** Codes that have been fetched, by ticket. */
export class Codes {
  readonly #known = new Map<string, Code | null>();

  constructor(private readonly changed: () => void) {}

  /** The code; nothing while it is on its way. */
  of(app: App, ticket: Ticket, token: string): Code | null {
    const known = this.#known.get(ticket.id);
    if (known !== undefined) return known;
    this.#known.set(ticket.id, null);
    app.holding.requests.qr(ticket.id, token).then(
      (svg) => {
        const code = readCode(svg);
        if (!code) return;
        const file = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
        this.#known.set(ticket.id, { ...code, file });
        this.changed();
      },
      () => void this.#known.delete(ticket.id),
    );
    return null;
  }
}

function ticketCard(app: App, codes: Codes, ticket: Ticket, token: string): Child {
  const t = app.texts.t.bind(app.texts);
  const seat = ticket.seat === undefined ? null : app.engine.seat(ticket.seat);
  const name = seat ? app.names.full(seat) : ticket.label;
  const valid = ticket.state === "valid";
  const code = valid ? codes.of(app, ticket, token) : null;
  const { event } = app.store.state;
  return h(
    "li",
    { key: ticket.id, class: "ticket", part: "ticket" },
    h(
      "div",
      { class: "ticket-code" },
      code
        ? h(
            "svg",
            { viewBox: code.viewBox, role: "img", part: "code", "aria-label": t("ticket.qr", { seat: name }), "shape-rendering": "crispEdges" },
            h("path", { d: code.path }),
          )
        : h("span", { class: "skeleton" }),
      !valid && h("span", { class: "stamp" }, t(ticket.state === "frozen" ? "ticket.frozen" : "ticket.void")),
    ),
    h(
      "div",
      { class: "ticket-text" },
      event && h("span", { class: "notes" }, event.name),
      h("strong", null, seat ? app.names.short(seat) : ticket.label),
      seat && h("span", null, seat.section_name),
      h("span", { class: "tier" }, ticket.tier_name),
      event && h("span", { class: "notes" }, app.texts.time(event.starts_at, event.time_zone)),
      seat?.entrance && h("span", { class: "notes" }, seat.entrance),
      code && h("a", { class: "link", href: code.file, download: `${ticket.id}.svg` }, t("ticket.save")),
    ),
  );
}

function head(title: string, help: string, look: "good" | "wait" | "bad"): Child {
  const icon = look === "good" ? glyph("check") : look === "wait" ? glyph("clock") : glyph("warn");
  return h(
    "div",
    { class: "outcome", "data-look": look },
    h("span", { class: "outcome-icon" }, icon),
    h("h2", { tabindex: -1, "data-focus": `order-${title}` }, title),
    help && h("p", null, help),
  );
}

function button(text: string, press: () => void, look: "primary" | "secondary" | "link", busy = false): VNode {
  return h("button", { type: "button", class: look, "aria-disabled": busy ? "true" : null, onclick: () => !busy && press() }, text);
}

function pending(app: App, state: State, order: Order): Child {
  const t = app.texts.t.bind(app.texts);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const help = t("order.pending_help", { time: app.texts.time(order.pay_until, zone, "time") });
  return [
    head(t("order.pending"), help, "wait"),
    items(app, order.items),
    itemised(app, order.items, order.adjustments),
    sums(app, order.totals.total_minor, 0),
    order.checkout_url && button(t("order.pay"), () => app.ordering.pay(), "primary"),
    button(t("order.check"), () => void app.ordering.refresh(), "secondary"),
    button(t(state.busy ? "order.cancelling" : "order.cancel"), () => void app.ordering.cancel(), "link", state.busy),
  ];
}

export function ordered(app: App, state: State, codes: Codes): Child {
  const { order } = state;
  if (!order) return null;
  const t = app.texts.t.bind(app.texts);
  const number = h("p", { class: "notes" }, t("order.number", { order: order.id }));
  if (order.state === "pending") return pending(app, state, order);
  if (order.state === "processing") return [head(t("order.processing"), t("order.processing_help"), "wait"), number];
  if (CLOSED.has(order.state)) {
    return [head(t("order.closed"), t("order.closed_help"), "bad"), button(t("order.back"), () => app.ordering.restart(), "primary")];
  }
  const again = button(t("order.new"), () => app.ordering.restart(), "secondary");
  if (order.state === "refunded" || order.state === "charged_back") return [head(t("order.refunded"), "", "bad"), number, again];
  if (order.state === "needs_review" || order.state === "refund_due") {
    return [head(t("order.review"), t("order.review_help", { order: order.id }), "wait"), number, again];
  }
  return [
    head(t("order.paid"), t("order.paid_help"), "good"),
    h("ul", { class: "tickets", part: "tickets" }, order.tickets.map((ticket) => ticketCard(app, codes, ticket, state.orderToken))),
    h("div", { class: "actions" }, button(t("ticket.print"), () => print(), "secondary"), again),
    number,
  ];
}
