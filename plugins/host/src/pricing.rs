//! What the changes of plugins come to. The plugins say percentages and amounts; prices, taxes and totals are worked out
//! here, within the limits that the organizer set.
//!
//! Changes apply to the price of a ticket as it is written, never to its fee. Percentages are of the price that the line has
//! at that moment, rounded half away from zero. A change of the whole cart is spread over its lines by their prices, so
//! that every ticket has a price of its own and refunds add up. What a limit takes away is not made up for elsewhere.

use eventflow_core::{
    money::{AMOUNT_MAX, Currency},
    pricing::{Priced, PricingError, TicketPrice, Totals},
};
use serde::{Deserialize, Serialize};

use crate::values::{Adjustment, Applied, Cart, Change};

/// The organizer's limits. They hold whatever plugins say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardRails {
    /// The least that a ticket costs, in basis points of its own price: 5,000 is half of it. At most 10,000.
    pub floor_bps: u32,
    /// The most that it costs: 15,000 is half as much again. At least 10,000.
    pub cap_bps: u32,
    /// The most that all discounts of a cart come to, in minor units.
    pub discount_max_minor: Option<i64>,
}

impl Default for GuardRails {
    /// From free of charge to twice the price.
    fn default() -> Self {
        Self { floor_bps: 0, cap_bps: 20_000, discount_max_minor: None }
    }
}

impl GuardRails {
    /// Whether the base price itself is within the limits.
    pub fn is_sound(&self) -> bool {
        self.floor_bps <= 10_000
            && (10_000..=100_000).contains(&self.cap_bps)
            && self.discount_max_minor.is_none_or(|max| (0..=AMOUNT_MAX).contains(&max))
    }

    /// The floor is rounded up and the cap down: neither is ever passed. The base price is always allowed.
    fn range(&self, base_minor: i64) -> (i64, i64) {
        if base_minor <= 0 {
            return (base_minor, base_minor);
        }
        let share = |bps: u32| i128::from(base_minor) * i128::from(bps);
        let floor = i64::try_from((share(self.floor_bps) + 9_999) / 10_000).unwrap_or(base_minor);
        let cap = i64::try_from(share(self.cap_bps) / 10_000).unwrap_or(base_minor);
        (floor.min(base_minor), cap.min(AMOUNT_MAX).max(base_minor))
    }
}

/// One change of one ticket's price, as it stands on hold, order, receipt and ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub plugin: String,
    /// The index of the ticket.
    pub line: usize,
    /// The index of the adjustment in the plugin's answer: changes of the whole cart are several items.
    pub adjustment: usize,
    /// Negative for a discount.
    pub amount_minor: i64,
    pub label: String,
    pub reason: String,
    /// Whether the organizer's limits made it smaller.
    pub is_limited: bool,
}

/// A plugin's answer that is not applied. None of it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("adjustment {index}: the amount is in `{found}`, the event sells in {expected}")]
    Currency { index: usize, found: String, expected: Currency },
    #[error("adjustment {index}: there is no line {line}")]
    Line { index: usize, line: u32 },
    #[error("adjustment {index}: {bps} basis points are no sensible change")]
    Percent { index: usize, bps: i32 },
    #[error("adjustment {index}: the amount is out of range")]
    Amount { index: usize },
}

/// A cart whose prices are being changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    currency: Currency,
    guard_rails: GuardRails,
    base: Vec<TicketPrice>,
    now_minor: Vec<i64>,
    items: Vec<Item>,
}

impl Prices {
    /// `base` are the organizer's own prices.
    pub fn new(currency: Currency, guard_rails: GuardRails, base: Vec<TicketPrice>) -> Self {
        let now_minor = base.iter().map(|price| price.price_minor).collect();
        Self { currency, guard_rails, base, now_minor, items: Vec::new() }
    }

    /// As they were before the first change.
    #[must_use]
    pub fn again(self) -> Self {
        Self::new(self.currency, self.guard_rails, self.base)
    }

    /// Applies a plugin's answer in its order, all of it or nothing.
    pub fn apply(&mut self, plugin: &str, adjustments: &[Adjustment]) -> Result<(), AnswerError> {
        adjustments.iter().enumerate().try_for_each(|(index, adjustment)| self.check(index, adjustment))?;
        for (index, adjustment) in adjustments.iter().enumerate() {
            for (line, wanted_minor) in self.wanted(adjustment) {
                self.change(plugin, index, adjustment, line, wanted_minor);
            }
        }
        Ok(())
    }

    /// What the plugins have changed so far, in their order.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The same, when nothing more changes.
    pub fn into_items(self) -> Vec<Item> {
        self.items
    }

    /// The prices of the tickets as they stand now, to be taxed by [`Prices::priced`].
    pub fn tickets(&self) -> impl Iterator<Item = TicketPrice> {
        self.base
            .iter()
            .zip(&self.now_minor)
            .map(|(base, price)| TicketPrice { price_minor: *price, ..*base })
    }

