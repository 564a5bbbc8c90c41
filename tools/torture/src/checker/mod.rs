//! The one checker of the invariants. It reads Postgres past row-level security, the sandbox's journal (the truth about
//! money), Redis and what clients were told, and names everything that must not be. The integration tests end with it, and
//! plant one violation each to see that it is found.

mod answers;
pub mod logs;
pub mod mistake;
mod money;
mod redis;
mod rules;
pub mod webhooks;

use std::collections::BTreeMap;

use anyhow::Result;
use diesel::{QueryableByName, sql_types::Jsonb};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

pub use answers::uuid_of;

/// Every invariant in a few words, in the order of its number.
pub const INVARIANTS: [(&str, &str); 18] = [
    ("I1", "at most one live claim of a seat"),
    ("I2", "a good ticket has exactly one sold claim of its order"),
    ("I3", "a pool counts its live claims, within its capacity"),
    ("I4", "what is fulfilled was paid: session, account, amount, currency, mode"),
    ("I5", "money is used or back, never both, never neither"),
    ("I6", "no more goes back than was paid, and the books say so"),
    ("I7", "an order has all of its tickets, or none"),
    ("I8", "orders move along the graph of states"),
    ("I9", "a place comes free only when nobody can pay for it"),
    ("I10", "one key, one effect, one answer"),
    ("I11", "an event of the provider counts once; false ones do not"),
    ("I12", "nothing is read or written under another tenant"),
    ("I13", "the ledger balances"),
    ("I14", "Redis agrees with Postgres"),
    ("I15", "everything comes to its end"),
    ("I16", "a scan is stored once, a ticket admitted once"),
    ("I17", "what the log tells reaches every endpoint, signed and in order"),
    ("I18", "one address has no more places than the event allows"),
];

/// What is true of the platform when the checker looks.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// Faults have stopped and queues are empty: what was due has been done.
    pub quiescent: bool,
    /// Deadlines have passed too: no order waits for anything.
    pub drained: bool,
    /// Orders that wait for a person, because the test made their facts contradict each other.
    pub for_people: Vec<Uuid>,
    /// What the platform has acknowledged: idempotency key and answer, as often as it was given.
    pub acknowledged: Vec<(String, Value)>,
    /// Scans whose upload was answered: the scanner's id, and the outcome.
    pub scans: Vec<(Uuid, String)>,
    /// Endpoints of webhooks, and all that came to them.
    pub endpoints: Vec<webhooks::Endpoint>,
    pub webhooks: Vec<webhooks::Request>,
    /// How often whoever sends webhooks may have lost the note that one was taken.
    pub interruptions: u64,
}

/// What is under way, and must come to its end.
const BUSY: &str = "SELECT (SELECT count(*) FROM outbox) AS outbox,
    (SELECT count(*) FROM provider_events WHERE state = 'received') AS events,
    (SELECT count(*) FROM refunds WHERE state IN ('pending', 'unknown')) AS refunds,
    (SELECT count(*) FROM orders WHERE state IN ('pending', 'processing', 'refund_due')) AS orders,
    (SELECT count(*) FROM jobs) AS jobs,
    (SELECT count(*) FROM webhook_deliveries WHERE state = 'pending') AS webhooks,
    (SELECT count(*) FROM webhook_endpoints e WHERE EXISTS (SELECT FROM audit_log a WHERE a.tenant_id = e.tenant_id
      AND a.xact_id >= e.position) OR EXISTS (SELECT FROM scans s WHERE s.tenant_id = e.tenant_id
      AND s.xact_id >= e.position)) AS endpoints";

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Logs in as a superuser, whom row-level security does not bind.
    pub postgres_url: &'a str,
    pub redis_url: &'a str,
    pub sandbox_url: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: &'static str,
    pub what: String,
}

/// What the checker saw.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the invariants.
    pub violations: Vec<Violation>,
    /// How many of what each invariant was held against.
    pub looked_at: BTreeMap<(&'static str, &'static str), u64>,
}

impl Found {
    /// Records a violation.
    pub fn wrong(&mut self, invariant: &'static str, what: impl Into<String>) {
        self.violations.push(Violation { invariant, what: what.into() });
    }

    fn looked_at(&mut self, invariant: &'static str, what: &'static str, count: u64) {
        let counted = self.looked_at.entry((invariant, what)).or_default();
        *counted = count.max(*counted);
    }
}

/// Holds every invariant against what is there.
///
/// # Errors
/// When a place to look at cannot be read; a violation is no error.
pub async fn check(places: &Places<'_>, circumstances: &Circumstances) -> Result<Found> {
    let mut found = Found::default();
    let postgres = places.postgres_url;
    rules::check(&mut found, postgres, circumstances).await?;
    money::check(&mut found, places, circumstances).await?;
    answers::check_moves(&mut found, postgres).await?;
    answers::check_acknowledged(&mut found, postgres, &circumstances.acknowledged).await?;
    answers::check_scans(&mut found, postgres, &circumstances.scans).await?;
    webhooks::check(&mut found, postgres, circumstances).await?;
    if circumstances.quiescent {
        redis::check(&mut found, places, circumstances.drained).await?;
    }
    found.violations.sort_by_key(|violation| position(violation.invariant));
    Ok(found)
}

fn position(invariant: &str) -> usize {
    INVARIANTS.iter().position(|(name, _)| *name == invariant).unwrap_or(usize::MAX)
}

/// How much is under way, by name.
///
/// # Errors
/// As [`rows`].
pub async fn under_way(url: &str) -> Result<BTreeMap<String, i64>> {
    let row = rows(url, BUSY).await?.pop().unwrap_or_default();
    let counts = row.as_object().into_iter().flatten();
    Ok(counts.map(|(name, count)| (name.clone(), count.as_i64().unwrap_or(1))).collect())
}

/// The rows of a query, each as a JSON object.
///
/// # Errors
/// When Postgres cannot be reached, or refuses the query.
pub async fn rows(url: &str, sql: &str) -> Result<Vec<Value>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Jsonb)]
        row: Value,
    }
    let mut connection = AsyncPgConnection::establish(url).await?;
    let query = diesel::sql_query(format!("SELECT to_jsonb(q) AS row FROM ({sql}) q"));
    let rows: Vec<Row> = query.load(&mut connection).await?;
    Ok(rows.into_iter().map(|row| row.row).collect())
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

fn number(row: &Value, name: &str) -> i64 {
    row[name].as_i64().unwrap_or_default()
}
