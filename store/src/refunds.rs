//! Refunds: money back, in parts or whole, never more than was paid. A refund is written with its idempotency key before
//! the provider hears of it; an answer that did not arrive leaves it `unknown` until a reconciler has found out.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{QueryableByName, prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal, id,
    ledger::{self, RefundOf},
    order::{OrderState, RefundState},
    pricing::Totals,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OrNotFound, Result},
    jobs, ledger_entries, notices,
    orders::{self, OrderRow, PaymentRow},
    schema::{orders as orders_table, payments, refunds, tickets},
    statement,
};

/// Refunds of one order; a bound against runaway automation.
pub const REFUNDS_MAX: usize = 100;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = refunds)]
pub struct RefundRow {
    pub id: Uuid,
    pub order_id: Uuid,
    pub payment_id: Uuid,
    pub amount_minor: i64,
    pub currency: String,
    pub state: String,
    pub reason: String,
    pub item_ids: Vec<Uuid>,
    pub idempotency_key: String,
    pub provider_refund_id: Option<String>,
    pub failure: String,
    pub created_at: DateTime<Utc>,
}

/// What to give back.
#[derive(Debug, Clone)]
pub enum Wanted {
    Everything,
    Amount(i64),
    /// These tickets, by order item.
    Items(Vec<Uuid>),
}

pub async fn list(tx: &mut Tx, order: Id<id::Order>) -> Result<Vec<RefundRow>> {
    let rows = refunds::table
        .filter(refunds::tenant_id.eq(tx.tenant()).and(refunds::order_id.eq(order.uuid())))
        .order(refunds::id)
        .select(RefundRow::as_select())
        .load(&mut **tx)
        .await?;
    Ok(rows)
}

