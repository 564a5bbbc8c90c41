/** The frame of the widget: builds the parts that stay, and draws the views into them when the state has changed. */

import { Problem } from "../api.js";
import { render } from "../dom.js";
import type { Hit } from "../engine.js";
import { Images } from "../images.js";
import type * as Later from "../later/later.js";
import { MapView } from "../map.js";
import type { State } from "../store.js";
import { emptyBest } from "./best.js";
import { frameGrid } from "./grid.js";
import { bar, enabled } from "./legend.js";
import { overlay } from "./overlay.js";
import { panel, type PanelForms } from "./panel.js";
import type { App } from "./view.js";

/** Below this width of the element the panel is a sheet at the bottom. */
const NARROW = 720;
/** Views are drawn within this time even where there are no frames, as in hidden tabs. */
const LATEST_MS = 250;
/** The pause before parts that could not be had are asked for again. */
const RETRY_MS = 2_000;

/** Whether the parts for the steps after choosing are needed, or will be soon. */
const isLater = (state: State): boolean =>
  state.picks.length > 0 || state.areas.length > 0 || state.view === "list" || state.phase !== "picking";

const box = (name: string, tag = "div"): HTMLElement => {
  const element = document.createElement(tag);
  element.className = name;
  return element;
};

/** The parts of an app that the shell adds. */
type Base = Omit<App, "map" | "locate" | "openSection" | "holding" | "ordering">;

export class Shell {
  readonly app: App;
  readonly #stage = box("stage", "section");
  readonly #bar = box("bar");
  readonly #mapBox = box("map");
  readonly #overlay = box("overlay");
  readonly #list = box("list-box");
  readonly #panel = box("panel", "aside");
  readonly #map: MapView;
  readonly #gridBox = box("grid");
  /** Keys that were pressed on the map before the grid was there. */
  readonly #keys: KeyboardEvent[] = [];
  #grid: Later.Grid | undefined;
  #tip: Later.Tooltip | undefined;
  /** What the tooltip shall show when it is there. */
  #wish: { subject: Later.Subject; pinned: boolean } = { subject: null, pinned: false };
  readonly #images: Images;
  readonly #forms: PanelForms;
  readonly #local = { marquee: false, full: false };
  readonly #closers: (() => void)[] = [];
  #scheduled = false;
  #drawn: State | null = null;
  #fetching = false;
  /** They were needed, and could not be had. */
  #missed = false;

