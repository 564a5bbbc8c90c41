/** From a hold to tickets: the order, the way to the payment page, and what happens after the buyer has come back. */

import { newKey, Problem } from "./api.js";
import type { Ctx } from "./ctx.js";
import { publicOrder } from "./later/public.js";
import type { Holding } from "./later/holding.js";
import type { Purchase } from "./purchase.js";
import { MARK } from "./session.js";
import type { Order, OrderInput } from "./wire.js";

/** How often a price that cannot be confirmed is asked for again, and the least pause before that. */
const CONFIRMATIONS = 3;
const CONFIRM_MS = 2_000;
/** The first look after a payment, and how much rarer looks become. */
const POLL_MS = 2_000;
const POLL_MAX_MS = 15_000;

/** States in which something can still happen by itself. */
const OPEN = new Set(["pending", "processing"]);
/** States in which nothing was bought. */
export const CLOSED = new Set(["expired", "cancelled"]);

/** The page itself, marked. */
export function returnUrl(href: string, mark: "paid" | "back"): string {
  const url = new URL(href);
  url.searchParams.set(MARK, mark);
  url.hash = "";
  return url.href;
}

export class Ordering {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #delay = POLL_MS;

  constructor(
    private readonly ctx: Ctx,
    private readonly purchase: Purchase,
    private readonly holding: Holding,
  ) {}

  /** Orders what is held, and goes to the payment page. */
  async submit(buyer: { name: string; email: string }): Promise<Order> {
    const { hold, phase } = this.ctx.store.state;
    if (!hold || phase !== "held") throw new Problem("hold_expired", 0, "no hold");
    const { settings } = this.ctx;
    const body: OrderInput = {
      hold_id: hold.id,
      hold_token: hold.token,
      buyer,
      success_url: settings.successUrl || returnUrl(location.href, "paid"),
      cancel_url: settings.cancelUrl || returnUrl(location.href, "back"),
      expected_total_minor: hold.totals.total_minor,
    };
    this.holding.codes.wrong = "";
    this.ctx.store.do({ do: "order" });
    const key = newKey();
    this.ctx.session.save({ pending: { key, body } });
    try {
      const order = await this.#make(body, key);
      this.#leave(order);
      return order;
    } catch (error) {
      this.ctx.session.save({ pending: null });
      if (error instanceof Problem && error.code === "price_changed") await this.#changed(error);
      else if (error instanceof Problem && error.code === "cart_refused") this.#refused(error);
      else this.purchase.refuse(error);
      throw error;
    }
  }

  /** The hold is read again, which says what it costs now; the buyer pays that or leaves it. */
  async #changed(problem: Problem): Promise<void> {
    this.ctx.store.do({ do: "refused", notice: null });
    await this.holding.check();
    const { notice, phase } = this.ctx.store.state;
    if (phase === "held" && !notice) this.purchase.refuse(problem);
    else this.ctx.emit("eventflow-error", { code: problem.code, message: problem.message });
  }

  /** What the organizer has against the cart is said where codes are entered: a code is what can help. */
  #refused(problem: Problem): void {
    this.holding.codes.refuse(problem.message);
    this.ctx.store.do({ do: "refused", notice: null });
    this.ctx.say(problem.message, true);
    this.ctx.emit("eventflow-error", { code: problem.code, message: problem.message });
  }

  /** Finds the order of before a reload. False when there is none. */
  async resume(): Promise<boolean> {
    const { pending, order } = this.ctx.session.saved;
    try {
      if (order) {
        this.#show(await this.holding.requests.refreshOrder(order.id, order.token), order.token);
        return true;
      }
      if (pending) {
        await this.#make(pending.body as OrderInput, pending.key);
        return true;
      }
    } catch (error) {
      // An order that we may not see any more is none; without an answer it stays for the next time.
      const gone = error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429;
      if (gone) this.ctx.session.save({ order: null, pending: null });
      else this.purchase.refuse(error);
    }
    return false;
  }

  /** Asks for the state of the order, now and then again until it is decided. */
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    const { order, orderToken } = this.ctx.store.state;
    if (!order || !OPEN.has(order.state)) return;
    try {
      this.#show(await this.holding.requests.refreshOrder(order.id, orderToken), orderToken);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#later();
    }
  }

  async cancel(): Promise<void> {
    const { order, orderToken } = this.ctx.store.state;
    if (!order) return;
    this.ctx.store.do({ do: "busy", busy: true });
    try {
      this.#show(await this.holding.requests.cancelOrder(order.id, orderToken), orderToken);
    } catch (error) {
      this.purchase.refuse(error);
      void this.refresh();
    }
  }

  /** To the payment page, again. */
  pay(): void {
    const { order } = this.ctx.store.state;
    if (order) this.#leave(order);
  }

  /** Back to choosing; what a closed order contained is selected again. */
  restart(): void {
    const { order } = this.ctx.store.state;
    clearTimeout(this.#timer);
    this.ctx.session.save({ order: null, pending: null });
    this.ctx.store.do({ do: "restart" });
    const again = order && CLOSED.has(order.state) ? order.items : [];
    this.purchase.restore(
      again.flatMap((item) => (item.seat === undefined ? [] : [{ seat: item.seat, tier: item.price_tier_id }])),
      [],
    );
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #make(body: OrderInput, key: string): Promise<Order> {
    const order = await this.#confirmed(body, key);
    const token = order.buyer_token ?? "";
    this.holding.codes.all = [];
    this.ctx.session.save({ order: { id: order.id, token }, pending: null, hold: null, picks: [], areas: [], codes: [] });
    this.purchase.forget();
    this.#show(order, token);
    return order;
  }

  /** The order; while its price cannot be confirmed, asked for again a few times. */
  async #confirmed(body: OrderInput, key: string): Promise<Order> {
    for (let asked = 0; ; asked++) {
      try {
        return await this.holding.requests.order(body, key);
      } catch (error) {
        const again = error instanceof Problem && error.code === "price_unconfirmed" && asked < CONFIRMATIONS;
        if (!again) throw error;
        const text = this.ctx.texts.t("price.confirming");
        this.ctx.store.do({ do: "notice", notice: { kind: "rule", text } });
        if (asked === 0) this.ctx.say(text);
        await new Promise((resolve) => setTimeout(resolve, Math.max(CONFIRM_MS, error.retryAfterMs)));
      }
    }
  }

  #show(order: Order, token: string): void {
    const before = this.ctx.store.state.order;
    this.ctx.store.do({ do: "ordered", order, token });
    if (before?.state !== order.state) {
      this.#delay = POLL_MS;
      this.ctx.emit("eventflow-order", publicOrder(order));
      if (order.state === "paid") this.ctx.say(this.ctx.texts.t("order.paid"), true);
    }
    if (OPEN.has(order.state)) this.#later();
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // A hidden tab waits until it is seen again.
      if (document.visibilityState === "visible") void this.refresh();
      else this.#later();
    }, this.#delay);
    this.#delay = Math.min(POLL_MAX_MS, this.#delay * 1.3);
  }

  #leave(order: Order): void {
    const url = order.checkout_url;
    if (!url || !OPEN.has(order.state)) return;
    if (this.ctx.emit("eventflow-checkout", { url, order: publicOrder(order) })) location.assign(url);
  }
}
