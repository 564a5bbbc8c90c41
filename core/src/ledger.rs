//! Double entry: which accounts a sale, a refund and a dispute move, and by how much.
//!
//! Amounts are signed minor units of the order's currency, debits positive and credits negative. The lines of every
//! function here sum to 0, and so do those of an order. A line of 0 is left out.
//!
//! | what happens | debit | credit |
//! |---|---|---|
//! | sale | clearing | ticket revenue, fee revenue, tax payable |
//! | the platform's fee on it | application fee | clearing |
//! | the provider's fee | provider fee | clearing |
//! | refund | ticket revenue, fee revenue, tax payable | clearing |
//! | ... with the platform's fee | clearing | application fee |
//! | money without seats arrives | held money | clearing (the other way round) |
//! | dispute opened | disputed, dispute cost | clearing |
//! | dispute won | clearing | disputed |
//! | dispute lost | ticket revenue, fee revenue, tax payable | disputed |
//!
//! After a full refund, in however many parts, every revenue account of the order stands at 0.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{money::AMOUNT_MAX, pricing::Totals};

macro_rules! accounts {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        /// An account of the ledger, kept per tenant and currency.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Account { $($(#[doc = $doc])* #[serde(rename = $text)] $name),* }

        impl Account {
            pub const ALL: &[Account] = &[$(Account::$name),*];
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text),* } }
        }
    };
}

accounts! {
    /// Money at Stripe: taken, and not yet paid out.
    ClearingStripe = "clearing_stripe";
    /// Money taken by cash, card terminal or invoice.
    ClearingManual = "clearing_manual";
    /// Face values without tax.
    TicketRevenue = "ticket_revenue";
    /// Fees without tax.
    FeeRevenue = "fee_revenue";
    /// Tax owed to the authorities.
    TaxPayable = "tax_payable";
    /// What the platform keeps of a sale: a cost of the organizer.
    ApplicationFee = "application_fee";
    /// What the payment provider keeps.
    ProviderFee = "provider_fee";
    /// Money of orders that could not be fulfilled, until it is refunded.
    HeldMoney = "held_money";
    /// Money withdrawn by the bank while a dispute is open.
    Disputed = "disputed";
    /// Costs of disputes: the provider's charge, and losses beyond what the order had left.
    DisputeCost = "dispute_cost";
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown ledger account `{0}`")]
pub struct UnknownAccount(pub String);

impl FromStr for Account {
    type Err = UnknownAccount;
    fn from_str(text: &str) -> Result<Self, UnknownAccount> {
        Self::ALL.iter().copied().find(|a| a.as_str() == text).ok_or_else(|| UnknownAccount(text.into()))
    }
}

/// Where money comes in and goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clearing {
    Stripe,
    Manual,
}

impl Clearing {
    pub const fn account(self) -> Account {
        match self {
            Self::Stripe => Account::ClearingStripe,
            Self::Manual => Account::ClearingManual,
        }
    }
}

/// One line of the ledger; debit positive, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Line {
    pub account: Account,
    pub amount_minor: i64,
}

/// Why nothing can be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("the parts do not add up, or are out of range")]
    Unsound,
    #[error("the amount is negative or out of range")]
    Amount,
    #[error("the amount exceeds what is left of the order")]
    TooLarge,
}

/// What a refund gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundOf {
    /// Some of the money: spread over what is left of price, fees and tax.
    Amount(i64),
    /// These tickets: their own price, fee and tax.
    Tickets(Totals),
}

/// A paid order: what the buyer paid, and the part that goes to the platform.
pub fn sale(clearing: Clearing, sold: Totals, application_fee_minor: i64) -> Result<Vec<Line>, LedgerError> {
    let fee_minor = amount(application_fee_minor)?;
    if fee_minor > sold.total_minor {
        return Err(LedgerError::TooLarge);
    }
    let mut lines = Lines::default();
    lines.exchange(clearing.account(), sound(sold)?, -1);
    lines.transfer(Account::ApplicationFee, clearing.account(), fee_minor);
    Ok(lines.0)
}

/// What the payment provider keeps of a payment.
pub fn provider_fee(clearing: Clearing, fee_minor: i64) -> Result<Vec<Line>, LedgerError> {
    Lines::one(Account::ProviderFee, clearing.account(), fee_minor)
}

