//! Orders: the claim on places before the provider is called (T1), the settlement when the money is there (T3), the
//! lapse when it can no longer come (T4), and late money (T5). Postgres decides; nothing foreign runs in here.

mod claim;
mod close;
mod settle;

use chrono::{DateTime, Utc};
use diesel::{QueryableByName, prelude::*, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use eventflow_core::{ErrorCode, Id, Refusal, id, ledger::Clearing, order::OrderState, pricing::Totals};
use uuid::Uuid;

pub use claim::{Adjustment, Claim, NewOrder, Quote, claim, places_of_buyer, turn};
pub use close::{close, mark_dispute};
pub(crate) use close::{release, release_items};
pub use settle::{SessionFacts, Settled, process_session, settle_now};

use crate::{
    audit_log,
    db::Tx,
    error::{Error, OrNotFound, Result},
    mutants::{self, Mutant},
    schema::{order_adjustments, order_items, orders, payments},
    statement,
    tickets::{self, TicketRow},
};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = orders)]
pub struct OrderRow {
    pub id: Uuid,
    pub event_id: Uuid,
    pub hold_id: Uuid,
    pub state: String,
    pub epoch: i32,
    pub buyer_email: String,
    pub buyer_name: String,
    pub buyer_ref: String,
    pub currency: String,
    pub subtotal_minor: i64,
    pub fee_minor: i64,
    pub tax_minor: i64,
    pub total_minor: i64,
    pub refunded_minor: i64,
    pub provider: String,
    pub success_url: String,
    pub cancel_url: String,
    pub claim_expires_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub paid_at: Option<DateTime<Utc>>,
    pub locale: String,
    pub is_degraded: bool,
}

impl OrderRow {
    pub fn state(&self) -> Result<OrderState> {
        self.state.parse().map_err(|_| Error::Corrupt(format!("order state `{}`", self.state)))
    }

    pub fn totals(&self) -> Totals {
        Totals {
            price_minor: self.subtotal_minor,
            fees_minor: self.fee_minor,
            tax_minor: self.tax_minor,
            total_minor: self.total_minor,
        }
    }

    pub fn clearing(&self) -> Clearing {
        if self.provider == "stripe" { Clearing::Stripe } else { Clearing::Manual }
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = order_items)]
pub struct ItemRow {
    pub id: Uuid,
    pub order_id: Uuid,
    pub position: i32,
    pub seat_index: Option<i32>,
    pub area_index: Option<i32>,
    pub price_tier_id: Uuid,
    pub type_no: i32,
    pub label: String,
    pub tier_name: String,
    pub price_minor: i64,
    pub fee_minor: i64,
    pub tax_minor: i64,
    pub gross_minor: i64,
}

