//! What must not be in the tables, by invariant: each rule is a query whose rows are violations.

use anyhow::Result;

use super::{Circumstances, Found, rows};

/// The invariant, the table that is looked at, what its rows would be, the query.
type Rule = (&'static str, &'static str, &'static str, &'static str);

/// Rows that must not exist, by invariant. Always true, whatever happens at the moment.
#[rustfmt::skip]
const ALWAYS: &[Rule] = &[
    ("I1", "seat_claims", "several live claims of one seat",
     "SELECT event_id, seat_index, count(*) FROM seat_claims WHERE state IN ('reserved', 'sold')
      GROUP BY event_id, seat_index HAVING count(*) > 1"),
    ("I2", "tickets", "a good ticket without exactly one sold claim of its order",
     "SELECT t.id, t.order_id, t.seat_index FROM tickets t WHERE t.state <> 'void' AND t.seat_index IS NOT NULL AND 1 <>
       (SELECT count(*) FROM seat_claims c WHERE c.tenant_id = t.tenant_id AND c.order_id = t.order_id
        AND c.event_id = t.event_id AND c.seat_index = t.seat_index AND c.state = 'sold')"),
    ("I2", "tickets", "two good tickets of one seat",
     "SELECT event_id, seat_index, count(*) FROM tickets WHERE state <> 'void' AND seat_index IS NOT NULL
      GROUP BY event_id, seat_index HAVING count(*) > 1"),
    ("I3", "ga_pools", "a pool that does not count its live claims, or overflows",
     "SELECT p.event_id, p.area_index, p.taken, p.capacity, l.live FROM ga_pools p CROSS JOIN LATERAL
       (SELECT coalesce(sum(c.quantity), 0) AS live FROM ga_claims c WHERE c.tenant_id = p.tenant_id
        AND c.event_id = p.event_id AND c.area_index = p.area_index AND c.state IN ('reserved', 'sold')) l
      WHERE p.taken <> l.live OR p.taken NOT BETWEEN 0 AND p.capacity"),
    ("I3", "tickets", "good tickets of an area beyond the sold places",
     "SELECT t.event_id, t.area_index, count(*) FROM tickets t WHERE t.state <> 'void' AND t.area_index IS NOT NULL
      GROUP BY t.tenant_id, t.event_id, t.area_index HAVING count(*) > (SELECT coalesce(sum(c.quantity), 0)
       FROM ga_claims c WHERE c.tenant_id = t.tenant_id AND c.event_id = t.event_id AND c.area_index = t.area_index
       AND c.state = 'sold')"),
    ("I6", "refunds", "more refunded than was paid",
     "SELECT p.id, p.amount_minor, sum(r.amount_minor) AS refunded FROM payments p JOIN refunds r
       ON r.tenant_id = p.tenant_id AND r.payment_id = p.id WHERE r.state <> 'failed' GROUP BY p.id, p.amount_minor
      HAVING sum(r.amount_minor) > p.amount_minor"),
    ("I6", "refunds", "two refunds of one late payment",
     "SELECT order_id, count(*) FROM refunds WHERE reason = 'late_payment' GROUP BY order_id HAVING count(*) > 1"),
    ("I6", "orders", "an order whose sum of refunds is not that of its refunds",
     "SELECT o.id, o.refunded_minor FROM orders o WHERE o.refunded_minor <> (SELECT coalesce(sum(r.amount_minor), 0)
       FROM refunds r WHERE r.tenant_id = o.tenant_id AND r.order_id = o.id AND r.state = 'succeeded')"),
    ("I7", "orders", "an order with some of its tickets",
     "SELECT * FROM (SELECT o.id, o.state, (SELECT count(*) FROM tickets t WHERE t.tenant_id = o.tenant_id
        AND t.order_id = o.id) AS tickets, (SELECT count(*) FROM order_items i WHERE i.tenant_id = o.tenant_id
        AND i.order_id = o.id) AS items, o.paid_at FROM orders o) n
      WHERE tickets NOT IN (0, items) OR (tickets > 0) <> (paid_at IS NOT NULL)"),
    ("I7", "tickets", "a place with two good tickets",
     "SELECT order_item_id, count(*) FROM tickets WHERE state <> 'void' GROUP BY order_item_id HAVING count(*) > 1"),
    ("I7", "tickets", "a ticket that is not what its item says",
     "SELECT t.id FROM tickets t JOIN order_items i ON i.id = t.order_item_id WHERE t.order_id <> i.order_id
      OR t.seat_index IS DISTINCT FROM i.seat_index OR t.area_index IS DISTINCT FROM i.area_index"),
    ("I11", "provider_events", "a provider's event stored twice",
     "SELECT account, provider_event_id, count(*) FROM provider_events GROUP BY provider, account, provider_event_id
      HAVING count(*) > 1"),
    ("I11", "provider_events", "an event taken for ours, of an account that has no such payment",
     "SELECT e.id, e.account, e.kind FROM provider_events e WHERE e.tenant_id IS NOT NULL AND NOT EXISTS
       (SELECT FROM payments p WHERE p.tenant_id = e.tenant_id AND p.account = e.account AND p.livemode = e.livemode
        AND (p.session_id = e.object_id OR p.payment_intent = e.payload ->> 'payment_intent'))"),
    ("I13", "ledger_entries", "an order whose ledger is not balanced",
     "SELECT order_id, currency, sum(amount_minor) FROM ledger_entries GROUP BY tenant_id, order_id, currency
      HAVING sum(amount_minor) <> 0"),
    ("I13", "ledger_entries", "a posting in another currency than the order",
     "SELECT l.id FROM ledger_entries l JOIN orders o ON o.id = l.order_id WHERE l.currency <> o.currency"),
    ("I13", "orders", "a sale that was booked more or less than once",
     "SELECT o.id, o.state FROM orders o WHERE o.total_minor > 0 AND (o.paid_at IS NOT NULL) <> (1 =
       (SELECT count(*) FROM ledger_entries l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id
        AND l.posting = 'sale' AND l.account LIKE 'clearing%'))"),
    ("I13", "orders", "revenue that is not what was paid less what was refunded",
     "SELECT o.id, o.state, o.total_minor, o.refunded_minor FROM orders o WHERE o.paid_at IS NOT NULL
      AND o.state <> 'charged_back' AND o.total_minor - o.refunded_minor <>
       (SELECT coalesce(-sum(l.amount_minor), 0) FROM ledger_entries l WHERE l.tenant_id = o.tenant_id
        AND l.order_id = o.id AND l.account IN ('ticket_revenue', 'fee_revenue', 'tax_payable'))"),
    ("I13", "refunds", "money of a late payment that is neither held nor returned",
     "SELECT o.id, o.state FROM orders o JOIN refunds r ON r.tenant_id = o.tenant_id AND r.order_id = o.id
       AND r.reason = 'late_payment' WHERE (CASE WHEN r.state = 'succeeded' THEN 0 ELSE -r.amount_minor END) <>
       (SELECT coalesce(sum(l.amount_minor), 0) FROM ledger_entries l WHERE l.tenant_id = o.tenant_id
        AND l.order_id = o.id AND l.account = 'held_money')"),
    ("I16", "scans", "a ticket admitted twice for one entry",
     "SELECT check_in_list_id, ticket_id, entry_no, count(*) FROM scans WHERE outcome = 'admitted' AND kind = 'entry'
      GROUP BY check_in_list_id, ticket_id, entry_no HAVING count(*) > 1"),
    ("I16", "scans", "a ticket that went in again without going out, where that is not allowed",
     "SELECT s.check_in_list_id, s.ticket_id, count(*) FROM scans s JOIN check_in_lists l ON l.tenant_id = s.tenant_id
       AND l.id = s.check_in_list_id WHERE s.outcome = 'admitted' AND s.kind = 'entry' AND s.override_reason = ''
       AND NOT l.re_entry GROUP BY s.check_in_list_id, s.ticket_id HAVING count(*) > 1"),
    ("I16", "scans", "a scan stored twice",
     "SELECT check_in_list_id, client_id, count(*) FROM scans GROUP BY check_in_list_id, client_id HAVING count(*) > 1"),
    // Counted by claims; the server counts by orders and their items. The box office sells to whoever stands there.
    ("I18", "orders", "an address with more places than the event allows",
     "SELECT e.id, o.buyer, sum(o.places) AS places, e.max_per_buyer FROM events e JOIN
       (SELECT o.event_id, lower(o.buyer_email) AS buyer,
          (SELECT count(*) FROM seat_claims c WHERE c.order_id = o.id AND c.state IN ('reserved', 'sold'))
          + (SELECT coalesce(sum(c.quantity), 0) FROM ga_claims c WHERE c.order_id = o.id AND c.state IN ('reserved', 'sold'))
          AS places FROM orders o WHERE o.buyer_email <> '' AND o.provider <> 'manual') o ON o.event_id = e.id
      GROUP BY e.id, o.buyer, e.max_per_buyer HAVING sum(o.places) > e.max_per_buyer"),
];

/// Who points to whom. Every pair must agree on the tenant, also where no foreign key says so.
const REFERENCES: &[(&str, &str, &str)] = &[
    ("events", "venue_id", "venues"),
    ("events", "seat_map_id", "seat_maps"),
    ("price_tiers", "event_id", "events"),
    ("ga_pools", "event_id", "events"),
    ("seat_blocks", "event_id", "events"),
    ("seat_categories", "event_id", "events"),
    ("orders", "event_id", "events"),
    ("order_items", "order_id", "orders"),
    ("order_items", "price_tier_id", "price_tiers"),
    ("seat_claims", "order_id", "orders"),
    ("seat_claims", "event_id", "events"),
    ("ga_claims", "order_id", "orders"),
    ("ga_claims", "event_id", "events"),
    ("tickets", "order_id", "orders"),
    ("tickets", "order_item_id", "order_items"),
    ("tickets", "event_id", "events"),
    ("tickets", "price_tier_id", "price_tiers"),
    ("payments", "order_id", "orders"),
    ("refunds", "order_id", "orders"),
    ("refunds", "payment_id", "payments"),
    ("ledger_entries", "order_id", "orders"),
    ("ledger_entries", "event_id", "events"),
    ("ledger_entries", "refund_id", "refunds"),
    ("check_in_lists", "event_id", "events"),
    ("devices", "check_in_list_id", "check_in_lists"),
    ("admissions", "ticket_id", "tickets"),
    ("scans", "check_in_list_id", "check_in_lists"),
    ("scans", "ticket_id", "tickets"),
    ("outbox", "event_id", "events"),
    ("members", "user_id", "users"),
];

/// Rows that belong to one order and say the event again: both must be the order's.
const OF_ORDERS: &[&str] = &["seat_claims", "ga_claims", "tickets", "ledger_entries"];

/// Rows that must not exist once everything has come to its end.
#[rustfmt::skip]
const AT_REST: &[Rule] = &[
    ("I11", "provider_events", "an event of the provider that nobody has worked on",
     "SELECT id, kind, state, note FROM provider_events WHERE state IN ('received', 'parked')"),
    ("I14", "outbox", "a change that Redis was not told", "SELECT id, kind FROM outbox"),
    ("I15", "refunds", "a refund without an end",
     "SELECT id, order_id, state, failure FROM refunds WHERE state IN ('pending', 'unknown')"),
    ("I15", "orders", "a sale that nobody is told of",
     "SELECT o.id FROM orders o WHERE EXISTS (SELECT FROM tickets t WHERE t.tenant_id = o.tenant_id AND t.order_id = o.id)
       AND NOT EXISTS (SELECT FROM notices n WHERE n.tenant_id = o.tenant_id AND n.id = o.id AND n.kind = 'order.paid')"),
    ("I15", "orders", "money that is neither used nor on its way back", "SELECT id FROM orders WHERE state = 'refund_due'"),
    ("I15", "orders", "an order past its deadline that is still open",
     "SELECT id FROM orders WHERE state = 'pending' AND claim_expires_at < now()"),
    ("I15", "seat_claims", "a place that is sold without a good ticket",
     "SELECT c.order_id, c.seat_index FROM seat_claims c WHERE c.state = 'sold' AND NOT EXISTS (SELECT FROM tickets t
       WHERE t.tenant_id = c.tenant_id AND t.order_id = c.order_id AND t.seat_index = c.seat_index AND t.state <> 'void')"),
    ("I15", "ga_claims", "standing places that are sold, and not those of the good tickets",
     "SELECT c.order_id, c.area_index, sum(c.quantity) AS sold FROM ga_claims c WHERE c.state = 'sold'
      GROUP BY c.tenant_id, c.order_id, c.area_index HAVING sum(c.quantity) <> (SELECT count(*) FROM tickets t
       WHERE t.tenant_id = c.tenant_id AND t.order_id = c.order_id AND t.area_index = c.area_index AND t.state <> 'void')"),
    ("I15", "ga_claims", "standing places kept by an order that has ended",
     "SELECT c.order_id, o.state FROM ga_claims c JOIN orders o ON o.id = c.order_id WHERE (c.state = 'reserved'
       AND o.state NOT IN ('pending', 'processing', 'needs_review')) OR (c.state = 'sold' AND o.paid_at IS NULL)"),
    ("I15", "seat_claims", "a place kept by an order that has ended",
     "SELECT c.order_id, o.state FROM seat_claims c JOIN orders o ON o.id = c.order_id WHERE (c.state = 'reserved'
       AND o.state NOT IN ('pending', 'processing', 'needs_review')) OR (c.state = 'sold' AND o.paid_at IS NULL)"),
];

/// Rows that must not exist when deadlines have passed too: nothing waits for anything.
const DRAINED: &[Rule] = &[
    (
        "I15",
        "orders",
        "an order without an end",
        // What the buyer's bank disputes is not given back twice: a person looks at a refund that came too late for that.
        "SELECT o.id, o.state FROM orders o WHERE o.state IN ('pending', 'processing', 'refund_due', 'needs_review')
           AND NOT (o.state = 'needs_review' AND EXISTS (SELECT FROM refunds r WHERE r.tenant_id = o.tenant_id
             AND r.order_id = o.id AND r.state = 'failed' AND r.failure LIKE '%charge_disputed%'))",
    ),
    ("I15", "jobs", "work that is left", "SELECT kind, subject_id, attempts, last_error FROM jobs"),
    ("I15", "notices", "news that nobody has decided about", "SELECT id, kind, last_error FROM notices WHERE state = 'pending'"),
    ("I15", "messages", "a message that is still to be sent", "SELECT id, kind, last_error FROM messages WHERE state = 'queued'"),
];

/// All rules are asked in one query: the checker sees one moment.
pub async fn check(found: &mut Found, url: &str, circumstances: &Circumstances) -> Result<()> {
    let at_rest = AT_REST.iter().filter(|_| circumstances.quiescent);
    let drained = DRAINED.iter().filter(|_| circumstances.drained);
    let mut asked: Vec<(&'static str, &'static str, String, String)> = ALWAYS
        .iter()
        .chain(at_rest)
        .chain(drained)
        .map(|&(invariant, table, what, sql)| (invariant, table, what.to_owned(), sql.to_owned()))
        .collect();
    for &(child, column, parent) in REFERENCES {
        let sql = format!(
            "SELECT c.tenant_id, c.{column} FROM {child} c WHERE c.{column} IS NOT NULL AND NOT EXISTS
             (SELECT FROM {parent} p WHERE p.tenant_id = c.tenant_id AND p.id = c.{column})"
        );
        asked.push(("I12", child, format!("{child}.{column} leads out of the tenant"), sql));
    }
    for &table in OF_ORDERS {
        let sql = format!(
            "SELECT c.order_id FROM {table} c JOIN orders o ON o.id = c.order_id
             WHERE (o.tenant_id, o.event_id) <> (c.tenant_id, c.event_id)"
        );
        asked.push(("I12", table, format!("{table} and orders disagree"), sql));
    }
    let elsewhere = "SELECT e.id FROM provider_events e JOIN payments p ON p.account = e.account
        AND (p.session_id = e.object_id OR p.payment_intent = e.payload ->> 'payment_intent')
        WHERE e.tenant_id IS NOT NULL AND e.tenant_id <> p.tenant_id";
    asked.push((
        "I12",
        "provider_events",
        "an event of another tenant's payment".to_owned(),
        elsewhere.to_owned(),
    ));
    let queries: Vec<String> = asked
        .iter()
        .enumerate()
        .map(|(number, (_, table, _, sql))| {
            format!(
                "SELECT {number} AS number, (SELECT count(*) FROM {table}) AS looked_at,
                   (SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') FROM ({sql}) r) AS broken"
            )
        })
        .collect();
    for row in rows(url, &queries.join(" UNION ALL ")).await? {
        let number =
            row["number"].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
        let (invariant, table, what, _) = &asked[number];
        found.looked_at(invariant, table, row["looked_at"].as_u64().unwrap_or_default());
        for broken in row["broken"].as_array().into_iter().flatten() {
            found.wrong(invariant, format!("{what}: {broken}"));
        }
    }
    Ok(())
}
