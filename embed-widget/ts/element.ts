/** The widget itself, which the loader fetches: opens the engine, the API and the views, and keeps them together. */

import { Api, newKey, Problem } from "./api.js";
import type { Ctx } from "./ctx.js";
import { h, render } from "./dom.js";
import { Engine } from "./engine.js";
import { Texts, type Messages } from "./i18n/texts.js";
import type * as Later from "./later/later.js";
import { Money } from "./money.js";
import type { Mount, Mounted, MountOptions } from "./mount.js";
import { Names } from "./names.js";
import { SeatPicker } from "./picker.js";
import { Purchase } from "./purchase.js";
import { MARK, Session } from "./session.js";
import { readSettings } from "./settings.js";
import { Store } from "./store.js";
import { LiveStream, type Applied } from "./stream.js";
import { adopt, watchTheme } from "./styles.js";
import { failure } from "./ui/panel.js";
import { Shell } from "./ui/shell.js";

/** Within this time a change of prices or rules is read. */
const OFFER_MS = 1_000;

/** One download of the engine for all elements of a page, and for each an instance of its own. */
let wasm: Promise<WebAssembly.Module> | undefined;
const openEngine = (response: Promise<Response>): Promise<WebAssembly.Instance> => {
  wasm ??= WebAssembly.compileStreaming(response);
  wasm.catch(() => (wasm = undefined));
  return wasm.then((module) => WebAssembly.instantiate(module));
};

/** The pause before parts that could not be had are asked for again. */
const RETRY_MS = 2_000;

class Widget implements Mounted {
  readonly #root = document.createElement("div");
  readonly #polite = document.createElement("div");
  readonly #urgent = document.createElement("div");
  readonly #store = new Store();
  readonly #closers: (() => void)[] = [];
  readonly #ready: Promise<void>;
  readonly #theme: ReturnType<typeof watchTheme>;
  #texts: Texts;
  #shell: Shell | undefined;
  #methods: Later.Methods | undefined;
  #later: Promise<typeof Later> | undefined;
  /** The texts of the later steps are needed as well. */
  #more = false;
  /** The texts are on their way. */
  #saying: Promise<void> | undefined;
  #closed = false;

