/** The card beside a seat or an area: what it is, what it costs, what one sees from there, and with which ticket. */

import { h, render, type Child } from "../dom.js";
import { FREE, type Seat } from "../engine.js";
import { areaSteppers, tierSelect } from "../ui/basket.js";
import { iconButton, swatch, type App } from "../ui/view.js";

/** Room between a seat and its card. */
const GAP = 12;

export type Subject = { seat: number } | { area: number } | null;

export class Tooltip {
  readonly element = document.createElement("div");
  #subject: Subject = null;
  /** Stays until it is closed, and can be used. */
  #pinned = false;
  #broken = new Set<string>();

  constructor(
    private readonly app: App,
    private readonly box: HTMLElement,
  ) {
    this.element.className = "tip";
    this.element.setAttribute("part", "tooltip");
    this.element.hidden = true;
    box.append(this.element);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  get pinned(): boolean {
    return this.#pinned;
  }

  hover(subject: Subject): void {
    if (this.#pinned) return;
    this.#subject = subject;
    this.refresh();
  }

  pin(subject: Exclude<Subject, null>): void {
    this.#subject = subject;
    this.#pinned = true;
    this.refresh();
  }

  close(): void {
    this.#subject = null;
    this.#pinned = false;
    this.refresh();
  }

  /** Draws it anew: the state has changed. */
  refresh(): void {
    const subject = this.#subject;
    const content = !subject ? null : "seat" in subject ? this.#seat(subject.seat) : this.#area(subject.area);
    this.element.hidden = !content;
    this.element.dataset["pinned"] = String(this.#pinned);
    if (this.#pinned) {
      this.element.setAttribute("role", "group");
      this.element.setAttribute("aria-label", this.#name());
      this.element.removeAttribute("aria-hidden");
    } else {
      // A card that follows the mouse repeats what the focused seat says by itself.
      this.element.removeAttribute("role");
      this.element.setAttribute("aria-hidden", "true");
    }
    render(this.element, content);
    this.place();
  }

  /** Puts it beside what it describes, inside of the map. */
  place(): void {
    const subject = this.#subject;
    if (!subject || this.element.hidden) return;
    const at = "seat" in subject ? this.app.engine.seat(subject.seat) : this.app.engine.area(subject.area);
    if (!at) return;
    const radius = "r" in at ? (at as Seat).r : 0;
    const { clientWidth: width, clientHeight: height } = this.box;
    const { offsetWidth: w, offsetHeight: k } = this.element;
    const outside = at.x < 0 || at.y < 0 || at.x > width || at.y > height;
    this.element.style.visibility = outside && !this.#pinned ? "hidden" : "";
    const above = at.y - radius - GAP - k;
    const y = above >= 4 ? above : Math.min(at.y + radius + GAP, height - k - 4);
    const x = Math.max(4, Math.min(width - w - 4, at.x - w / 2));
    this.element.style.transform = `translate(${Math.round(x)}px, ${Math.round(Math.max(4, y))}px)`;
  }

  #name(): string {
    const subject = this.#subject;
    if (!subject) return "";
    return "seat" in subject ? this.app.names.of(subject.seat) : (this.app.engine.meta.areas[subject.area]?.name ?? "");
  }

  #close(): Child {
    return this.#pinned && iconButton("close", this.app.texts.t("close"), () => this.close());
  }

  #seat(index: number): Child {
    const { app } = this;
    const seat = app.engine.seat(index);
    if (!seat) return null;
    const tiers = app.names.tiersOfCategory(seat.category);
    const pick = app.store.state.picks.find((one) => one.seat === index);
    const taken = seat.st !== FREE && !seat.mine;
    const full = app.names.full(seat);
    const choose = this.#pinned && pick && tiers.length > 1;
    return [
      seat.view && !this.#broken.has(seat.view) && this.#view(seat.view, full),
      h(
        "div",
        { class: "tip-body" },
        h("div", { class: "tip-head" }, h("div", null, h("strong", null, app.names.short(seat)), h("span", null, seat.section_name)), this.#close()),
        seat.category >= 0 &&
          h("div", { class: "tip-price" }, swatch(app, seat.category), h("span", null, app.engine.meta.categories[seat.category]?.name ?? ""), h("b", null, taken ? "" : app.names.price(tiers))),
        seat.traits.length > 0 && h("ul", { class: "traits" }, seat.traits.map((name) => h("li", null, app.names.trait(name)))),
        (taken || !seat.on || seat.sel || seat.mine) && h("span", { class: "tip-status", "data-good": seat.sel || seat.mine }, app.names.status(seat)),
        choose &&
          h(
            "div",
            { class: "tip-choose" },
            tierSelect(app, tiers, pick.tier, app.texts.t("basket.type", { seat: full }), (tier) => app.purchase.setTier(index, tier)),
            h("button", { type: "button", class: "link", onclick: () => { app.purchase.remove([index]); this.close(); } }, app.texts.t("remove")),
          ),
      ),
    ];
  }

  #view(url: string, seat: string): Child {
    // A page may refuse foreign images; the card is complete without them.
    const broken = (): void => {
      this.#broken.add(url);
      this.refresh();
    };
    return h("img", { key: url, class: "tip-view", src: url, alt: this.app.texts.t("view_from", { seat }), referrerpolicy: "no-referrer", onerror: broken, onload: () => this.place() });
  }

  #area(index: number): Child {
    const area = this.app.engine.meta.areas[index];
    const now = this.app.engine.area(index);
    if (!area || !now) return null;
    const { app } = this;
    const state = app.store.state;
    if (this.#pinned && app.purchase.choosing) {
      return h("div", { class: "tip-body" }, h("div", { class: "tip-head" }, areaSteppers(app, state, area.key), this.#close()));
    }
    return h(
      "div",
      { class: "tip-body" },
      h("div", { class: "tip-head" }, h("strong", null, area.name), this.#close()),
      h("div", { class: "tip-price" }, swatch(app, area.category), h("b", null, app.names.price(state.tiers.filter((tier) => tier.ga_area === area.key)))),
      h("span", { class: "tip-status" }, now.left ? app.texts.t("area.left", { n: now.left }) : app.texts.t("area.full")),
    );
  }
}
