//! Our own provider against the sandbox.

use chrono::{DateTime, Duration, Utc};
use eventflow_payments::{
    CheckoutLine, CheckoutRequest, DisputeStatus, EventQuery, PaymentProvider, ProviderError, RefundReason,
    RefundRequest, RefundStatus, SessionStatus, StripeProvider,
};
use secrecy::SecretString;
use serde_json::json;

use crate::world::{ACCOUNT, KEY, World};

fn provider(world: &World) -> StripeProvider {
    StripeProvider::new(&SecretString::from(KEY), Some(&world.sandbox.url())).unwrap()
}

fn checkout() -> CheckoutRequest {
    let line = |name: &str, unit_amount_minor, quantity| CheckoutLine {
        name: name.into(),
        unit_amount_minor,
        quantity,
    };
    CheckoutRequest {
        order_id: "ord_1".into(),
        tenant_id: "ten_1".into(),
        epoch: 1,
        account: None,
        application_fee_minor: None,
        currency: "EUR".into(),
        lines: vec![line("Parkett, Reihe 3 & 4 / Größe", 2000, 2), line("Fee", 200, 1)],
        total_minor: 4200,
        customer_email: Some("guest+1@example.org".into()),
        success_url: "https://shop.example/done?session={CHECKOUT_SESSION_ID}".into(),
        cancel_url: "https://shop.example/back".into(),
        expires_at: Utc::now() + Duration::minutes(31),
        delayed_methods: false,
        idempotency_key: "cs:ord_1:1".into(),
    }
}

fn refund(payment_intent: &str, amount_minor: i64, key: &str) -> RefundRequest {
    RefundRequest {
        account: None,
        payment_intent: payment_intent.into(),
        amount_minor,
        refund_application_fee: false,
        reason: Some(RefundReason::RequestedByCustomer),
        order_id: "ord_1".into(),
        refund_id: "ref_1".into(),
        idempotency_key: key.into(),
    }
}

async fn pay(world: &World, session: &str) {
    world.control(&format!("sessions/{session}/pay"), json!({})).await.ok();
}

#[tokio::test]
async fn a_checkout_from_creation_to_refund() {
    let world = World::new().await;
    let provider = provider(&world);
    let request = checkout();
    let before = Utc::now() - Duration::seconds(2);
    let session = provider.create_checkout(&request).await.unwrap();
    assert_eq!((session.status, session.is_paid()), (SessionStatus::Open, false));
    assert_eq!((session.amount_total_minor, session.currency.as_deref()), (Some(4200), Some("EUR")));
    assert_eq!(session.client_reference_id.as_deref(), Some("ord_1"));
    assert_eq!(session.expires_at.map(|at| at.timestamp()), Some(request.expires_at.timestamp()));
    assert!(!session.livemode && session.url.is_some());
    // A crash between call and answer: the key gives the same session.
    assert_eq!(provider.create_checkout(&request).await.unwrap(), session);

    pay(&world, &session.id).await;
    let paid = provider.get_checkout(None, &session.id).await.unwrap();
    assert!(paid.is_paid());
    let intent = paid.payment_intent.clone().unwrap();
    assert_eq!(provider.find_checkout(None, &intent).await.unwrap().unwrap(), paid);
    assert_eq!(provider.find_checkout(None, "pi_none").await.unwrap(), None);
    let journal = world.look("journal?kind=charge_succeeded").await;
    assert_eq!(journal["data"][0]["data"]["amount"], 4200);

    let first = provider.refund(&refund(&intent, 1200, "rf:1")).await.unwrap();
    assert_eq!((first.status, first.amount_minor), (RefundStatus::Succeeded, 1200));
    assert_eq!(first.refund_id.as_deref(), Some("ref_1"));
    assert_eq!(provider.refund(&refund(&intent, 1200, "rf:1")).await.unwrap(), first);
    let over = provider.refund(&refund(&intent, 3001, "rf:2")).await.unwrap_err();
    assert!(matches!(&over, ProviderError::Refused { message, .. } if message.contains("greater")), "{over}");
    assert_eq!(provider.get_refund(None, &first.id).await.unwrap(), first);
    assert_eq!(provider.list_refunds(None, &intent).await.unwrap(), [first]);

    let query = EventQuery { account: None, created_after: before, types: vec![] };
    let events = provider.list_events(&query).await.unwrap();
    assert_eq!(events.first().unwrap().kind, "charge.succeeded");
    assert_eq!(events.last().unwrap().kind, "charge.refunded");
    let query = EventQuery { types: vec!["checkout.session.completed".into()], ..query };
    let events = provider.list_events(&query).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].object_id.as_ref(), Some(&session.id));
    let future = EventQuery { created_after: Utc::now() + Duration::hours(1), ..query };
    assert!(provider.list_events(&future).await.unwrap().is_empty());
}

