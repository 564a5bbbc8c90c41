//! T3 and T5: what the provider's session says becomes the order's state. The session was read just before, outside of
//! the transaction; whoever asks (webhook, success page, poller, lapse) runs the same function.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, id,
    ledger::{self, Account, Clearing, Line},
    order::OrderState,
    pricing::Totals,
};
use serde_json::json;
use uuid::Uuid;

use super::{ItemRow, OrderRow, PaymentRow, close, items, move_to};
use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, Result},
    events::CANCELLED,
    holds::{self, Change},
    jobs, ledger_entries, refunds,
    schema::{events, order_items, orders, payments},
    statement,
};

/// The provider's session as it was read.
#[derive(Debug, Clone)]
pub struct SessionFacts {
    pub account: String,
    pub session_id: String,
    pub paid: bool,
    /// Completed with a delayed method: the verdict is to come.
    pub processing: bool,
    pub closed_unpaid: bool,
    pub amount_minor: Option<i64>,
    pub currency: Option<String>,
    pub livemode: bool,
    pub payment_intent: Option<String>,
    /// Set when a delayed method has failed: the session is complete, and nobody can pay it any more.
    pub delayed_failed: bool,
}

/// What [`process_session`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Nothing,
    Paid,
    Processing,
    Released,
    /// Money came too late and goes back.
    RefundDue,
    NeedsReview,
}

#[derive(QueryableByName)]
struct Counts {
    #[diesel(sql_type = sql_types::BigInt)]
    tickets: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    seats: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    places: i64,
}

/// Settles an order whose money is there by other means: cash, card terminal, paid invoice, nothing to pay.
pub async fn settle_now(
    tx: &mut Tx,
    order: Uuid,
    clearing: Clearing,
    sums: Totals,
    payment: Uuid,
) -> Result<()> {
    settle(tx, order, clearing, sums, payment, None, 0).await
}

/// Brings the locked order in line with the session.
pub async fn process_session(
    tx: &mut Tx,
    order: &mut OrderRow,
    payment: &PaymentRow,
    session: &SessionFacts,
) -> Result<Settled> {
    if session.paid {
        return process_paid(tx, order, payment, session).await;
    }
    let state = order.state()?;
    let open = matches!(state, OrderState::Pending | OrderState::Processing);
    if !open {
        return Ok(Settled::Nothing);
    }
    if session.processing && !session.delayed_failed {
        if state == OrderState::Processing {
            return Ok(Settled::Nothing);
        }
        set_payment(tx, payment.id, "processing", session.payment_intent.as_deref()).await?;
        move_to(tx, order, OrderState::Processing, "delayed method").await?;
        // The verdict takes days: the deadline of the checkout no longer applies.
        jobs::remove(tx, "lapse", order.id).await?;
        return Ok(Settled::Processing);
    }
    if session.closed_unpaid || session.delayed_failed {
        let end = if session.delayed_failed { "failed" } else { "expired" };
        set_payment(tx, payment.id, end, session.payment_intent.as_deref()).await?;
        close(tx, order, OrderState::Expired, "the session can no longer be paid").await?;
        return Ok(Settled::Released);
    }
    Ok(Settled::Nothing)
}

async fn process_paid(
    tx: &mut Tx,
    order: &mut OrderRow,
    payment: &PaymentRow,
    session: &SessionFacts,
) -> Result<Settled> {
    if payment.state == "paid" {
        return Ok(Settled::Nothing);
    }
    let matches = session.account == payment.account
        && session.amount_minor == Some(payment.amount_minor)
        && session.currency.as_deref() == Some(&*payment.currency)
        && session.livemode == payment.livemode;
    if !matches {
        if order.state()? != OrderState::NeedsReview {
            move_to(tx, order, OrderState::NeedsReview, "amount, currency, account or mode differ").await?;
        }
        return Ok(Settled::NeedsReview);
    }
    let intent = session.payment_intent.clone();
    let is_cancelled = is_cancelled(tx, order).await?;
    match order.state()? {
        // Nobody is let in to an event that does not take place.
        OrderState::Pending | OrderState::Processing if is_cancelled => {
            close(tx, order, OrderState::Cancelled, "the event is cancelled").await?;
            give_back(tx, order, payment, intent).await
        }
        OrderState::Expired if is_cancelled => give_back(tx, order, payment, intent).await,
        OrderState::Pending | OrderState::Processing => {
            settle_row(tx, order, payment, intent).await?;
            Ok(Settled::Paid)
        }
        // T5: the claim is gone. The same seats again, else other ones (opt-in), else the money goes back.
        OrderState::Expired => {
            let items = items(tx, order.id.into()).await?;
            if claim_again(tx, order, &items).await? || reseat(tx, order, &items).await? {
                settle_row(tx, order, payment, intent).await?;
                Ok(Settled::Paid)
            } else {
                give_back(tx, order, payment, intent).await
            }
        }
        OrderState::Cancelled => give_back(tx, order, payment, intent).await,
        _ => {
            set_payment(tx, payment.id, "paid", intent.as_deref()).await?;
            move_to(tx, order, OrderState::NeedsReview, "a second payment arrived").await?;
            Ok(Settled::NeedsReview)
        }
    }
}