  constructor(private readonly options: MountOptions) {
    const { root } = options;
    // Until they are there, what has to be said is not.
    this.#texts = new Texts(options.locale(), {});
    this.#root.className = "ef";
    this.#root.setAttribute("part", "root");
    for (const [element, live] of [
      [this.#polite, "polite"],
      [this.#urgent, "assertive"],
    ] as const) {
      element.className = "hidden";
      element.setAttribute("aria-live", live);
    }
    adopt(root);
    root.replaceChildren(this.#root, this.#polite, this.#urgent);
    this.#theme = watchTheme(this.#root, () => this.#shell?.restyle());
    this.#closers.push(this.#theme.close);
    this.#skeleton();
    this.#ready = this.#open(options);
    this.#ready.catch((error: unknown) => void this.#fail(error));
    // In a form: the hold is what is sent.
    this.#store.subscribe((state, before) => {
      if (state.hold?.token !== before.hold?.token) options.internals.setFormValue(this.value || null);
    });
  }

  get value(): string {
    return this.#store.state.hold?.token ?? "";
  }

  close(): void {
    this.#closed = true;
    for (const close of this.#closers) close();
    this.#shell?.close();
  }

  async call(name: string, args: unknown[]): Promise<unknown> {
    await this.#ready;
    const app = this.#shell?.app;
    if (!app || name === "ready") return undefined;
    this.#methods ??= new (await app.later()).Methods(app);
    return await this.#methods.call(name, args);
  }

  attribute(name: string): void {
    const store = this.#store;
    const app = this.#shell?.app;
    const settings = readSettings(this.options.host);
    if (name === "locale" || name === "lang" || name === "messages-url") void this.#loadTexts();
    else if (name === "party") store.do({ do: "show", patch: { party: settings.party } });
    else if (name === "view") store.do({ do: "show", patch: { view: settings.view } });
    else if (name === "floor") this.#showFloor();
    else if (name === "theme") this.#theme.look();
    if (!app) return;
    Object.assign(app.settings, settings.settings);
    if (name === "max") app.purchase.offerChanged();
    // The filters are applied anew: other categories are offered.
    if (name === "categories") store.do({ do: "show", patch: { filters: { ...store.state.filters } } });
  }

  async #loadTexts(): Promise<void> {
    const url = this.options.host.getAttribute("messages-url");
    let overrides: Record<string, string> = {};
    if (url) {
      try {
        const response = await fetch(url, { credentials: "omit" });
        overrides = (await response.json()) as Record<string, string>;
      } catch (error) {
        console.error("EventFlow: messages-url could not be read", error);
      }
    }
    const { locale, texts } = this.options;
    const tag = locale();
    const messages = (await texts(tag)) as Messages;
    const more = this.#more ? ((await texts(tag, "-later")) as Messages) : {};
    // Meanwhile another language may have been asked for.
    if (tag !== locale()) return;
    this.#texts = new Texts(tag, { ...messages, ...more }, overrides);
    this.#retext();
  }

  #fetchLater(): Promise<typeof Later> {
    const { load, root } = this.options;
    const fetch = async (): Promise<typeof Later> => {
      this.#more = true;
      const [later] = (await Promise.all([load("later.js"), this.#loadTexts()])) as [typeof Later, void];
      const app = this.#shell?.app;
      if (!app || this.#closed) throw new Error("closed");
      adopt(root, later.css);
      const holding = (app.purchase.holding = new later.Holding(app, app.purchase));
      const ordering = new later.Ordering(app, app.purchase, holding);
      Object.assign(app, { holding, ordering });
      this.#closers.push(() => holding.close(), () => ordering.close());
      return later;
    };
    this.#later ??= fetch();
    this.#later.catch(() => (this.#later = undefined));
    return this.#later;
  }

  #showFloor(): void {
    const key = this.options.host.getAttribute("floor");
    const floor = this.#shell?.app.engine.meta.floors.findIndex((one) => one.key === key) ?? -1;
    if (floor >= 0) this.#store.do({ do: "show", patch: { floor } });
  }

  /** Everything that depends on the language or the prices. */
  #retext(): void {
    const app = this.#shell?.app;
    if (!app) return;
    const { event, tiers } = this.#store.state;
    app.texts = this.#texts;
    app.money = new Money(event?.currency ?? "EUR", this.#texts.locale);
    app.names = new Names(app.engine, app.texts, app.money, tiers);
    app.engine.picker.set_stage_label(this.#texts.t("map.stage"));
    this.#shell?.retext();
  }

  #skeleton(): void {
    render(
      this.#root,
      h("div", { class: "loading", part: "loading", "aria-busy": "true" }, h("div", { class: "skeleton" }), h("div", { class: "skeleton" })),
    );
  }

  async #open({ host, api: base, event, key, wasm, early }: MountOptions): Promise<void> {
    const api = new Api(base, event, key, (problem) => {
      if (problem.code === "rebuilding") this.#store.do({ do: "show", patch: { rebuilding: true } });
    });
    const texts = (this.#saying = this.#loadTexts());
    const [instance, plan, info, tiers, session] = await Promise.all([
      openEngine(wasm),
      api.plan(early.plan),
      api.getEvent(early.event),
      api.tiers(early.tiers),
      Session.open(event, newKey),
    ]);
    await texts;
    if (this.#closed) return;
    const engine = new Engine(new SeatPicker(instance, plan));
    const settings = readSettings(host);
    const money = new Money(info.currency, this.#texts.locale);
    const ctx: Ctx = {
      host,
      store: this.#store,
      api,
      engine,
      session,
      settings: settings.settings,
      texts: this.#texts,
      money,
      names: new Names(engine, this.#texts, money, tiers),
      emit: (name, detail) => {
        const cancelable = name === "eventflow-before-select" || name === "eventflow-checkout";
        return host.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
      },
      later: () => this.#fetchLater(),
      say: (text, urgent) => this.#say(text, urgent ?? false),
    };
    const purchase = new Purchase(ctx);
    // A house without anything to draw is a list.
    const drawn = engine.meta.seats > 0 || engine.meta.areas.some((area) => area.shown);
    this.#store.do({ do: "show", patch: { party: settings.party, view: drawn ? settings.view : "list" } });
    this.#store.do({ do: "loaded", event: info, tiers, now: Date.now() });
    this.#root.replaceChildren();
    render(this.#root);
    const shell = (this.#shell = new Shell(Object.assign(ctx, { purchase }), this.#root));
    this.#retext();
    shell.restyle();
    engine.picker.reduce_motion(matchMedia("(prefers-reduced-motion: reduce)").matches);
    purchase.applyRules();
    const live = this.#live(ctx, purchase, early.stream);
    this.#showFloor();
    this.#closers.push(() => live.close(), () => session.close());
    this.#watchPage(purchase);
    await this.#resume(ctx, purchase);
    ctx.emit("eventflow-ready", { event: info.id, seats: engine.meta.seats });
  }

  /** What was begun needs the later steps, however long they take to come. */
  async #insist(purchase: Purchase): Promise<void> {
    while (!this.#closed) {
      try {
        return void (await this.#fetchLater());
      } catch (error) {
        purchase.refuse(new Problem("network", 0, String(error)));
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** What was begun before a reload, or before the way to the payment page. */
  async #resume(ctx: Ctx, purchase: Purchase): Promise<void> {
    const url = new URL(location.href);
    const back = url.searchParams.has(MARK);
    if (back) {
      url.searchParams.delete(MARK);
      history.replaceState(history.state, "", url);
    }
    const { hold, picks, areas, order, pending } = ctx.session.saved;
    if (hold || order || pending) await this.#insist(purchase);
    const app = this.#shell?.app;
    if (!app || this.#closed) return;
    if ((order || pending) && (await app.ordering.resume())) {
      // Who comes from the payment page has come for the tickets, not for the top of the page.
      if (back) this.options.host.scrollIntoView({ block: "start" });
      return;
    }
    if (!hold) return purchase.restore(picks, areas);
    try {
      const found = await app.holding.requests.getHold(hold.id, hold.token);
      if (found.status === "active") app.holding.taken(found);
      else purchase.restore([], []);
    } catch (error) {
      purchase.restore(picks, areas);
      if (!(error instanceof Problem) || error.code === "network") return;
      this.#store.do({ do: "notice", notice: { kind: "expired", text: this.#texts.t("hold.expired") } });
    }
  }

  #live(ctx: Ctx, purchase: Purchase, early: Promise<Response>): LiveStream {
    const applied = (result: Applied): Applied => {
      if (result === "ok") {
        this.#store.do({ do: "revised", now: Date.now() });
        if (this.#store.state.rebuilding) this.#store.do({ do: "show", patch: { rebuilding: false } });
        purchase.availabilityChanged();
      }
      return result;
    };
    return new LiveStream(
      ctx.api,
      {
        snapshot: (bytes) => applied(ctx.engine.applySnapshot(bytes)),
        diff: (bytes) => applied(ctx.engine.applyDiff(bytes)),
        // Everybody hears it at the same moment: not everybody asks at once.
        offer: () => void setTimeout(() => void this.#offer(ctx, purchase), Math.random() * OFFER_MS),
        state: (net) => {
          if (net === this.#store.state.net) return;
          this.#store.do({ do: "net", net, now: Date.now() });
          if (net === "live") void purchase.holding?.check();
        },
      },
      early,
    );
  }

  /** Prices, rules or the state of the event have changed. */
  async #offer(ctx: Ctx, purchase: Purchase): Promise<void> {
    if (this.#closed) return;
    try {
      const [event, tiers] = await Promise.all([ctx.api.getEvent(), ctx.api.tiers()]);
      this.#store.do({ do: "offer", event, tiers, now: Date.now() });
      this.#retext();
      purchase.offerChanged();
    } catch {
      // The old offer stays; the server refuses what is not true any more.
    }
  }

  #watchPage(purchase: Purchase): void {
    const back = (): void => {
      if (document.visibilityState !== "visible") return;
      void purchase.holding?.check();
      void this.#shell?.app.ordering?.refresh();
    };
    const motion = matchMedia("(prefers-reduced-motion: reduce)");
    const still = (): void => this.#shell?.app.engine.picker.reduce_motion(motion.matches);
    document.addEventListener("visibilitychange", back);
    addEventListener("pageshow", back);
    motion.addEventListener("change", still);
    // Texts on the map are drawn with the fonts that are there: once more when one has come.
    const fonts = (): void => this.#shell?.restyle();
    document.fonts.addEventListener("loadingdone", fonts);
    this.#closers.push(() => {
      document.removeEventListener("visibilitychange", back);
      removeEventListener("pageshow", back);
      motion.removeEventListener("change", still);
      document.fonts.removeEventListener("loadingdone", fonts);
    });
  }

  #say(text: string, urgent: boolean): void {
    const region = urgent ? this.#urgent : this.#polite;
    // The same words twice are two messages.
    region.textContent = region.textContent === text ? `${text}\u00a0` : text;
  }

  async #fail(error: unknown): Promise<void> {
    await this.#saying?.catch(() => undefined);
    if (this.#closed) return;
    const problem = error instanceof Problem ? error : new Problem("internal", 0, String(error));
    if (problem.code === "internal") console.error(error);
    const { host, api, event, key, restart } = this.options;
    this.#store.do({ do: "failed", problem });
    const settings = readSettings(host).settings;
    const link = `${api}/e/${encodeURIComponent(event)}?key=${encodeURIComponent(key)}`;
    render(this.#root, failure({ texts: this.#texts, store: this.#store, settings }, this.#store.state, link, restart));
    const detail = { code: problem.code, message: problem.message };
    host.dispatchEvent(new CustomEvent("eventflow-error", { detail, bubbles: true, composed: true }));
  }
}

export const mount: Mount = (options) => new Widget(options);

// What later.js has in common with this file: it imports it from here, which packs better than a file between the two.
export { newKey, Problem } from "./api.js";
export { h, render } from "./dom.js";
export { FREE, TRAITS } from "./engine.js";
export { gross } from "./money.js";
export { places } from "./places.js";
export { tiersOfArea } from "./purchase.js";
export { MARK } from "./session.js";
export { extendable, remainingMs } from "./store.js";
export { areas, areaSteppers, sums, tierSelect } from "./ui/basket.js";
export { frameGrid } from "./ui/grid.js";
export { isFiltered, offered, resetFilters, show, tiersOfCategory } from "./ui/legend.js";
export { glyph, iconButton, swatch } from "./ui/view.js";