#[tokio::test]
async fn expiring_tells_closed_from_paid() {
    let world = World::new().await;
    let provider = provider(&world);
    let open = provider.create_checkout(&checkout()).await.unwrap();
    let expired = provider.expire_checkout(None, &open.id, "exp:1").await.unwrap();
    assert!(expired.is_closed_unpaid());
    let second = CheckoutRequest { idempotency_key: "cs:ord_1:2".into(), ..checkout() };
    let session = provider.create_checkout(&second).await.unwrap();
    pay(&world, &session.id).await;
    let refused = provider.expire_checkout(None, &session.id, "exp:2").await.unwrap_err();
    assert!(matches!(refused, ProviderError::Refused { .. }) && !refused.outcome_is_unknown());
    assert!(provider.get_checkout(None, &session.id).await.unwrap().is_paid());
    assert_eq!(provider.get_checkout(None, "cs_test_none").await.unwrap_err(), ProviderError::NotFound);
}

#[tokio::test]
async fn a_connected_account_keeps_its_objects() {
    let world = World::new().await;
    let provider = provider(&world);
    let request =
        CheckoutRequest { account: Some(ACCOUNT.into()), application_fee_minor: Some(300), ..checkout() };
    let session = provider.create_checkout(&request).await.unwrap();
    assert_eq!(session.account.as_deref(), Some(ACCOUNT));
    assert_eq!(provider.get_checkout(None, &session.id).await.unwrap_err(), ProviderError::NotFound);
    pay(&world, &session.id).await;
    let paid = provider.get_checkout(Some(ACCOUNT), &session.id).await.unwrap();
    let intent = paid.payment_intent.unwrap();
    let request = RefundRequest {
        account: Some(ACCOUNT.into()),
        refund_application_fee: true,
        ..refund(&intent, 2100, "rf:1")
    };
    provider.refund(&request).await.unwrap();
    let journal = world.look("journal?kind=refund_created").await;
    assert_eq!(journal["data"][0]["data"]["application_fee"], 150);
    let query =
        EventQuery { account: Some(ACCOUNT.into()), created_after: DateTime::UNIX_EPOCH, types: vec![] };
    let events = provider.list_events(&query).await.unwrap();
    assert!(events.iter().all(|event| event.account.as_deref() == Some(ACCOUNT)));
    let unknown = CheckoutRequest { account: Some("acct_unknown".into()), ..checkout() };
    let refused = provider.create_checkout(&unknown).await.unwrap_err();
    assert!(
        matches!(&refused, ProviderError::Refused { code, .. } if code == "account_invalid"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_dispute_is_read_back() {
    let world = World::new().await;
    let provider = provider(&world);
    let session = provider.create_checkout(&checkout()).await.unwrap();
    pay(&world, &session.id).await;
    let dispute = world.control("disputes", json!({"session": session.id})).await.ok();
    let id = dispute["id"].as_str().unwrap();
    let read = provider.get_dispute(None, id).await.unwrap();
    assert_eq!((read.status, read.amount_minor), (DisputeStatus::Open, 4200));
    assert!(read.evidence_due_at.is_some());
    world.control(&format!("disputes/{id}/close"), json!({"status": "lost"})).await.ok();
    assert_eq!(provider.get_dispute(None, id).await.unwrap().status, DisputeStatus::Lost);
}

#[tokio::test]
async fn retries_carry_the_same_key_and_act_once() {
    let world = World::new().await;
    let provider = provider(&world);
    let create = |number: u32| {
        let request = CheckoutRequest { idempotency_key: format!("cs:{number}"), ..checkout() };
        let provider = &provider;
        async move { provider.create_checkout(&request).await }
    };
    let faults = ["api_reset_after", "api_reset_before", "api_rate_limited", "api_locked", "api_unavailable"];
    for (number, fault) in (0..).zip(faults) {
        world.chaos(json!({"fault": fault, "match": "POST /v1/checkout", "next": 2})).await;
        create(number).await.unwrap_or_else(|error| panic!("{fault}: {error}"));
    }
    let sessions = world.look("sessions").await;
    assert_eq!(sessions["data"].as_array().unwrap().len(), faults.len());
}

#[tokio::test]
async fn an_unknown_outcome_is_called_unknown() {
    let world = World::new().await;
    let provider = provider(&world);
    world.chaos(json!({"fault": "api_error_after_effect", "match": "POST /v1/checkout", "next": 1})).await;
    let request = checkout();
    let error = provider.create_checkout(&request).await.unwrap_err();
    assert!(matches!(error, ProviderError::Failed(_)) && error.outcome_is_unknown(), "{error:?}");
    // It exists, and its key gets the same answer for ever.
    assert_eq!(provider.create_checkout(&request).await.unwrap_err(), error);
    assert_eq!(world.look("sessions").await["data"].as_array().unwrap().len(), 1);

    world.chaos(json!({"fault": "api_rate_limited", "match": "POST /v1/checkout"})).await;
    let busy = CheckoutRequest { idempotency_key: "cs:busy".into(), ..checkout() };
    assert!(matches!(provider.create_checkout(&busy).await.unwrap_err(), ProviderError::Busy(_)));
    let reused =
        CheckoutRequest { total_minor: 4000, lines: vec![checkout().lines[0].clone()], ..checkout() };
    world.request(reqwest::Method::DELETE, "/_sandbox/chaos").send().await.unwrap();
    // The key is used up by a call whose answer was lost: that call may have made a session.
    let conflict = provider.create_checkout(&reused).await.unwrap_err();
    assert!(
        matches!(conflict, ProviderError::Unexpected(_)) && conflict.outcome_is_unknown(),
        "{conflict:?}"
    );
}

#[tokio::test]
async fn silence_is_unreachable() {
    let world = World::new().await;
    let key = SecretString::from(KEY);
    let url = world.sandbox.url();
    let brief =
        StripeProvider::with_timeout(&key, Some(&url), std::time::Duration::from_millis(100)).unwrap();
    world.chaos(json!({"fault": "api_latency", "ms": 400})).await;
    let error = brief.get_checkout(None, "cs_test_1").await.unwrap_err();
    assert_eq!(error, ProviderError::Unreachable("time-out".into()));
    drop(world);
    // Nobody listens on port 1.
    let gone = StripeProvider::new(&key, Some("http://127.0.0.1:1")).unwrap();
    let error = gone.get_checkout(None, "cs_test_1").await.unwrap_err();
    assert!(matches!(error, ProviderError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_page_of_some_proxy_is_no_answer() {
    use poem::listener::TcpAcceptor;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let page = poem::endpoint::make_sync(|request: poem::Request| {
        let status = if request.uri().path().ends_with("cs_1") { 502 } else { 200 };
        let status = poem::http::StatusCode::from_u16(status).unwrap();
        poem::Response::builder().status(status).body("<html>hello</html>")
    });
    let server = poem::Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap());
    let server = tokio::spawn(async move { server.run(page).await.unwrap() });
    let provider = StripeProvider::new(&SecretString::from(KEY), Some(&url)).unwrap();
    let bad_gateway = provider.get_checkout(None, "cs_1").await.unwrap_err();
    assert!(matches!(bad_gateway, ProviderError::Unreachable(_)), "{bad_gateway:?}");
    let nonsense = provider.get_checkout(None, "cs_2").await.unwrap_err();
    assert!(
        matches!(nonsense, ProviderError::Unexpected(_)) && nonsense.outcome_is_unknown(),
        "{nonsense:?}"
    );
    server.abort();
}
