//! What the provider says happened, beside what we believe.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use eventflow_core::{Id, id, order::OrderState};
use serde_json::Value;
use uuid::Uuid;

use super::{Circumstances, Found, Places, mistake, number, rows, text};

/// A signature may be so far from the receiver's clock.
const TOLERANCE_SECS: u64 = 300;

async fn sandbox(places: &Places<'_>, path: &str) -> Result<Value> {
    let url = format!("{}/_sandbox/{path}", places.sandbox_url);
    let client = reqwest::Client::builder().no_proxy().build()?;
    client
        .get(&url)
        .send()
        .await?
        .error_for_status()?
        .json()
        .await
        .with_context(|| format!("cannot read {url}"))
}

fn is_badly_signed(signing: &Value) -> bool {
    let age = signing["old_timestamp"]["secs"].as_i64().unwrap_or_default();
    signing == "wrong_secret" || age.unsigned_abs() > TOLERANCE_SECS
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
    /// Somebody closed it who must not.
    by_mistake: bool,
    /// Its event does not take place: its places are nobody's any more.
    is_called_off: bool,
    /// Of a sale, not of money that came late.
    refunds: i64,
    refunded: i64,
}

/// What the provider says happened, beside what we believe.
struct Money {
    sessions: BTreeMap<String, Session>,
    /// Refunds that did not fail: id -> payment intent, amount, whether the money has moved.
    refunds: BTreeMap<String, (String, i64, bool)>,
    /// Payments of which somebody gave back money past us.
    elsewhere: BTreeSet<String>,
    disputed: BTreeSet<String>,
    forged: BTreeSet<String>,
    charged: HashMap<String, i64>,
    /// The sandbox's clock is the machine's.
    same_clock: bool,
    orders: Vec<Order>,
    stored_events: BTreeSet<String>,
    /// Deliveries with a signature that must not be believed, and those of them that were.
    badly_signed: u64,
    believed: Vec<String>,
    /// How far the journal was read.
    sequence: u64,
}

/// Reads both sides and compares them.
pub async fn check(found: &mut Found, places: &Places<'_>, circumstances: &Circumstances) -> Result<()> {
    let money = Money::read(places).await?;
    for invariant in ["I4", "I9"] {
        found.looked_at(invariant, "orders", count(&money.orders));
    }
    found.looked_at("I5", "sessions of the provider", count(&money.sessions));
    found.looked_at("I6", "refunds of the provider", count(&money.refunds));
    found.looked_at("I11", "forged events", count(&money.forged));
    found.looked_at("I11", "badly signed deliveries", money.badly_signed);
    money.compare(found, circumstances);
    Ok(())
}

fn count<T>(things: impl IntoIterator<Item = T>) -> u64 {
    things.into_iter().map(|_| 1).sum()
}

impl Money {
    async fn read(places: &Places<'_>) -> Result<Self> {
        let clock = sandbox(places, "clock").await?;
        let mut money = Self {
            sessions: BTreeMap::new(),
            refunds: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            disputed: BTreeSet::new(),
            forged: BTreeSet::new(),
            charged: HashMap::new(),
            same_clock: clock["offset_secs"] == 0,
            orders: Vec::new(),
            stored_events: BTreeSet::new(),
            badly_signed: 0,
            believed: Vec::new(),
            sequence: 0,
        };
        loop {
            let page = sandbox(places, &format!("journal?after={}", money.sequence)).await?;
            for entry in page["data"].as_array().into_iter().flatten() {
                money.take(entry);
            }
            if page["has_more"] != true {
                break;
            }
        }
        let closed = format!("SELECT object_id FROM audit_log WHERE actor = '{}'", mistake::ACTOR);
        let by_mistake: BTreeSet<String> = rows(places.postgres_url, &closed)
            .await?
            .iter()
            .map(|row| text(row, "object_id").to_owned())
            .collect();
        let orders = "SELECT o.id, o.state, o.total_minor, o.refunded_minor, o.paid_at IS NOT NULL AS paid,
              EXISTS (SELECT FROM events e WHERE e.tenant_id = o.tenant_id AND e.id = o.event_id AND e.state = 'cancelled')
                AS is_called_off,
              extract(epoch FROM o.closed_at)::bigint AS closed_at,
              (SELECT to_jsonb(p) FROM payments p WHERE p.tenant_id = o.tenant_id AND p.order_id = o.id
               ORDER BY attempt DESC LIMIT 1) AS payment,
              EXISTS (SELECT FROM seat_claims c WHERE c.tenant_id = o.tenant_id AND c.order_id = o.id AND c.state = 'released')
              OR EXISTS (SELECT FROM ga_claims c WHERE c.tenant_id = o.tenant_id AND c.order_id = o.id AND c.state = 'released')
                AS released,
              (SELECT count(*) FROM refunds r WHERE r.tenant_id = o.tenant_id AND r.order_id = o.id
               AND r.reason <> 'late_payment') AS refunds
            FROM orders o";
        for row in rows(places.postgres_url, orders).await? {
            let order: Uuid = text(&row, "id").parse()?;
            let name = Id::<id::Order>::from(order).to_string();
            money.orders.push(Order {
                id: order,
                by_mistake: by_mistake.contains(&name),
                is_called_off: row["is_called_off"] == true,
                name,
                state: text(&row, "state").parse()?,
                total: number(&row, "total_minor"),
                paid: row["paid"] == true,
                closed_at: row["closed_at"].as_i64(),
                payment: row["payment"].clone(),
                released: row["released"] == true,
                refunds: number(&row, "refunds"),
                refunded: number(&row, "refunded_minor"),
            });
        }
        for row in rows(places.postgres_url, "SELECT provider_event_id AS id FROM provider_events").await? {
            money.stored_events.insert(text(&row, "id").to_owned());
        }
        Ok(money)
    }

