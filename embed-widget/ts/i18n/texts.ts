/** Texts in the language of the buyer: ours, with those of `messages-url` over them. */

import type { messages as first } from "./en.js";
import type { messages as later } from "./en-later.js";

export type Key = keyof typeof first | keyof typeof later;
export type Messages = Partial<Record<Key, string>>;

/** Scripts that run from right to left, by language. */
const RIGHT_TO_LEFT = new Set(["ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"]);

/** Whether the first letter, after digits and signs, is of a script that runs from right to left. */
export const isRightToLeft = (text: string): boolean => /^\P{L}*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u.test(text);

/** Keys without their plural form: what `t` takes beside the plain ones. */
type Plural = Key extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;
export type TextKey = Key | Plural;
export type Values = Record<string, string | number>;

export class Texts {
  readonly locale: string;
  readonly direction: "ltr" | "rtl";
  readonly #messages: Partial<Record<string, string>>;
  readonly #plural: Intl.PluralRules;
  readonly #number: Intl.NumberFormat;

  /** Texts of the nearest language that there is, and of the page; formats of the locale itself. */
  constructor(locale: string, messages: Messages, overrides: Record<string, string> = {}) {
    this.locale = supported(locale);
    const language = this.locale.split("-")[0] ?? "en";
    this.direction = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
    this.#messages = { ...messages, ...overrides };
    this.#plural = new Intl.PluralRules(this.locale);
    this.#number = new Intl.NumberFormat(this.locale);
  }

  t(key: TextKey, values: Values = {}): string {
    const form = typeof values["n"] === "number" ? this.#plural.select(values["n"]) : "";
    const text = this.#messages[`${key}.${form}`] ?? this.#messages[`${key}.other`] ?? this.#messages[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values[name];
      return typeof value === "number" ? this.#number.format(value) : (value ?? "");
    });
  }

  /** True when there is a text for the key: for keys made of codes. */
  has(key: string): key is Key {
    return key in this.#messages;
  }

  list(items: string[]): string {
    return new Intl.ListFormat(this.locale, { type: "conjunction" }).format(items);
  }

  /** A moment as people of the event's zone read it. */
  time(iso: string, zone: string, style: "time" | "full" = "full"): string {
    const options: Intl.DateTimeFormatOptions =
      style === "time" ? { timeStyle: "short" } : { dateStyle: "full", timeStyle: "short" };
    return new Intl.DateTimeFormat(this.locale, { ...options, timeZone: zone }).format(new Date(iso));
  }

  /** Seconds as "9:05". */
  span(seconds: number): string {
    const whole = Math.max(0, Math.ceil(seconds));
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }
}

/** The locale if the browser can format it, else English. */
function supported(locale: string): string {
  try {
    return Intl.getCanonicalLocales(locale)[0] ?? "en";
  } catch {
    return "en";
  }
}