impl ItemRow {
    pub fn totals(&self) -> Totals {
        Totals {
            price_minor: self.price_minor,
            fees_minor: self.fee_minor,
            tax_minor: self.tax_minor,
            total_minor: self.gross_minor,
        }
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = payments)]
pub struct PaymentRow {
    pub id: Uuid,
    pub order_id: Uuid,
    pub attempt: i32,
    pub provider: String,
    pub method: String,
    pub state: String,
    pub idempotency_key: String,
    pub account: String,
    pub session_id: Option<String>,
    pub session_url: Option<String>,
    pub payment_intent: Option<String>,
    pub dispute_id: Option<String>,
    pub amount_minor: i64,
    pub currency: String,
    pub livemode: bool,
    pub application_fee_minor: i64,
    pub provider_expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// An order with everything that belongs to its answer.
#[derive(Debug, Clone)]
pub struct Order {
    pub row: OrderRow,
    pub items: Vec<ItemRow>,
    pub payment: Option<PaymentRow>,
    /// None until it is paid.
    pub tickets: Vec<TicketRow>,
    /// What plugins changed of the prices, in their order.
    pub adjustments: Vec<Adjustment>,
}

pub async fn get(tx: &mut Tx, id: Id<id::Order>) -> Result<Order> {
    let mut tenant = tx.tenant();
    if mutants::is(Mutant::AnyTenant) {
        let anybody = orders::table.filter(orders::id.eq(id.uuid())).select(orders::tenant_id);
        tenant = anybody.first(&mut **tx).await.optional().or_not_found("order")?;
    }
    let connection: &AsyncPgConnection = tx;
    // One round trip: the statements are sent together.
    let (mut first, mut second, mut third, mut fourth) = (connection, connection, connection, connection);
    let (row, items, payment, tickets, adjustments) = tokio::join!(
        orders::table.find((tenant, id.uuid())).select(OrderRow::as_select()).first(&mut first),
        order_items::table
            .filter(order_items::tenant_id.eq(tenant).and(order_items::order_id.eq(id.uuid())))
            .order(order_items::position)
            .select(ItemRow::as_select())
            .load(&mut second),
        payments::table
            .filter(payments::tenant_id.eq(tenant).and(payments::order_id.eq(id.uuid())))
            .order(payments::attempt.desc())
            .select(PaymentRow::as_select())
            .first(&mut third),
        tickets::for_order(connection, tenant, id),
        order_adjustments::table
            .filter(order_adjustments::tenant_id.eq(tenant).and(order_adjustments::order_id.eq(id.uuid())))
            .order(order_adjustments::id)
            .select(Adjustment::as_select())
            .load(&mut fourth),
    );
    Ok(Order {
        row: row.optional().or_not_found("order")?,
        items: items?,
        payment: payment.optional()?,
        tickets: tickets?,
        adjustments: adjustments?,
    })
}

pub async fn row(tx: &mut Tx, id: Id<id::Order>) -> Result<OrderRow> {
    orders::table
        .find((tx.tenant(), id.uuid()))
        .select(OrderRow::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("order")
}

/// The order, locked until the transaction ends: every change of state begins here.
pub async fn lock(tx: &mut Tx, id: Id<id::Order>) -> Result<OrderRow> {
    orders::table
        .find((tx.tenant(), id.uuid()))
        .select(OrderRow::as_select())
        .for_update()
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("order")
}

pub async fn items(tx: &mut Tx, id: Id<id::Order>) -> Result<Vec<ItemRow>> {
    let items = order_items::table
        .filter(order_items::tenant_id.eq(tx.tenant()).and(order_items::order_id.eq(id.uuid())))
        .order(order_items::position)
        .select(ItemRow::as_select())
        .load(&mut **tx)
        .await?;
    Ok(items)
}

/// The newest attempt to pay.
pub async fn current_payment(tx: &mut Tx, id: Id<id::Order>) -> Result<Option<PaymentRow>> {
    let payment = payments::table
        .filter(payments::tenant_id.eq(tx.tenant()).and(payments::order_id.eq(id.uuid())))
        .order(payments::attempt.desc())
        .select(PaymentRow::as_select())
        .first(&mut **tx)
        .await
        .optional()?;
    Ok(payment)
}

/// Filters of a list of orders.
#[derive(Debug, Default)]
pub struct Filter {
    pub event: Option<Id<id::Event>>,
    pub state: Option<OrderState>,
    pub email: Option<String>,
}

pub async fn list(tx: &mut Tx, filter: &Filter, limit: i64, after: Option<Uuid>) -> Result<Vec<OrderRow>> {
    let mut query = orders::table
        .filter(orders::tenant_id.eq(tx.tenant()))
        .order(orders::id)
        .limit(limit)
        .select(OrderRow::as_select())
        .into_boxed();
    if let Some(event) = filter.event {
        query = query.filter(orders::event_id.eq(event.uuid()));
    }
    if let Some(state) = filter.state {
        query = query.filter(orders::state.eq(state.as_str()));
    }
    if let Some(email) = &filter.email {
        query = query.filter(
            diesel::dsl::sql::<diesel::sql_types::Bool>("buyer_key <> '' AND buyer_key = lower(")
                .bind::<diesel::sql_types::Text, _>(email.clone())
                .sql(")"),
        );
    }
    if let Some(after) = after {
        query = query.filter(orders::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}

/// The session that T2 made at the provider, which late money needs in any case. Answers the state of its order; `None` when
/// the attempt was not waiting for a session.
pub async fn open_payment(tx: &mut Tx, payment: &PaymentRow) -> Result<Option<OrderState>> {
    #[derive(QueryableByName)]
    struct Opened {
        #[diesel(sql_type = sql_types::Text)]
        order_state: String,
    }
    let opened: Option<Opened> = statement!(
        "UPDATE payments p SET state = 'open', session_id = ?, session_url = ?, payment_intent = ?, updated_at = now() \
         WHERE p.tenant_id = ? AND p.id = ? AND p.state = 'creating' RETURNING (SELECT o.state FROM orders o \
         WHERE o.tenant_id = p.tenant_id AND o.id = p.order_id) AS order_state",
        payment.session_id.clone(),
        payment.session_url.clone(),
        payment.payment_intent.clone(),
        tx.tenant(),
        payment.id
    )
    .get_result(&mut **tx)
    .await
    .optional()?;
    let state = |opened: Opened| {
        opened
            .order_state
            .parse()
            .map_err(|_| Error::Corrupt(format!("order state `{}`", opened.order_state)))
    };
    opened.map(state).transpose()
}

/// One attempt to pay.
pub async fn payment(tx: &mut Tx, id: Uuid) -> Result<Option<PaymentRow>> {
    let payment = payments::table
        .find((tx.tenant(), id))
        .select(PaymentRow::as_select())
        .first(&mut **tx)
        .await
        .optional()?;
    Ok(payment)
}

/// The provider refused to make a session: nobody can pay this attempt.
pub async fn fail_payment(tx: &mut Tx, id: Uuid) -> Result<()> {
    settle::set_payment(tx, id, "failed", None).await
}

/// The provider confirmed that the session can no longer be paid.
pub async fn expire_payment(tx: &mut Tx, id: Uuid) -> Result<()> {
    settle::set_payment(tx, id, "expired", None).await
}

/// Moves a locked order along the graph of states, and records it.
pub async fn move_to(tx: &mut Tx, order: &mut OrderRow, next: OrderState, why: &str) -> Result<()> {
    let state = order.state()?;
    if state == next {
        return Ok(());
    }
    if !state.can_become(next) {
        return Err(wrong_state(order, next.as_str()));
    }
    let id = Id::<id::Order>::from(order.id);
    let open = matches!(next, OrderState::Pending | OrderState::Processing);
    let update = diesel::update(orders::table.find((tx.tenant(), order.id)));
    if open {
        let closed_at = orders::closed_at.eq(None::<DateTime<Utc>>);
        update.set((orders::state.eq(next.as_str()), closed_at)).execute(&mut **tx).await?;
    } else {
        // By the clock of Postgres, as every other moment of an order: those of servers may differ.
        let closed_at = orders::closed_at.eq(diesel::dsl::now);
        update.set((orders::state.eq(next.as_str()), closed_at)).execute(&mut **tx).await?;
    }
    let detail = serde_json::json!({ "from": order.state, "to": next.as_str(), "why": why });
    audit_log::record(tx, "orders.move", id, detail).await?;
    order.state = next.as_str().to_owned();
    Ok(())
}

pub fn wrong_state(order: &OrderRow, wanted: &str) -> Error {
    let detail = format!("The order is {}; it cannot become {wanted}.", order.state);
    Error::Refused(Refusal::new(ErrorCode::OrderState, detail))
}
