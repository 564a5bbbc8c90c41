//! T1: the claim. One transaction writes the order with one live claim per place; fewer claims than places, and nothing
//! has happened.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, Insertable, Queryable, QueryableByName, Selectable, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal, id, order::OrderState, pricing::Totals, seat_map::SeatTrait, ticket::Flags,
};
use uuid::Uuid;

use super::{ItemRow, Order, OrderRow, PaymentRow};
use crate::{
    db::{Turn, Tx, new_uuid},
    error::{Error, Result},
    events,
    holds::{self, Line},
    idempotency::{self, Key, Known},
    mutants::{self, Mutant},
    offers::Offer,
    plugins::receipts::{self, Receipt},
    schema::order_adjustments,
    statement,
};

/// Rows of adjustments in one statement.
const ADJUSTMENTS_AT_ONCE: usize = 1_000;

/// What becomes an order.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// The same number as the hold's: one hold becomes one order.
    pub id: Id<id::Order>,
    pub buyer_email: String,
    pub buyer_name: String,
    pub buyer_ref: String,
    pub provider: &'static str,
    /// How a manual order is paid: cash, card_terminal, invoice.
    pub method: String,
    pub account: String,
    pub application_fee_minor: i64,
    pub livemode: bool,
    pub success_url: String,
    pub cancel_url: String,
    /// Our own deadline: then the session is expired at the provider.
    pub claim_expires_at: DateTime<Utc>,
    /// When the provider is asked for the first time whether its webhook was lost.
    pub first_poll_at: Option<DateTime<Utc>>,
    /// The provider's deadline, sent with the session.
    pub provider_expires_at: Option<DateTime<Utc>>,
    /// Settled in the same transaction: it needs no deadline and no mirror of the claim.
    pub settles_now: bool,
    /// The buyer's language.
    pub locale: String,
    /// What plugins did to the prices of the lines.
    pub quote: Quote,
}

/// What plugins did to prices, as it was worked out before the transaction.
#[derive(Debug, Clone, Default)]
pub struct Quote {
    /// What the plugins were, as [`crate::plugins::Revision`] counts.
    pub revision: i64,
    pub adjustments: Vec<Adjustment>,
    /// One for each call.
    pub receipts: Vec<Receipt>,
    /// A plugin is missing that the organizer said may be skipped.
    pub is_degraded: bool,
}

/// A change of the price of one ticket.
#[derive(Debug, Clone, Insertable, Queryable, Selectable)]
#[diesel(table_name = order_adjustments)]
pub struct Adjustment {
    /// The id of its line in the ledger, too.
    pub id: Uuid,
    /// The position of the order's item.
    pub item: i32,
    pub plugin_id: Uuid,
    pub plugin: String,
    pub version: String,
    pub label: String,
    /// For the organizer.
    pub reason: String,
    /// What the buyer pays more; negative for a discount.
    pub amount_minor: i64,
    /// The part of it that is neither fee nor tax.
    pub net_minor: i64,
    /// Whether the organizer's limits made it smaller.
    pub is_limited: bool,
}

#[derive(QueryableByName)]
struct Claimed {
    /// The idempotency key is in nobody else's hands.
    #[diesel(sql_type = sql_types::Bool)]
    is_mine: bool,
    #[diesel(sql_type = sql_types::BigInt)]
    keys: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    bought: i64,
    /// None when there is no order.
    #[diesel(sql_type = sql_types::Nullable<sql_types::Timestamptz>)]
    created_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = sql_types::Array<sql_types::Int4>)]
    seats: Vec<i32>,
    #[diesel(sql_type = sql_types::Array<sql_types::Int4>)]
    areas: Vec<i32>,
}

#[derive(QueryableByName)]
struct Bought {
    #[diesel(sql_type = sql_types::BigInt)]
    places: i64,
}

/// What [`claim`] comes to.
#[derive(Debug)]
pub enum Claim {
    Made(Box<Order>),
    /// An earlier request with the same key has begun, or has its answer.
    Known(Known),
}

/// What the transaction of a claim waits for before it begins: two tabs of one buyer take turns, so that neither misses the
/// other's order.
pub fn turn(offer: &Offer, new: &NewOrder) -> Option<Turn> {
    is_limited(new).then(|| Turn::folded(&format!("{}{}", new.buyer_email, offer.event.id), 2))
}