async fn is_cancelled(tx: &mut Tx, order: &OrderRow) -> Result<bool> {
    let state: String =
        events::table.find((tx.tenant(), order.event_id)).select(events::state).first(&mut **tx).await?;
    Ok(state == CANCELLED)
}

async fn settle_row(
    tx: &mut Tx,
    order: &OrderRow,
    payment: &PaymentRow,
    intent: Option<String>,
) -> Result<()> {
    let fee_minor = payment.application_fee_minor;
    settle(tx, order.id, order.clearing(), order.totals(), payment.id, intent, fee_minor).await
}

async fn settle(
    tx: &mut Tx,
    order: Uuid,
    clearing: Clearing,
    sums: Totals,
    payment: Uuid,
    payment_intent: Option<String>,
    application_fee_minor: i64,
) -> Result<()> {
    let mut lines = if sums.total_minor == 0 {
        vec![]
    } else {
        ledger::sale(clearing, sums, application_fee_minor)
            .map_err(|error| Error::Corrupt(format!("ledger of order {order}: {error}")))?
    };
    if sums.price_minor == 0 {
        // For the organizer's own prices, when plugins have made the tickets free.
        lines.push(Line { account: Account::TicketRevenue, amount_minor: 0 });
    }
    let counts: Counts = statement!(
        include_str!("settle.sql"),
        tx.tenant(),
        order,
        ["pending", "processing", "expired", "needs_review"].map(String::from).to_vec(),
        payment_intent,
        payment,
        lines.iter().map(|_| new_uuid()).collect::<Vec<_>>(),
        lines.iter().map(|line| line.account.as_str().to_owned()).collect::<Vec<_>>(),
        lines.iter().map(|line| line.amount_minor).collect::<Vec<_>>(),
        new_uuid(),
        &*tx.scope.actor,
        Id::<id::Order>::from(order).to_string(),
        &*tx.scope.request_id,
    )
    .get_result(&mut **tx)
    .await?;
    if counts.tickets == 0 {
        return Err(Error::refused(
            ErrorCode::OrderState,
            "The order is not in a state in which it can be paid.",
        ));
    }
    // Every ticket has its place, or nothing has happened (I2, I7).
    if counts.tickets != counts.seats + counts.places {
        return Err(Error::Corrupt(format!(
            "order {}: {} tickets, {} seats, {} places",
            order, counts.tickets, counts.seats, counts.places
        )));
    }
    Ok(())
}

/// Claims the same places under a new epoch, all or nothing.
async fn claim_again(tx: &mut Tx, order: &mut OrderRow, items: &[ItemRow]) -> Result<bool> {
    let mut seats: Vec<i32> = items.iter().filter_map(|item| item.seat_index).collect();
    seats.sort_unstable();
    claim_places(tx, order, &seats, &areas_of(items)).await
}

fn areas_of(items: &[ItemRow]) -> Vec<(i32, i32)> {
    let mut areas = std::collections::BTreeMap::new();
    for area in items.iter().filter_map(|item| item.area_index) {
        *areas.entry(area).or_insert(0) += 1;
    }
    areas.into_iter().collect()
}

#[derive(QueryableByName)]
struct Again {
    #[diesel(sql_type = sql_types::BigInt)]
    seats: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    areas: i64,
}