/// The parts of a refund. `refunded` is the sum of the parts of all earlier ones, lost disputes included.
///
/// Tickets give back their own parts while the order still has them. Anything else is spread over what is left in
/// proportion, by largest remainder: no part exceeds what is left of it, and the refund that takes the last cent takes
/// the rest of each part.
pub fn split_refund(sold: Totals, refunded: Totals, of: RefundOf) -> Result<Totals, LedgerError> {
    let left = left_of(sound(sold)?, sound(refunded)?)?;
    let amount_minor = match of {
        RefundOf::Amount(amount_minor) => amount(amount_minor)?,
        RefundOf::Tickets(tickets) if left_of(left, sound(tickets)?).is_ok() => return Ok(tickets),
        RefundOf::Tickets(tickets) => tickets.total_minor,
    };
    if amount_minor > left.total_minor {
        return Err(LedgerError::TooLarge);
    }
    let [price_minor, fees_minor, tax_minor] =
        share_out(amount_minor, [left.price_minor, left.fees_minor, left.tax_minor]);
    Ok(Totals { price_minor, fees_minor, tax_minor, total_minor: amount_minor })
}

/// How much of the platform's fee goes back with a refund, in proportion to the money refunded so far, rounded down.
/// Over all refunds of an order the shares sum to the whole fee. A free order has none.
pub fn application_fee_share(
    fee_minor: i64,
    total_minor: i64,
    refunded_before_minor: i64,
    refund_minor: i64,
) -> Result<i64, LedgerError> {
    let (fee, total) = (amount(fee_minor)?, amount(total_minor)?);
    let (before, refund) = (amount(refunded_before_minor)?, amount(refund_minor)?);
    if before + refund > total {
        return Err(LedgerError::TooLarge);
    }
    if total == 0 {
        return Ok(0);
    }
    let share_of = |refunded: i64| i128::from(fee) * i128::from(refunded) / i128::from(total);
    i64::try_from(share_of(before + refund) - share_of(before)).map_err(|_| LedgerError::Amount)
}

/// A refund of `parts` (see [`split_refund`]), with `application_fee_back_minor` of the platform's fee.
pub fn refund(
    clearing: Clearing,
    parts: Totals,
    application_fee_back_minor: i64,
) -> Result<Vec<Line>, LedgerError> {
    let back_minor = amount(application_fee_back_minor)?;
    let mut lines = Lines::default();
    lines.exchange(clearing.account(), sound(parts)?, 1);
    lines.transfer(clearing.account(), Account::ApplicationFee, back_minor);
    Ok(lines.0)
}

/// A refund that the provider reported as done and then took back: the exact reverse of [`refund`].
pub fn reverse(lines: &[Line]) -> Vec<Line> {
    lines.iter().map(|line| Line { amount_minor: -line.amount_minor, ..*line }).collect()
}

/// Money came for an order whose seats are gone.
pub fn hold_money(clearing: Clearing, amount_minor: i64) -> Result<Vec<Line>, LedgerError> {
    Lines::one(clearing.account(), Account::HeldMoney, amount_minor)
}

/// The money of [`hold_money`] went back to the buyer.
pub fn return_money(clearing: Clearing, amount_minor: i64) -> Result<Vec<Line>, LedgerError> {
    Lines::one(Account::HeldMoney, clearing.account(), amount_minor)
}

/// The bank withdrew the money; the provider charges `cost_minor` for it.
pub fn dispute_opened(
    clearing: Clearing,
    amount_minor: i64,
    cost_minor: i64,
) -> Result<Vec<Line>, LedgerError> {
    let (amount_minor, cost_minor) = (amount(amount_minor)?, amount(cost_minor)?);
    let mut lines = Lines::default();
    lines.transfer(Account::Disputed, clearing.account(), amount_minor);
    lines.transfer(Account::DisputeCost, clearing.account(), cost_minor);
    Ok(lines.0)
}

/// The money came back, and `cost_back_minor` of the charge.
pub fn dispute_won(
    clearing: Clearing,
    amount_minor: i64,
    cost_back_minor: i64,
) -> Result<Vec<Line>, LedgerError> {
    Ok(reverse(&dispute_opened(clearing, amount_minor, cost_back_minor)?))
}

