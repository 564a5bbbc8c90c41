// @ts-check
/// <reference path="./platform.d.ts" />
import { get } from "eventflow:plugin/config@1.0.0";

/**
 * Called for every look at a cart and for every order. What it returns stands on the cart, the receipt and in the ledger.
 * @type {import("./plugin").Pricing}
 */
export const pricing = {
  quote(cart) {
    const percent = Number(get("percent") ?? 10);
    if (cart.lines.length < 4) return [];
    const label = cart.locale.startsWith("de") ? "Ab vier" : "Four and more";
    const change = { tag: /** @type {const} */ ("percent-bps"), val: -100 * percent };
    return [{ change, label, reason: `${cart.lines.length} tickets`, attributes: [] }];
  },
};