async fn claim_places(
    tx: &mut Tx,
    order: &mut OrderRow,
    seats: &[i32],
    areas: &[(i32, i32)],
) -> Result<bool> {
    let savepoint = "SAVEPOINT claim_again";
    diesel::sql_query(savepoint).execute(&mut **tx).await?;
    let again: Again = statement!(
        "WITH o AS (SELECT ?::uuid AS tenant_id, ?::uuid AS id, ?::uuid AS event_id, ?::int AS epoch),
         seat AS (
           INSERT INTO seat_claims (tenant_id, order_id, event_id, seat_index, epoch, state)
           SELECT o.tenant_id, o.id, o.event_id, s, o.epoch, 'reserved' FROM o, unnest(?::int[]) AS s
           WHERE NOT EXISTS (SELECT FROM seat_blocks b
             WHERE b.tenant_id = o.tenant_id AND b.event_id = o.event_id AND b.seat_index = s)
           ORDER BY s
           ON CONFLICT (tenant_id, event_id, seat_index) WHERE state IN ('reserved', 'sold') DO NOTHING RETURNING 1),
         pool AS (
           UPDATE ga_pools p SET taken = p.taken + w.quantity
           FROM o, unnest(?::int[], ?::int[]) AS w(area_index, quantity)
           WHERE p.tenant_id = o.tenant_id AND p.event_id = o.event_id AND p.area_index = w.area_index
             AND p.taken + w.quantity <= p.capacity AND (p.taken = 0 OR NOT p.single_party)
           RETURNING p.area_index, w.quantity),
         ga AS (
           INSERT INTO ga_claims (tenant_id, order_id, event_id, area_index, epoch, quantity, state)
           SELECT o.tenant_id, o.id, o.event_id, p.area_index, o.epoch, p.quantity, 'reserved' FROM o, pool p)
         SELECT (SELECT count(*) FROM seat) AS seats, (SELECT count(*) FROM pool) AS areas",
        tx.tenant(),
        order.id,
        order.event_id,
        order.epoch + 1,
        seats.to_vec(),
        areas.iter().map(|(area, _)| *area).collect::<Vec<_>>(),
        areas.iter().map(|(_, quantity)| *quantity).collect::<Vec<_>>(),
    )
    .get_result(&mut **tx)
    .await?;
    let complete = usize::try_from(again.seats).ok() == Some(seats.len())
        && usize::try_from(again.areas).ok() == Some(areas.len());
    if !complete {
        diesel::sql_query("ROLLBACK TO SAVEPOINT claim_again").execute(&mut **tx).await?;
        return Ok(false);
    }
    order.epoch += 1;
    diesel::update(orders::table.find((tx.tenant(), order.id)))
        .set(orders::epoch.eq(order.epoch))
        .execute(&mut **tx)
        .await?;
    Ok(true)
}

#[derive(QueryableByName)]
struct FreeSeat {
    #[diesel(sql_type = sql_types::Int4)]
    seat_index: i32,
    #[diesel(sql_type = sql_types::Text)]
    label: String,
}

