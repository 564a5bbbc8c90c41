use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::CheckoutLine;

fn request() -> CheckoutRequest {
    CheckoutRequest {
        order_id: "ord_1".into(),
        tenant_id: "ten_1".into(),
        epoch: 3,
        account: Some("acct_1".into()),
        application_fee_minor: Some(100),
        currency: "EUR".into(),
        lines: vec![
            CheckoutLine { name: "Row A, seat 1".into(), unit_amount_minor: 2000, quantity: 2 },
            CheckoutLine { name: "Fee".into(), unit_amount_minor: 200, quantity: 1 },
        ],
        total_minor: 4200,
        customer_email: Some("guest@example.org".into()),
        success_url: "https://example.org/done?session={CHECKOUT_SESSION_ID}".into(),
        cancel_url: "https://example.org/back".into(),
        expires_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        delayed_methods: false,
        idempotency_key: "cs:ord_1:1".into(),
    }
}

/// The form body as pairs, decoded.
fn form(request: &CheckoutRequest) -> Vec<(String, String)> {
    let body = checkout_params(request).unwrap().build().body.unwrap();
    let mut pairs: Vec<_> = body
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.replace("%5B", "[").replace("%5D", "]"), value.to_owned()))
        .collect();
    pairs.sort();
    pairs
}

fn value<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_currency_that_the_provider_counts_in_other_units_is_refused() {
    for currency in ["ISK", "isk", "MGA", "UGX"] {
        let request = CheckoutRequest { currency: currency.into(), ..request() };
        let error = checkout_params(&request).unwrap_err();
        assert!(error.to_string().contains("another unit"), "{currency}: {error}");
    }
}

#[test]
fn a_checkout_carries_the_order_on_the_session_and_on_the_intent() {
    let form = form(&request());
    for prefix in ["metadata", "payment_intent_data[metadata]"] {
        assert_eq!(value(&form, &format!("{prefix}[order_id]")), Some("ord_1"), "{form:?}");
        assert_eq!(value(&form, &format!("{prefix}[tenant_id]")), Some("ten_1"));
        assert_eq!(value(&form, &format!("{prefix}[claim_epoch]")), Some("3"));
    }
    assert_eq!(value(&form, "client_reference_id"), Some("ord_1"));
    assert_eq!(value(&form, "mode"), Some("payment"));
    assert_eq!(value(&form, "expires_at"), Some("1700000000"));
    assert_eq!(value(&form, "payment_intent_data[application_fee_amount]"), Some("100"));
    assert_eq!(value(&form, "line_items[0][price_data][currency]"), Some("eur"));
    assert_eq!(value(&form, "line_items[0][price_data][unit_amount]"), Some("2000"));
    assert_eq!(value(&form, "line_items[0][quantity]"), Some("2"));
    assert_eq!(value(&form, "allowed_payment_method_types[0]"), Some("card"));
}

#[test]
fn delayed_methods_are_left_to_the_account() {
    let form = form(&CheckoutRequest { delayed_methods: true, ..request() });
    assert_eq!(value(&form, "allowed_payment_method_types[0]"), None);
}

#[test]
fn a_checkout_that_does_not_add_up_is_never_sent() {
    let line =
        |unit_amount_minor, quantity| vec![CheckoutLine { name: "x".into(), unit_amount_minor, quantity }];
    let bad = [
        CheckoutRequest { total_minor: 4201, ..request() },
        CheckoutRequest { lines: vec![], total_minor: 0, application_fee_minor: None, ..request() },
        CheckoutRequest { lines: line(i64::MAX, 2), ..request() },
        CheckoutRequest { lines: line(-4200, 1), total_minor: -4200, ..request() },
        CheckoutRequest { lines: line(4200, 0), total_minor: 0, ..request() },
        CheckoutRequest { account: None, ..request() },
        CheckoutRequest { application_fee_minor: Some(4201), ..request() },
        CheckoutRequest { application_fee_minor: Some(-1), ..request() },
        CheckoutRequest { currency: "EURO".into(), ..request() },
    ];
    for request in bad {
        assert!(matches!(checkout_params(&request), Err(ProviderError::Refused { .. })), "{request:?}");
    }
}

#[test]
fn ids_cannot_leave_their_path() {
    assert!(known_id("cs_test_a1B2").is_ok());
    for id in ["", "cs/../refunds", "cs?x", "cs%2f", "c s", "cs\n", &"a".repeat(256)] {
        assert_eq!(known_id(id), Err(ProviderError::NotFound), "{id}");
    }
}

#[test]
fn the_key_decides_about_livemode() {
    let provider = |key: &str| StripeProvider::new(&SecretString::from(key), None);
    assert!(!provider("sk_test_1").unwrap().livemode());
    assert!(provider("sk_live_1").unwrap().livemode());
    assert!(provider("rk_live_1").unwrap().livemode());
    assert!(provider("pk_live_1").is_err());
}

/// `[{method, path, names}]` of everything the provider can send. The sandbox's contract test checks each name against
/// Stripe's own OpenAPI document, so this file changes with the requests.
#[test]
fn the_names_we_send_are_written_down() {
    let query = EventQuery {
        account: None,
        created_after: DateTime::UNIX_EPOCH,
        types: vec!["checkout.session.completed".into()],
    };
    let refund = RefundRequest {
        account: Some("acct_1".into()),
        payment_intent: "pi_1".into(),
        amount_minor: 1,
        refund_application_fee: true,
        reason: Some(RefundReason::Duplicate),
        order_id: "ord_1".into(),
        refund_id: "ref_1".into(),
        idempotency_key: "rf:1".into(),
    };
    let cursor = || Some("x_1".to_owned());
    let requests = [
        ("/v1/checkout/sessions", checkout_params(&request()).unwrap().build()),
        ("/v1/checkout/sessions", session_of("pi_1")),
        ("/v1/checkout/sessions/{session}", RetrieveCheckoutSession::new("cs_1").build()),
        ("/v1/checkout/sessions/{session}/expire", ExpireCheckoutSession::new("cs_1").build()),
        ("/v1/refunds", refund_params(&refund).unwrap().build()),
        ("/v1/refunds", refunds_page("pi_1", cursor())),
        ("/v1/refunds/{refund}", RetrieveRefund::new("re_1").build()),
        ("/v1/disputes/{dispute}", RetrieveDispute::new("du_1").build()),
        ("/v1/events", events_page(&query, cursor())),
    ];
    let sent: Vec<_> = requests
        .iter()
        .map(|(path, request)| {
            let method = format!("{:?}", request.method).to_lowercase();
            let text = request.body.iter().chain(&request.query).cloned().collect::<Vec<_>>().join("&");
            json!({"method": method, "path": path, "names": names(&text)})
        })
        .collect();
    let expected = include_str!("requests.json");
    let actual = serde_json::to_string_pretty(&sent).unwrap();
    assert_eq!(expected.trim_end(), actual, "payments/src/stripe/requests.json should say:\n{actual}\n");
}

/// Names without the positions in lists.
fn names(form: &str) -> BTreeSet<String> {
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    let names = pairs.map(|pair| pair.split('=').next().unwrap().replace("%5B", "[").replace("%5D", "]"));
    names.map(|name| (0..10).fold(name, |name, index| name.replace(&format!("[{index}]"), "[]"))).collect()
}
