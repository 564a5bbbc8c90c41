use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::pricing::TicketPrice;

fn totals(price_minor: i64, fees_minor: i64, tax_minor: i64) -> Totals {
    Totals { price_minor, fees_minor, tax_minor, total_minor: price_minor + fees_minor + tax_minor }
}

fn lines(of: &[(Account, i64)]) -> Vec<Line> {
    of.iter().map(|&(account, amount_minor)| Line { account, amount_minor }).collect()
}

/// The balance of each account that is not 0.
fn balances<'a>(lines: impl IntoIterator<Item = &'a Line>) -> BTreeMap<Account, i64> {
    let mut balances = BTreeMap::new();
    for line in lines {
        *balances.entry(line.account).or_default() += line.amount_minor;
    }
    balances.retain(|_, balance| *balance != 0);
    balances
}

#[test]
fn a_sale_with_fees_tax_and_the_platforms_share() {
    use Account::*;
    let sold = totals(10_000, 500, 1_995);
    assert_eq!(
        sale(Clearing::Stripe, sold, 300),
        Ok(lines(&[
            (ClearingStripe, 12_195),
            (TicketRevenue, -10_000),
            (FeeRevenue, -500),
            (TaxPayable, -1_995),
            (ApplicationFee, 300)
        ]))
    );
    assert_eq!(
        sale(Clearing::Manual, totals(700, 0, 0), 0),
        Ok(lines(&[(ClearingManual, 700), (TicketRevenue, -700)]))
    );
    assert_eq!(sale(Clearing::Manual, Totals::default(), 0), Ok(vec![]), "a free order moves nothing");
}

#[test]
fn a_dispute_over_a_partly_refunded_order() {
    use Account::*;
    let (sold, refunded) = (totals(1_000, 100, 200), totals(500, 50, 100));
    let opened = dispute_opened(Clearing::Stripe, 650, 15).unwrap();
    assert_eq!(opened, lines(&[(Disputed, 650), (ClearingStripe, -665), (DisputeCost, 15)]));
    let won = dispute_won(Clearing::Stripe, 650, 15).unwrap();
    assert!(balances(opened.iter().chain(&won)).is_empty());
    let (lost, gone) = dispute_lost(sold, refunded, 650).unwrap();
    assert_eq!(gone, totals(500, 50, 100));
    assert_eq!(lost, lines(&[(Disputed, -650), (TicketRevenue, 500), (FeeRevenue, 50), (TaxPayable, 100)]));
    let (more, gone) = dispute_lost(sold, refunded, 700).unwrap();
    assert_eq!((balances(&more)[&DisputeCost], gone.total_minor), (50, 650), "the rest is a cost");
}

#[test]
fn money_without_seats_goes_in_and_out() {
    let mut all = hold_money(Clearing::Stripe, 500).unwrap();
    assert_eq!(balances(&all)[&Account::HeldMoney], -500);
    all.extend(return_money(Clearing::Stripe, 500).unwrap());
    assert!(balances(&all).is_empty());
    let fee = provider_fee(Clearing::Stripe, 55).unwrap();
    assert_eq!(fee, lines(&[(Account::ProviderFee, 55), (Account::ClearingStripe, -55)]));
}

#[test]
fn a_refund_splits_by_largest_remainder_and_respects_earlier_ones() {
    let sold = totals(100, 100, 100);
    let first = split_refund(sold, Totals::default(), RefundOf::Amount(100)).unwrap();
    assert_eq!(first, totals(34, 33, 33));
    let rest = split_refund(sold, first, RefundOf::Amount(200)).unwrap();
    assert_eq!(rest, totals(66, 67, 67));
    assert_eq!(split_refund(sold, first, RefundOf::Amount(201)), Err(LedgerError::TooLarge));
    let ticket = totals(50, 10, 5);
    assert_eq!(split_refund(sold, first, RefundOf::Tickets(ticket)), Ok(ticket), "its own parts fit");
    let nearly = totals(60, 100, 100);
    assert_eq!(
        split_refund(sold, nearly, RefundOf::Tickets(totals(20, 10, 0))),
        Ok(totals(30, 0, 0)),
        "its fee went back before, so that the money comes from what is left"
    );
}

#[test]
fn nonsense_is_refused() {
    let sold = totals(100, 10, 1);
    let crooked = Totals { total_minor: 112, ..sold };
    assert_eq!(sale(Clearing::Stripe, crooked, 0), Err(LedgerError::Unsound));
    assert_eq!(sale(Clearing::Stripe, sold, -1), Err(LedgerError::Amount));
    assert_eq!(sale(Clearing::Stripe, sold, 112), Err(LedgerError::TooLarge));
    assert_eq!(refund(Clearing::Stripe, crooked, 0), Err(LedgerError::Unsound));
    assert_eq!(split_refund(sold, Totals::default(), RefundOf::Amount(-1)), Err(LedgerError::Amount));
    assert_eq!(split_refund(sold, totals(101, 0, 0), RefundOf::Amount(1)), Err(LedgerError::TooLarge));
    assert_eq!(hold_money(Clearing::Stripe, AMOUNT_MAX + 1), Err(LedgerError::Amount));
    assert_eq!(application_fee_share(10, 100, 60, 41), Err(LedgerError::TooLarge));
    assert_eq!(application_fee_share(0, 0, 0, 0), Ok(0));
}

