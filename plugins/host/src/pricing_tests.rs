use proptest::prelude::*;

use super::*;
use crate::values::Money;

fn eur() -> Currency {
    "EUR".parse().unwrap()
}

fn ticket(price_minor: i64) -> TicketPrice {
    TicketPrice { price_minor, fee_minor: 100, tax_rate_bps: 1_900, tax_inclusive: true }
}

fn prices(guard_rails: GuardRails, minor: &[i64]) -> Prices {
    Prices::new(eur(), guard_rails, minor.iter().copied().map(ticket).collect())
}

fn adjustment(line: Option<u32>, change: Change) -> Adjustment {
    Adjustment { line, change, label: "Label".to_owned(), reason: String::new(), attributes: Vec::new() }
}

fn amount(minor: i64) -> Change {
    Change::Amount(Money { amount_minor: minor, currency: "EUR".to_owned() })
}

fn now(prices: &Prices) -> Vec<i64> {
    prices.tickets().map(|ticket| ticket.price_minor).collect()
}

#[test]
fn changes_apply_in_order_and_are_itemised() {
    let mut prices = prices(GuardRails::default(), &[10_000, 5_000]);
    let answer = [adjustment(Some(0), Change::PercentBps(-1_000)), adjustment(None, amount(-700))];
    prices.apply("early-bird", &answer).unwrap();
    assert_eq!(now(&prices), [10_000 - 1_000 - 450, 5_000 - 250]);
    let items: Vec<_> = prices.items().iter().map(|i| (i.line, i.adjustment, i.amount_minor)).collect();
    assert_eq!(items, [(0, 0, -1_000), (0, 1, -450), (1, 1, -250)]);
    let (tickets, totals) = prices.priced().unwrap();
    assert_eq!(totals.total_minor, 8_550 + 4_750 + 200);
    assert_eq!(tickets.len(), 2);
}

#[test]
fn the_next_plugin_sees_what_was_changed() {
    let mut prices = prices(GuardRails::default(), &[10_000]);
    prices.apply("a", &[adjustment(None, Change::PercentBps(-1_000))]).unwrap();
    let mut cart = Cart { lines: vec![crate::values::Line::default()], ..Cart::default() };
    prices.show(&mut cart);
    assert_eq!(cart.lines[0].price_minor, 9_000);
    assert_eq!((cart.applied[0].plugin.as_str(), cart.applied[0].amount_minor), ("a", -1_000));
    prices.apply("b", &[adjustment(None, Change::PercentBps(-1_000))]).unwrap();
    assert_eq!(now(&prices), [8_100]);
}

#[test]
fn limits_hold_and_are_shown() {
    let rails = GuardRails { floor_bps: 5_000, cap_bps: 12_000, discount_max_minor: Some(6_000) };
    let mut prices = prices(rails, &[10_000, 10_000]);
    prices.apply("cheap", &[adjustment(None, Change::PercentBps(-9_000))]).unwrap();
    assert_eq!(now(&prices), [5_000, 9_000], "half at most, and 60 euros in all");
    assert!(prices.items().iter().all(|item| item.is_limited));
    prices.apply("dear", &[adjustment(None, Change::PercentBps(10_000))]).unwrap();
    assert_eq!(now(&prices), [10_000, 12_000]);
}

#[test]
fn an_answer_is_applied_whole_or_not_at_all() {
    let fine = adjustment(None, amount(-100));
    for (wrong, error) in [
        (
            adjustment(None, Change::Amount(Money { amount_minor: -1, currency: "USD".to_owned() })),
            AnswerError::Currency { index: 1, found: "USD".to_owned(), expected: eur() },
        ),
        (adjustment(Some(2), amount(-1)), AnswerError::Line { index: 1, line: 2 }),
        (adjustment(Some(0), Change::PercentBps(-10_001)), AnswerError::Percent { index: 1, bps: -10_001 }),
        (adjustment(None, Change::PercentBps(i32::MAX)), AnswerError::Percent { index: 1, bps: i32::MAX }),
        (adjustment(None, Change::PercentBps(i32::MIN)), AnswerError::Percent { index: 1, bps: i32::MIN }),
        (adjustment(None, amount(i64::MIN)), AnswerError::Amount { index: 1 }),
    ] {
        let mut prices = prices(GuardRails::default(), &[1_000, 1_000]);
        let before = prices.clone();
        assert_eq!(prices.apply("p", &[fine.clone(), wrong]), Err(error));
        assert_eq!(prices, before);
    }
}