    fn take(&mut self, entry: &Value) {
        self.sequence = self.sequence.max(entry["sequence"].as_u64().unwrap_or_default());
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
                if !data["metadata"]["refund_id"].is_string() {
                    self.elsewhere.insert(word("payment_intent"));
                }
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
            "webhook_attempt" if is_badly_signed(&data["signing"]) => {
                self.badly_signed += 1;
                if data["delivered"] == true {
                    self.believed.push(format!("{id} ({})", data["signing"]));
                }
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

    fn compare(&self, found: &mut Found, circumstances: &Circumstances) {
        for order in &self.orders {
            self.check_paid(found, order);
            self.check_released(found, order);
        }
        if circumstances.quiescent {
            for (id, session) in &self.sessions {
                self.check_used(found, id, session, circumstances);
            }
            for order in self.orders.iter().filter(|order| !circumstances.for_people.contains(&order.id)) {
                self.check_returned(found, order);
            }
        }
        for (intent, charged) in &self.charged {
            let refunds: i64 =
                self.refunds.values().filter(|refund| refund.0 == *intent).map(|refund| refund.1).sum();
            if refunds > *charged {
                found.wrong("I6", format!("the provider gave back {refunds} of {charged} for {intent}"));
            }
        }
        for event in self.forged.intersection(&self.stored_events) {
            found.wrong("I11", format!("the forged event {event} was accepted"));
        }
        for delivery in &self.believed {
            found.wrong("I11", format!("the signature of {delivery} was believed"));
        }
    }

    /// I6: our books say what the provider gave back, no more and no less.
    fn check_returned(&self, found: &mut Found, order: &Order) {
        let Some(intent) = order.payment["payment_intent"].as_str() else { return };
        let refunded = self.refunded(intent);
        if refunded != order.refunded && !self.elsewhere.contains(intent) {
            let (name, ours) = (&order.name, order.refunded);
            found.wrong("I6", format!("{name} has {ours} refunded, and the provider gave back {refunded}"));
        }
    }

    /// I4: what was fulfilled was paid, exactly so.
    fn check_paid(&self, found: &mut Found, order: &Order) {
        let payment = &order.payment;
        if !order.paid || order.total == 0 || payment["provider"] != "stripe" {
            return;
        }
        let session = payment["session_id"].as_str().and_then(|id| self.sessions.get(id));
        let Some(session) = session else {
            return found.wrong("I4", format!("{} is fulfilled without a session", order.name));
        };
        let paid = session.paid.as_ref().map(|(amount, currency, _)| (*amount, currency.as_str()));
        let ours = (number(payment, "amount_minor"), text(payment, "currency"));
        let fits = paid == Some(ours)
            && ours.0 == order.total
            && session.account == payment["account"]
            && session.order == order.name
            && payment["livemode"] == false
            && payment["state"] == "paid";
        if !fits {
            found.wrong("I4", format!("{} is fulfilled by {session:?}, and expects {payment}", order.name));
        }
    }

    /// I9: a place came free only when nobody could pay for it any more.
    fn check_released(&self, found: &mut Found, order: &Order) {
        if !order.released || order.refunds > 0 || order.by_mistake || order.is_called_off {
            return;
        }
        for (id, session) in self.sessions.iter().filter(|(_, session)| session.order == order.name) {
            let intent = session.paid.as_ref().map(|(_, _, intent)| intent.as_str());
            let closed = match (session.closed_at, order.closed_at) {
                (Some(at), Some(released)) if self.same_clock => at <= released + 1,
                (closed, _) => closed.is_some(),
            };
            if !closed && !intent.is_some_and(|intent| self.disputed.contains(intent)) {
                found.wrong(
                    "I9",
                    format!("{} gave its places back while {id} could be paid: {session:?}", order.name),
                );
            }
        }
    }

    /// I5: money is used or back, never both and never neither.
    fn check_used(&self, found: &mut Found, id: &str, session: &Session, circumstances: &Circumstances) {
        let Some((amount, _, intent)) = &session.paid else { return };
        let order = self
            .orders
            .iter()
            .find(|o| o.payment["session_id"] == id && o.payment["account"] == *session.account);
        let Some(order) = order else {
            return found.wrong("I5", format!("{id} was paid, and no order knows it"));
        };
        if self.disputed.contains(intent) || circumstances.for_people.contains(&order.id) {
            return;
        }
        let (fulfilled, returned) = (order.state.is_fulfilled(), self.refunded(intent) == *amount);
        if fulfilled == returned {
            let (state, refunded) = (order.state, self.refunded(intent));
            found.wrong(
                "I5",
                format!("{} is {state}; {amount} were paid and {refunded} went back", order.name),
            );
        }
    }
}
