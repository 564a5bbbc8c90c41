//! What one ticket costs, and what an order of tickets costs.
//!
//! Tax is computed and rounded **per ticket**, half away from zero, on price and fee together at one rate. An order is
//! the plain sum of its tickets, so that refunding tickets one after the other gives back exactly what was paid.
//!
//! Parts are always without tax, and always add up: `net + fee + tax = gross`. When the price includes tax, what the
//! buyer pays is price plus fee as written, whatever the rate; the tax is taken out of it.

use serde::{Deserialize, Serialize};

use crate::money::AMOUNT_MAX;

/// 100 % in basis points: no tax is higher.
pub const TAX_RATE_MAX_BPS: u32 = 10_000;

/// The price of one ticket, as the organizer set it and plugins changed it, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TicketPrice {
    /// The face value, 0 for a free ticket. Includes tax if `tax_inclusive`.
    pub price_minor: i64,
    /// The fee on top, taxed at the same rate. Includes tax if `tax_inclusive`.
    pub fee_minor: i64,
    /// The tax rate in basis points: 1,900 is 19 %.
    pub tax_rate_bps: u32,
    /// Whether price and fee contain the tax already.
    pub tax_inclusive: bool,
}

/// One ticket with its tax worked out, in minor units: `net + fee + tax = gross`, none of them negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Priced {
    /// The face value without tax.
    pub net_minor: i64,
    /// The fee without tax.
    pub fee_minor: i64,
    /// The tax on both.
    pub tax_minor: i64,
    /// What the buyer pays.
    pub gross_minor: i64,
}

/// Sums over tickets, in minor units: `price + fees + tax = total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Totals {
    /// The subtotal: face values without tax.
    pub price_minor: i64,
    /// Fees without tax.
    pub fees_minor: i64,
    pub tax_minor: i64,
    /// What the buyer pays.
    pub total_minor: i64,
}

/// Why there is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PricingError {
    #[error("prices and fees are not negative")]
    Negative,
    #[error("a tax rate is at most 10000 basis points")]
    TaxRate,
    #[error("the amount exceeds the allowed range")]
    Range,
}

impl TicketPrice {
    pub fn priced(self) -> Result<Priced, PricingError> {
        if self.price_minor < 0 || self.fee_minor < 0 {
            return Err(PricingError::Negative);
        }
        if self.tax_rate_bps > TAX_RATE_MAX_BPS {
            return Err(PricingError::TaxRate);
        }
        let base_minor = in_range(self.price_minor.checked_add(self.fee_minor))?;
        if self.tax_inclusive {
            // Price and fee are split from the tax of the sum: both stay non-negative and nothing is rounded twice.
            let tax_minor = included_tax(base_minor, self.tax_rate_bps);
            let fee_minor = self.fee_minor - included_tax(self.fee_minor, self.tax_rate_bps);
            let net_minor = base_minor - tax_minor - fee_minor;
            return Ok(Priced { net_minor, fee_minor, tax_minor, gross_minor: base_minor });
        }
        let tax_minor =
            round_div(i128::from(base_minor) * i128::from(self.tax_rate_bps), i128::from(TAX_RATE_MAX_BPS));
        let gross_minor = in_range(base_minor.checked_add(tax_minor))?;
        Ok(Priced { net_minor: self.price_minor, fee_minor: self.fee_minor, tax_minor, gross_minor })
    }
}

impl Totals {
    /// The totals of one ticket.
    pub const fn of(line: Priced) -> Self {
        Self {
            price_minor: line.net_minor,
            fees_minor: line.fee_minor,
            tax_minor: line.tax_minor,
            total_minor: line.gross_minor,
        }
    }

    /// The totals of an order; refuses sums beyond [`AMOUNT_MAX`].
    pub fn sum(lines: impl IntoIterator<Item = Priced>) -> Result<Self, PricingError> {
        lines.into_iter().try_fold(Self::default(), |sum, line| sum.checked_add(Self::of(line)))
    }

    pub fn checked_add(self, other: Self) -> Result<Self, PricingError> {
        Ok(Self {
            price_minor: in_range(self.price_minor.checked_add(other.price_minor))?,
            fees_minor: in_range(self.fees_minor.checked_add(other.fees_minor))?,
            tax_minor: in_range(self.tax_minor.checked_add(other.tax_minor))?,
            total_minor: in_range(self.total_minor.checked_add(other.total_minor))?,
        })
    }

    /// Whether the parts add up and none is negative or too large.
    pub fn is_sound(self) -> bool {
        let parts = [self.price_minor, self.fees_minor, self.tax_minor];
        parts.iter().chain([&self.total_minor]).all(|part| (0..=AMOUNT_MAX).contains(part))
            && parts.iter().sum::<i64>() == self.total_minor
    }
}

/// `numerator / denominator`, rounded half up: away from zero, since amounts are not negative here.
fn round_div(numerator: i128, denominator: i128) -> i64 {
    let quotient = (numerator + denominator / 2) / denominator;
    i64::try_from(quotient).expect("a tax is at most the amount that it is taken on")
}

fn included_tax(gross_minor: i64, tax_rate_bps: u32) -> i64 {
    let rate = i128::from(tax_rate_bps);
    round_div(i128::from(gross_minor) * rate, i128::from(TAX_RATE_MAX_BPS) + rate)
}

