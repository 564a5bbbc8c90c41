//! Orders: making them ([`creation`]), looking at them, cancelling, paying by hand.

mod creation;

use chrono::{DateTime, Utc};
use eventflow_core::{ErrorCode, Id, Refusal, id, order::OrderState};
use eventflow_store::{
    Error, Result as StoreResult, events,
    orders::{self, Order as Stored},
};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::ToJSON,
};
use serde_json::Value;

use super::{
    Tag,
    places::{PriceAdjustment, Totals, adjustments, list_total, totals},
};
use crate::{
    auth::Call,
    checkout,
    problem::Failure,
    shapes::{self, OrderStateName, Ticket},
    wire::{Created, Cursor, Page, Ref, Text, Window},
};
use creation::NewOrderInput;

/// Who bought.
#[derive(Debug, Object)]
struct Buyer {
    email: String,
    name: String,
}

/// One place of an order; it becomes one ticket.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct OrderItem {
    id: Ref<id::OrderItem>,
    seat: Option<u32>,
    label: String,
    price_tier_id: Ref<id::PriceTier>,
    tier_name: String,
    price_minor: i64,
    fee_minor: i64,
    tax_minor: i64,
    total_minor: i64,
    /// The same without what plugins changed.
    list_total_minor: i64,
}

/// The attempt to pay.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Payment {
    id: Ref<id::Payment>,
    provider: String,
    /// cash, card_terminal or invoice.
    method: Option<String>,
    /// creating, open, processing, paid, expired or failed.
    state: String,
    amount_minor: i64,
    /// Send the buyer there.
    checkout_url: Option<String>,
}

/// An order.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Order {
    id: Ref<id::Order>,
    event_id: Ref<id::Event>,
    /// pending, processing, paid, expired, cancelled, refund_due, refunded, partially_refunded, disputed, charged_back or
    /// needs_review.
    #[oai(validator(max_length = 30))]
    state: String,
    buyer: Buyer,
    /// ISO 4217.
    #[oai(validator(max_length = 3))]
    currency: String,
    totals: Totals,
    refunded_minor: i64,
    items: Vec<OrderItem>,
    /// What plugins of the organizer changed of the prices.
    adjustments: Vec<PriceAdjustment>,
    /// A plugin did not answer, and the organizer said that orders go on without it.
    is_degraded: bool,
    payment: Option<Payment>,
    /// The same as `payment.checkout_url`.
    checkout_url: Option<String>,
    /// When an unpaid order gives its places back.
    pay_until: DateTime<Utc>,
    created_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
    /// The tickets of a paid order.
    tickets: Vec<Ticket>,
    /// The buyer's token for this order and its tickets; in the answer to its creation.
    buyer_token: Option<String>,
}

/// An order in a list.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct OrderSummary {
    id: Ref<id::Order>,
    event_id: Ref<id::Event>,
    state: String,
    buyer: Buyer,
    currency: String,
    total_minor: i64,
    refunded_minor: i64,
    provider: String,
    created_at: DateTime<Utc>,
    paid_at: Option<DateTime<Utc>>,
}

fn summary(row: orders::OrderRow) -> OrderSummary {
    OrderSummary {
        id: row.id.into(),
        event_id: row.event_id.into(),
        state: row.state,
        buyer: Buyer { email: row.buyer_email, name: row.buyer_name },
        currency: row.currency,
        total_minor: row.total_minor,
        refunded_minor: row.refunded_minor,
        provider: row.provider,
        created_at: row.created_at,
        paid_at: row.paid_at,
    }
}

fn item(row: &orders::ItemRow, adjustments: &[orders::Adjustment]) -> OrderItem {
    let position = usize::try_from(row.position).unwrap_or(usize::MAX);
    OrderItem {
        list_total_minor: list_total(position, row.gross_minor, adjustments),
        id: row.id.into(),
        seat: row.seat_index.map(i32::unsigned_abs),
        label: row.label.clone(),
        price_tier_id: row.price_tier_id.into(),
        tier_name: row.tier_name.clone(),
        price_minor: row.price_minor,
        fee_minor: row.fee_minor,
        tax_minor: row.tax_minor,
        total_minor: row.gross_minor,
    }
}

