/** Over the map: zoom, full screen, marquee, floors, and whether what is shown is still true. */

import { h, type Child } from "../dom.js";
import type { State } from "../store.js";
import { glyph, iconButton, type App } from "./view.js";

export interface OverlayState {
  marquee: boolean;
  full: boolean;
}

/** One step of the zoom buttons. */
const STEP = 1.6;

function freshness(app: App, state: State): Child {
  const t = app.texts.t.bind(app.texts);
  if (state.rebuilding) return h("p", { class: "net", part: "net" }, glyph("clock"), t("wait.rebuilding"));
  if (state.net === "live" || state.net === "polling" || !state.freshAt) return null;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const time = app.texts.time(new Date(state.freshAt).toISOString(), zone, "time");
  return h("p", { class: "net", part: "net" }, glyph("offline"), t(state.net === "offline" ? "net.offline" : "net.stale", { time }));
}

export function overlay(app: App, state: State, local: OverlayState, actions: { marquee: () => void; full: () => void; fit: () => void }): Child {
  const t = app.texts.t.bind(app.texts);
  const { floors } = app.engine.meta;
  return [
    freshness(app, state),
    floors.length > 1 &&
      h(
        "div",
        { class: "floors", role: "group", "aria-label": t("map.floor") },
        // The highest floor stands on top.
        floors
          .map((floor, at) =>
            h(
              "button",
              { type: "button", key: floor.key, "aria-pressed": String(state.floor === at), onclick: () => app.store.do({ do: "show", patch: { floor: at } }) },
              floor.name || floor.key,
            ),
          )
          .reverse(),
      ),
    h(
      "div",
      { class: "controls" },
      iconButton("plus", t("map.zoom_in"), () => app.map.zoom(STEP)),
      iconButton("minus", t("map.zoom_out"), () => app.map.zoom(1 / STEP)),
      iconButton("fit", t("map.fit"), actions.fit),
      iconButton("marquee", t("map.marquee"), actions.marquee, { "aria-pressed": String(local.marquee), class: "icon-button only-mouse" }),
      document.fullscreenEnabled && iconButton("full", t(local.full ? "map.full_exit" : "map.full"), actions.full, { "aria-pressed": String(local.full) }),
    ),
    local.marquee && h("p", { class: "hint" }, t("map.marquee_help")),
  ];
}
