//! The checker of `tools/torture` in the integration tests: they end with it, and one of them plants violations, so that it
//! is seen to turn red.

use eventflow_core::{Id, id};
use eventflow_torture::checker::{self as real, Violation};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, Platform, rows, text};

/// What is true of the platform when the checker looks.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// Faults have stopped and queues are empty: everything must have come to its end.
    pub quiescent: bool,
    /// Orders that wait for a person, because the test made their facts contradict each other.
    pub for_people: Vec<Uuid>,
    /// What the platform has acknowledged: idempotency key and answer, as often as it was given.
    pub acknowledged: Vec<(String, Value)>,
    /// When it is not the shared one.
    pub redis_url: Option<String>,
}

/// Where to look.
pub struct Places<'a> {
    pub admin_url: &'a str,
    pub redis_url: &'a str,
    pub sandbox: &'a Client,
}

/// Everything that is wrong, in the order of the invariants.
pub async fn check(places: &Places<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    let circumstances = circumstances.clone();
    let places = real::Places {
        postgres_url: places.admin_url,
        redis_url: places.redis_url,
        sandbox_url: &places.sandbox.base,
    };
    let circumstances = real::Circumstances {
        quiescent: circumstances.quiescent,
        for_people: circumstances.for_people,
        acknowledged: circumstances.acknowledged,
        ..real::Circumstances::default()
    };
    real::check(&places, &circumstances).await.unwrap().violations
}

/// The UUID in an id of the API.
pub fn uuid_of(id: &str) -> Uuid {
    real::uuid_of(id).unwrap()
}

impl Platform {
    pub fn places(&self) -> Places<'_> {
        Places {
            admin_url: &self.database.admin_url,
            redis_url: &self.database.redis_url,
            sandbox: &self.sandbox.control,
        }
    }

    /// Waits until nothing is under way any more, and fails the test with everything that is wrong then.
    pub async fn check_at_rest(&self, circumstances: Circumstances) {
        let redis_url = circumstances.redis_url.clone();
        let mut places = self.places();
        if let Some(url) = &redis_url {
            places.redis_url = url;
        }
        settle(&places).await;
        let found = check(&places, &Circumstances { quiescent: true, ..circumstances }).await;
        assert!(found.is_empty(), "{found:#?}");
    }

    pub async fn check_clean(&self) {
        self.check_at_rest(Circumstances::default()).await;
    }
}

