/** The style sheet, adopted by the shadow root: a strict CSP allows that without a nonce. */

import css from "./styles.css";

let sheet: CSSStyleSheet | undefined;

export function adopt(root: ShadowRoot): void {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
  }
  root.adoptedStyleSheets = [sheet];
}

/**
 * Calls `changed` whenever the colours of the widget change, for whatever reason: the system, the page's style sheets, an
 * attribute. The style sheet gives the root a transition of one moment on its colours; its end is the sign.
 */
export function watchTheme(root: HTMLElement, changed: () => void): () => void {
  const end = (event: TransitionEvent): void => {
    if (event.target === root) changed();
  };
  root.addEventListener("transitionend", end);
  return () => root.removeEventListener("transitionend", end);
}