  constructor(
    base: Base,
    private readonly root: HTMLElement,
  ) {
    this.#images = new Images(base.engine.picker.images(), this.#mapBox);
    const events = { click: this.#click, hover: this.#hover, marquee: this.#marquee, moved: () => this.#moved() };
    this.#map = new MapView(base, this.#mapBox, events, this.#images);
    const shell = { map: this.#map, locate: (seats: readonly number[]) => this.#locate(seats), openSection: (at: number) => this.#openSection(at) };
    this.app = Object.assign(base, shell) as App;
    this.#forms = { best: emptyBest(), later: null };
    this.#build();
    this.#listen();
  }

  close(): void {
    // Nothing more is fetched.
    this.#fetching = true;
    this.#map.close();
    for (const close of this.#closers) close();
  }

  /** Draws everything in the next frame. */
  draw(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const once = (): void => {
      if (!this.#scheduled) return;
      this.#scheduled = false;
      clearTimeout(timer);
      this.#draw();
    };
    const timer = setTimeout(once, LATEST_MS);
    requestAnimationFrame(once);
  }

  /** The language has changed. */
  retext(): void {
    this.root.lang = this.app.texts.locale;
    this.root.dir = this.app.texts.direction;
    const help = this.root.querySelector("#map-help");
    if (help) help.textContent = this.app.texts.t("map.help");
    this.#drawn = null;
    this.draw();
  }

  restyle(): void {
    this.#map.restyle();
  }

  #build(): void {
    const help = box("hidden", "p");
    help.id = "map-help";
    this.#mapBox.setAttribute("part", "map");
    this.#panel.setAttribute("part", "panel");
    this.#mapBox.append(help, this.#gridBox, this.#overlay);
    this.#stage.append(this.#bar, this.#mapBox, this.#list);
    this.root.replaceChildren(this.#stage, this.#panel);
    this.#fitWidth(this.root.clientWidth);
  }

  #listen(): void {
    const { store } = this.app;
    this.#closers.push(store.subscribe((state, before) => this.#changed(state, before)));
    const size = new ResizeObserver(([entry]) => entry && this.#fitWidth(entry.contentRect.width));
    size.observe(this.root);
    const second = setInterval(() => {
      store.do({ do: "tick", now: Date.now() });
      if (store.state.hold) this.draw();
    }, 1_000);
    const full = (): void => {
      this.#local.full = document.fullscreenElement === this.app.host;
      this.draw();
    };
    document.addEventListener("fullscreenchange", full);
    // Who touches something will soon need the rest; who only looks never loads it.
    for (const name of ["pointerdown", "focusin"]) this.root.addEventListener(name, () => this.#fetch());
    this.#gridBox.addEventListener("keydown", (event) => {
      if (this.#grid || event.key === "Tab" || event.altKey || event.ctrlKey || event.metaKey) return;
      this.#keys.push(event);
      event.preventDefault();
    });
    this.#closers.push(() => size.disconnect(), () => clearInterval(second), () => document.removeEventListener("fullscreenchange", full));
  }

  /** Fetches the parts for the steps after choosing. What is needed and could not be had is asked for again. */
  #fetch(): void {
    if (this.#fetching || this.#forms.later) return;
    this.#fetching = true;
    this.app.later().then(
      (parts) => {
        const codes = new parts.Codes(() => this.draw());
        if (this.#missed) this.app.store.do({ do: "notice", notice: null });
        this.#furnish(parts);
        this.#forms.later = { parts, buyer: parts.emptyBuyer(), codes, list: parts.listStart() };
        this.draw();
      },
      (error: unknown) => {
        const { purchase, store } = this.app;
        // Said once, not with each repetition.
        if (this.#waits(store.state) && !this.#missed) purchase.refuse(new Problem("network", 0, String(error)));
        this.#missed ||= this.#waits(store.state);
        setTimeout(() => {
          this.#fetching = false;
          this.draw();
        }, RETRY_MS);
      },
    );
  }

  /** Somebody waits for the later parts. */
  #waits(state: State): boolean {
    return isLater(state) || this.#wish.subject !== null || this.#gridBox.matches(":focus-within");
  }

  /** The parts that are at home here. */
  #furnish(parts: typeof Later): void {
    this.#tip = new parts.Tooltip(this.app, this.#mapBox);
    this.#grid = new parts.Grid(this.app, this.#gridBox, (seat) => {
      this.#close();
      this.#show(seat >= 0 ? { seat } : null, false);
    });
    this.#show(this.#wish.subject, this.#wish.pinned);
    // What was done meanwhile is done again, now that somebody hears it.
    if (this.#gridBox.matches(":focus-within")) this.#gridBox.dispatchEvent(new FocusEvent("focusin"));
    for (const { key } of this.#keys.splice(0)) this.#gridBox.dispatchEvent(new KeyboardEvent("keydown", { key }));
  }

  #show(subject: Later.Subject, pinned: boolean): void {
    this.#wish = { subject, pinned };
    if (this.#tip && subject && pinned) this.#tip.pin(subject);
    else if (this.#tip) this.#tip.hover(subject);
    else if (subject) this.#fetch();
  }

  #close(): void {
    this.#wish = { subject: null, pinned: false };
    this.#tip?.close();
  }

  #fitWidth(width: number): void {
    this.root.toggleAttribute("data-narrow", width < NARROW);
  }

  /** What the engine has to know of a change of state. */
  #changed(state: State, before: State): void {
    const { picker } = this.app.engine;
    if (state.filters !== before.filters || state.tiers !== before.tiers) {
      picker.set_categories(enabled(this.app, state.filters));
      picker.set_traits_filter(state.filters.required, state.filters.excluded);
    }
    if (state.floor !== before.floor && picker.floor() !== state.floor) picker.set_floor(state.floor);
    if (state.phase !== before.phase && before.phase !== "loading") this.#focusHeading();
    this.#map.paint();
    this.draw();
  }

  #draw(): void {
    const state = this.app.store.state;
    const { root, app } = this;
    root.dataset["phase"] = state.phase;
    root.dataset["view"] = state.view;
    root.toggleAttribute("data-sheet", state.sheet);
    this.#mapBox.hidden = state.view === "list";
    this.#list.hidden = state.view !== "list";
    render(this.#bar, bar(app, state, this.#forms.later?.parts));
    render(this.#panel, panel(app, state, this.#forms, () => this.draw()));
    this.#panel.setAttribute("aria-label", app.texts.t("basket.title"));
    render(this.#overlay, overlay(app, state, this.#local, { marquee: this.#toggleMarquee, full: this.#toggleFull, fit: this.#fit }));
    const { later } = this.#forms;
    if (!later && this.#waits(state)) this.#fetch();
    if (state.view === "map") {
      if (this.#grid) this.#grid.refresh();
      else frameGrid(app, this.#gridBox, false);
    } else if (later) render(this.#list, later.parts.list(app, state, later.list, () => this.draw()));
    this.#tip?.refresh();
    if (this.#drawn?.view !== state.view || this.#drawn?.floor !== state.floor) this.#images.showFloor(state.floor);
    this.#drawn = state;
  }

  /** The focus follows to the step that has begun, when it was on the one that has ended. */
  #focusHeading(): void {
    const inside = this.app.host.matches(":focus, :focus-within") || document.activeElement === document.body;
    if (!inside) return;
    requestAnimationFrame(() => {
      requestAnimationFrame(() => this.#panel.querySelector<HTMLElement>("[data-focus]")?.focus());
    });
  }

  #moved(): void {
    this.#tip?.place();
    this.#grid?.place();
    this.#syncFloor();
  }

  #syncFloor(): void {
    const floor = this.app.engine.picker.floor();
    if (floor !== this.app.store.state.floor) this.app.store.do({ do: "show", patch: { floor } });
  }

  #click = (hit: Hit, at: { touch: boolean }): void => {
    const { app } = this;
    if (hit.section !== undefined) app.engine.picker.zoom_to_section(hit.section);
    else if (hit.area !== undefined) this.#show({ area: hit.area }, true);
    else if (hit.seat !== undefined) {
      app.purchase.toggle(hit.seat);
      this.#close();
      this.#show({ seat: hit.seat }, at.touch);
    } else this.#close();
    this.#map.paint();
  };

  #hover = (hit: Hit, touch: boolean): void => {
    if (touch) return;
    const { seat, area } = hit;
    this.#show(seat !== undefined ? { seat } : area !== undefined ? { area } : null, false);
  };

  #marquee = (corners: [number, number, number, number]): void => {
    this.app.purchase.marquee(corners);
    this.#map.paint();
  };

  #toggleMarquee = (): void => {
    this.#local.marquee = !this.#local.marquee;
    this.app.engine.picker.set_marquee_mode(this.#local.marquee);
    this.draw();
  };

  #toggleFull = (): void => {
    const { host } = this.app;
    // Refused without a gesture or a permission of the frame: the button then does nothing.
    if (document.fullscreenElement === host) void document.exitFullscreen().catch(() => undefined);
    else void host.requestFullscreen().catch(() => undefined);
  };

  #fit = (): void => {
    this.app.engine.picker.fit();
    this.#close();
    this.#map.paint();
  };

  #locate(seats: readonly number[]): void {
    const [first] = seats;
    if (first === undefined) return;
    if (this.app.store.state.view === "list") this.app.store.do({ do: "show", patch: { view: "map" } });
    this.app.engine.picker.zoom_to_seats(Uint32Array.from(seats));
    this.#syncFloor();
    this.app.store.do({ do: "show", patch: { sheet: false } });
    this.#show({ seat: first }, false);
    this.#map.paint();
  }

  #openSection(section: number): void {
    if (this.app.store.state.view === "list") {
      Object.assign(this.#forms.later?.list ?? {}, { section, row: -1, top: 0, at: 0 });
      this.draw();
    } else {
      this.app.engine.picker.zoom_to_section(section);
      this.#syncFloor();
      this.#map.paint();
    }
  }
}