#[test]
fn more_than_a_ticket_costs_makes_it_free() {
    let mut prices = prices(GuardRails::default(), &[300]);
    prices.apply("voucher", &[adjustment(Some(0), amount(-500))]).unwrap();
    assert_eq!((now(&prices), prices.items()[0].amount_minor), (vec![0], -300));
    prices.priced().unwrap();
}

#[test]
fn limits_and_prices_that_make_no_sense_change_nothing() {
    let wrong = GuardRails { floor_bps: 90_000, cap_bps: 1, discount_max_minor: Some(-5) };
    assert!(!wrong.is_sound() && GuardRails::default().is_sound());
    for base in [1_000, AMOUNT_MAX, i64::MAX, -1_000] {
        let mut prices = prices(wrong, &[base, base]);
        prices
            .apply("p", &[adjustment(Some(0), Change::PercentBps(-5_000)), adjustment(None, amount(700))])
            .unwrap();
        assert_eq!(now(&prices), [base, base]);
        assert_eq!(prices.priced().is_ok(), base == 1_000);
    }
}

#[test]
fn parts_add_up() {
    assert_eq!(spread(-100, &[1, 1, 1]), [-34, -33, -33]);
    assert_eq!(spread(10, &[0, 7, 0]), [0, 10, 0]);
    assert_eq!(spread(5, &[0, 0]), [3, 2]);
    assert_eq!(spread(5, &[]), Vec::<i64>::new());
    assert_eq!((percent(5, 1_000), percent(-5, 1_000), percent(4, 1_000)), (1, -1, 0));
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (-20_000..20_000_i64).prop_map(amount),
        any::<i64>().prop_map(amount),
        (-10_000..30_000_i32).prop_map(Change::PercentBps),
        any::<i32>().prop_map(Change::PercentBps),
    ]
}

fn any_answer() -> impl Strategy<Value = Vec<Adjustment>> {
    let one = (prop::option::of(0..6_u32), any_change()).prop_map(|(line, change)| adjustment(line, change));
    prop::collection::vec(one, 0..8)
}

fn any_rails() -> impl Strategy<Value = GuardRails> {
    (0..=10_000_u32, 10_000..=100_000_u32, prop::option::of(0..20_000_i64)).prop_map(
        |(floor_bps, cap_bps, discount_max_minor)| GuardRails { floor_bps, cap_bps, discount_max_minor },
    )
}

proptest! {
    #[test]
    fn whatever_plugins_say_the_limits_hold(
        base in prop::collection::vec(prop_oneof![0..5_i64, 0..20_000_i64, Just(AMOUNT_MAX / 1_000)], 1..6),
        answers in prop::collection::vec(any_answer(), 0..6),
        rails in any_rails(),
    ) {
        let mut prices = prices(rails, &base);
        for (n, answer) in answers.iter().enumerate() {
            let before = prices.clone();
            if prices.apply(&format!("p{n}"), answer).is_err() {
                prop_assert_eq!(&prices, &before);
            }
        }
        let mut expected = base.clone();
        for item in prices.items() {
            expected[item.line] += item.amount_minor;
        }
        prop_assert_eq!(&now(&prices), &expected, "items explain every price");
        for (price, base) in now(&prices).iter().zip(&base) {
            let (floor, cap) = rails.range(*base);
            prop_assert!((floor..=cap).contains(price), "{price} of {base}");
        }
        if let Some(max) = rails.discount_max_minor {
            prop_assert!(prices.discounts().sum::<i64>() <= max);
        }
        let (_, totals) = prices.priced().unwrap();
        prop_assert!(totals.is_sound());
    }

    #[test]
    fn parts_of_an_amount_add_up(amount in -AMOUNT_MAX..=AMOUNT_MAX, weights in prop::collection::vec(0..AMOUNT_MAX, 1..50)) {
        prop_assert_eq!(spread(amount, &weights).iter().sum::<i64>(), amount);
    }
}
