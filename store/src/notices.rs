//! Notices: something happened that somebody may have to be told. Written in the transaction of its cause, with a job;
//! afterwards it is decided once which messages it becomes. One whose decision fails for good stays as `dead`.

use chrono::Utc;
use diesel::{QueryableByName, prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::{Id, id};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{Db, Tx},
    error::{OrNotFound, Result},
    jobs,
    messages::{self, NewMessage},
    orders::OrderRow,
    schema::notices,
    statement,
};

/// An order was paid, by whatever means; `settle.sql` writes it.
pub const ORDER_PAID: &str = "order.paid";
/// Money went back; the payload says how much.
pub const ORDER_REFUNDED: &str = "order.refunded";
/// The event of a paid order begins soon.
pub const EVENT_REMINDER: &str = "event.reminder";

/// The kind of the job that decides a notice.
pub(crate) const JOB: &str = "notice";
/// Decisions that fail before a notice is given up: with the pauses between them, a quarter of an hour.
pub const ATTEMPTS_MAX: i32 = 10;
/// Reminders that one transaction writes: it holds its locks for milliseconds.
const REMINDERS_AT_ONCE: i32 = 500;
const PENDING: &str = "pending";

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = notices)]
pub struct NoticeRow {
    pub id: Uuid,
    pub kind: String,
    pub event_id: Uuid,
    pub order_id: Uuid,
    pub payload: Value,
    pub state: String,
    pub attempts: i32,
}

impl NoticeRow {
    pub fn is_pending(&self) -> bool {
        self.state == PENDING
    }
}

/// What a notice becomes.
#[derive(Debug, Clone)]
pub enum Decided {
    Send(Vec<NewMessage>),
    /// Nothing, and why.
    Suppress(String),
}

/// An event that begins soon.
#[derive(Debug, QueryableByName)]
pub struct Starting {
    #[diesel(sql_type = sql_types::Uuid)]
    pub tenant_id: Uuid,
    #[diesel(sql_type = sql_types::Uuid)]
    pub id: Uuid,
}

/// Writes a notice of an order with its job, once for each id.
pub(crate) async fn record(
    tx: &mut Tx,
    id: Uuid,
    kind: &str,
    order: &OrderRow,
    payload: Value,
) -> Result<()> {
    let new = diesel::insert_into(notices::table)
        .values((
            notices::tenant_id.eq(tx.tenant()),
            notices::id.eq(id),
            notices::kind.eq(kind),
            notices::event_id.eq(order.event_id),
            notices::order_id.eq(order.id),
            notices::payload.eq(payload),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **tx)
        .await?;
    if new > 0 {
        jobs::schedule(tx, JOB, id, Utc::now()).await?;
    }
    Ok(())
}

pub async fn get(tx: &mut Tx, id: Uuid) -> Result<NoticeRow> {
    notices::table
        .find((tx.tenant(), id))
        .select(NoticeRow::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("notice")
}

/// The decision, with its messages and their jobs. Changes nothing when there is one already.
pub async fn close(tx: &mut Tx, notice: &NoticeRow, decided: &Decided) -> Result<()> {
    let closed = diesel::update(notices::table.find((tx.tenant(), notice.id)))
        .filter(notices::state.eq(PENDING))
        .set((notices::state.eq("decided"), notices::last_error.eq("")))
        .execute(&mut **tx)
        .await?;
    if closed == 0 {
        return Ok(());
    }
    match decided {
        Decided::Send(new) if new.is_empty() => messages::withdraw_mark(tx, notice).await,
        Decided::Send(new) => {
            for (position, message) in (0..).zip(new) {
                messages::put(tx, notice, position, message).await?;
            }
            Ok(())
        }
        Decided::Suppress(reason) => {
            jobs::remove(tx, JOB, notice.id).await?;
            messages::mark(tx, notice, messages::SUPPRESSED, reason).await
        }
    }
}

/// The decision failed. Answers false when it is not tried again: the notice is dead, and a message says so.
pub async fn fail(tx: &mut Tx, notice: &NoticeRow, error: &str) -> Result<bool> {
    let attempts = notice.attempts + 1;
    let again = attempts < ATTEMPTS_MAX;
    let note: String = error.chars().take(500).collect();
    let failed = diesel::update(notices::table.find((tx.tenant(), notice.id)))
        .filter(notices::state.eq(PENDING))
        .set((
            notices::state.eq(if again { PENDING } else { "dead" }),
            notices::attempts.eq(attempts),
            notices::last_error.eq(&note),
        ))
        .execute(&mut **tx)
        .await?;
    if failed > 0 && !again {
        jobs::remove(tx, JOB, notice.id).await?;
        messages::mark(tx, notice, messages::DEAD, &note).await?;
    }
    Ok(again)
}

/// Decides a notice again that is dead, or that became nothing.
pub(crate) async fn reopen(tx: &mut Tx, id: Uuid) -> Result<()> {
    diesel::update(notices::table.find((tx.tenant(), id)))
        .set((notices::state.eq(PENDING), notices::attempts.eq(0)))
        .execute(&mut **tx)
        .await?;
    jobs::schedule(tx, JOB, id, Utc::now()).await
}

/// Events of all tenants that begin within a day.
pub async fn starting_soon(db: &Db) -> Result<Vec<Starting>> {
    let mut connection = db.system().await?;
    let events = statement!(
        "SELECT tenant_id, id FROM events \
         WHERE state = 'published' AND starts_at > now() AND starts_at <= now() + interval '24 hours'"
    )
    .get_results(&mut *connection)
    .await?;
    Ok(events)
}

/// Writes reminders for orders of an event that begins within a day, each once for each day on which it was to begin.
/// Who bought within that day has just had their tickets. Answers whether there may be more.
pub async fn remind(tx: &mut Tx, event: Id<id::Event>) -> Result<bool> {
    #[derive(QueryableByName)]
    struct Written {
        #[diesel(sql_type = sql_types::BigInt)]
        written: i64,
    }
    let row: Written = statement!(
        "WITH due AS ( \
           SELECT o.tenant_id, o.event_id, o.id AS order_id, \
             md5('event.reminder ' || o.id || ' ' || (e.starts_at AT TIME ZONE 'UTC')::date)::uuid AS id \
           FROM events e JOIN orders o ON o.tenant_id = e.tenant_id AND o.event_id = e.id \
           WHERE e.tenant_id = ? AND e.id = ? AND e.state = 'published' \
             AND e.starts_at > now() AND e.starts_at <= now() + interval '24 hours' \
             AND o.state IN ('paid', 'partially_refunded') AND o.paid_at < e.starts_at - interval '24 hours' \
         ), notice AS ( \
           INSERT INTO notices (tenant_id, id, kind, event_id, order_id) \
           SELECT d.tenant_id, d.id, 'event.reminder', d.event_id, d.order_id FROM due d \
           WHERE NOT EXISTS (SELECT FROM notices n WHERE n.tenant_id = d.tenant_id AND n.id = d.id) LIMIT ? \
           ON CONFLICT (tenant_id, id) DO NOTHING \
           RETURNING tenant_id, id \
         ), told AS ( \
           INSERT INTO jobs (tenant_id, kind, subject_id, run_at) \
           SELECT n.tenant_id, 'notice', n.id, now() FROM notice n \
         ) SELECT count(*) AS written FROM notice",
        tx.tenant(),
        event.uuid(),
        REMINDERS_AT_ONCE,
    )
    .get_result(&mut **tx)
    .await?;
    Ok(row.written == i64::from(REMINDERS_AT_ONCE))
}
