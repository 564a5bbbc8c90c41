//! Money: integer minor units and an ISO 4217 currency. No floats, no silent mixing of currencies.

use std::{fmt, str::FromStr};

use iso_currency::Currency as Iso;
use serde::{Deserialize, Serialize};

/// The largest amount that an order, a price or a refund may have, in minor units: 10 billion.
/// It keeps every sum of the platform (amount x 500 items x tax) far inside `i64`.
pub const AMOUNT_MAX: i64 = 10_000_000_000;

/// An ISO 4217 currency; on the wire and in the database its three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Currency(Iso);

impl Currency {
    pub fn code(self) -> &'static str {
        self.0.code()
    }
    /// Digits after the decimal separator: 2 for EUR, 0 for JPY. `None` for codes without minor units (XAU).
    pub fn exponent(self) -> Option<u16> {
        self.0.exponent()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an ISO 4217 currency code such as EUR")]
pub struct CurrencyError;

impl FromStr for Currency {
    type Err = CurrencyError;
    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let iso = Iso::from_code(text).ok_or(CurrencyError)?;
        iso.exponent().ok_or(CurrencyError)?;
        Ok(Self(iso))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in minor units of one currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Money {
    pub amount_minor: i64,
    pub currency: Currency,
}

/// Two amounts of different currencies met, or a sum left the range of amounts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("{0} and {1} cannot be added")]
    Currencies(Currency, Currency),
    #[error("the amount leaves the allowed range")]
    Range,
}

impl Money {
    pub const fn new(amount_minor: i64, currency: Currency) -> Self {
        Self { amount_minor, currency }
    }
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Currencies(self.currency, other.currency));
        }
        self.amount_minor
            .checked_add(other.amount_minor)
            .filter(|sum| sum.unsigned_abs() <= AMOUNT_MAX.unsigned_abs())
            .map(|sum| Self::new(sum, self.currency))
            .ok_or(MoneyError::Range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_do_not_mix_and_sums_stay_in_range() {
        let eur: Currency = "EUR".parse().unwrap();
        let jpy: Currency = "JPY".parse().unwrap();
        assert_eq!((eur.exponent(), jpy.exponent()), (Some(2), Some(0)));
        assert_eq!(Money::new(1, eur).checked_add(Money::new(2, eur)), Ok(Money::new(3, eur)));
        assert_eq!(Money::new(1, eur).checked_add(Money::new(1, jpy)), Err(MoneyError::Currencies(eur, jpy)));
        assert_eq!(Money::new(AMOUNT_MAX, eur).checked_add(Money::new(1, eur)), Err(MoneyError::Range));
        assert!("eur".parse::<Currency>().is_err() && "XAU".parse::<Currency>().is_err());
    }
}