fn shape(call: &Call, order: Stored, tickets: Vec<Ticket>) -> Order {
    let sums = order.row.totals();
    let payable = order.row.state == "pending";
    let payment = order.payment.map(|payment| Payment {
        id: payment.id.into(),
        provider: payment.provider,
        method: Some(payment.method).filter(|method| !method.is_empty()),
        state: payment.state,
        amount_minor: payment.amount_minor,
        checkout_url: payment.session_url.filter(|_| payable),
    });
    Order {
        id: order.row.id.into(),
        event_id: order.row.event_id.into(),
        state: order.row.state,
        buyer: Buyer { email: order.row.buyer_email, name: order.row.buyer_name },
        currency: order.row.currency,
        totals: totals(sums),
        refunded_minor: order.row.refunded_minor,
        items: order.items.iter().map(|row| item(row, &order.adjustments)).collect(),
        adjustments: adjustments(call, order.adjustments),
        is_degraded: order.row.is_degraded,
        checkout_url: payment.as_ref().and_then(|payment| payment.checkout_url.clone()),
        payment,
        pay_until: order.row.claim_expires_at,
        created_at: order.row.created_at,
        paid_at: order.row.paid_at,
        tickets,
        buyer_token: None,
    }
}

/// The order with its tickets, signed.
async fn load(call: &Call, tx: &mut eventflow_store::Tx, id: Id<id::Order>) -> StoreResult<Order> {
    let mut order = orders::get(tx, id).await?;
    let mut signed = Vec::new();
    for row in std::mem::take(&mut order.tickets) {
        let token = if row.is_void() { String::new() } else { call.app.signer.sign_within(tx, &row).await? };
        signed.push(shapes::shape(row, token));
    }
    Ok(shape(call, order, signed))
}

/// Nobody can pay the order any more, and its places are free. The provider's own message that the page was closed may be
/// quicker than our cancellation; then the order has expired, which is what was asked for.
fn is_given_up(state: &str) -> bool {
    matches!(state, "cancelled" | "expired")
}

/// The order with its tickets, for webhooks.
pub(super) async fn object(call: Call, id: Id<id::Order>) -> Result<Option<Value>, Failure> {
    Ok(Orders.get(call, Path(Ref(id))).await?.0.to_json())
}

pub struct Orders;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Orders")]
impl Orders {
    /// Make an order of a hold, or sell places at once.
    ///
    /// A hold becomes an order with a hosted checkout page (`checkout_url`), or is settled at once when it is free or paid
    /// by hand. Repeat a request that failed with the same `Idempotency-Key`: it goes on where it stopped.
    #[oai(path = "/orders", method = "post", operation_id = "orders.create")]
    async fn create(&self, call: Call, body: Json<NewOrderInput>) -> Result<Created<Order>, Failure> {
        Ok(Created::Created(Json(creation::create(&call, body.0).await?)))
    }

    /// List orders.
    #[oai(path = "/orders", method = "get", operation_id = "orders.list")]
    async fn list(
        &self,
        call: Call,
        event_id: Query<Option<Ref<id::Event>>>,
        state: Query<Option<OrderStateName>>,
        email: Query<Option<Text<1, 254>>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<OrderSummary>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let state = state.0.map(|state| state.0);
        let filter = orders::Filter {
            event: event_id.0.map(|event| event.0),
            state,
            email: email.0.map(|email| email.0),
        };
        let rows =
            call.read(async |tx| orders::list(tx, &filter, window.fetch(), window.after).await).await?;
        Ok(Json(window.page(rows, |row| row.id, summary)))
    }

    /// Get an order with its tickets.
    #[oai(path = "/orders/:order_id", method = "get", operation_id = "orders.get")]
    async fn get(&self, call: Call, order_id: Path<Ref<id::Order>>) -> Result<Json<Order>, Failure> {
        call.require_order(order_id.0.0)?;
        Ok(Json(call.read(async |tx| load(&call, tx, order_id.0.0).await).await?))
    }

