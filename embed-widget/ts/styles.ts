/** The style sheet, adopted by the shadow root: a strict CSP allows that without a nonce. */

import css from "styles/styles.css";

/** One sheet for all elements of a page, by its text. */
const sheets = new Map<string, CSSStyleSheet>();

/** Makes the sheets of these texts, beside our own, those of the root. */
export function adopt(root: ShadowRoot, ...texts: string[]): void {
  root.adoptedStyleSheets = [css, ...texts].map((text) => {
    const known = sheets.get(text) ?? new CSSStyleSheet();
    if (!sheets.has(text)) known.replaceSync(text);
    sheets.set(text, known);
    return known;
  });
}

/** How long a change of colours that nothing announces may go unseen. */
const LOOK_MS = 1_000;
/** What the map is drawn with; every other colour comes along with these. */
const WATCHED = ["--map-background", "--map-section", "--map-text", "--map-selection"];

/**
 * Calls `changed` when the colours of the widget have changed, for whatever reason: the system, the theme, a style sheet of
 * the page. Only some of that is announced, so we also look now and then. Answers what looks at once, and what ends it.
 */
export function watchTheme(root: HTMLElement, changed: () => void): { look: () => void; close: () => void } {
  const colors = (): string => {
    const style = getComputedStyle(root);
    return [style.colorScheme, style.color, style.backgroundColor, ...WATCHED.map((name) => style.getPropertyValue(name))].join();
  };
  let before = colors();
  const look = (): void => {
    const now = colors();
    if (now === before) return;
    before = now;
    changed();
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const timer = setInterval(look, LOOK_MS);
  dark.addEventListener("change", look);
  const close = (): void => {
    clearInterval(timer);
    dark.removeEventListener("change", look);
  };
  return { look, close };
}