/// Places that one buyer has in live orders count together, by e-mail address. The box office sells to whoever stands there.
fn is_limited(new: &NewOrder) -> bool {
    !new.buyer_email.is_empty() && new.provider != "manual"
}

/// Claims `lines` for a new order, in a transaction that began with its [`turn`]; the key remembers that it has begun. The
/// order is as [`super::get`] would read it.
///
/// # Errors
/// `seats_taken` or `sold_out` when another order was faster, `price_changed` when the offer is old, `hold_limit` when
/// the buyer has enough, `order_state` when the hold has become an order already, `idempotency_in_flight` and
/// `idempotency_conflict` when the key is in use.
pub async fn claim(
    tx: &mut Tx,
    offer: &Offer,
    lines: &[Line],
    totals: Totals,
    new: &NewOrder,
    key: Option<&Key>,
) -> Result<Claim> {
    let items = items_of(lines, new);
    let mut seats: Vec<i32> = items.iter().filter_map(|item| item.seat_index).collect();
    seats.sort_unstable();
    let areas = areas_of(lines);
    let payment = new_uuid();
    let claimed: Claimed =
        claim_statement(tx, offer, lines, &items, totals, new, payment, &seats, &areas, key)
            .get_result(&mut **tx)
            .await
            .map_err(|error| {
                let again = || {
                    Refusal::new(
                        ErrorCode::OrderState,
                        "This hold has become an order already. Get the order instead.",
                    )
                };
                Error::from(error)
                    .on_constraint("orders_pkey", again)
                    .on_constraint("orders_hold_id_key", again)
            })?;
    if !claimed.is_mine {
        return Err(idempotency::in_flight());
    }
    if let Some(key) = key.filter(|_| claimed.keys == 0) {
        return idempotency::begin(tx, key).await.map(Claim::Known);
    }
    let wanted = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    if claimed.bought + wanted > most_places(offer, new) {
        let detail = format!(
            "One buyer may have {} places of this event and has {} already.",
            offer.event.max_per_buyer, claimed.bought
        );
        return Err(Error::refused(ErrorCode::HoldLimit, detail));
    }
    let Some(created_at) = claimed.created_at else {
        // With an offer read after the cancellation there is nothing newer to look at.
        if offer.event.state == events::CANCELLED {
            return Err(Error::refused(ErrorCode::NotOnSale, "The event is cancelled."));
        }
        let detail =
            "The event has changed meanwhile. Get the hold again to see today's prices, then repeat.";
        return Err(Error::refused(ErrorCode::PriceChanged, detail));
    };
    let lost: Vec<u32> =
        seats.iter().filter(|seat| !claimed.seats.contains(seat)).map(|seat| seat.unsigned_abs()).collect();
    if !lost.is_empty() {
        return Err(Error::Refused(holds::taken(offer, &lost)));
    }
    if let Some((area, _)) = areas.iter().find(|(area, _)| !claimed.areas.contains(area)) {
        let key = usize::try_from(*area)
            .ok()
            .and_then(|area| offer.layout.ga_areas().get(area))
            .map(|a| a.key.clone());
        let refusal = Refusal::new(ErrorCode::SoldOut, "Not enough places are left in the area.");
        return Err(Error::Refused(refusal.objects(key.into_iter().collect())));
    }
    keep_quote(tx, new).await?;
    Ok(Claim::Made(Box::new(Order {
        row: row_of(offer, totals, new, created_at),
        items,
        payment: Some(payment_of(offer, totals, new, payment, created_at)),
        tickets: vec![],
        adjustments: new.quote.adjustments.clone(),
    })))
}

fn most_places(offer: &Offer, new: &NewOrder) -> i64 {
    if is_limited(new) && !mutants::is(Mutant::AnyNumber) {
        i64::from(offer.event.max_per_buyer)
    } else {
        i64::MAX
    }
}

fn items_of(lines: &[Line], new: &NewOrder) -> Vec<ItemRow> {
    let item = |(position, line): (i32, &Line)| ItemRow {
        id: new_uuid(),
        order_id: new.id.uuid(),
        position,
        seat_index: line.seat.map(|seat| to_i32(seat.0)),
        area_index: line.area.map(i32::from),
        price_tier_id: line.tier.id,
        type_no: line.tier.type_no,
        label: line.label.clone(),
        tier_name: line.tier.name.clone(),
        price_minor: line.priced.net_minor,
        fee_minor: line.priced.fee_minor,
        tax_minor: line.priced.tax_minor,
        gross_minor: line.priced.gross_minor,
    };
    (0..).zip(lines).map(item).collect()
}

