/** Codes that the buyer types: sent with the hold, where plugins may change prices for them. */

import { h, type Child } from "../dom.js";
import type { State } from "../store.js";
import { glyph, iconButton, type App } from "../ui/view.js";

/** What the API takes with a hold. */
const CODES_MAX = 5;
const CODE_CHARS_MAX = 40;

/** Codes as the server compares them: trimmed, in upper case, each once. */
export function withCode(codes: readonly string[], typed: string): string[] {
  const code = typed.trim().toUpperCase();
  return !code || codes.includes(code) ? [...codes] : [...codes, code];
}

/** The codes of this basket, and what is said at their field. */
export class BuyerCodes {
  all: readonly string[] = [];
  /** What is wrong. */
  wrong = "";
  /** What became of the last code. */
  said = "";
  field: HTMLInputElement | undefined;

  /** Something has to be put right at the field: it is opened. */
  refuse(text: string): void {
    this.wrong = text;
    this.said = "";
    const details = this.field?.closest("details");
    if (details) details.open = true;
  }
}

function chosen(app: App, code: string): Child {
  const { codes } = app.holding;
  const remove = (): void => void app.holding.setCodes(codes.all.filter((one) => one !== code)).catch(() => undefined);
  return h("li", { key: code }, h("span", null, code), iconButton("close", app.texts.t("code.remove", { code }), remove));
}

function form(app: App, state: State): Child {
  const { codes } = app.holding;
  const t = app.texts.t.bind(app.texts);
  const busy = state.busy || state.phase === "ordering" || state.phase === "reserving";
  const send = (event: Event): void => {
    event.preventDefault();
    const { field } = codes;
    if (!field || busy) return;
    const next = withCode(codes.all, field.value);
    if (!field.value.trim()) {
      codes.refuse(t("code.missing"));
      app.store.do({ do: "show", patch: {} });
      field.focus();
      return;
    }
    field.value = "";
    const details = field.closest("details");
    if (details) details.open = false;
    details?.querySelector("summary")?.focus();
    void app.holding.setCodes(next).catch(() => undefined);
  };
  return h(
    "form",
    { class: "field", novalidate: true, onsubmit: send },
    h("label", { for: "code" }, t("code.label")),
    h(
      "div",
      { class: "row" },
      h("input", {
        id: "code",
        type: "text",
        autocomplete: "off",
        autocapitalize: "characters",
        spellcheck: "false",
        maxlength: CODE_CHARS_MAX,
        ref: (element: HTMLElement) => (codes.field = element as HTMLInputElement),
        oninput: () => {
          if (!codes.wrong) return;
          codes.wrong = "";
          app.store.do({ do: "show", patch: {} });
        },
        "data-focus": codes.wrong ? "code" : null,
        "aria-invalid": codes.wrong ? "true" : null,
        "aria-describedby": codes.wrong ? "code-wrong" : null,
      }),
      h("button", { type: "submit", class: "secondary", "aria-disabled": busy ? "true" : null }, t("code.apply")),
    ),
    codes.wrong && h("p", { id: "code-wrong", key: "wrong", class: "wrong", part: "code-wrong" }, glyph("warn"), codes.wrong),
  );
}

/** What was opened is shown: it may lie below the edge. */
const show = (event: Event): void => (event.currentTarget as HTMLElement).scrollIntoView({ block: "nearest" });

/** The codes of the basket, and the way to enter one more. */
export function codeField(app: App, state: State): Child {
  const { codes } = app.holding;
  return h(
    "section",
    { key: "codes", class: "codes", part: "codes", "aria-label": app.texts.t("code.label") },
    codes.all.length > 0 && h("ul", { key: "chosen", class: "chosen" }, codes.all.map((code) => chosen(app, code))),
    codes.said && h("p", { key: "said", class: "help", part: "code-said" }, codes.said),
    codes.all.length < CODES_MAX &&
      h("details", { key: "enter", ontoggle: show }, h("summary", { class: "link" }, app.texts.t("code.enter")), form(app, state)),
  );
}
