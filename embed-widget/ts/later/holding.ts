/** From a basket to a hold, and what becomes of it: more time, its end, the way back. */

import { newKey, Problem } from "../api.js";
import type { Ctx } from "../ctx.js";
import { FREE } from "../engine.js";
import type { BestAvailable } from "../eventflow-seats.js";
import type { Purchase } from "../purchase.js";
import { extendable, remainingMs, type State } from "../store.js";
import type { Hold, HoldInput } from "../wire.js";
import { BuyerCodes } from "./codes.js";
import { publicHold } from "./public.js";
import { Requests } from "./requests.js";

/** How long seats that were given back may take to become free on the map. */
const RELEASE_SHOWN_MS = 8_000;
/** Languages that the API takes; other tags are for browsers alone. */
const LANGUAGE = /^(?=.{2,35}$)[a-z]{2,8}(-[a-z\d]{1,8})*$/i;

const isGone = (error: unknown): boolean => error instanceof Problem && (error.status === 404 || error.code === "hold_expired");

export class Holding {
  readonly requests: Requests;
  readonly codes = new BuyerCodes();
  /** Seats just given back, still shown as ours until the map knows that they are free. */
  #returning: { seats: number[]; until: number } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #warned = 0;

  constructor(
    private readonly ctx: Ctx,
    private readonly purchase: Purchase,
  ) {
    this.requests = new Requests(ctx.api);
    this.codes.all = ctx.session.saved.codes ?? [];
  }

