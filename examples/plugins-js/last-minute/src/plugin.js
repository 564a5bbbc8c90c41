// Seats that are left shortly before the doors open cost less, if enough of them are left.
import { all } from "eventflow:plugin/config@1.0.0";

export const pricing = {
  quote(cart) {
    const { hours, free_percent, percent } = JSON.parse(all());
    const left = (cart.event.startsAt - cart.now) / 3600;
    if (left > hours || left < 0) return [];
    const label = cart.locale.startsWith("de") ? "Last Minute" : "Last minute";
    const adjustments = [];
    cart.lines.forEach((line, index) => {
      const tier = cart.tiers.find((tier) => tier.id === line.tierId);
      const free = (100 * (tier.capacity - tier.sold)) / tier.capacity;
      if (free < free_percent) return;
      const reason = `${Math.floor(free)} % free, ${Math.floor(left)} hours to go`;
      const change = { tag: "percent-bps", val: -100 * percent };
      adjustments.push({ line: index, change, label, reason, attributes: [] });
    });
    return adjustments;
  },
};