pub async fn get(tx: &mut Tx, id: Uuid) -> Result<RefundRow> {
    refunds::table
        .find((tx.tenant(), id))
        .select(RefundRow::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("refund")
}

/// Records a refund, voids the tickets that it gives back and frees their places. The money moves afterwards; that of
/// manual payments has moved at the counter.
pub async fn create(tx: &mut Tx, id: Id<id::Order>, wanted: &Wanted, reason: &str) -> Result<RefundRow> {
    let order = orders::lock(tx, id).await?;
    if !matches!(order.state()?, OrderState::Paid | OrderState::PartiallyRefunded) {
        let detail = format!("The order is {}; only a paid order can be refunded.", order.state);
        return Err(Error::refused(ErrorCode::OrderState, detail));
    }
    let payment = paid_payment(tx, id).await?;
    let earlier = list(tx, id).await?;
    if earlier.len() >= REFUNDS_MAX {
        return Err(Error::refused(
            ErrorCode::LimitReached,
            format!("An order has at most {REFUNDS_MAX} refunds."),
        ));
    }
    let given: i64 =
        earlier.iter().filter(|refund| refund.state != "failed").map(|refund| refund.amount_minor).sum();
    let left = order.total_minor - given;
    let live = live_items(tx, &order).await?;
    let (amount_minor, item_ids) = amount_of(tx, &order, wanted, &earlier, left, &live).await?;
    if amount_minor > left {
        let detail = format!("{left} of {} are left to refund.", order.total_minor);
        return Err(Error::Refused(Refusal::new(ErrorCode::RefundTooLarge, detail).param("amount_minor")));
    }
    let number = earlier.len() + 1;
    let key = format!("rf:{}:{number}", order.id.simple());
    let refund = insert(tx, &order, &payment, amount_minor, reason, item_ids.clone(), key).await?;
    // Who names tickets keeps those that are not named, also when no money is left for them.
    let whole = !matches!(wanted, Wanted::Items(_)) && amount_minor == left;
    withdraw_tickets(tx, &order, &item_ids, whole).await?;
    if is_sent(&payment, amount_minor) {
        return Ok(refund);
    }
    finish(tx, refund.id, RefundState::Succeeded, None, "").await
}

async fn amount_of(
    tx: &mut Tx,
    order: &OrderRow,
    wanted: &Wanted,
    earlier: &[RefundRow],
    left: i64,
    live: &[Uuid],
) -> Result<(i64, Vec<Uuid>)> {
    let amount = match wanted {
        Wanted::Everything => (left, vec![]),
        Wanted::Amount(amount) => (*amount, vec![]),
        Wanted::Items(ids) => {
            let items = orders::items(tx, order.id.into()).await?;
            let mut amount = 0;
            for id in ids {
                let item = items.iter().find(|item| item.id == *id).ok_or_else(|| {
                    Error::Refused(Refusal::invalid("item_ids", "The order has no such item."))
                })?;
                if earlier.iter().any(|refund| refund.state != "failed" && refund.item_ids.contains(id)) {
                    let detail = format!("{} has been refunded already.", item.label);
                    return Err(Error::refused(ErrorCode::Conflict, detail));
                }
                amount += item.gross_minor;
            }
            (amount, ids.clone())
        }
    };
    // What cost nothing is given back for nothing: its places come free.
    let gives_back_tickets = match wanted {
        Wanted::Everything => !live.is_empty(),
        Wanted::Amount(_) => false,
        Wanted::Items(ids) => ids.iter().any(|id| live.contains(id)),
    };
    if amount.0 < 0 || amount.0 == 0 && !gives_back_tickets {
        return Err(Error::refused(ErrorCode::RefundTooLarge, "There is nothing left to refund."));
    }
    Ok(amount)
}

/// Items of the order whose tickets are not void.
async fn live_items(tx: &mut Tx, order: &OrderRow) -> Result<Vec<Uuid>> {
    let items = tickets::table
        .filter(tickets::tenant_id.eq(tx.tenant()).and(tickets::order_id.eq(order.id)))
        .filter(tickets::state.ne("void"))
        .select(tickets::order_item_id)
        .load(&mut **tx)
        .await?;
    Ok(items)
}

/// Whether the provider has to move money.
fn is_sent(payment: &PaymentRow, amount_minor: i64) -> bool {
    payment.provider == "stripe" && amount_minor > 0
}

async fn insert(
    tx: &mut Tx,
    order: &OrderRow,
    payment: &PaymentRow,
    amount_minor: i64,
    reason: &str,
    item_ids: Vec<Uuid>,
    key: String,
) -> Result<RefundRow> {
    let id = new_uuid();
    let refund = diesel::insert_into(refunds::table)
        .values((
            refunds::tenant_id.eq(tx.tenant()),
            refunds::id.eq(id),
            refunds::order_id.eq(order.id),
            refunds::payment_id.eq(payment.id),
            refunds::amount_minor.eq(amount_minor),
            refunds::currency.eq(&order.currency),
            refunds::state.eq("pending"),
            refunds::reason.eq(reason),
            refunds::item_ids.eq(item_ids),
            refunds::idempotency_key.eq(key),
        ))
        .returning(RefundRow::as_returning())
        .get_result(&mut **tx)
        .await?;
    if is_sent(payment, amount_minor) {
        // Whoever made the refund sends it at once; the job is there for the case that this fails.
        jobs::schedule(tx, "refund", id, Utc::now() + TimeDelta::seconds(15)).await?;
    }
    let detail =
        json!({ "order": Id::<id::Order>::from(order.id), "amount_minor": amount_minor, "reason": reason });
    audit_log::record(tx, "refunds.create", Id::<id::Refund>::from(id), detail).await?;
    Ok(refund)
}

/// T5: the refund of money that came too late, once per order.
pub async fn record_late(tx: &mut Tx, order: &OrderRow, payment: &PaymentRow) -> Result<()> {
    let key = format!("rf:{}:late", order.id.simple());
    insert(tx, order, payment, payment.amount_minor, "late_payment", vec![], key).await?;
    Ok(())
}

async fn paid_payment(tx: &mut Tx, order: Id<id::Order>) -> Result<PaymentRow> {
    payments::table
        .filter(payments::tenant_id.eq(tx.tenant()).and(payments::order_id.eq(order.uuid())))
        .filter(payments::state.eq("paid"))
        .select(PaymentRow::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("payment of the order")
}

/// Voids tickets and frees their places: those of `items`, or all of them when the whole order goes back.
async fn withdraw_tickets(tx: &mut Tx, order: &OrderRow, items: &[Uuid], whole: bool) -> Result<()> {
    if items.is_empty() && !whole {
        return Ok(());
    }
    let mut update = diesel::update(tickets::table)
        .filter(tickets::tenant_id.eq(tx.tenant()).and(tickets::order_id.eq(order.id)))
        .filter(tickets::state.ne("void"))
        .into_boxed();
    if !whole {
        update = update.filter(tickets::order_item_id.eq_any(items.to_vec()));
    }
    update
        .set((
            tickets::state.eq("void"),
            tickets::void_reason.eq("refunded"),
            tickets::updated_at.eq(diesel::dsl::now),
        ))
        .execute(&mut **tx)
        .await?;
    if whole {
        return orders::release(tx, order).await;
    }
    let rows: Vec<_> = orders::items(tx, order.id.into())
        .await?
        .into_iter()
        .filter(|item| items.contains(&item.id))
        .collect();
    orders::release_items(tx, order, &rows).await
}

/// The provider has failed at a call with the refund's key, and repeats that from now on.
pub async fn key_failed(tx: &mut Tx, refund: &RefundRow) -> Result<()> {
    statement!(
        "UPDATE refunds SET key_failed_at = now() \
         WHERE tenant_id = ? AND id = ? AND idempotency_key = ? AND key_failed_at IS NULL",
        tx.tenant(),
        refund.id,
        &*refund.idempotency_key
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What may be done with the key of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Send it; the moment is noted.
    Good,
    /// Its calls fail, and the last one may still be on its way: look what it has made.
    Failed,
    /// The same, and whatever its calls have made stands in the provider's list.
    Spent,
}

/// Takes the refund's key for one call. `after`: no call is on its way for longer. By the clock of Postgres: those of servers
/// may differ.
pub async fn use_key(tx: &mut Tx, refund: &RefundRow, after: TimeDelta) -> Result<KeyState> {
    #[derive(QueryableByName)]
    struct Used {
        #[diesel(sql_type = sql_types::Bool)]
        is_failed: bool,
        #[diesel(sql_type = sql_types::Bool)]
        is_old: bool,
    }
    let used: Used = statement!(
        "UPDATE refunds SET key_used_at = CASE WHEN key_failed_at IS NULL THEN now() ELSE key_used_at END \
         WHERE tenant_id = ? AND id = ? RETURNING key_failed_at IS NOT NULL AS is_failed, \
         key_used_at < now() - make_interval(secs => ?::bigint) AS is_old",
        tx.tenant(),
        refund.id,
        after.num_seconds()
    )
    .get_result(&mut **tx)
    .await?;
    Ok(match (used.is_failed, used.is_old) {
        (false, _) => KeyState::Good,
        (true, false) => KeyState::Failed,
        (true, true) => KeyState::Spent,
    })
}

/// Gives a refund that is still unknown the next key, once: the answer is `None` when somebody else has done so.
pub async fn renew_key(tx: &mut Tx, refund: &RefundRow) -> Result<Option<String>> {
    let (base, number) = match refund.idempotency_key.split_once(":k") {
        Some((base, number)) => (base, number.parse().unwrap_or(1)),
        None => (&*refund.idempotency_key, 1_u32),
    };
    let next = format!("{base}:k{}", number.saturating_add(1));
    let renewed = diesel::update(refunds::table.find((tx.tenant(), refund.id)))
        .filter(refunds::idempotency_key.eq(&refund.idempotency_key).and(refunds::state.eq("unknown")))
        .set((
            refunds::idempotency_key.eq(&next),
            refunds::key_used_at.eq(diesel::dsl::now),
            refunds::key_failed_at.eq(None::<DateTime<Utc>>),
        ))
        .execute(&mut **tx)
        .await?;
    Ok((renewed > 0).then_some(next))
}

/// What became of a refund. Moves it along the graph of states; a repetition changes nothing.
pub async fn finish(
    tx: &mut Tx,
    id: Uuid,
    next: RefundState,
    provider_refund_id: Option<&str>,
    failure: &str,
) -> Result<RefundRow> {
    let order_id = get(tx, id).await?.order_id;
    let mut order = orders::lock(tx, order_id.into()).await?;
    let refund = get(tx, id).await?;
    let state: RefundState =
        refund.state.parse().map_err(|_| Error::Corrupt(format!("refund state `{}`", refund.state)))?;
    if state != next && !state.can_become(next) {
        return Ok(refund);
    }
    let known = provider_refund_id.or(refund.provider_refund_id.as_deref()).map(str::to_owned);
    let updated = diesel::update(refunds::table.find((tx.tenant(), id)))
        .set((
            refunds::state.eq(next.as_str()),
            refunds::provider_refund_id.eq(known),
            refunds::failure.eq(failure.chars().take(500).collect::<String>()),
            refunds::updated_at.eq(diesel::dsl::now),
        ))
        .returning(RefundRow::as_returning())
        .get_result(&mut **tx)
        .await?;
    if state == next {
        return Ok(updated);
    }
    let of_order = Id::<id::Order>::from(order_id);
    let detail = json!({ "from": state.as_str(), "to": next.as_str(), "order": of_order });
    audit_log::record(tx, "refunds.move", Id::<id::Refund>::from(id), detail).await?;
    match next {
        RefundState::Succeeded => {
            if updated.amount_minor > 0 {
                book(tx, &order, &updated).await?;
            }
            let refunded = order.refunded_minor + updated.amount_minor;
            set_refunded(tx, &mut order, refunded).await?;
            let end = if refunded >= order.total_minor && live_items(tx, &order).await?.is_empty() {
                OrderState::Refunded
            } else {
                OrderState::PartiallyRefunded
            };
            let now = order.state()?;
            // A person who has to look is not sent away by a part of the money: only when all of it went back is nothing left
            // to decide.
            let is_for_people = now == OrderState::NeedsReview && end != OrderState::Refunded;
            if now != end && !is_for_people && now.can_become(end) {
                orders::move_to(tx, &mut order, end, "refund").await?;
            }
            jobs::remove(tx, "refund", id).await?;
            let facts =
                json!({ "refund_id": Id::<id::Refund>::from(id), "amount_minor": updated.amount_minor });
            notices::record(tx, id, notices::ORDER_REFUNDED, &order, facts).await?;
        }
        RefundState::Failed => {
            if state == RefundState::Succeeded {
                unbook(tx, &order, &updated).await?;
                let refunded = order.refunded_minor - updated.amount_minor;
                set_refunded(tx, &mut order, refunded).await?;
            }
            // The tickets are void and the money is still here: a person has to look.
            orders::move_to(tx, &mut order, OrderState::NeedsReview, "a refund failed").await?;
            jobs::remove(tx, "refund", id).await?;
        }
        RefundState::Pending | RefundState::Unknown => {}
    }
    Ok(updated)
}

async fn set_refunded(tx: &mut Tx, order: &mut OrderRow, refunded: i64) -> Result<()> {
    diesel::update(orders_table::table.find((tx.tenant(), order.id)))
        .set(orders_table::refunded_minor.eq(refunded))
        .execute(&mut **tx)
        .await?;
    order.refunded_minor = refunded;
    Ok(())
}

async fn lines_of(
    tx: &mut Tx,
    order: &OrderRow,
    refund: &RefundRow,
) -> Result<(&'static str, Vec<ledger::Line>)> {
    let broken = |error| Error::Corrupt(format!("ledger of refund {}: {error}", refund.id));
    if refund.reason == "late_payment" {
        let lines = ledger::return_money(order.clearing(), refund.amount_minor).map_err(broken)?;
        return Ok(("late_payment_returned", lines));
    }
    let earlier = ledger_entries::refunded_parts(tx, order.id).await?;
    let of = if refund.item_ids.is_empty() {
        RefundOf::Amount(refund.amount_minor)
    } else {
        let items = orders::items(tx, order.id.into()).await?;
        let parts =
            items.iter().filter(|item| refund.item_ids.contains(&item.id)).map(orders::ItemRow::totals);
        let mut sum = Totals::default();
        for part in parts {
            sum = sum.checked_add(part).map_err(|error| Error::Corrupt(error.to_string()))?;
        }
        RefundOf::Tickets(sum)
    };
    let parts = ledger::split_refund(order.totals(), earlier, of).map_err(broken)?;
    let fee = orders::current_payment(tx, order.id.into())
        .await?
        .map_or(0, |payment| payment.application_fee_minor);
    let back =
        ledger::application_fee_share(fee, order.total_minor, earlier.total_minor, refund.amount_minor)
            .map_err(broken)?;
    Ok(("refund", ledger::refund(order.clearing(), parts, back).map_err(broken)?))
}

async fn book(tx: &mut Tx, order: &OrderRow, refund: &RefundRow) -> Result<()> {
    let (posting, lines) = lines_of(tx, order, refund).await?;
    ledger_entries::post(tx, order, Some(refund.id), posting, &lines).await
}

/// A bank returned the money of a refund that had succeeded: the exact reverse of its posting.
async fn unbook(tx: &mut Tx, order: &OrderRow, refund: &RefundRow) -> Result<()> {
    use crate::schema::ledger_entries as entries;
    let rows: Vec<(String, i64)> = entries::table
        .filter(entries::tenant_id.eq(tx.tenant()).and(entries::refund_id.eq(refund.id)))
        .select((entries::account, entries::amount_minor))
        .load(&mut **tx)
        .await?;
    let lines: Vec<ledger::Line> = rows
        .into_iter()
        .filter_map(|(account, amount)| {
            Some(ledger::Line { account: account.parse().ok()?, amount_minor: amount })
        })
        .collect();
    ledger_entries::post(tx, order, Some(refund.id), "refund_reversed", &ledger::reverse(&lines)).await
}

/// Whether a refund of the order has failed: a person has to look at it.
pub(crate) async fn has_failed(tx: &mut Tx, order: &OrderRow) -> Result<bool> {
    let failed = refunds::table
        .filter(refunds::tenant_id.eq(tx.tenant()).and(refunds::order_id.eq(order.id)))
        .filter(refunds::state.eq(RefundState::Failed.as_str()));
    Ok(diesel::select(diesel::dsl::exists(failed)).get_result(&mut **tx).await?)
}

/// The refund that a provider's refund belongs to.
pub async fn by_provider_id(tx: &mut Tx, provider_refund_id: &str) -> Result<Option<RefundRow>> {
    let refund = refunds::table
        .filter(refunds::tenant_id.eq(tx.tenant()).and(refunds::provider_refund_id.eq(provider_refund_id)))
        .select(RefundRow::as_select())
        .first(&mut **tx)
        .await
        .optional()?;
    Ok(refund)
}
