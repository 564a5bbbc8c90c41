//! The one checker of the invariants. It reads Postgres past row-level security, the sandbox's journal (the truth about
//! money) and Redis, and names everything that must not be. Tests end with it; its own tests plant one violation each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use eventflow_core::{Id, id, order::OrderState};
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: &'static str,
    pub what: String,
}

/// Rows that must not exist, by invariant. Always true, whatever happens at the moment.
const ALWAYS: &[(&str, &str, &str)] = &[
    ("I1", "several live claims of one seat",
     "SELECT event_id, seat_index, count(*) FROM seat_claims WHERE state IN ('reserved', 'sold')
      GROUP BY event_id, seat_index HAVING count(*) > 1"),
    ("I2", "a good ticket without exactly one sold claim of its order",
     "SELECT t.id, t.order_id, t.seat_index FROM tickets t WHERE t.state <> 'void' AND t.seat_index IS NOT NULL AND 1 <>
       (SELECT count(*) FROM seat_claims c WHERE c.tenant_id = t.tenant_id AND c.order_id = t.order_id
        AND c.event_id = t.event_id AND c.seat_index = t.seat_index AND c.state = 'sold')"),
    ("I2", "two good tickets of one seat",
     "SELECT event_id, seat_index, count(*) FROM tickets WHERE state <> 'void' AND seat_index IS NOT NULL
      GROUP BY event_id, seat_index HAVING count(*) > 1"),
    ("I3", "a pool that does not count its live claims, or overflows",
     "SELECT p.event_id, p.area_index, p.taken, p.capacity, l.live FROM ga_pools p CROSS JOIN LATERAL
       (SELECT coalesce(sum(c.quantity), 0) AS live FROM ga_claims c WHERE c.tenant_id = p.tenant_id
        AND c.event_id = p.event_id AND c.area_index = p.area_index AND c.state IN ('reserved', 'sold')) l
      WHERE p.taken <> l.live OR p.taken NOT BETWEEN 0 AND p.capacity"),
    ("I3", "good tickets of an area beyond the sold places",
     "SELECT t.event_id, t.area_index, count(*) FROM tickets t WHERE t.state <> 'void' AND t.area_index IS NOT NULL
      GROUP BY t.tenant_id, t.event_id, t.area_index HAVING count(*) > (SELECT coalesce(sum(c.quantity), 0)
       FROM ga_claims c WHERE c.tenant_id = t.tenant_id AND c.event_id = t.event_id AND c.area_index = t.area_index
       AND c.state = 'sold')"),
    ("I6", "more refunded than was paid",
     "SELECT p.id, p.amount_minor, sum(r.amount_minor) AS refunded FROM payments p JOIN refunds r
       ON r.tenant_id = p.tenant_id AND r.payment_id = p.id WHERE r.state <> 'failed' GROUP BY p.id, p.amount_minor
      HAVING sum(r.amount_minor) > p.amount_minor"),
    ("I6", "two refunds of one late payment",
     "SELECT order_id, count(*) FROM refunds WHERE reason = 'late_payment' GROUP BY order_id HAVING count(*) > 1"),
    ("I6", "an order whose sum of refunds is not that of its refunds",
     "SELECT o.id, o.refunded_minor FROM orders o WHERE o.refunded_minor <> (SELECT coalesce(sum(r.amount_minor), 0)
       FROM refunds r WHERE r.tenant_id = o.tenant_id AND r.order_id = o.id AND r.state = 'succeeded')"),
    ("I7", "an order with some of its tickets",
     "SELECT * FROM (SELECT o.id, o.state, (SELECT count(*) FROM tickets t WHERE t.tenant_id = o.tenant_id
        AND t.order_id = o.id) AS tickets, (SELECT count(*) FROM order_items i WHERE i.tenant_id = o.tenant_id
        AND i.order_id = o.id) AS items, o.paid_at FROM orders o) n
      WHERE tickets NOT IN (0, items) OR (tickets > 0) <> (paid_at IS NOT NULL)"),
    ("I7", "a place with two good tickets",
     "SELECT order_item_id, count(*) FROM tickets WHERE state <> 'void' GROUP BY order_item_id HAVING count(*) > 1"),
    ("I7", "a ticket that is not what its item says",
     "SELECT t.id FROM tickets t JOIN order_items i ON i.id = t.order_item_id WHERE t.order_id <> i.order_id
      OR t.seat_index IS DISTINCT FROM i.seat_index OR t.area_index IS DISTINCT FROM i.area_index"),
    ("I11", "a provider's event stored twice",
     "SELECT account, provider_event_id, count(*) FROM provider_events GROUP BY provider, account, provider_event_id
      HAVING count(*) > 1"),
    ("I13", "an order whose ledger is not balanced",
     "SELECT order_id, currency, sum(amount_minor) FROM ledger_entries GROUP BY tenant_id, order_id, currency
      HAVING sum(amount_minor) <> 0"),
    ("I13", "a posting in another currency than the order",
     "SELECT l.id FROM ledger_entries l JOIN orders o ON o.id = l.order_id WHERE l.currency <> o.currency"),
    ("I13", "a sale that was booked more or less than once",
     "SELECT o.id, o.state FROM orders o WHERE o.total_minor > 0 AND (o.paid_at IS NOT NULL) <> (1 =
       (SELECT count(*) FROM ledger_entries l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id
        AND l.posting = 'sale' AND l.account LIKE 'clearing%'))"),
    ("I13", "revenue that is not what was paid less what was refunded",
     "SELECT o.id, o.state, o.total_minor, o.refunded_minor FROM orders o WHERE o.paid_at IS NOT NULL
      AND o.state <> 'charged_back' AND o.total_minor - o.refunded_minor <>
       (SELECT coalesce(-sum(l.amount_minor), 0) FROM ledger_entries l WHERE l.tenant_id = o.tenant_id
        AND l.order_id = o.id AND l.account IN ('ticket_revenue', 'fee_revenue', 'tax_payable'))"),
    ("I13", "money of a late payment that is neither held nor returned",
     "SELECT o.id, o.state FROM orders o JOIN refunds r ON r.tenant_id = o.tenant_id AND r.order_id = o.id
       AND r.reason = 'late_payment' WHERE (CASE WHEN r.state = 'succeeded' THEN 0 ELSE -r.amount_minor END) <>
       (SELECT coalesce(sum(l.amount_minor), 0) FROM ledger_entries l WHERE l.tenant_id = o.tenant_id
        AND l.order_id = o.id AND l.account = 'held_money')"),
    ("I16", "a ticket admitted twice for one entry",
     "SELECT check_in_list_id, ticket_id, entry_no, count(*) FROM scans WHERE outcome = 'admitted' AND kind = 'entry'
      GROUP BY check_in_list_id, ticket_id, entry_no HAVING count(*) > 1"),
    ("I16", "a scan stored twice",
     "SELECT check_in_list_id, client_id, count(*) FROM scans GROUP BY check_in_list_id, client_id HAVING count(*) > 1"),
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
const AT_REST: &[(&str, &str, &str)] = &[
    ("I11", "an event of the provider that nobody has worked on",
     "SELECT id, kind, state, note FROM provider_events WHERE state IN ('received', 'parked')"),
    ("I14", "a change that Redis was not told", "SELECT id, kind FROM outbox"),
    ("I15", "a refund without an end",
     "SELECT id, order_id, state, failure FROM refunds WHERE state IN ('pending', 'unknown')"),
    ("I15", "money that is neither used nor on its way back", "SELECT id FROM orders WHERE state = 'refund_due'"),
    ("I15", "an order past its deadline that is still open",
     "SELECT id FROM orders WHERE state = 'pending' AND claim_expires_at < now()"),
    ("I15", "a place kept by an order that has ended",
     "SELECT c.order_id, o.state FROM seat_claims c JOIN orders o ON o.id = c.order_id WHERE (c.state = 'reserved'
       AND o.state NOT IN ('pending', 'processing', 'needs_review')) OR (c.state = 'sold' AND o.paid_at IS NULL)"),
];

/// Everything that is wrong, in the order of the invariants.
pub async fn check(places: &Places<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    let mut found = Vec::new();
    let admin = places.admin_url;
    check_rows(&mut found, admin, circumstances.quiescent).await;
    let money = Money::read(places).await;
    money.check(&mut found, circumstances);
    check_moves(&mut found, admin).await;
    check_acknowledged(&mut found, admin, &circumstances.acknowledged).await;
    if circumstances.quiescent {
        check_redis(&mut found, places).await;
    }
    found.sort_by_key(|violation| violation.invariant[1..].parse::<u32>().unwrap());
    found
}

/// Rows that must not exist, all asked for in one query: the checker sees one moment.
async fn check_rows(found: &mut Vec<Violation>, url: &str, quiescent: bool) {
    let mut asked: Vec<(&'static str, String, String)> = ALWAYS
        .iter()
        .chain(AT_REST.iter().filter(|_| quiescent))
        .map(|&(invariant, what, sql)| (invariant, what.to_owned(), sql.to_owned()))
        .collect();
    for (child, column, parent) in REFERENCES {
        let sql = format!(
            "SELECT c.tenant_id, c.{column} FROM {child} c WHERE c.{column} IS NOT NULL AND NOT EXISTS
             (SELECT FROM {parent} p WHERE p.tenant_id = c.tenant_id AND p.id = c.{column})"
        );
        asked.push(("I12", format!("{child}.{column} leads out of the tenant"), sql));
    }
    for table in OF_ORDERS {
        let sql = format!(
            "SELECT c.order_id FROM {table} c JOIN orders o ON o.id = c.order_id
             WHERE (o.tenant_id, o.event_id) <> (c.tenant_id, c.event_id)"
        );
        asked.push(("I12", format!("{table} and orders disagree"), sql));
    }
    let elsewhere = "SELECT e.id FROM provider_events e JOIN payments p ON p.account = e.account
        AND (p.session_id = e.object_id OR p.payment_intent = e.payload ->> 'payment_intent')
        WHERE e.tenant_id IS NOT NULL AND e.tenant_id <> p.tenant_id";
    asked.push(("I12", "an event of another tenant's payment".to_owned(), elsewhere.to_owned()));
    let query: Vec<String> = asked
        .iter()
        .enumerate()
        .map(|(number, (_, _, sql))| {
            format!("SELECT {number} AS number, to_jsonb(r) AS broken FROM ({sql}) r")
        })
        .collect();
    for row in rows(url, &query.join(" UNION ALL ")).await.unwrap() {
        let (invariant, what, _) = &asked[usize::try_from(row["number"].as_u64().unwrap()).unwrap()];
        found.push(Violation { invariant, what: format!("{what}: {}", row["broken"]) });
    }
}

fn wrong(found: &mut Vec<Violation>, invariant: &'static str, what: impl Into<String>) {
    found.push(Violation { invariant, what: what.into() });
}

/// One paid, expired or failed session of the provider, from its journal.
#[derive(Debug, Default)]
struct Session {
    account: String,
    /// Our order's id as text, as we sent it.
    order: String,
    paid: Option<(i64, String, String)>,
    closed_at: Option<i64>,
}

#[derive(Debug)]
struct Order {
    id: Uuid,
    name: String,
    state: OrderState,
    total: i64,
    paid: bool,
    closed_at: Option<i64>,
    payment: Value,
    released: bool,
    refunds: i64,
}

/// What the provider says happened, beside what we believe.
struct Money {
    sessions: BTreeMap<String, Session>,
    /// Refunds that did not fail: id -> payment intent, amount, whether the money has moved.
    refunds: BTreeMap<String, (String, i64, bool)>,
    disputed: BTreeSet<String>,
    forged: BTreeSet<String>,
    charged: HashMap<String, i64>,
    /// The sandbox's clock is the machine's.
    same_clock: bool,
    orders: Vec<Order>,
    stored_events: BTreeSet<String>,
}

impl Money {
    async fn read(places: &Places<'_>) -> Self {
        let journal = places.sandbox.get("/_sandbox/journal").await.ok();
        assert_eq!(journal["has_more"], false, "the journal is longer than a page");
        let clock = places.sandbox.get("/_sandbox/clock").await.ok();
        let mut money = Self {
            sessions: BTreeMap::new(),
            refunds: BTreeMap::new(),
            disputed: BTreeSet::new(),
            forged: BTreeSet::new(),
            charged: HashMap::new(),
            same_clock: clock["offset_secs"] == 0,
            orders: Vec::new(),
            stored_events: BTreeSet::new(),
        };
        for entry in journal["data"].as_array().unwrap() {
            money.take(entry);
        }
        let orders = "SELECT o.id, o.state, o.total_minor, o.paid_at IS NOT NULL AS paid,
              extract(epoch FROM o.closed_at)::bigint AS closed_at,
              (SELECT to_jsonb(p) FROM payments p WHERE p.tenant_id = o.tenant_id AND p.order_id = o.id
               ORDER BY attempt DESC LIMIT 1) AS payment,
              EXISTS (SELECT FROM seat_claims c WHERE c.tenant_id = o.tenant_id AND c.order_id = o.id AND c.state = 'released')
              OR EXISTS (SELECT FROM ga_claims c WHERE c.tenant_id = o.tenant_id AND c.order_id = o.id AND c.state = 'released')
                AS released,
              (SELECT count(*) FROM refunds r WHERE r.tenant_id = o.tenant_id AND r.order_id = o.id) AS refunds
            FROM orders o";
        for row in rows(places.admin_url, orders).await.unwrap() {
            let order: Uuid = text(&row, "id").parse().unwrap();
            money.orders.push(Order {
                id: order,
                name: Id::<id::Order>::from(order).to_string(),
                state: text(&row, "state").parse().unwrap(),
                total: row["total_minor"].as_i64().unwrap(),
                paid: row["paid"] == true,
                closed_at: row["closed_at"].as_i64(),
                payment: row["payment"].clone(),
                released: row["released"] == true,
                refunds: row["refunds"].as_i64().unwrap(),
            });
        }
        for row in
            rows(places.admin_url, "SELECT provider_event_id AS id FROM provider_events").await.unwrap()
        {
            money.stored_events.insert(text(&row, "id").to_owned());
        }
        money
    }

    fn take(&mut self, entry: &Value) {
        let (id, at, data) = (text(entry, "id").to_owned(), entry["at"].as_i64(), &entry["data"]);
        let word = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        let amount = data["amount"].as_i64().unwrap_or_default();
        match text(entry, "kind") {
            "session_created" => {
                let account = entry["account"].as_str().unwrap_or_default().to_owned();
                let session = Session { account, order: word("client_reference_id"), ..Session::default() };
                self.sessions.insert(id, session);
            }
            "session_paid" => {
                let paid = (amount, word("currency").to_uppercase(), word("payment_intent"));
                self.sessions.entry(id).or_default().paid = Some(paid);
            }
            "session_expired" | "session_failed" => self.sessions.entry(id).or_default().closed_at = at,
            "charge_succeeded" => {
                self.charged.insert(word("payment_intent"), amount);
            }
            "refund_created" if data["status"] != "failed" => {
                self.refunds.insert(id, (word("payment_intent"), amount, data["status"] == "succeeded"));
            }
            "refund_updated" if data["status"] == "failed" => {
                self.refunds.remove(&id);
            }
            "refund_updated" => {
                if let Some(refund) = self.refunds.get_mut(&id) {
                    refund.2 = data["status"] == "succeeded";
                }
            }
            "dispute_created" => {
                self.disputed.insert(word("payment_intent"));
            }
            "webhook_forged" if data["signed"] == false => {
                self.forged.insert(id);
            }
            _ => {}
        }
    }

    fn refunded(&self, intent: &str) -> i64 {
        self.refunds.values().filter(|refund| refund.0 == intent && refund.2).map(|refund| refund.1).sum()
    }

    fn check(&self, found: &mut Vec<Violation>, circumstances: &Circumstances) {
        for order in &self.orders {
            self.check_paid(found, order);
            self.check_released(found, order);
        }
        if circumstances.quiescent {
            for (id, session) in &self.sessions {
                self.check_used(found, id, session, circumstances);
            }
        }
        for (intent, charged) in &self.charged {
            let refunds: i64 =
                self.refunds.values().filter(|refund| refund.0 == *intent).map(|refund| refund.1).sum();
            if refunds > *charged {
                wrong(found, "I6", format!("the provider gave back {refunds} of {charged} for {intent}"));
            }
        }
        for event in self.forged.intersection(&self.stored_events) {
            wrong(found, "I11", format!("the forged event {event} was accepted"));
        }
    }

    /// I4: what was fulfilled was paid, exactly so.
    fn check_paid(&self, found: &mut Vec<Violation>, order: &Order) {
        let payment = &order.payment;
        if !order.paid || order.total == 0 || payment["provider"] != "stripe" {
            return;
        }
        let session = payment["session_id"].as_str().and_then(|id| self.sessions.get(id));
        let Some(session) = session else {
            return wrong(found, "I4", format!("{} is fulfilled without a session", order.name));
        };
        let paid = session.paid.as_ref().map(|(amount, currency, _)| (*amount, currency.as_str()));
        let ours = (payment["amount_minor"].as_i64().unwrap(), payment["currency"].as_str().unwrap());
        let fits = paid == Some(ours)
            && ours.0 == order.total
            && session.account == payment["account"]
            && session.order == order.name
            && payment["livemode"] == false
            && payment["state"] == "paid";
        if !fits {
            wrong(found, "I4", format!("{} is fulfilled by {session:?}, and expects {payment}", order.name));
        }
    }

    /// I9: a place came free only when nobody could pay for it any more.
    fn check_released(&self, found: &mut Vec<Violation>, order: &Order) {
        if !order.released || order.refunds > 0 {
            return;
        }
        for (id, session) in self.sessions.iter().filter(|(_, session)| session.order == order.name) {
            let intent = session.paid.as_ref().map(|(_, _, intent)| intent.as_str());
            // Late money that was used again: the first claim was released when the session had not been paid yet.
            let used_again = order.paid && intent.is_some();
            let closed = match (session.closed_at, order.closed_at) {
                (Some(at), Some(released)) if self.same_clock && !used_again => at <= released + 1,
                (closed, _) => closed.is_some() || used_again,
            };
            if !closed && !intent.is_some_and(|intent| self.disputed.contains(intent)) {
                wrong(
                    found,
                    "I9",
                    format!("{} gave its places back while {id} could be paid: {session:?}", order.name),
                );
            }
        }
    }

    /// I5: money is used or back, never both and never neither.
    fn check_used(
        &self,
        found: &mut Vec<Violation>,
        id: &str,
        session: &Session,
        circumstances: &Circumstances,
    ) {
        let Some((amount, _, intent)) = &session.paid else { return };
        let order = self
            .orders
            .iter()
            .find(|o| o.payment["session_id"] == id && o.payment["account"] == *session.account);
        let Some(order) = order else {
            return wrong(found, "I5", format!("{id} was paid, and no order knows it"));
        };
        if self.disputed.contains(intent) || circumstances.for_people.contains(&order.id) {
            return;
        }
        let (fulfilled, returned) = (order.state.is_fulfilled(), self.refunded(intent) == *amount);
        if fulfilled == returned {
            let (state, refunded) = (order.state, self.refunded(intent));
            wrong(
                found,
                "I5",
                format!("{} is {state}; {amount} were paid and {refunded} went back", order.name),
            );
        }
    }
}

/// I8: the audit log tells a way through the graph of states that ends where the order is.
async fn check_moves(found: &mut Vec<Violation>, url: &str) {
    let sql =
        "SELECT o.id, o.state, (SELECT coalesce(jsonb_agg(jsonb_build_array(a.action, a.detail ->> 'from',
          a.detail ->> 'to') ORDER BY a.id), '[]') FROM audit_log a WHERE a.tenant_id = o.tenant_id
          AND a.action IN ('orders.create', 'orders.move', 'orders.settle') AND a.object_id = $ORDER) AS moves
        FROM orders o";
    // The audit log names objects as the API does; the prefix is all that the database lacks.
    let named: Vec<(Uuid, String)> = rows(url, "SELECT id FROM orders")
        .await
        .unwrap()
        .iter()
        .map(|row| text(row, "id").parse::<Uuid>().unwrap())
        .map(|id| (id, Id::<id::Order>::from(id).to_string()))
        .collect();
    let cases: String = named.iter().map(|(id, name)| format!(" WHEN '{id}' THEN '{name}'")).collect();
    if named.is_empty() {
        return;
    }
    let sql = sql.replace("$ORDER", &format!("(CASE o.id{cases} END)"));
    for row in rows(url, &sql).await.unwrap() {
        if let Err(what) = follow(&row) {
            wrong(found, "I8", format!("{what}: {row}"));
        }
    }
}

fn follow(row: &Value) -> Result<(), String> {
    let mut state: Option<OrderState> = None;
    for step in row["moves"].as_array().unwrap() {
        let (action, from) = (step[0].as_str().unwrap(), step[1].as_str());
        let next: OrderState =
            step[2].as_str().unwrap_or_default().parse().map_err(|_| format!("odd move {step}"))?;
        match (state, action) {
            (None, "orders.create") if next == OrderState::Pending => {}
            (Some(now), "orders.move") if from == Some(now.as_str()) && now.can_become(next) => {}
            (Some(now), "orders.settle") if now.can_become(next) => {}
            _ => return Err(format!("{step} after {state:?}")),
        }
        state = Some(next);
    }
    match state {
        Some(state) if row["state"] == state.as_str() => Ok(()),
        state => Err(format!("the last move leads to {state:?}")),
    }
}

/// I10: one key, one effect, one answer.
async fn check_acknowledged(found: &mut Vec<Violation>, url: &str, answers: &[(String, Value)]) {
    let mut first: BTreeMap<&str, &Value> = BTreeMap::new();
    for (key, answer) in answers {
        let known = first.entry(key).or_insert(answer);
        if *known != answer {
            wrong(found, "I10", format!("the key {key} was answered with {known} and with {answer}"));
        }
    }
    let mut keys: BTreeMap<String, &str> = BTreeMap::new();
    for (key, answer) in first {
        let Some(id) = answer["id"].as_str() else {
            wrong(found, "I10", format!("the key {key} was answered without an object: {answer}"));
            continue;
        };
        if let Some(other) = keys.insert(id.to_owned(), key) {
            wrong(found, "I10", format!("the keys {other} and {key} made the same object {id}"));
        }
        let table = match id.split('_').next() {
            Some("ord") => "orders",
            Some("ref") => "refunds",
            _ => continue,
        };
        let uuid = uuid_of(id);
        let there = rows(url, &format!("SELECT id FROM {table} WHERE id = '{uuid}'")).await.unwrap();
        if there.len() != 1 {
            wrong(found, "I10", format!("{id} was acknowledged under {key} and does not exist"));
        }
        let stored =
            rows(url, &format!("SELECT subject_id FROM idempotency_keys WHERE key = '{key}'")).await.unwrap();
        let subjects: Vec<_> = stored.iter().filter_map(|row| row["subject_id"].as_str()).collect();
        if subjects.iter().any(|subject| *subject != uuid.to_string()) {
            wrong(found, "I10", format!("the key {key} stands for {subjects:?} and was answered with {id}"));
        }
    }
}

/// The UUID in an id of the API.
pub fn uuid_of(id: &str) -> Uuid {
    match id.split('_').next() {
        Some("ord") => id.parse::<Id<id::Order>>().unwrap().uuid(),
        Some("ref") => id.parse::<Id<id::Refund>>().unwrap().uuid(),
        Some("evt") => id.parse::<Id<id::Event>>().unwrap().uuid(),
        Some("hold") => id.parse::<Id<id::Hold>>().unwrap().uuid(),
        _ => panic!("an id of another kind: {id}"),
    }
}

/// I14: Redis knows every claim, sale, block and count, and nothing else but holds.
async fn check_redis(found: &mut Vec<Violation>, places: &Places<'_>) {
    let url = places.admin_url;
    let claims =
        rows(url, "SELECT event_id, seat_index, order_id, state FROM seat_claims WHERE state <> 'released'");
    let blocks = rows(url, "SELECT event_id, seat_index FROM seat_blocks");
    let pools = rows(url, "SELECT event_id, area_index, capacity, taken FROM ga_pools");
    let (claims, blocks, pools) = (claims.await.unwrap(), blocks.await.unwrap(), pools.await.unwrap());
    let client = redis::Client::open(places.redis_url).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    for event in rows(url, "SELECT id FROM events WHERE state <> 'draft'").await.unwrap() {
        let event: Uuid = text(&event, "id").parse().unwrap();
        let of_event = |row: &&Value| text(row, "event_id").parse::<Uuid>().unwrap() == event;
        let key = |name: &str| format!("{{{}}}:{name}", event.simple());
        let boot: Option<String> = redis::cmd("GET").arg(key("boot")).query_async(&mut redis).await.unwrap();
        if boot.is_none() {
            // Forgotten as a whole: the next request teaches it everything.
            continue;
        }
        let mut expected: BTreeMap<i64, String> = blocks
            .iter()
            .filter(of_event)
            .map(|row| (row["seat_index"].as_i64().unwrap(), "b".to_owned()))
            .collect();
        for claim in claims.iter().filter(of_event) {
            let kind = if claim["state"] == "sold" { 's' } else { 'c' };
            let order: Uuid = text(claim, "order_id").parse().unwrap();
            expected.insert(claim["seat_index"].as_i64().unwrap(), format!("{kind}:{}", order.simple()));
        }
        let seats: HashMap<i64, String> =
            redis::cmd("HGETALL").arg(key("seats")).query_async(&mut redis).await.unwrap();
        for (seat, value) in &expected {
            if seats.get(seat) != Some(value) {
                let known = seats.get(seat);
                wrong(
                    found,
                    "I14",
                    format!("seat {seat} of {event} is {value} in Postgres and {known:?} in Redis"),
                );
            }
        }
        for (seat, value) in &seats {
            let is_hold = value.split_once(':').is_some_and(|(expiry, _)| expiry.parse::<u64>().is_ok());
            if !is_hold && !expected.contains_key(seat) {
                wrong(
                    found,
                    "I14",
                    format!("seat {seat} of {event} is free in Postgres and {value} in Redis"),
                );
            }
        }
        let counts: HashMap<String, i64> =
            redis::cmd("HGETALL").arg(key("ga")).query_async(&mut redis).await.unwrap();
        let held = held_places(&mut redis, &key("")).await;
        for pool in pools.iter().filter(of_event) {
            let area = pool["area_index"].as_i64().unwrap();
            let count = |name: &str| counts.get(&format!("{name}:{area}")).copied().unwrap_or_default();
            let known = (Some(count("cap")), Some(count("taken")), count("held"));
            let truth = (
                pool["capacity"].as_i64(),
                pool["taken"].as_i64(),
                held.get(&area).copied().unwrap_or_default(),
            );
            if known != truth {
                wrong(
                    found,
                    "I14",
                    format!(
                        "area {area} of {event}: capacity, taken, held are {truth:?} and {known:?} in Redis"
                    ),
                );
            }
        }
    }
}

/// Places of areas in the holds that Redis still lists.
async fn held_places(redis: &mut redis::aio::MultiplexedConnection, prefix: &str) -> HashMap<i64, i64> {
    let holds: Vec<String> =
        redis::cmd("ZRANGE").arg(format!("{prefix}holds")).arg(0).arg(-1).query_async(redis).await.unwrap();
    let mut held = HashMap::new();
    for hold in holds {
        let key = format!("{prefix}hold:{hold}");
        let areas: Option<String> = redis::cmd("HGET").arg(key).arg("g").query_async(redis).await.unwrap();
        for (area, quantity) in areas.unwrap_or_default().split(',').filter_map(|pair| pair.split_once(':')) {
            *held.entry(area.parse().unwrap()).or_default() += quantity.parse::<i64>().unwrap();
        }
    }
    held
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
        ("I16", "INSERT INTO scans (tenant_id, id, check_in_list_id, client_id, ticket_id, kind, outcome, entry_no, actor, scanned_at)
            SELECT '{tenant}', gen_random_uuid(), '{tenant}', gen_random_uuid(), id, 'entry', 'admitted', 1, 'test', now()
            FROM tickets, generate_series(1, 2)",
         "DELETE FROM scans"),
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