fn in_range(amount_minor: Option<i64>) -> Result<i64, PricingError> {
    amount_minor.filter(|amount| (0..=AMOUNT_MAX).contains(amount)).ok_or(PricingError::Range)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(price_minor: i64, fee_minor: i64, tax_rate_bps: u32, tax_inclusive: bool) -> TicketPrice {
        TicketPrice { price_minor, fee_minor, tax_rate_bps, tax_inclusive }
    }

    fn priced(net_minor: i64, fee_minor: i64, tax_minor: i64, gross_minor: i64) -> Priced {
        Priced { net_minor, fee_minor, tax_minor, gross_minor }
    }

    #[test]
    fn known_prices() {
        for (input, output) in [
            (price(10_000, 0, 1_900, false), priced(10_000, 0, 1_900, 11_900)),
            (price(11_900, 0, 1_900, true), priced(10_000, 0, 1_900, 11_900)),
            (price(5_000, 250, 700, false), priced(5_000, 250, 368, 5_618)), // 367.5 rounds up
            (price(5_000, 250, 700, true), priced(4_673, 234, 343, 5_250)),
            (price(5, 0, 1_000, false), priced(5, 0, 1, 6)), // 0.5 rounds away from zero
            (price(4, 0, 1_000, false), priced(4, 0, 0, 4)),
            (price(1, 1, 10_000, true), priced(1, 0, 1, 2)),
            (price(0, 0, 1_900, false), Priced::default()),
            (price(0, 0, 0, true), Priced::default()),
            (price(0, 119, 1_900, true), priced(0, 100, 19, 119)),
            (price(4_999, 1, 0, true), priced(4_999, 1, 0, 5_000)),
        ] {
            assert_eq!(input.priced(), Ok(output), "{input:?}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (input, error) in [
            (price(-1, 0, 0, false), PricingError::Negative),
            (price(0, -1, 0, true), PricingError::Negative),
            (price(1, 0, 10_001, false), PricingError::TaxRate),
            (price(AMOUNT_MAX, 1, 0, true), PricingError::Range),
            (price(AMOUNT_MAX, 0, 1, false), PricingError::Range),
            (price(i64::MAX, i64::MAX, 10_000, false), PricingError::Range),
        ] {
            assert_eq!(input.priced(), Err(error), "{input:?}");
        }
        let half = price(AMOUNT_MAX / 2 + 1, 0, 0, false).priced().unwrap();
        assert_eq!(Totals::sum([half, half]), Err(PricingError::Range));
        assert_eq!(Totals::sum([]), Ok(Totals::default()));
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        for (numerator, denominator, expected) in
            [(5, 10, 1), (4, 10, 0), (1, 3, 0), (2, 3, 1), (3, 2, 2), (7, 14, 1), (0, 7, 0)]
        {
            assert_eq!(round_div(numerator, denominator), expected, "{numerator}/{denominator}");
        }
    }

    fn any_price() -> impl Strategy<Value = TicketPrice> {
        let amount = || prop_oneof![0..200_i64, 0..1_000_000_i64, 0..AMOUNT_MAX / 4];
        (amount(), amount(), 0..=TAX_RATE_MAX_BPS, any::<bool>())
            .prop_map(|(net, fee, rate, inclusive)| price(net, fee, rate, inclusive))
    }

    proptest! {
        #[test]
        fn parts_add_up_and_none_is_negative(price in any_price()) {
            let priced = price.priced().unwrap();
            prop_assert!(Totals::of(priced).is_sound(), "{priced:?}");
        }

        #[test]
        fn included_tax_never_changes_what_the_buyer_pays(price in any_price(), rate in 0..=TAX_RATE_MAX_BPS) {
            let written = TicketPrice { tax_inclusive: true, tax_rate_bps: rate, ..price };
            prop_assert_eq!(written.priced().unwrap().gross_minor, price.price_minor + price.fee_minor);
        }

        #[test]
        fn a_higher_price_never_lowers_any_part(price in any_price(), more in 0..10_000_i64) {
            let dearer = TicketPrice { price_minor: price.price_minor + more, ..price };
            let (low, high) = (price.priced().unwrap(), dearer.priced().unwrap());
            prop_assert!(low.net_minor <= high.net_minor && low.tax_minor <= high.tax_minor);
            prop_assert!(low.gross_minor <= high.gross_minor && low.fee_minor == high.fee_minor);
        }

        #[test]
        fn a_higher_rate_never_lowers_the_tax(price in any_price(), more in 0..500_u32) {
            let rate = (price.tax_rate_bps + more).min(TAX_RATE_MAX_BPS);
            let taxed = TicketPrice { tax_rate_bps: rate, ..price };
            prop_assert!(price.priced().unwrap().tax_minor <= taxed.priced().unwrap().tax_minor);
        }

        #[test]
        fn an_order_is_the_sum_of_its_tickets(prices in prop::collection::vec((0..1_000_000_i64, 0..9_999_i64, 0..3_000_u32, any::<bool>()), 0..40)) {
            let lines: Vec<_> = prices.into_iter().map(|(p, f, r, i)| price(p, f, r, i).priced().unwrap()).collect();
            let totals = Totals::sum(lines.iter().copied()).unwrap();
            prop_assert!(totals.is_sound());
            prop_assert_eq!(totals.total_minor, lines.iter().map(|line| line.gross_minor).sum::<i64>());
        }
    }
}