  get #state(): State {
    return this.ctx.store.state;
  }

  async hold(best?: BestAvailable): Promise<Hold> {
    const { picks } = this.#state;
    if (!this.purchase.choosing) throw new Problem("conflict", 0, "not now");
    const input = this.#input();
    if (best) {
      input.best_available = { quantity: best.quantity, accessible: best.accessible ?? false };
      if (best.priceTier) input.best_available.price_tier_id = best.priceTier;
      if (best.section) input.best_available.section = best.section;
      if (best.zone) input.best_available.zone = best.zone;
    }
    this.ctx.store.do({ do: "reserve" });
    // The stream may tell that they are held before the answer says that it is by us.
    this.ctx.engine.mine(picks.map((pick) => pick.seat));
    try {
      const hold = await this.requests.hold(input, newKey());
      this.taken(hold);
      // Who has typed a code wants to know what came of it.
      this.codes.said = this.codes.all.length && !hold.adjustments.length ? this.#sameWith(this.codes.all) : "";
      const seats = hold.items.flatMap((item) => (item.seat === undefined ? [] : [item.seat]));
      if (best && seats.length) this.ctx.engine.picker.zoom_to_seats(Uint32Array.from(seats));
      this.ctx.emit("eventflow-hold", publicHold(this.ctx, hold));
      const time = this.ctx.texts.span(remainingMs(this.#state, Date.now()) / 1000);
      this.ctx.say(this.ctx.texts.t("said.held", { time }));
      return hold;
    } catch (error) {
      this.ctx.engine.mine([]);
      this.purchase.refuse(error);
      this.purchase.availabilityChanged();
      throw error;
    }
  }

  /** A hold is ours: from an answer, or from before a reload. */
  taken(hold: Hold): void {
    const seats = hold.items.flatMap((item) => (item.seat === undefined ? [] : [item.seat]));
    const before = this.#state.hold;
    this.#returning = null;
    this.ctx.engine.mine(seats);
    this.ctx.engine.picker.clear();
    this.ctx.engine.lost();
    this.ctx.store.do({ do: "held", hold, now: Date.now() });
    this.purchase.remember();
    if (before?.id === hold.id) this.#tellPrice(before.totals.total_minor, hold.totals.total_minor);
    this.#watch();
  }

  /**
   * Sends these codes from now on. What is held already is given back and held anew with them; when somebody takes it in
   * between, that is told, and the rest is selected again.
   */
  async setCodes(codes: readonly string[]): Promise<void> {
    const { hold, phase, busy } = this.#state;
    if (busy || phase === "ordering" || phase === "reserving") return;
    const before = this.codes.all;
    const added = codes.find((code) => !before.includes(code));
    const keep = (all: readonly string[]): void => {
      this.codes.all = all;
      this.ctx.session.save({ codes: all });
    };
    Object.assign(this.codes, { wrong: "", said: "" });
    keep(codes);
    if (!hold || phase !== "held") {
      if (added) this.#sayOfCode(this.ctx.texts.t("code.later", { code: added }));
      this.ctx.store.do({ do: "show", patch: {} });
      return;
    }
    if (codes.length === before.length) return this.ctx.store.do({ do: "show", patch: {} });
    this.ctx.store.do({ do: "busy", busy: true });
    try {
      await this.requests.release(hold.id, hold.token);
    } catch (error) {
      if (!isGone(error)) {
        keep(before);
        this.purchase.refuse(error);
        throw error;
      }
    }
    this.ctx.emit("eventflow-release", { hold: hold.id });
    try {
      const next = await this.requests.hold(this.#input(), newKey());
      this.taken(next);
      this.ctx.emit("eventflow-hold", publicHold(this.ctx, next));
      const [from, to] = [hold.totals.total_minor, next.totals.total_minor];
      const price = this.ctx.money.text(to);
      if (!added) this.ctx.say(this.ctx.texts.t("code.removed", { price }));
      else this.#sayOfCode(from === to ? this.#sameWith([added]) : this.ctx.texts.t("code.total", { code: added, price }));
    } catch (error) {
      this.#free();
      this.purchase.refuse(error);
      throw error;
    }
  }

  #sameWith(codes: readonly string[]): string {
    return this.ctx.texts.t("code.same", { code: this.ctx.texts.list([...codes]) });
  }

  #sayOfCode(text: string): void {
    this.codes.said = text;
    this.ctx.store.do({ do: "show", patch: {} });
    this.ctx.say(text);
  }

  /** What is asked for: the basket, for this buyer. */
  #input(): HoldInput {
    const { picks, areas } = this.#state;
    const { buyer } = this.ctx.settings;
    const { locale } = this.ctx.texts;
    return {
      items: [
        ...picks.map((pick) => ({ seat: pick.seat, price_tier_id: pick.tier })),
        ...areas.map((area) => ({ ga_area: area.area, quantity: area.quantity, price_tier_id: area.tier })),
      ],
      ...(buyer ? { buyer } : {}),
      ...(this.codes.all.length ? { codes: this.codes.all } : {}),
      ...(LANGUAGE.test(locale) ? { locale } : {}),
    };
  }

  /** A hold that costs something else than before says so: nobody pays a price that they have not seen. */
  #tellPrice(before: number, now: number): void {
    if (before === now) return;
    const { money, texts } = this.ctx;
    const text = texts.t("price.changed", { from: money.text(before), to: money.text(now) });
    this.ctx.store.do({ do: "notice", notice: { kind: "problem", text, code: "price_changed" } });
    this.ctx.say(text, true);
  }

  async extend(): Promise<Hold> {
    const { hold } = this.#state;
    if (!hold) throw new Problem("hold_expired", 0, "no hold");
    this.ctx.store.do({ do: "busy", busy: true });
    try {
      const longer = await this.requests.extend(hold.id, hold.token);
      this.#warned = 0;
      this.ctx.store.do({ do: "notice", notice: null });
      this.taken(longer);
      const time = this.ctx.texts.span(remainingMs(this.#state, Date.now()) / 1000);
      this.ctx.say(this.ctx.texts.t("hold.extended", { time }));
      return longer;
    } catch (error) {
      this.ctx.store.do({ do: "busy", busy: false });
      this.purchase.refuse(error);
      throw error;
    }
  }

  /** Gives the places back, and leaves them selected. */
  async release(): Promise<void> {
    const { hold } = this.#state;
    if (!hold || this.#state.phase !== "held") return;
    this.ctx.store.do({ do: "busy", busy: true });
    try {
      await this.requests.release(hold.id, hold.token);
    } catch (error) {
      // An expired hold is what was asked for.
      if (!isGone(error)) {
        this.ctx.store.do({ do: "busy", busy: false });
        this.purchase.refuse(error);
        throw error;
      }
    }
    this.#free();
    this.ctx.emit("eventflow-release", { hold: hold.id });
  }

  /** The places were given back, and stay selected. */
  #free(): void {
    const { picks, areas } = this.#state;
    clearTimeout(this.#timer);
    this.ctx.store.do({ do: "released" });
    this.#returning = { seats: picks.map((pick) => pick.seat), until: Date.now() + RELEASE_SHOWN_MS };
    setTimeout(() => this.purchase.availabilityChanged(), RELEASE_SHOWN_MS + 50);
    this.purchase.restore(picks, areas);
  }

  /** Holds again what an expired hold contained, as far as it is still free. */
  async again(): Promise<void> {
    const { lapsed } = this.#state;
    if (!lapsed || !this.purchase.choosing) return;
    // The map may still show them as held, by the hold that has just ended: the server judges.
    this.ctx.engine.mine(lapsed.picks.map((pick) => pick.seat));
    this.ctx.engine.picker.clear();
    this.purchase.restore(lapsed.picks, lapsed.areas);
    if (this.#state.picks.length || this.#state.areas.length) await this.hold();
    else this.ctx.engine.mine([]);
  }

  /** Looks whether the hold is still there: after sleep, after coming back to the page. */
  async check(): Promise<void> {
    const { hold, busy, phase } = this.#state;
    if (!hold || busy || phase !== "held") return;
    try {
      this.taken(await this.requests.getHold(hold.id, hold.token));
    } catch (error) {
      if (isGone(error)) this.expire();
    }
  }

  /** What was given back is no longer ours once the map knows that it is free. */
  settleReturning(): void {
    const returning = this.#returning;
    if (!returning) return;
    const free = returning.seats.every((seat) => this.ctx.engine.seat(seat)?.st === FREE);
    if (!free && Date.now() < returning.until) return;
    this.#returning = null;
    this.ctx.engine.mine([]);
  }

  /** Ends the hold on time, and warns before. */
  #watch(): void {
    clearTimeout(this.#timer);
    const left = remainingMs(this.#state, Date.now());
    if (this.#state.phase !== "held" && this.#state.phase !== "ordering") return;
    if (left <= 0) {
      if (this.#state.phase === "held") this.expire();
      return;
    }
    const marks = [120_000, 30_000];
    const mark = marks.findIndex((at, index) => left <= at && this.#warned <= index);
    if (mark >= 0 && this.#state.hold && extendable(this.#state.hold)) {
      this.#warned = mark + 1;
      const time = this.ctx.texts.span(left / 1000);
      this.ctx.say(this.ctx.texts.t("hold.soon", { time }), true);
    }
    this.#timer = setTimeout(() => this.#watch(), Math.min(left, 1_000) + 20);
  }

  /** The hold has ended, and what it contained can be asked for again. */
  expire(): void {
    const { hold } = this.#state;
    if (!hold) return;
    clearTimeout(this.#timer);
    const text = this.ctx.texts.t("hold.expired");
    this.#warned = 0;
    this.ctx.engine.mine([]);
    this.ctx.engine.lost();
    this.ctx.store.do({ do: "expired", notice: { kind: "expired", text } });
    this.purchase.picked([]);
    this.ctx.say(text, true);
    this.ctx.emit("eventflow-hold-expired", { hold: hold.id });
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
