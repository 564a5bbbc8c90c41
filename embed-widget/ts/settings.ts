/** The attributes of the element, read. */

import type { Settings } from "./ctx.js";

export interface Attributes {
  settings: Settings;
  party: number;
  view: "map" | "list";
}

const whole = (text: string | null, least: number): number => {
  const n = Number(text ?? "");
  return Number.isInteger(n) && n >= least ? n : least;
};

/** Only web pages: `javascript:` and the like are nothing to send a buyer to. */
function address(text: string | null): string {
  try {
    const url = text ? new URL(text, location.href) : null;
    return url && /^https?:$/.test(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

export function readSettings(host: HTMLElement): Attributes {
  const text = (name: string): string | null => host.getAttribute(name);
  return {
    settings: {
      max: whole(text("max"), 0),
      successUrl: address(text("success-url")),
      cancelUrl: address(text("cancel-url")),
      buyer: (text("buyer") ?? "").slice(0, 64),
      categories: (text("categories") ?? "").split(/[\s,]+/).filter(Boolean),
    },
    party: Math.min(8, whole(text("party"), 1)),
    view: text("view") === "list" ? "list" : "map",
  };
}