/// Lets everything that is due happen: webhooks, jobs, the mirror. Deadlines that lie ahead stay ahead.
pub async fn settle(places: &Places<'_>) {
    let busy = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM provider_events WHERE state = 'received')
        + (SELECT count(*) FROM refunds WHERE state IN ('pending', 'unknown'))
        + (SELECT count(*) FROM orders WHERE state = 'refund_due')
        + (SELECT count(*) FROM orders WHERE state = 'pending' AND claim_expires_at < now()) AS n";
    let began = std::time::Instant::now();
    let mut calm = 0;
    while calm < 3 {
        let deliveries = places.sandbox.get("/_sandbox/deliveries").await.ok();
        let left = rows(places.admin_url, busy).await.unwrap()[0]["n"].clone();
        calm = if deliveries["pending"] == 0 && left == json!(0) { calm + 1 } else { 0 };
        if calm == 0 && began.elapsed() > crate::support::PATIENCE {
            // The checker says what is left.
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

mod tests {
    use super::*;

    /// What is planted, how it is taken out again, and the invariant that must turn red. `{…}` are ids of the sale.
    const PLANTS: &[(&str, &str, &str)] = &[
        ("I1", "INSERT INTO seat_claims (tenant_id, order_id, event_id, seat_index, epoch, state)
            SELECT tenant_id, '{pending}', event_id, 0, 7, 'reserved' FROM orders WHERE id = '{paid}'",
         "DELETE FROM seat_claims WHERE epoch = 7"),
        ("I2", "UPDATE seat_claims SET state = 'reserved' WHERE order_id = '{paid}' AND seat_index = 0",
         "UPDATE seat_claims SET state = 'sold' WHERE order_id = '{paid}'"),
        ("I2", "UPDATE tickets SET seat_index = 1 WHERE order_id = '{paid}' AND seat_index = 0",
         "UPDATE tickets t SET seat_index = i.seat_index FROM order_items i WHERE i.id = t.order_item_id"),
        ("I3", "UPDATE ga_pools SET taken = taken + 1", "UPDATE ga_pools SET taken = taken - 1"),
        ("I4", "UPDATE payments SET account = 'acct_thief' WHERE order_id = '{paid}'",
         "UPDATE payments SET account = '' WHERE order_id = '{paid}'"),
        ("I4", "UPDATE payments SET session_id = 'cs_test_never_paid' WHERE order_id = '{paid}'",
         "UPDATE payments SET session_id = '{session}' WHERE order_id = '{paid}'"),
        ("I4", "UPDATE payments SET currency = 'USD' WHERE order_id = '{paid}'",
         "UPDATE payments SET currency = 'EUR' WHERE order_id = '{paid}'"),
        ("I5", "UPDATE orders SET state = 'expired' WHERE id = '{paid}'", "UPDATE orders SET state = 'paid' WHERE id = '{paid}'"),
        ("I6", "INSERT INTO refunds (tenant_id, id, order_id, payment_id, amount_minor, currency, state, reason, idempotency_key)
            SELECT tenant_id, id, order_id, id, amount_minor + 1, currency, 'succeeded', '', 'rf:planted' FROM payments
            WHERE order_id = '{paid}'",
         "DELETE FROM refunds WHERE idempotency_key = 'rf:planted'"),
        ("I7", "UPDATE tickets SET order_id = '{pending}' WHERE order_id = '{paid}' AND seat_index = 0",
         "UPDATE tickets SET order_id = '{paid}' WHERE order_id = '{pending}'"),
        ("I8", "UPDATE audit_log SET detail = '{\"to\": \"expired\"}' WHERE action = 'orders.create'",
         "UPDATE audit_log SET detail = '{\"to\": \"pending\"}' WHERE action = 'orders.create'"),
        ("I9", "UPDATE seat_claims SET state = 'released' WHERE order_id = '{pending}'",
         "UPDATE seat_claims SET state = 'reserved' WHERE order_id = '{pending}'"),
        ("I11", "INSERT INTO provider_events (id, provider, provider_event_id, kind, livemode, provider_created_at, payload)
            VALUES ('{pending}', 'stripe', '{forged}', 'checkout.session.completed', false, now(), '{}')",
         "DELETE FROM provider_events WHERE id = '{pending}'"),
        ("I12", "UPDATE price_tiers SET tenant_id = '{other}'", "UPDATE price_tiers SET tenant_id = '{tenant}'"),
        ("I12", "UPDATE ledger_entries SET tenant_id = '{other}'", "UPDATE ledger_entries SET tenant_id = '{tenant}'"),
        ("I13", "UPDATE ledger_entries SET amount_minor = amount_minor + 1 WHERE account = 'clearing_stripe'",
         "UPDATE ledger_entries SET amount_minor = amount_minor - 1 WHERE account = 'clearing_stripe'"),
        ("I14", "INSERT INTO seat_blocks (tenant_id, event_id, seat_index) SELECT tenant_id, event_id, 9 FROM orders LIMIT 1",
         "DELETE FROM seat_blocks"),
        ("I15", "UPDATE orders SET claim_expires_at = now() - interval '1 hour' WHERE id = '{pending}'",
         "UPDATE orders SET claim_expires_at = now() + interval '1 hour' WHERE id = '{pending}'"),
        ("I15", "UPDATE tickets SET state = 'void' WHERE order_id = '{paid}'",
         "UPDATE tickets SET state = 'valid' WHERE order_id = '{paid}'"),
        ("I15", "UPDATE notices SET kind = 'order.refunded' WHERE id = '{paid}'",
         "UPDATE notices SET kind = 'order.paid' WHERE id = '{paid}'"),
        ("I16", "INSERT INTO check_in_lists (tenant_id, id, event_id, name) SELECT '{tenant}', '{tenant}', event_id, 'planted'
            FROM orders WHERE id = '{paid}';
          INSERT INTO scans (tenant_id, id, check_in_list_id, client_id, ticket_id, kind, outcome, entry_no, actor, scanned_at)
            SELECT '{tenant}', gen_random_uuid(), '{tenant}', gen_random_uuid(), id, 'entry', 'admitted', n, 'test', now()
            FROM tickets, generate_series(1, 2) AS n WHERE order_id = '{paid}'",
         "DELETE FROM scans; DELETE FROM check_in_lists WHERE name = 'planted'"),
        ("I16", "INSERT INTO scans (tenant_id, id, check_in_list_id, client_id, ticket_id, kind, outcome, entry_no, actor, scanned_at)
            SELECT '{tenant}', gen_random_uuid(), '{tenant}', gen_random_uuid(), id, 'entry', 'admitted', 1, 'test', now()
            FROM tickets, generate_series(1, 2)",
         "DELETE FROM scans"),
        ("I18", "UPDATE events SET max_per_buyer = 1", "UPDATE events SET max_per_buyer = 10"),
    ];

    /// The checker must be able to see: one violation at a time, and it names the invariant.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_checker_turns_red() {
        let mut platform = Platform::start().await;
        let (tenant, other) = (platform.tenant().await, platform.tenant().await);
        let event = tenant.event(10, 20, json!({})).await;
        let hold = event.hold(&[0, 1]).await.created();
        let paid = event.order_stripe(&hold).await.created();
        platform.sandbox.pay(&paid).await;
        tenant.order_in_state(&paid["id"], "paid").await;
        let hold = event.hold(&[4]).await.created();
        let pending = event.order_stripe(&hold).await.created();
        event
            .api
            .post(
                "/v1/orders",
                event.manual(json!({ "items": [{ "ga_area": crate::support::AREA, "quantity": 2 }] })),
            )
            .await
            .created();
        let session = crate::support::session_of(&paid).to_owned();
        let forged = platform
            .sandbox
            .control
            .post(&format!("/_sandbox/sessions/{session}/forge"), json!({}))
            .await
            .ok();
        let forged = forged["event"].as_str().or_else(|| forged["event"]["id"].as_str()).unwrap().to_owned();
        let acknowledged = vec![("key-of-nobody".to_owned(), paid.clone())];
        // The forged one is refused, and tried again for a long time.
        platform
            .sandbox
            .control
            .post("/_sandbox/webhook", json!({ "url": "http://127.0.0.1:1/" }))
            .await
            .ok();
        crate::support::wait_until("the queues to be empty", async || {
            platform.number("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM provider_events WHERE state = 'received')").await == 0
        })
        .await;
        let calm = Circumstances { quiescent: true, ..Circumstances::default() };
        assert_eq!(check(&platform.places(), &calm).await, []);
        platform.stop().await;
        platform
            .sql(
                "DROP INDEX seat_claims_event_id_seat_index_key; DROP INDEX scans_entry_no_key;
                ALTER TABLE orders DROP CONSTRAINT orders_refunded_minor_check",
            )
            .await;
        let tenants: Vec<Uuid> =
            [&tenant.id, &other.id].iter().map(|id| id.parse::<Id<id::Tenant>>().unwrap().uuid()).collect();
        let fill = |sql: &str| {
            let (paid, pending) =
                (uuid_of(text(&paid, "id")).to_string(), uuid_of(text(&pending, "id")).to_string());
            let filled =
                sql.replace("{paid}", &paid).replace("{pending}", &pending).replace("{session}", &session);
            let filled = filled
                .replace("{tenant}", &tenants[0].to_string())
                .replace("{other}", &tenants[1].to_string());
            format!("SET session_replication_role = replica; {}", filled.replace("{forged}", &forged))
        };
        for (invariant, plant, weed) in PLANTS {
            platform.sql(&fill(plant)).await;
            let found = check(&platform.places(), &calm).await;
            assert!(
                found.iter().any(|violation| violation.invariant == *invariant),
                "{invariant}, {plant}: {found:#?}"
            );
            platform.sql(&fill(weed)).await;
            assert_eq!(check(&platform.places(), &calm).await, [], "{invariant} was taken out again");
        }

        // The same key with another answer, and an answer about nothing.
        let mut twice = calm.clone();
        let stranger = json!({ "id": "ord_01h455vb4pex5vsknk084sn02q" });
        twice.acknowledged = [
            acknowledged,
            vec![("key-of-nobody".to_owned(), stranger.clone()), ("another".to_owned(), stranger)],
        ]
        .concat();
        let found = check(&platform.places(), &twice).await;
        assert_eq!(found.iter().filter(|violation| violation.invariant == "I10").count(), 2, "{found:#?}");
    }
}