fn row_of(offer: &Offer, totals: Totals, new: &NewOrder, created_at: DateTime<Utc>) -> OrderRow {
    OrderRow {
        id: new.id.uuid(),
        event_id: offer.event.id,
        hold_id: new.id.uuid(),
        state: OrderState::Pending.as_str().to_owned(),
        epoch: 1,
        buyer_email: new.buyer_email.clone(),
        buyer_name: new.buyer_name.clone(),
        buyer_ref: new.buyer_ref.clone(),
        currency: offer.event.currency.clone(),
        subtotal_minor: totals.price_minor,
        fee_minor: totals.fees_minor,
        tax_minor: totals.tax_minor,
        total_minor: totals.total_minor,
        refunded_minor: 0,
        provider: new.provider.to_owned(),
        success_url: new.success_url.clone(),
        cancel_url: new.cancel_url.clone(),
        claim_expires_at: new.claim_expires_at,
        created_at,
        paid_at: None,
        locale: new.locale.clone(),
        is_degraded: new.quote.is_degraded,
    }
}

fn payment_of(
    offer: &Offer,
    totals: Totals,
    new: &NewOrder,
    id: Uuid,
    created_at: DateTime<Utc>,
) -> PaymentRow {
    PaymentRow {
        id,
        order_id: new.id.uuid(),
        attempt: 1,
        provider: new.provider.to_owned(),
        method: new.method.clone(),
        state: "creating".to_owned(),
        idempotency_key: payment_key(new),
        account: new.account.clone(),
        session_id: None,
        session_url: None,
        payment_intent: None,
        dispute_id: None,
        amount_minor: totals.total_minor,
        currency: offer.event.currency.clone(),
        livemode: new.livemode,
        application_fee_minor: new.application_fee_minor,
        provider_expires_at: Some(new.provider_expires_at.unwrap_or(new.claim_expires_at)),
        created_at,
    }
}

/// What the provider knows the first attempt to pay by.
fn payment_key(new: &NewOrder) -> String {
    format!("cs:{}:1", new.id.uuid().simple())
}

/// The order keeps what plugins changed, and the receipts of their calls.
async fn keep_quote(tx: &mut Tx, new: &NewOrder) -> Result<()> {
    let Quote { adjustments, receipts, .. } = &new.quote;
    if !adjustments.is_empty() {
        let (tenant, order) = (tx.tenant(), new.id.uuid());
        let of_order = (order_adjustments::tenant_id.eq(tenant), order_adjustments::order_id.eq(order));
        // A statement has 65,535 values at most.
        for some in adjustments.chunks(ADJUSTMENTS_AT_ONCE) {
            let rows: Vec<_> = some.iter().map(|adjustment| (of_order, adjustment)).collect();
            diesel::insert_into(order_adjustments::table).values(rows).execute(&mut **tx).await?;
        }
    }
    if receipts.is_empty() { Ok(()) } else { receipts::insert(tx, receipts).await }
}

