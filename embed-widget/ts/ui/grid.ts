/** The map for keyboards and screen readers, as far as it is there from the beginning: later/grid.ts goes on from here. */

import { h, render } from "../dom.js";
import type { App } from "./view.js";

/** The grid itself; before its first visit it is one tab stop that says what it is. */
export function frameGrid({ store, engine, texts }: App, element: HTMLElement, visited: boolean): void {
  const name = texts.t("map.name", { event: store.state.event?.name ?? engine.meta.name });
  element.setAttribute("role", "grid");
  element.setAttribute("aria-label", name);
  element.setAttribute("aria-multiselectable", "true");
  element.setAttribute("aria-describedby", "map-help");
  if (visited) {
    element.removeAttribute("tabindex");
    return;
  }
  element.setAttribute("aria-rowcount", "-1");
  element.tabIndex = 0;
  render(element, h("div", { role: "row" }, h("div", { role: "gridcell" }, name)));
}
