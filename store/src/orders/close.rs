//! T4: the places of an order come free. Called only when nobody can pay the order any more, or when its money went
//! back. And disputes, which freeze the tickets and thaw them.

use diesel::{ExpressionMethods, QueryableByName, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::order::OrderState;

use super::{OrderRow, move_to, settle::announce};
use crate::{
    db::Tx,
    error::Result,
    jobs, refunds,
    schema::{payments, tickets},
    statement,
};

#[derive(QueryableByName)]
struct ReleasedSeat {
    #[diesel(sql_type = sql_types::Int4)]
    seat_index: i32,
}

#[derive(QueryableByName)]
struct ReleasedArea {
    #[diesel(sql_type = sql_types::Int4)]
    area_index: i32,
    #[diesel(sql_type = sql_types::Int4)]
    taken: i32,
}

/// Releases the claims of a locked order that was not paid, and moves it to its end state.
pub async fn close(tx: &mut Tx, order: &mut OrderRow, end: OrderState, why: &str) -> Result<()> {
    move_to(tx, order, end, why).await?;
    release(tx, order).await?;
    jobs::remove(tx, "lapse", order.id).await?;
    jobs::remove(tx, "poll", order.id).await
}

/// Releases every live claim of an order; Redis is told in the same transaction.
pub(crate) async fn release(tx: &mut Tx, order: &OrderRow) -> Result<()> {
    let seats: Vec<ReleasedSeat> = statement!(
        "UPDATE seat_claims SET state = 'released' WHERE tenant_id = ? AND order_id = ? AND state <> 'released' \
         RETURNING seat_index",
        tx.tenant(),
        order.id
    )
    .get_results(&mut **tx)
    .await?;
    let areas: Vec<ReleasedArea> = statement!(
        "WITH gone AS (
           UPDATE ga_claims SET state = 'released' WHERE tenant_id = ? AND order_id = ? AND state <> 'released'
           RETURNING tenant_id, event_id, area_index, quantity)
         UPDATE ga_pools p SET taken = p.taken - g.quantity FROM gone g
         WHERE p.tenant_id = g.tenant_id AND p.event_id = g.event_id AND p.area_index = g.area_index
         RETURNING p.area_index, p.taken",
        tx.tenant(),
        order.id
    )
    .get_results(&mut **tx)
    .await?;
    let seats = seats.into_iter().map(|row| row.seat_index).collect();
    let areas = areas.into_iter().map(|row| (row.area_index, row.taken)).collect();
    announce(tx, order, "released", seats, areas).await
}

/// Releases the places of some items of a paid order: those whose tickets were refunded.
pub(crate) async fn release_items(tx: &mut Tx, order: &OrderRow, items: &[super::ItemRow]) -> Result<()> {
    let seats: Vec<i32> = items.iter().filter_map(|item| item.seat_index).collect();
    let seats: Vec<ReleasedSeat> = statement!(
        "UPDATE seat_claims SET state = 'released' WHERE tenant_id = ? AND order_id = ? AND seat_index = ANY (?) \
         AND state <> 'released' RETURNING seat_index",
        tx.tenant(),
        order.id,
        seats
    )
    .get_results(&mut **tx)
    .await?;
    let mut areas = Vec::new();
    for item in items.iter().filter(|item| item.area_index.is_some()) {
        // One place less of the claim; the claim ends with its last place.
        let row: Vec<ReleasedArea> = statement!(
            "WITH gone AS (
               UPDATE ga_claims SET quantity = greatest(quantity - 1, 1),
                 state = CASE WHEN quantity = 1 THEN 'released' ELSE state END
               WHERE tenant_id = ? AND order_id = ? AND area_index = ? AND state <> 'released'
               RETURNING tenant_id, event_id, area_index)
             UPDATE ga_pools p SET taken = p.taken - 1 FROM gone g
             WHERE p.tenant_id = g.tenant_id AND p.event_id = g.event_id AND p.area_index = g.area_index
             RETURNING p.area_index, p.taken",
            tx.tenant(),
            order.id,
            item.area_index.unwrap_or_default()
        )
        .get_results(&mut **tx)
        .await?;
        areas.extend(row.into_iter().map(|row| (row.area_index, row.taken)));
    }
    let seats = seats.into_iter().map(|row| row.seat_index).collect();
    announce(tx, order, "released", seats, areas).await
}

/// A dispute of the order's payment: `None` while it is open (tickets freeze), `Some(true)` when it was won (they thaw),
/// `Some(false)` when it was lost (they are void).
pub async fn mark_dispute(tx: &mut Tx, order: &mut OrderRow, dispute: &str, won: Option<bool>) -> Result<()> {
    let state = order.state()?;
    let (next, from, to) = match won {
        None if state != OrderState::Disputed => (OrderState::Disputed, "valid", "frozen"),
        Some(true) if state == OrderState::Disputed => {
            let back = match order.refunded_minor {
                // What a person had to look at before the dispute is still there to be looked at.
                refunded if refunded < order.total_minor && refunds::has_failed(tx, order).await? => {
                    OrderState::NeedsReview
                }
                // Late money has no tickets to thaw: it still has to go back.
                0 if order.paid_at.is_none() => OrderState::RefundDue,
                0 => OrderState::Paid,
                refunded if refunded < order.total_minor => OrderState::PartiallyRefunded,
                _ => OrderState::Refunded,
            };
            (back, "frozen", "valid")
        }
        Some(false) if state == OrderState::Disputed => (OrderState::ChargedBack, "frozen", "void"),
        _ => return Ok(()),
    };
    move_to(tx, order, next, dispute).await?;
    if next == OrderState::ChargedBack {
        // Nobody comes with these tickets any more: the places can be sold again.
        release(tx, order).await?;
    }
    use diesel::QueryDsl;
    diesel::update(
        tickets::table
            .filter(tickets::tenant_id.eq(tx.tenant()))
            .filter(tickets::order_id.eq(order.id))
            .filter(tickets::state.eq(from)),
    )
    .set((tickets::state.eq(to), tickets::updated_at.eq(diesel::dsl::now)))
    .execute(&mut **tx)
    .await?;
    diesel::update(
        payments::table
            .filter(payments::tenant_id.eq(tx.tenant()))
            .filter(payments::order_id.eq(order.id))
            .filter(payments::state.eq("paid")),
    )
    .set(payments::dispute_id.eq(dispute))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