    /// Each ticket with its tax, and the totals.
    pub fn priced(&self) -> Result<(Vec<Priced>, Totals), PricingError> {
        let tickets = self.tickets().map(TicketPrice::priced).collect::<Result<Vec<_>, _>>()?;
        let totals = Totals::sum(tickets.iter().copied())?;
        Ok((tickets, totals))
    }

    /// Writes prices and changes so far into a cart, for the next plugin.
    pub fn show(&self, cart: &mut Cart) {
        for (line, price) in cart.lines.iter_mut().zip(&self.now_minor) {
            line.price_minor = *price;
        }
        let applied = self.items.iter().map(|item| Applied {
            plugin: item.plugin.clone(),
            line: u32::try_from(item.line).unwrap_or(u32::MAX),
            amount_minor: item.amount_minor,
            label: item.label.clone(),
        });
        cart.applied = applied.collect();
    }

    fn check(&self, index: usize, adjustment: &Adjustment) -> Result<(), AnswerError> {
        match adjustment.line {
            Some(line) if usize::try_from(line).is_ok_and(|line| line >= self.base.len()) => {
                return Err(AnswerError::Line { index, line });
            }
            _ => {}
        }
        match &adjustment.change {
            Change::Amount(money) if money.currency != self.currency.code() => Err(AnswerError::Currency {
                index,
                found: money.currency.chars().take(10).collect(),
                expected: self.currency,
            }),
            Change::Amount(money) if money.amount_minor.unsigned_abs() > AMOUNT_MAX.unsigned_abs() => {
                Err(AnswerError::Amount { index })
            }
            Change::PercentBps(bps) if !is_sensible(*bps) => Err(AnswerError::Percent { index, bps: *bps }),
            _ => Ok(()),
        }
    }

    /// What the adjustment asks of each line, before limits.
    fn wanted(&self, adjustment: &Adjustment) -> Vec<(usize, i64)> {
        match (adjustment.line.and_then(|line| usize::try_from(line).ok()), &adjustment.change) {
            (Some(line), Change::Amount(money)) => vec![(line, money.amount_minor)],
            (Some(line), Change::PercentBps(bps)) => vec![(line, percent(self.now_minor[line], *bps))],
            (None, Change::Amount(money)) => {
                spread(money.amount_minor, &self.now_minor).into_iter().enumerate().collect()
            }
            (None, Change::PercentBps(bps)) => {
                self.now_minor.iter().map(|price| percent(*price, *bps)).enumerate().collect()
            }
        }
    }

    fn change(
        &mut self,
        plugin: &str,
        index: usize,
        adjustment: &Adjustment,
        line: usize,
        wanted_minor: i64,
    ) {
        let before = self.now_minor[line];
        let base = self.base[line].price_minor;
        let (floor, cap) = self.guard_rails.range(base);
        let mut after = before.saturating_add(wanted_minor).clamp(floor, cap);
        if let Some(max) = self.guard_rails.discount_max_minor {
            // What the other lines leave of the discount.
            let others: i64 = self.discounts().sum::<i64>() - (base - before).max(0);
            after = after.max(base - (max - others).max(0));
        }
        if after == before && wanted_minor == 0 {
            return;
        }
        self.now_minor[line] = after;
        self.items.push(Item {
            plugin: plugin.to_owned(),
            line,
            adjustment: index,
            amount_minor: after - before,
            label: adjustment.label.clone(),
            reason: adjustment.reason.clone(),
            is_limited: after - before != wanted_minor,
        });
    }

    fn discounts(&self) -> impl Iterator<Item = i64> {
        self.base.iter().zip(&self.now_minor).map(|(base, now)| (base.price_minor - now).max(0))
    }
}

/// Nothing beyond free of charge and eleven times the price.
pub(crate) fn is_sensible(bps: i32) -> bool {
    bps >= -10_000 && bps.unsigned_abs() <= crate::limits::PERCENT_BPS_MAX
}

/// A share of a price, rounded half away from zero.
fn percent(price_minor: i64, bps: i32) -> i64 {
    let exact = i128::from(price_minor) * i128::from(bps);
    let rounded = (exact.abs() + 5_000) / 10_000 * exact.signum();
    i64::try_from(rounded).unwrap_or(0)
}

/// An amount in parts that add up to it, by the weights; what rounding leaves goes to the first lines. Equal parts if all
/// weights are zero.
fn spread(amount_minor: i64, weights: &[i64]) -> Vec<i64> {
    let all: i128 = weights.iter().copied().map(i128::from).sum();
    let part = |weight: i64| {
        let count = i128::try_from(weights.len()).unwrap_or(i128::MAX);
        let (share, of) = if all == 0 { (1, count) } else { (i128::from(weight), all) };
        i64::try_from(i128::from(amount_minor) * share / of).unwrap_or(0)
    };
    let mut parts: Vec<i64> = weights.iter().map(|weight| part(*weight)).collect();
    let mut left = amount_minor - parts.iter().sum::<i64>();
    for (part, weight) in parts.iter_mut().zip(weights) {
        if left != 0 && (all == 0 || *weight > 0) {
            *part += left.signum();
            left -= left.signum();
        }
    }
    parts
}

#[cfg(test)]
#[path = "pricing_tests.rs"]
mod tests;
