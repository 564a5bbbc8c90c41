/** What views are made of and share. */

import type { Ctx } from "../ctx.js";
import { h, icon, type Child, type VNode } from "../dom.js";
import type { Holding } from "../later/holding.js";
import type { MapView } from "../map.js";
import type { Ordering } from "../ordering.js";
import type { Purchase } from "../purchase.js";
import type { State } from "../store.js";

/** Everything that a view can see and do. */
export interface App extends Ctx {
  readonly purchase: Purchase;
  /** These two come with `later`. */
  readonly holding: Holding;
  readonly ordering: Ordering;
  readonly map: MapView;
  /** Brings a seat to the middle of the map, with the focus ring on it. */
  locate(seats: readonly number[]): void;
  /** Zooms to a section, in the map or in the list. */
  openSection(section: number): void;
}

export type View = (app: App, state: State) => Child;

export const ICONS = {
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  full: "M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5M4 4l6 6M20 4l-6 6M4 20l6-6M20 20l-6-6",
  marquee: "M4 7V4h3M11 4h2M17 4h3v3M20 11v2M20 17v3h-3M13 20h-2M7 20H4v-3M4 13v-2",
  close: "M6 6l12 12M18 6L6 18",
  filter: "M4 6h16M7 12h10M10 18h4",
  star: "M12 4l2.5 5.2 5.7.8-4.1 4 1 5.6-5.1-2.7-5.1 2.7 1-5.6-4.1-4 5.7-.8z",
  seat: "M7 4v9h10V4M5 11v5h14v-5M7 16v4M17 16v4",
  list: "M4 6h16M4 12h16M4 18h16",
  map: "M4 6l5-2 6 2 5-2v14l-5 2-6-2-5 2zM9 4v14M15 6v14",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  clock: "M12 7v5l3 2M12 3a9 9 0 110 18 9 9 0 010-18z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  warn: "M12 8v5M12 16.5v.5M12 3.5L2.5 20h19z",
  offline: "M4 4l16 16M8.5 15.5a5 5 0 017 0M5 12a10 10 0 013-2M12 9a10 10 0 017 3M12 19h.01",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  pin: "M12 21s-6-5.2-6-10a6 6 0 1112 0c0 4.8-6 10-6 10zM12 9a2 2 0 110 4 2 2 0 010-4z",
} as const;

export type IconName = keyof typeof ICONS;
export const glyph = (name: IconName): VNode => icon(ICONS[name]);

type Press = (event: Event) => void;

/** A button of an icon alone, with a name for everybody who does not see it. */
export function iconButton(name: IconName, label: string, press: Press, props: Record<string, unknown> = {}): VNode {
  const all = { type: "button", class: "icon-button", "aria-label": label, title: label, onclick: press, ...props };
  return h("button", all as Parameters<typeof h>[1], glyph(name));
}

export interface StepperOptions {
  label: string;
  value: number;
  min: number;
  max: number;
  less: string;
  more: string;
  change: (value: number) => void;
}

/** A number between two buttons. */
export function stepper(options: StepperOptions): VNode {
  const { label, value, min, max, change } = options;
  const step = (by: number): void => change(Math.max(min, Math.min(max, value + by)));
  return h(
    "div",
    { class: "stepper", role: "group", "aria-label": label },
    iconButton("minus", options.less, () => step(-1), { "aria-disabled": value <= min ? "true" : null }),
    h("output", { "aria-live": "off" }, value),
    iconButton("plus", options.more, () => step(1), { "aria-disabled": value >= max ? "true" : null }),
  );
}

/** The colour of a category as a small shape beside its name. */
export function swatch(app: App, category: number): VNode {
  const color = app.engine.meta.categories[category]?.color ?? "transparent";
  return h("span", { class: "swatch", "aria-hidden": "true", style: { "--c": color } });
}
