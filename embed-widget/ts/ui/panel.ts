/** Beside the map (under it on a phone): what the event is, what is chosen, and the steps to the tickets. */

import { h, type Child } from "../dom.js";
import type * as Later from "../later/later.js";
import { problemText } from "../purchase.js";
import type { Notice, State } from "../store.js";
import { areas, countOf, feesOf, reserveButton, sums } from "./basket.js";
import { best, type BestForm } from "./best.js";
import { isFiltered, resetFilters } from "./legend.js";
import { glyph, iconButton, type App } from "./view.js";

/** What the forms of the panel hold beside the state. */
export interface PanelForms {
  best: BestForm;
  /** Nothing until it has been fetched. */
  later: LaterForms | null;
}

export interface LaterForms {
  parts: typeof Later;
  buyer: Later.BuyerForm;
  codes: Later.Codes;
  list: Later.ListPlace;
}

function header(app: App, state: State): Child {
  const { event } = state;
  if (!event) return null;
  return h(
    "header",
    { class: "event", part: "event" },
    h("h2", null, event.name),
    h("p", null, app.texts.time(event.starts_at, event.time_zone)),
  );
}

export function noticeBox(app: App, state: State, notice: Notice): Child {
  const t = app.texts.t.bind(app.texts);
  const again = notice.kind === "expired" && state.lapsed !== null;
  return h(
    "div",
    { class: "notice", part: "notice", "data-kind": notice.kind },
    glyph(notice.kind === "expired" ? "clock" : "warn"),
    h("div", null, h("p", null, notice.text), again && h("p", { class: "help" }, t("hold.expired_help"))),
    again
      ? h("button", { type: "button", class: "secondary", onclick: () => void app.purchase.again().catch(() => undefined) }, t("hold.again"))
      : iconButton("close", t("close"), () => app.store.do({ do: "notice", notice: null })),
  );
}

/** Why nothing can be bought now; "" when it can. */
function waitingText(app: App, state: State, soldOut: boolean): { title: string; help: string } | null {
  const t = app.texts.t.bind(app.texts);
  const { event, waiting } = state;
  if (waiting && event) {
    const time = app.texts.time(event.sale_starts_at, event.time_zone);
    return { title: t(`wait.${waiting}`, { time }), help: "" };
  }
  return soldOut ? { title: t("wait.sold_out"), help: t("wait.sold_out_help") } : null;
}

function waitingBox(text: { title: string; help: string }): Child {
  return h("div", { class: "waiting", part: "waiting" }, glyph("clock"), h("div", null, h("strong", null, text.title), text.help && h("p", null, text.help)));
}

function choosing(app: App, state: State, forms: PanelForms, changed: () => void): Child {
  const t = app.texts.t.bind(app.texts);
  const left = app.engine.categoryAvailability().reduce((sum, one) => sum + one.free, 0);
  const wait = waitingText(app, state, left === 0 && countOf(state) === 0);
  if (wait) return waitingBox(wait);
  const standing = state.view === "map" ? areas(app, state) : null;
  const none = state.picks.length === 0;
  const form = best(app, state, forms.best, changed);
  return [
    none && form
      ? h("section", { class: "best-box" }, h("h3", null, t("best.title")), h("p", { class: "help" }, t("best.intro")), form)
      : null,
    !none &&
      h(
        "section",
        { class: "basket", "aria-label": t("basket.title") },
        h("div", { class: "row" }, h("h3", null, t("basket.title")), h("button", { type: "button", class: "link", onclick: () => app.purchase.clear() }, t("basket.clear"))),
        forms.later ? forms.later.parts.lines(app, state) : h("div", { class: "skeleton coming" }),
      ),
    standing,
    countOf(state) > 0 && forms.later?.parts.codeField(app, state),
  ];
}

/** Sums and the button that reserves; on a phone also the handle of the sheet. */
function foot(app: App, state: State, later: LaterForms | null): Child {
  const t = app.texts.t.bind(app.texts);
  if (state.waiting) return null;
  const n = countOf(state);
  const toggle = (): void => app.store.do({ do: "show", patch: { sheet: !state.sheet } });
  return h(
    "div",
    { class: "foot", "data-empty": n === 0 },
    later ? later.parts.violations(app, state) : h("div", { class: "violations", role: "alert" }),
    h(
      "button",
      { type: "button", class: "sheet-handle", "aria-expanded": String(state.sheet), onclick: toggle },
      glyph(state.sheet ? "down" : "up"),
      n ? h("span", null, h("small", null, t("basket.count", { n })), app.money.text(app.purchase.total())) : t("best.short"),
    ),
    n > 0 ? sums(app, app.purchase.total(), feesOf(app, state)) : h("p", { class: "empty" }, h("strong", null, t("basket.empty")), h("span", null, t("basket.empty_help"))),
    reserveButton(app, state, later?.parts),
  );
}

export function panel(app: App, state: State, forms: PanelForms, changed: () => void): Child {
  const t = app.texts.t.bind(app.texts);
  const notice = state.notice && noticeBox(app, state, state.notice);
  const filtered = isFiltered(state.filters) && app.engine.categoryAvailability().length > 0 && nothingOn(app);
  const { later } = forms;
  const coming = h("div", { class: "skeleton coming" });
  switch (state.phase) {
    case "held":
    case "ordering":
      return h("div", { class: "panel-body", key: "held" }, notice, later ? later.parts.held(app, state, later.buyer, changed) : coming);
    case "ordered":
      return h("div", { class: "panel-body", key: "ordered" }, notice, later ? later.parts.ordered(app, state, later.codes) : coming);
    default:
      return [
        h(
          "div",
          { class: "panel-body", key: "choose" },
          header(app, state),
          notice,
          filtered &&
            h("div", { class: "notice", "data-kind": "rule" }, glyph("filter"), h("p", null, t("filter.none_match")), h("button", { type: "button", class: "link", onclick: () => resetFilters(app) }, t("filter.reset"))),
          choosing(app, state, forms, changed),
        ),
        foot(app, state, later),
      ];
  }
}

/** No place passes the filters. */
function nothingOn(app: App): boolean {
  const { meta } = app.engine;
  return !meta.sections.some((section) => app.engine.availability(section.i).free > 0) && !meta.areas.some((area) => app.engine.area(area.i)?.on);
}

/** What there is instead of a map when it could not be loaded. */
export function failure(app: Pick<App, "texts" | "store" | "settings">, state: State, link: string, retry: () => void): Child {
  const t = app.texts.t.bind(app.texts);
  const { problem } = state;
  return h(
    "div",
    { class: "failure", role: "alert", part: "failure" },
    glyph("warn"),
    h("h2", null, t("error.load")),
    problem && h("p", null, problemText(app, problem)),
    h("button", { type: "button", class: "primary", onclick: retry }, t("error.retry")),
    h("a", { class: "link", href: link }, t("error.link")),
    problem && h("small", null, t("error.code", { code: problem.code })),
  );
}