    /// Cancel an order that is not paid.
    ///
    /// The checkout page is closed at the provider first; an order that turns out to be paid is not cancelled.
    #[oai(path = "/orders/:order_id/cancel", method = "post", operation_id = "orders.cancel")]
    async fn cancel(&self, call: Call, order_id: Path<Ref<id::Order>>) -> Result<Json<Order>, Failure> {
        call.require_order(order_id.0.0)?;
        let id = order_id.0.0;
        let row = call.read(async |tx| orders::row(tx, id).await).await?;
        if is_given_up(&row.state) {
            return Ok(Json(call.read(async |tx| load(&call, tx, id).await).await?));
        }
        if row.state()? != OrderState::Pending {
            let detail = format!("The order is {}. A paid order is given back with a refund.", row.state);
            return Err(Refusal::new(ErrorCode::OrderState, detail).into());
        }
        let is_closed = checkout::lapse(&call.app, &call.scope, id, OrderState::Cancelled).await?;
        let order = call.read(async |tx| load(&call, tx, id).await).await?;
        // Somebody else may have settled it meanwhile.
        if !is_closed && order.state == OrderState::Pending.as_str() {
            return Err(Refusal::new(
                ErrorCode::PaymentUnavailable,
                "The provider cannot confirm that nobody pays. Try again.",
            )
            .retry_after(5)
            .into());
        }
        if !is_given_up(&order.state) {
            let detail = format!("The order is {} by now.", order.state);
            return Err(Refusal::new(ErrorCode::OrderState, detail).into());
        }
        Ok(Json(order))
    }

    /// Record that a manual order was paid.
    #[oai(path = "/orders/:order_id/pay", method = "post", operation_id = "orders.pay")]
    async fn pay(&self, call: Call, order_id: Path<Ref<id::Order>>) -> Result<Json<Order>, Failure> {
        let id = order_id.0.0;
        let order = call
            .write(async |tx| {
                let row = orders::lock(tx, id).await?;
                if row.provider != "manual" {
                    return Err(Error::refused(
                        ErrorCode::OrderState,
                        "Only manual orders are paid by hand.",
                    ));
                }
                let Some(payment) = orders::current_payment(tx, id).await?.filter(|_| row.state == "pending")
                else {
                    let detail = format!("The order is {}; only a pending one can be paid.", row.state);
                    return Err(Error::refused(ErrorCode::OrderState, detail));
                };
                if events::is_cancelled(tx, row.event_id).await? {
                    return Err(Error::refused(
                        ErrorCode::OrderState,
                        "The event is cancelled: give the money back to the buyer.",
                    ));
                }
                orders::settle_now(tx, row.id, row.clearing(), row.totals(), payment.id).await?;
                load(&call, tx, id).await
            })
            .await?;
        call.app.wake_mirror();
        Ok(Json(order))
    }

    /// Ask the provider whether an order was paid.
    ///
    /// For the page that a buyer returns to: it need not wait for the webhook.
    #[oai(path = "/orders/:order_id/refresh", method = "post", operation_id = "orders.refresh")]
    async fn refresh(&self, call: Call, order_id: Path<Ref<id::Order>>) -> Result<Json<Order>, Failure> {
        call.require_order(order_id.0.0)?;
        let row = call.read(async |tx| orders::row(tx, order_id.0.0).await).await?;
        let open = matches!(row.state()?, OrderState::Pending | OrderState::Processing | OrderState::Expired);
        // One look a second is enough for a page that waits, and bounds what a buyer can make us ask the provider.
        if row.provider == "stripe" && open && call.first_this_second(&order_id.0.0.to_string()).await {
            checkout::refresh(&call.app, &call.scope, order_id.0.0).await?;
        }
        Ok(Json(call.read(async |tx| load(&call, tx, order_id.0.0).await).await?))
    }
}
