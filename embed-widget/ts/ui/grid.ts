/** The map for keyboards and screen readers before its first visit: later/grid.ts goes on from here. */

import { h, render } from "../dom.js";
import type { App } from "./view.js";

/** One tab stop, which says what it is. */
export function unvisitedGrid({ store, engine, texts }: App, element: HTMLElement): void {
  const name = texts.t("map.name", { event: store.state.event?.name ?? engine.meta.name });
  element.setAttribute("role", "grid");
  element.setAttribute("aria-label", name);
  element.setAttribute("aria-multiselectable", "true");
  element.setAttribute("aria-describedby", "map-help");
  element.setAttribute("aria-rowcount", "-1");
  element.tabIndex = 0;
  render(element, h("div", { role: "row" }, h("div", { role: "gridcell" }, name)));
}
