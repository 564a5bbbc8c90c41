/** The basket: everything that a click, a key or a method of the element sets in motion until places are held. */

import { Problem } from "./api.js";
import type { Ctx } from "./ctx.js";
import type { Toggled } from "./engine.js";
import type { BestAvailable, EventflowPlace } from "./eventflow-seats.js";
import { gross } from "./money.js";
import type { Holding } from "./later/holding.js";
import { places } from "./places.js";
import { tiersFor, tierViolations } from "./rules.js";
import type { AreaPick, Pick, State } from "./store.js";
import type { Hold, Tier } from "./wire.js";

export class Purchase {
  /** The ticket type of each selected seat. */
  readonly #tiers = new Map<number, string>();
  #areas: AreaPick[] = [];
  /** What becomes of places that are held; nothing until it has been fetched. */
  holding: Holding | undefined;

  constructor(private readonly ctx: Ctx) {}

  get #state(): State {
    return this.ctx.store.state;
  }

  /** True while places can be chosen. */
  get choosing(): boolean {
    return this.#state.phase === "picking" && this.#state.waiting === null;
  }

  /** Places of one order at most. */
  max(): number {
    const { event } = this.#state;
    const limits = [event?.max_per_hold ?? 0, event?.max_per_buyer ?? 0, this.ctx.settings.max].filter((n) => n > 0);
    return limits.length ? Math.min(...limits) : 0;
  }

  /** Hands the rules of the event to the engine, which judges each click by them. */
  applyRules(): void {
    const rules = this.#state.event?.seat_rules;
    const orphans = { off: 0, lenient: 1, strict: 2 }[rules?.orphans ?? "off"];
    this.ctx.engine.picker.set_rules(
      orphans,
      rules?.adjacent ?? false,
      rules?.companions ?? true,
      rules?.min_per_hold ?? 0,
      this.max(),
    );
  }

  /** Takes over the basket of before a reload. */
  restore(picks: readonly Pick[], areas: readonly AreaPick[]): void {
    for (const pick of picks) this.#tiers.set(pick.seat, pick.tier);
    this.#areas = areas.filter((area) => this.ctx.engine.areaByKey(area.area)).map((area) => ({ ...area }));
    const selected = new Set(this.ctx.engine.selected());
    const wanted = picks.map((pick) => pick.seat);
    if (wanted.some((seat) => !selected.has(seat))) this.ctx.engine.select([...selected, ...wanted]);
    this.picked();
  }

  toggle(seat: number): void {
    if (!this.choosing) return;
    const now = this.ctx.engine.seat(seat);
    if (!now) return;
    const toggle = (): void => this.#after(this.ctx.engine.toggle(seat, now.sel ? 1 : this.#state.party));
    if (now.sel) toggle();
    else void this.#ask(this.#placesOf([seat]), toggle);
  }

  marquee(box: [number, number, number, number]): void {
    if (this.choosing) this.#after(this.ctx.engine.marquee(...box, true));
  }

  /** Selects in addition to what is selected. */
  add(seats: number[], tiers: readonly (string | undefined)[] = []): Promise<Toggled | null> | Toggled | null {
    if (!this.choosing) return null;
    return this.#ask(this.#placesOf(seats), () => {
      seats.forEach((seat, at) => {
        const tier = tiers[at];
        if (tier) this.#tiers.set(seat, tier);
      });
      const answer = this.ctx.engine.select([...new Set([...this.ctx.engine.selected(), ...seats])]);
      this.#after(answer);
      return answer;
    });
  }

  remove(seats: readonly number[]): void {
    if (!this.choosing) return;
    const out = new Set(seats);
    this.#after(this.ctx.engine.select(this.ctx.engine.selected().filter((seat) => !out.has(seat))));
  }

  clear(): void {
    if (!this.choosing) return;
    const before = this.#state;
    this.ctx.engine.picker.clear();
    this.#areas = [];
    this.picked();
    this.#tell("eventflow-deselect", places(this.ctx, before.picks, before.areas));
  }

  setTier(seat: number, tier: string): void {
    if (!this.choosing) return;
    this.#tiers.set(seat, tier);
    const now = this.ctx.engine.seat(seat);
    // A table that is sold as a whole has one ticket type.
    if (now?.whole) for (const other of this.ctx.engine.rowSeats(now.row)) this.#tiers.set(other.i, tier);
    this.picked();
  }

  async setArea(area: string, tier: string, quantity: number): Promise<void> {
    if (!this.choosing) return;
    const before = this.#areas.find((one) => one.area === area && one.tier === tier)?.quantity ?? 0;
    if (quantity === before) return;
    const change = places(this.ctx, [], [{ area, tier, quantity: Math.abs(quantity - before) }]);
    if (quantity > before && !(await this.#ask(change, () => true))) return;
    this.#areas = this.#areas.filter((one) => one.area !== area || one.tier !== tier);
    if (quantity > 0) this.#areas.push({ area, tier, quantity });
    this.picked();
    this.#tell(quantity > before ? "eventflow-select" : "eventflow-deselect", change);
    const name = this.ctx.engine.areaByKey(area)?.name ?? area;
    const { texts } = this.ctx;
    const seat = texts.t("said.area", { area: name, tier: this.tier(tier)?.name ?? "", n: quantity });
    this.ctx.say(texts.t("said.many", { seat, ...this.#summary() }));
  }

  /** The basket in words: "3 tickets", "135.00 EUR". */
  #summary(): { count: string; total: string } {
    const { picks, areas } = this.#state;
    const n = picks.length + areas.reduce((sum, area) => sum + area.quantity, 0);
    return { count: this.ctx.texts.t("basket.count", { n }), total: this.ctx.money.text(this.total()) };
  }

  tier(id: string): Tier | undefined {
    return this.#state.tiers.find((tier) => tier.id === id);
  }

  /** What the basket costs, in minor units. */
  total(): number {
    const price = (id: string): number => {
      const tier = this.tier(id);
      return tier ? gross(tier) : 0;
    };
    const seats = this.#state.picks.reduce((sum, pick) => sum + price(pick.tier), 0);
    return this.#state.areas.reduce((sum, area) => sum + price(area.tier) * area.quantity, seats);
  }

  /** After availability has changed: what was lost to others is told and leaves the basket. */
  availabilityChanged(): void {
    this.holding?.settleReturning();
    const lost = this.ctx.engine.lost();
    if (lost.length) this.#lose(lost);
  }

  /** After prices, rules or the state of the event have changed. */
  offerChanged(): void {
    const known = new Set(this.#state.tiers.map((tier) => tier.id));
    this.#areas = this.#areas.filter((area) => known.has(area.tier));
    this.applyRules();
    this.picked();
  }

  async hold(best?: BestAvailable): Promise<Hold> {
    return await (await this.#holding()).hold(best);
  }

  /** Holds again what an expired hold contained, as far as it is still free. */
  async again(): Promise<void> {
    await (await this.#holding()).again();
  }

  /** Says what went wrong, and lets the user go on. */
  refuse(error: unknown): void {
    const problem = error instanceof Problem ? error : new Problem("internal", 0, String(error));
    const text = problemText(this.ctx, problem);
    this.ctx.store.do({ do: "refused", notice: { kind: "problem", text, code: problem.code } });
    this.ctx.say(text, true);
    this.ctx.emit("eventflow-error", { code: problem.code, message: problem.message || text });
    if (problem.code === "hold_expired") this.holding?.expire();
  }

  /** The basket is done with: an order was made of it. */
  forget(): void {
    this.#areas = [];
    this.#tiers.clear();
    this.ctx.engine.mine([]);
    this.ctx.engine.picker.clear();
    this.ctx.engine.lost();
    this.picked();
  }

  /** Fetches what comes after choosing. That it cannot be had is told like any other request without an answer. */
  async #holding(): Promise<Holding> {
    await this.ctx.later().catch((error: unknown) => {
      this.refuse(new Problem("network", 0, String(error)));
      throw error;
    });
    return this.holding as Holding;
  }

  #placesOf(seats: readonly number[]): EventflowPlace[] {
    return places(this.ctx, seats.map((seat) => ({ seat, tier: this.#tierOf(seat) })), []);
  }

  /** Goes on when whoever listens lets these places be selected. The page around a frame answers a little later. */
  #ask<T>(places: EventflowPlace[], go: () => T): T | null | Promise<T | null> {
    const asked: { places: EventflowPlace[]; answer?: Promise<boolean> } = { places };
    if (!this.ctx.emit("eventflow-before-select", asked)) return null;
    return asked.answer ? asked.answer.then((may) => (may && this.choosing ? go() : null)) : go();
  }

  #after(answer: Toggled): void {
    this.picked();
    const { texts } = this.ctx;
    if (answer.refused) {
      const { code } = answer.refused;
      const text =
        code === "max"
          ? texts.t("rule.max_places", { n: this.max() })
          : code === "party"
            ? texts.t("rule.no_run", { n: this.#state.party })
            : texts.t(code === "blocked" ? "status.blocked" : code === "filtered" ? "status.filtered" : "error.seats_taken");
      this.ctx.store.do({ do: "notice", notice: { kind: "rule", text } });
      this.ctx.say(text, true);
      return;
    }
    if (this.#state.notice) this.ctx.store.do({ do: "notice", notice: null });
    for (const [name, seats, said] of [
      ["eventflow-deselect", answer.removed, "said.removed"],
      ["eventflow-select", answer.added, "said.selected"],
    ] as const) {
      const [first] = seats;
      if (first === undefined) continue;
      this.#tell(name, this.#placesOf(seats));
      const seat = seats.length === 1 ? this.ctx.names.of(first) : texts.t("basket.count", { n: seats.length });
      this.ctx.say(texts.t(said, { seat, ...this.#summary() }));
    }
  }

  #tell(name: "eventflow-select" | "eventflow-deselect" | "eventflow-lost", changed: EventflowPlace[]): void {
    const { picks, areas } = this.#state;
    this.ctx.emit(name, { places: changed, selection: places(this.ctx, picks, areas) });
  }

  /** The ticket type of a seat: what was chosen for it, else the first of its category. */
  #tierOf(seat: number): string {
    const chosen = this.#tiers.get(seat);
    if (chosen && this.tier(chosen)) return chosen;
    const category = this.ctx.engine.seat(seat)?.category ?? -1;
    return this.ctx.names.tiersOfCategory(category)[0]?.id ?? "";
  }

  /** Takes the selection of the engine over into the basket, and the places of areas. */
  picked(areas = this.#areas): void {
    this.#areas = areas;
    if (this.#state.phase !== "picking" && this.#state.phase !== "loading") return;
    const picks = this.ctx.engine.selected().map((seat) => ({ seat, tier: this.#tierOf(seat) }));
    const violations = [...this.ctx.engine.violations(areas), ...tierViolations(picks, areas, this.#state.tiers)];
    this.ctx.engine.picker.highlight(Uint32Array.from(violations.flatMap((one) => [...one.seats])));
    this.ctx.store.do({ do: "picked", picks, areas: [...areas], violations });
    this.remember();
  }

  /** Keeps the basket for after a reload. */
  remember(): void {
    const { picks, areas, hold } = this.#state;
    this.ctx.session.save({ picks, areas, hold: hold ? { id: hold.id, token: hold.token } : null });
  }

  #lose(lost: number[]): void {
    if (this.#state.phase !== "picking") return;
    const gone = this.#placesOf(lost);
    this.picked();
    const names = this.ctx.texts.list(lost.map((seat) => this.ctx.names.of(seat)));
    const text = this.ctx.texts.t("lost", { n: lost.length, seats: names });
    this.ctx.store.do({ do: "notice", notice: { kind: "lost", text } });
    this.ctx.say(text, true);
    this.#tell("eventflow-lost", gone);
  }
}

/** A problem in the words of the buyer; what they cannot act on comes with its code. */
export function problemText(ctx: { texts: Ctx["texts"] }, problem: Problem): string {
  const key = `error.${problem.code}`;
  if (ctx.texts.has(key)) return ctx.texts.t(key);
  if (problem.status >= 500) return ctx.texts.t("error.unavailable");
  return problem.message || ctx.texts.t("error.code", { code: problem.code });
}

/** The ticket types of an area. */
export const tiersOfArea = (state: State, area: string): Tier[] => tiersFor(state.tiers, { area });
