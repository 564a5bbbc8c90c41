//! T1: the claim. One transaction writes the order with one live claim per place; fewer claims than places, and nothing
//! has happened.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, Insertable, Queryable, QueryableByName, Selectable, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Id, Refusal, id, pricing::Totals, seat_map::SeatTrait, ticket::Flags};
use uuid::Uuid;

use crate::{
    db::{Tx, new_uuid},
    error::{Error, Result},
    events,
    holds::{self, Line},
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
    #[diesel(sql_type = sql_types::BigInt)]
    events: i64,
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

/// Claims `lines` for a new order; answers the payment attempt's id.
///
/// # Errors
/// `seats_taken` or `sold_out` when another order was faster, `price_changed` when the offer is old, `hold_limit` when
/// the buyer has enough, `order_state` when the hold has become an order already.
pub async fn claim(
    tx: &mut Tx,
    offer: &Offer,
    lines: &[Line],
    totals: Totals,
    new: &NewOrder,
) -> Result<Uuid> {
    check_buyer_limit(tx, offer, lines.len(), new).await?;
    let payment = new_uuid();
    let mut seats: Vec<i32> = lines.iter().filter_map(|line| line.seat).map(|seat| to_i32(seat.0)).collect();
    seats.sort_unstable();
    let areas = areas_of(lines);
    let claimed: Claimed = claim_statement(tx, offer, lines, totals, new, payment, &seats, &areas)
        .get_result(&mut **tx)
        .await
        .map_err(|error| {
            let again = || {
                Refusal::new(
                    ErrorCode::OrderState,
                    "This hold has become an order already. Get the order instead.",
                )
            };
            Error::from(error).on_constraint("orders_pkey", again).on_constraint("orders_hold_id_key", again)
        })?;
    if claimed.events == 0 {
        // With an offer read after the cancellation there is nothing newer to look at.
        if offer.event.state == events::CANCELLED {
            return Err(Error::refused(ErrorCode::NotOnSale, "The event is cancelled."));
        }
        let detail =
            "The event has changed meanwhile. Get the hold again to see today's prices, then repeat.";
        return Err(Error::refused(ErrorCode::PriceChanged, detail));
    }
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
    Ok(payment)
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
    totals: Totals,
    new: &NewOrder,
    payment: Uuid,
    seats: &[i32],
    areas: &[(i32, i32)],
) -> crate::sql::Statement {
    let column = |value: fn(&Line) -> i64| lines.iter().map(value).collect::<Vec<i64>>();
    statement!(
        text(),
        tx.tenant(),
        offer.event.id,
        offer.event.revision,
        new.quote.revision,
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
        lines.iter().map(|_| new_uuid()).collect::<Vec<_>>(),
        (0..to_i32(u32::try_from(lines.len()).unwrap_or(u32::MAX))).collect::<Vec<i32>>(),
        lines.iter().map(|line| line.seat.map(|seat| to_i32(seat.0))).collect::<Vec<_>>(),
        lines.iter().map(|line| line.area.map(i32::from)).collect::<Vec<_>>(),
        lines.iter().map(|line| line.tier.id).collect::<Vec<_>>(),
        lines.iter().map(|line| line.tier.type_no).collect::<Vec<_>>(),
        lines.iter().map(|line| line.label.clone()).collect::<Vec<_>>(),
        lines.iter().map(|line| line.tier.name.clone()).collect::<Vec<_>>(),
        lines.iter().map(|line| i32::from(flags(offer, line, new.livemode).bits())).collect::<Vec<_>>(),
        column(|line| line.priced.net_minor),
        column(|line| line.priced.fee_minor),
        column(|line| line.priced.tax_minor),
        column(|line| line.priced.gross_minor),
        seats.to_vec(),
        areas.iter().map(|(area, _)| *area).collect::<Vec<_>>(),
        areas.iter().map(|(_, quantity)| *quantity).collect::<Vec<_>>(),
        payment,
        &*new.method,
        &*new.account,
        new.livemode,
        new.application_fee_minor,
        new.provider_expires_at.unwrap_or(new.claim_expires_at),
        !new.settles_now,
        !new.settles_now,
        new_uuid(),
        &*tx.scope.actor,
        new.id.to_string(),
        &*tx.scope.request_id,
    )
}

fn text() -> &'static str {
    const TEXT: &str = include_str!("claim.sql");
    if !mutants::is(Mutant::DoubleClaims) {
        return TEXT;
    }
    static CARELESS: LazyLock<String> = LazyLock::new(|| {
        TEXT.lines().filter(|line| !line.contains("ON CONFLICT")).collect::<Vec<_>>().join("\n")
    });
    &CARELESS
}

/// Places that one buyer has in live orders count together, by e-mail address.
async fn check_buyer_limit(tx: &mut Tx, offer: &Offer, places: usize, new: &NewOrder) -> Result<()> {
    // The box office sells to whoever stands there.
    if new.buyer_email.is_empty() || new.provider == "manual" {
        return Ok(());
    }
    // Two tabs of one buyer take turns, so that neither misses the other's order.
    let lock = statement!(
        "SELECT 1::bigint AS places FROM (SELECT pg_advisory_xact_lock(hashtextextended(lower(?) || ?, 2))) AS lock",
        &*new.buyer_email,
        offer.event.id.to_string()
    );
    let _: Bought = lock.get_result(&mut **tx).await?;
    let bought = places_of_buyer(tx, offer.event_id(), &new.buyer_email).await?;
    let after = bought + i64::try_from(places).unwrap_or(i64::MAX);
    if after <= i64::from(offer.event.max_per_buyer) {
        return Ok(());
    }
    let detail = format!(
        "One buyer may have {} places of this event and has {} already.",
        offer.event.max_per_buyer, bought
    );
    Err(Error::refused(ErrorCode::HoldLimit, detail))
}

/// Places of the event that a buyer has in live orders.
pub async fn places_of_buyer(tx: &mut Tx, event: Id<id::Event>, email: &str) -> Result<i64> {
    let bought: Bought = statement!(
        "SELECT count(*) AS places FROM orders o JOIN order_items i ON i.tenant_id = o.tenant_id AND i.order_id = o.id \
         WHERE o.tenant_id = ? AND o.event_id = ? AND o.buyer_key = lower(?) AND o.buyer_key <> '' \
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