/// The money is lost: it reverses the sale as far as the order has something left, and is a cost beyond that.
/// Also answers the parts of the sale that are gone, which count as refunded from now on.
pub fn dispute_lost(
    sold: Totals,
    refunded: Totals,
    amount_minor: i64,
) -> Result<(Vec<Line>, Totals), LedgerError> {
    let amount_minor = amount(amount_minor)?;
    let left_minor = left_of(sound(sold)?, sound(refunded)?)?.total_minor;
    let parts = split_refund(sold, refunded, RefundOf::Amount(amount_minor.min(left_minor)))?;
    let mut lines = Lines::default();
    lines.exchange(Account::Disputed, parts, 1);
    lines.transfer(Account::DisputeCost, Account::Disputed, amount_minor - parts.total_minor);
    Ok((lines.0, parts))
}

/// Whether debits and credits are equal.
pub fn is_balanced(lines: &[Line]) -> bool {
    lines.iter().map(|line| i128::from(line.amount_minor)).sum::<i128>() == 0
}

/// Lines under construction: every method adds a balanced set.
#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    fn one(debit: Account, credit: Account, amount_minor: i64) -> Result<Vec<Line>, LedgerError> {
        let mut lines = Self::default();
        lines.transfer(debit, credit, amount(amount_minor)?);
        Ok(lines.0)
    }

    fn transfer(&mut self, debit: Account, credit: Account, amount_minor: i64) {
        self.add(debit, amount_minor);
        self.add(credit, -amount_minor);
    }

    /// Moves the parts of a sale against `account`; `sign` is 1 to take revenue back and -1 to earn it.
    fn exchange(&mut self, account: Account, parts: Totals, sign: i64) {
        self.add(account, -sign * parts.total_minor);
        self.add(Account::TicketRevenue, sign * parts.price_minor);
        self.add(Account::FeeRevenue, sign * parts.fees_minor);
        self.add(Account::TaxPayable, sign * parts.tax_minor);
    }

    /// One line per account: two amounts on the same account become their sum.
    fn add(&mut self, account: Account, amount_minor: i64) {
        match self.0.iter_mut().find(|line| line.account == account) {
            Some(line) => line.amount_minor += amount_minor,
            None => self.0.push(Line { account, amount_minor }),
        }
        self.0.retain(|line| line.amount_minor != 0);
    }
}

/// Spreads `amount` over `left` in proportion, by largest remainder; the first wins among equals.
/// `amount` must not exceed the sum of `left`; then no share exceeds its part.
fn share_out<const N: usize>(amount: i64, left: [i64; N]) -> [i64; N] {
    let total: i128 = left.iter().copied().map(i128::from).sum();
    if total == 0 {
        return [0; N];
    }
    let mut shares = [0; N];
    let mut remainders = [(0_i128, 0_usize); N];
    for (index, &part) in left.iter().enumerate() {
        let product = i128::from(amount) * i128::from(part);
        shares[index] = i64::try_from(product / total).expect("a share is at most its part");
        remainders[index] = (product % total, index);
    }
    remainders.sort_by_key(|&(remainder, index)| (std::cmp::Reverse(remainder), index));
    let missing = amount - shares.iter().sum::<i64>();
    let missing = usize::try_from(missing).expect("rounding down leaves less than one unit per part");
    for &(_, index) in &remainders[..missing] {
        shares[index] += 1;
    }
    shares
}

fn left_of(whole: Totals, taken: Totals) -> Result<Totals, LedgerError> {
    let left = Totals {
        price_minor: whole.price_minor - taken.price_minor,
        fees_minor: whole.fees_minor - taken.fees_minor,
        tax_minor: whole.tax_minor - taken.tax_minor,
        total_minor: whole.total_minor - taken.total_minor,
    };
    if left.is_sound() { Ok(left) } else { Err(LedgerError::TooLarge) }
}

fn sound(totals: Totals) -> Result<Totals, LedgerError> {
    if totals.is_sound() { Ok(totals) } else { Err(LedgerError::Unsound) }
}

fn amount(amount_minor: i64) -> Result<i64, LedgerError> {
    if (0..=AMOUNT_MAX).contains(&amount_minor) { Ok(amount_minor) } else { Err(LedgerError::Amount) }
}

#[cfg(test)]
mod tests;
