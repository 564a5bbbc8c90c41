//! The plugins that we ship: their fixtures pass, and they do what they say.

use std::{collections::BTreeMap, sync::Arc};

use eventflow_plugin_host::{
    Call, Hook, Outcome, Plugin, Settings,
    hooks::{Notification, Pricing, Validation},
    values::{Adjustment, Cart, Decision, Message, Money, Notice, Order, TicketLine},
};
use serde_json::{Value, json};

use crate::support::{cart, engine, example, load, quote};

fn priced(plugin: &Plugin, config: &Value, cart: &Cart) -> Vec<Adjustment> {
    plugin.manifest.check_config(config).unwrap_or_else(|problems| panic!("{problems:?}"));
    let settings = Settings::new(config, None).expect("an object");
    let call = plugin.call::<Pricing>(engine(), &settings, cart);
    call.answer.unwrap_or_else(|| panic!("{:?}", call.receipt))
}

fn bps(adjustments: &[Adjustment]) -> Vec<Value> {
    adjustments.iter().map(|adjustment| json!(adjustment.change)["percent_bps"].clone()).collect()
}

#[test]
fn every_fixture_passes() {
    for (name, fixtures) in [
        ("hello", 1),
        ("demand-pricing", 2),
        ("group-discount", 1),
        ("member-price", 2),
        ("family-bundle", 1),
        ("confirmation", 1),
        ("sms-reminder", 1),
        ("chat-message", 1),
    ] {
        let plugin = load(&example(name));
        let receipts = plugin.run_fixtures(engine()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(receipts.len(), fixtures, "{name}");
    }
}

#[test]
fn demand_and_time_move_prices_between_floor_and_cap() {
    let plugin = load(&example("demand-pricing"));
    let config = json!({
        "demand": [{ "sold_percent": 50, "percent": 20 }, { "sold_percent": 80, "percent": 50 }],
        "time": [{ "days": 3, "percent": 30 }, { "days": 30, "percent": 0 }, { "days": 1000, "percent": -15 }],
        "floor_percent": 90,
        "cap_percent": 160
    });
    let mut cart = cart(2);
    let mut expect = |sold: u32, days: i64, bps_each: Option<i32>| {
        cart.tiers[0].sold = sold;
        cart.now = cart.event.starts_at - days * 86_400;
        let expected: Vec<_> = bps_each.into_iter().flat_map(|bps| [json!(bps), json!(bps)]).collect();
        assert_eq!(bps(&priced(&plugin, &config, &cart)), expected, "{sold} sold, {days} days");
    };
    expect(60, 10, Some(2_000));
    expect(10, 10, None);
    expect(10, 90, Some(-1_000)); // the floor
    expect(90, 10, Some(5_000));
    expect(90, 1, Some(6_000)); // the cap
}

#[test]
fn groups_members_and_families() {
    let group = load(&example("group-discount"));
    let config = json!({ "steps": [{ "tickets": 5, "percent": 10 }, { "tickets": 10, "percent": 20 }] });
    assert_eq!(bps(&priced(&group, &config, &cart(4))), Vec::<Value>::new());
    assert_eq!(bps(&priced(&group, &config, &cart(5))), vec![json!(-1_000); 5]);
    assert_eq!(bps(&priced(&group, &config, &cart(12))), vec![json!(-2_000); 12]);

    let member = load(&example("member-price"));
    let config = json!({ "percent": 25, "tickets_per_code": 2, "members_only": true });
    let codes = BTreeMap::from([("codes".to_owned(), "AAA-1\nBBB-2\n".to_owned())]);
    let settings = Settings::new(&config, Some(Arc::new(codes))).unwrap();
    let ask = |codes: &[&str]| {
        let mut cart = cart(5);
        cart.buyer.codes = codes.iter().map(ToString::to_string).collect();
        let adjustments = member.call::<Pricing>(engine(), &settings, &cart).answer.unwrap();
        (adjustments.len(), member.call::<Validation>(engine(), &settings, &cart).answer.unwrap().len())
    };
    assert_eq!(ask(&["AAA-1"]), (2, 0));
    assert_eq!(ask(&["AAA-1", "BBB-2", "AAA-1"]), (4, 0), "a code that is typed twice counts once");
    assert_eq!(ask(&["CCC-3"]), (0, 1));
    let no_grant = Settings::new(&config, None).unwrap();
    let mut asks = cart(5);
    asks.buyer.codes = vec!["AAA-1".to_owned()];
    let call = member.call::<Pricing>(engine(), &no_grant, &asks);
    assert_eq!(call.answer.map(|answer| answer.len()), Some(0), "without the grant nothing is known");

    let family = load(&example("family-bundle"));
    let config = json!({ "adult_tiers": ["Adult"], "child_tiers": ["Child"], "adults": 2, "children": 1, "price_minor": 9_999 });
    let mut cart = cart(6);
    let child = eventflow_plugin_host::values::Tier {
        id: "tier_c".to_owned(),
        name: "Child".to_owned(),
        ..cart.tiers[0].clone()
    };
    cart.tiers.push(child);
    for line in &mut cart.lines[4..] {
        line.tier_id = "tier_c".to_owned();
        line.price_minor = 3_001;
    }
    let adjustments = priced(&family, &config, &cart);
    let off: i64 =
        adjustments.iter().filter_map(|a| json!(a.change)["amount"]["amount_minor"].as_i64()).sum();
    assert_eq!((adjustments.len(), off), (6, -2 * (5_000 + 5_000 + 3_001 - 9_999)));
}

fn notice(kind: &str, locale: &str) -> Notice {
    let line = |n: u32| TicketLine {
        place: format!("Stalls, row C, seat {n}"),
        tier: "Adult".to_owned(),
        price_minor: 5_000,
    };
    Notice {
        kind: kind.to_owned(),
        id: "note_1".to_owned(),
        now: 1_790_000_000,
        locale: locale.to_owned(),
        event: cart(1).event,
        order: Some(Order {
            id: "ord_a".to_owned(),
            reference: "K7QX".to_owned(),
            total: Money { amount_minor: 10_400, currency: "EUR".to_owned() },
            lines: vec![line(1), line(2)],
            buyer_name: "Ada <b>".to_owned(),
            tickets_url: "https://tickets.example/k7qx".to_owned(),
            attributes: Vec::new(),
        }),
        default_messages: vec![Message {
            channel: "email".to_owned(),
            recipient: "buyer".to_owned(),
            subject: "Default".to_owned(),
            body: "Default".to_owned(),
            ..Message::default()
        }],
        ..Notice::default()
    }
}

fn sent(call: Call<Decision>) -> Vec<Message> {
    match call.answer {
        Some(Decision::Send(messages)) => messages,
        other => panic!("{other:?} {:?}", call.receipt),
    }
}

#[test]
fn a_confirmation_in_the_buyers_language_first() {
    let plugin = load(&example("confirmation"));
    let config = json!({ "languages": ["de", "en"], "house": "Oper & Ballett", "colour": "#7a1f3d" });
    plugin.manifest.check_config(&config).unwrap();
    assert!(
        plugin
            .manifest
            .check_config(&json!({ "languages": ["de", "en"], "house": "x", "colour": "red\"" }))
            .is_err()
    );
    let settings = Settings::new(&config, None).unwrap();
    let send = |kind, locale| sent(plugin.call::<Notification>(engine(), &settings, &notice(kind, locale)));
    let [german] = send("order.paid", "de-AT").try_into().unwrap();
    let [english] = send("order.paid", "en").try_into().unwrap();
    assert!(german.subject.starts_with("Ihre Karten / Your tickets"), "{}", german.subject);
    assert!(english.subject.starts_with("Your tickets / Ihre Karten"), "{}", english.subject);
    let html = english.html.unwrap();
    assert!(
        html.contains("Ada &lt;b&gt;") && html.contains("Oper &amp; Ballett") && html.contains("104.00 EUR")
    );
    assert_eq!(english.attachments, ["calendar"]);
    assert_eq!(send("order.refunded", "en")[0].subject, "Default");
}

#[test]
fn a_text_message_beside_the_mail() {
    let plugin = load(&example("sms-reminder"));
    let settings = Settings::new(&json!({ "hint": "Doors at 18:30." }), None).unwrap();
    let messages = sent(plugin.call::<Notification>(engine(), &settings, &notice("event.reminder", "de")));
    assert_eq!((messages.len(), messages[1].channel.as_str()), (2, "sms"));
    assert_eq!(messages[1].body, "Bis bald bei Figaro! Doors at 18:30. https://tickets.example/k7qx");
}

#[test]
fn a_line_in_the_chat_and_a_count_that_is_kept() {
    let plugin = load(&example("chat-message"));
    let told = |key_values: Option<BTreeMap<String, String>>| {
        let settings = Settings::new(&json!({ "from_minor": 10_000 }), key_values.map(Arc::new)).unwrap();
        plugin.call::<Notification>(engine(), &settings, &notice("order.paid", "en"))
    };
    let call = told(Some(BTreeMap::from([("told".to_owned(), "41".to_owned())])));
    assert_eq!(call.writes, BTreeMap::from([("told".to_owned(), "42".to_owned())]));
    assert_eq!(sent(call)[1].body, "{\"text\":\"2 tickets for Figaro, 104.00 EUR (#42)\"}");
    let call = told(None);
    assert!(call.writes.is_empty());
    assert_eq!(sent(call)[1].body, "{\"text\":\"2 tickets for Figaro, 104.00 EUR\"}");
}

#[test]
fn settings_that_are_missing_are_named() {
    let receipt = quote(&load(&example("demand-pricing")), &cart(1)).receipt;
    assert_eq!((receipt.hook, receipt.outcome), (Hook::Pricing, Outcome::Declined));
    assert!(receipt.detail.contains("missing field `floor_percent`"), "{}", receipt.detail);
}