#[test]
fn texts_of_accounts_parse() {
    for &account in Account::ALL {
        assert_eq!(account.as_str().parse(), Ok(account));
        assert_eq!(serde_json::to_value(account).unwrap(), account.as_str());
    }
    assert!("cash".parse::<Account>().is_err());
}

fn any_totals() -> impl Strategy<Value = Totals> {
    let part = || prop_oneof![Just(0_i64), 0..20_i64, 0..1_000_000_i64, 0..AMOUNT_MAX / 3];
    (part(), part(), part()).prop_map(|(price, fees, tax)| totals(price, fees, tax))
}

proptest! {
    #[test]
    fn every_sale_balances(sold in any_totals(), fee_permille in 0..=1_000_i64) {
        let fee = sold.total_minor / 1_000 * fee_permille;
        let lines = sale(Clearing::Stripe, sold, fee).unwrap();
        prop_assert!(is_balanced(&lines));
        prop_assert!(lines.iter().all(|line| line.amount_minor != 0));
        prop_assert_eq!(balances(&lines).len(), lines.len(), "one line per account");
    }

    /// The promise of this module: however a full refund is cut, each account of the order ends at 0.
    #[test]
    fn refunds_in_many_parts_leave_nothing(sold in any_totals(), cuts in prop::collection::vec(0..=1_000_i64, 0..12), fee_permille in 0..=1_000_i64) {
        let fee = sold.total_minor / 1_000 * fee_permille;
        let mut all = sale(Clearing::Stripe, sold, fee).unwrap();
        let mut refunded = Totals::default();
        for permille in cuts.into_iter().chain([1_000]) {
            let left = sold.total_minor - refunded.total_minor;
            let amount = i64::try_from(i128::from(left) * i128::from(permille) / 1_000).unwrap();
            let parts = split_refund(sold, refunded, RefundOf::Amount(amount)).unwrap();
            prop_assert!(parts.is_sound());
            prop_assert_eq!(parts.total_minor, amount);
            let back = application_fee_share(fee, sold.total_minor, refunded.total_minor, amount).unwrap();
            let lines = refund(Clearing::Stripe, parts, back).unwrap();
            prop_assert!(is_balanced(&lines));
            all.extend(lines);
            refunded = refunded.checked_add(parts).unwrap();
        }
        prop_assert_eq!(refunded, sold);
        prop_assert!(balances(&all).is_empty(), "{:?}", balances(&all));
    }

    #[test]
    fn tickets_refunded_in_any_order_leave_nothing(prices in prop::collection::vec((0..90_000_i64, 0..900_i64, 0..3_000_u32, any::<bool>()), 1..9), first in 0..5_000_i64) {
        let tickets: Vec<Totals> = prices.into_iter().map(|(price_minor, fee_minor, tax_rate_bps, tax_inclusive)| {
            Totals::of(TicketPrice { price_minor, fee_minor, tax_rate_bps, tax_inclusive }.priced().unwrap())
        }).collect();
        let sold = tickets.iter().try_fold(Totals::default(), |sum, ticket| sum.checked_add(*ticket)).unwrap();
        // A goodwill refund of some money goes before; then ticket after ticket until the money ends.
        let goodwill = RefundOf::Amount(first.min(sold.total_minor));
        let mut refunded = split_refund(sold, Totals::default(), goodwill).unwrap();
        for ticket in tickets {
            let left = sold.total_minor - refunded.total_minor;
            let wanted = if ticket.total_minor <= left { RefundOf::Tickets(ticket) } else { RefundOf::Amount(left) };
            let parts = split_refund(sold, refunded, wanted).unwrap();
            prop_assert!(is_balanced(&refund(Clearing::Manual, parts, 0).unwrap()));
            refunded = refunded.checked_add(parts).unwrap();
        }
        prop_assert_eq!(refunded, sold);
    }

    #[test]
    fn disputes_balance_and_end_at_nothing(sold in any_totals(), before in 0..=1_000_i64, excess in 0..5_000_i64) {
        let taken = i64::try_from(i128::from(sold.total_minor) * i128::from(before) / 1_000).unwrap();
        let refunded = split_refund(sold, Totals::default(), RefundOf::Amount(taken)).unwrap();
        let amount = (sold.total_minor - taken + excess).min(AMOUNT_MAX);
        let mut all = dispute_opened(Clearing::Stripe, amount, 0).unwrap();
        let (lost, gone) = dispute_lost(sold, refunded, amount).unwrap();
        prop_assert!(is_balanced(&all) && is_balanced(&lost));
        prop_assert_eq!(refunded.checked_add(gone).unwrap(), sold);
        all.extend(lost);
        prop_assert!(!balances(&all).contains_key(&Account::Disputed));
    }
}