/// Other seats of the same categories, if the event allows it: as many neighbours as the order had places.
async fn reseat(tx: &mut Tx, order: &mut OrderRow, items: &[ItemRow]) -> Result<bool> {
    let allowed: bool = events::table
        .find((tx.tenant(), order.event_id))
        .select(events::reseat_late_payments)
        .first(&mut **tx)
        .await?;
    let seated: Vec<&ItemRow> = items.iter().filter(|item| item.seat_index.is_some()).collect();
    if !allowed || seated.is_empty() {
        return Ok(false);
    }
    let mut chosen: Vec<(Uuid, FreeSeat)> = Vec::new();
    for item in seated {
        let taken: Vec<i32> = chosen.iter().map(|(_, seat)| seat.seat_index).collect();
        let anchor = chosen.last().map_or(item.seat_index.unwrap_or(0), |(_, seat)| seat.seat_index);
        let seat: Option<FreeSeat> = statement!(
            "SELECT s.seat_index, s.label FROM events e
             JOIN price_tiers t ON t.tenant_id = e.tenant_id AND t.id = ?
             JOIN seats s ON s.tenant_id = e.tenant_id AND s.seat_map_id = e.seat_map_id AND s.version = e.seat_map_version
             LEFT JOIN seat_categories x ON x.tenant_id = e.tenant_id AND x.event_id = e.id AND x.seat_index = s.seat_index
             WHERE e.tenant_id = ? AND e.id = ? AND coalesce(x.category, s.category) = t.category
               AND NOT s.seat_index = ANY (?)
               AND NOT EXISTS (SELECT FROM seat_claims c WHERE c.tenant_id = e.tenant_id AND c.event_id = e.id
                 AND c.seat_index = s.seat_index AND c.state IN ('reserved', 'sold'))
               AND NOT EXISTS (SELECT FROM seat_blocks b WHERE b.tenant_id = e.tenant_id AND b.event_id = e.id
                 AND b.seat_index = s.seat_index)
             ORDER BY abs(s.seat_index - ?) LIMIT 1",
            item.price_tier_id,
            tx.tenant(),
            order.event_id,
            taken,
            anchor,
        )
        .get_results(&mut **tx)
        .await?
        .pop();
        match seat {
            Some(seat) => chosen.push((item.id, seat)),
            None => return Ok(false),
        }
    }
    let mut seats: Vec<i32> = chosen.iter().map(|(_, seat)| seat.seat_index).collect();
    seats.sort_unstable();
    if !claim_places(tx, order, &seats, &areas_of(items)).await? {
        return Ok(false);
    }
    for (item, seat) in &chosen {
        diesel::update(order_items::table.find((tx.tenant(), *item)))
            .set((order_items::seat_index.eq(seat.seat_index), order_items::label.eq(&seat.label)))
            .execute(&mut **tx)
            .await?;
    }
    let labels: Vec<&str> = chosen.iter().map(|(_, seat)| seat.label.as_str()).collect();
    audit_log::record(tx, "orders.reseat", Id::<id::Order>::from(order.id), json!({ "seats": labels }))
        .await?;
    Ok(true)
}

/// Late money that cannot be used: on the ledger as held, and on its way back with a key of its own.
async fn give_back(
    tx: &mut Tx,
    order: &mut OrderRow,
    payment: &PaymentRow,
    payment_intent: Option<String>,
) -> Result<Settled> {
    set_payment(tx, payment.id, "paid", payment_intent.as_deref()).await?;
    let lines: Vec<Line> = ledger::hold_money(order.clearing(), payment.amount_minor)
        .map_err(|error| Error::Corrupt(format!("ledger of order {}: {error}", order.id)))?;
    ledger_entries::post(tx, order, None, "late_payment", &lines).await?;
    move_to(tx, order, OrderState::RefundDue, "the money came after the places were gone").await?;
    refunds::record_late(tx, order, payment).await?;
    Ok(Settled::RefundDue)
}

pub(super) async fn set_payment(
    tx: &mut Tx,
    id: Uuid,
    state: &str,
    payment_intent: Option<&str>,
) -> Result<()> {
    let update = diesel::update(payments::table.find((tx.tenant(), id)));
    let order: Option<Uuid> = match payment_intent {
        Some(intent) => {
            let set = (
                payments::state.eq(state),
                payments::payment_intent.eq(intent),
                payments::updated_at.eq(diesel::dsl::now),
            );
            update.set(set).returning(payments::order_id).get_result(&mut **tx).await.optional()?
        }
        None => {
            let set = (payments::state.eq(state), payments::updated_at.eq(diesel::dsl::now));
            update.set(set).returning(payments::order_id).get_result(&mut **tx).await.optional()?
        }
    };
    match order {
        Some(order) if matches!(state, "failed" | "expired") => {
            let detail = json!({ "to": state, "order": Id::<id::Order>::from(order) });
            audit_log::record(tx, "payments.move", Id::<id::Payment>::from(id), detail).await
        }
        _ => Ok(()),
    }
}

/// The change that tells Redis about an order.
pub(super) async fn announce(
    tx: &mut Tx,
    order: &OrderRow,
    kind: &str,
    seats: Vec<i32>,
    areas: Vec<(i32, i32)>,
) -> Result<()> {
    let change = Change {
        k: kind.into(),
        o: Some(order.id.simple().to_string()),
        h: Some(order.hold_id.simple().to_string()),
        s: seats,
        g: areas,
        ..Change::default()
    };
    holds::record(tx, order.event_id.into(), &change).await
}
