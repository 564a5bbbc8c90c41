/** Prices: the same arithmetic as the server's, and their spelling in the language of the buyer. */

/** What a ticket of a price tier costs, as the API describes it. */
export interface Priced {
  price_minor: number;
  fee_minor: number;
  tax_rate_bps: number;
  tax_inclusive: boolean;
}

/** What the buyer pays for one ticket, fee and tax included. The tax is rounded per ticket, half up. */
export function gross(tier: Priced): number {
  const base = tier.price_minor + tier.fee_minor;
  if (tier.tax_inclusive) return base;
  // Exact: bases are far below 2^53 / 10000 in any currency, and else BigInt takes over.
  const product = BigInt(base) * BigInt(tier.tax_rate_bps);
  return base + Number((product * 2n + 10_000n) / 20_000n);
}

/** The fee with its tax, for "incl. 2.00 fee". */
export function grossFee(tier: Priced): number {
  return gross({ ...tier, price_minor: 0 });
}

/** Formats minor units of one currency for one language. */
export class Money {
  readonly #format: Intl.NumberFormat;
  readonly #short: Intl.NumberFormat;
  readonly #factor: number;

  constructor(currency: string, locale: string) {
    const options = { style: "currency", currency } as const;
    const digits = new Intl.NumberFormat("en", options).resolvedOptions().maximumFractionDigits ?? 2;
    this.#factor = 10 ** digits;
    this.#format = new Intl.NumberFormat(locale, options);
    this.#short = new Intl.NumberFormat(locale, { ...options, trailingZeroDisplay: "stripIfInteger" } as Intl.NumberFormatOptions);
  }

  text(minor: number): string {
    return this.#format.format(minor / this.#factor);
  }

  /** "45 to 98.50 EUR", without zeros behind the point; one price when both are the same. */
  range(from: number, to: number): string {
    const [low, high] = [from / this.#factor, to / this.#factor];
    return from === to ? this.#short.format(low) : this.#short.formatRange(low, high);
  }
}