#[expect(clippy::too_many_arguments, reason = "one statement takes what the transaction has gathered")]
fn claim_statement(
    tx: &Tx,
    offer: &Offer,
    lines: &[Line],
    items: &[ItemRow],
    totals: Totals,
    new: &NewOrder,
    payment: Uuid,
    seats: &[i32],
    areas: &[(i32, i32)],
    key: Option<&Key>,
) -> crate::sql::Statement {
    fn column<T>(items: &[ItemRow], value: impl Fn(&ItemRow) -> T) -> Vec<T> {
        items.iter().map(value).collect()
    }
    statement!(
        text(),
        key.is_some(),
        key.map(|key| key.turn(tx.tenant())).unwrap_or_default(),
        tx.tenant(),
        key.map_or("", |key| &*key.principal),
        key.map_or("", |key| &*key.key),
        key.map_or(vec![], |key| key.fingerprint.to_vec()),
        new.id.uuid(),
        key.is_some(),
        is_limited(new),
        tx.tenant(),
        offer.event.id,
        &*new.buyer_email,
        tx.tenant(),
        offer.event.id,
        offer.event.revision,
        new.quote.revision,
        key.is_some(),
        i64::try_from(items.len()).unwrap_or(i64::MAX),
        most_places(offer, new),
        new.id.uuid(),
        new.id.uuid(),
        &*new.buyer_email,
        &*new.buyer_name,
        &*new.buyer_ref,
        &*offer.event.currency,
        totals.price_minor,
        totals.fees_minor,
        totals.tax_minor,
        totals.total_minor,
        new.provider,
        &*new.success_url,
        &*new.cancel_url,
        new.claim_expires_at,
        &*new.locale,
        new.quote.is_degraded,
        column(items, |item| item.id),
        column(items, |item| item.position),
        column(items, |item| item.seat_index),
        column(items, |item| item.area_index),
        column(items, |item| item.price_tier_id),
        column(items, |item| item.type_no),
        column(items, |item| item.label.clone()),
        column(items, |item| item.tier_name.clone()),
        lines.iter().map(|line| i32::from(flags(offer, line, new.livemode).bits())).collect::<Vec<_>>(),
        column(items, |item| item.price_minor),
        column(items, |item| item.fee_minor),
        column(items, |item| item.tax_minor),
        column(items, |item| item.gross_minor),
        seats.to_vec(),
        areas.iter().map(|(area, _)| *area).collect::<Vec<_>>(),
        areas.iter().map(|(_, quantity)| *quantity).collect::<Vec<_>>(),
        payment,
        &*new.method,
        payment_key(new),
        &*new.account,
        new.livemode,
        new.application_fee_minor,
        new.provider_expires_at.unwrap_or(new.claim_expires_at),
        !new.settles_now,
        new.first_poll_at.unwrap_or(new.claim_expires_at),
        new.first_poll_at.is_some(),
        !new.settles_now,
        new_uuid(),
        &*tx.scope.actor,
        new.id.to_string(),
        &*tx.scope.request_id,
    )
}

fn text() -> &'static str {
    const TEXT: &str = include_str!("claim.sql");
    static CARELESS: LazyLock<Option<String>> = LazyLock::new(|| match mutants::chosen()? {
        Mutant::DoubleClaims => {
            let is_kept = |line: &&str| !line.contains("ON CONFLICT (tenant_id, event_id, seat_index)");
            Some(TEXT.lines().filter(is_kept).collect::<Vec<_>>().join("\n"))
        }
        Mutant::FullPools => Some(TEXT.replace("p.taken + w.quantity <= p.capacity", "true")),
        _ => None,
    });
    CARELESS.as_deref().unwrap_or(TEXT)
}

/// Places of the event that a buyer has in live orders.
pub async fn places_of_buyer(tx: &mut Tx, event: Id<id::Event>, email: &str) -> Result<i64> {
    let bought: Bought = statement!(
        "SELECT count(*) AS places FROM orders o JOIN order_items i ON i.tenant_id = o.tenant_id AND i.order_id = o.id \
         WHERE o.tenant_id = ? AND o.event_id = ? AND o.buyer_key = lower(?) AND o.buyer_key <> '' \
         AND o.provider <> 'manual' \
         AND o.state IN ('pending', 'processing', 'paid', 'partially_refunded', 'disputed')",
        tx.tenant(),
        event.uuid(),
        email
    )
    .get_result(&mut **tx)
    .await?;
    Ok(bought.places)
}

/// Quantities by area, in the order of the areas: everybody locks the pools in the same order.
pub(super) fn areas_of(lines: &[Line]) -> Vec<(i32, i32)> {
    let mut areas = std::collections::BTreeMap::new();
    for area in lines.iter().filter_map(|line| line.area) {
        *areas.entry(i32::from(area)).or_insert(0) += 1;
    }
    areas.into_iter().collect()
}

fn flags(offer: &Offer, line: &Line, livemode: bool) -> Flags {
    let traits = line.seat.and_then(|seat| offer.layout.seat(seat)).map(|seat| seat.traits);
    let has = |wanted: SeatTrait| traits.is_some_and(|traits| traits.contains(wanted));
    let mut flags = Flags::NONE;
    if has(SeatTrait::Wheelchair) || has(SeatTrait::Accessible) {
        flags = flags.with(Flags::ACCESSIBLE);
    }
    if has(SeatTrait::Companion) {
        flags = flags.with(Flags::COMPANION);
    }
    if livemode { flags } else { flags.with(Flags::TEST) }
}

/// Seat indexes and counts are bounded far below `i32::MAX` by the limits of seat maps and holds.
pub(super) fn to_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
