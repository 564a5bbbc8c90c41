//! Tickets: one row is the right of one guest to one place. The text of its QR code is made from the row on demand, so
//! that a backup of the database holds no ticket that opens a door.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use ed25519_dalek::SigningKey;
use eventflow_core::{
    ErrorCode, Id, id,
    order::TicketState,
    ticket::{Flags, Minute, Token},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::Tx,
    error::{Error, OrNotFound, Result},
    schema::{events, orders, ticket_keys, tickets},
    seal::Sealer,
    statement,
};

/// A ticket, with the number of its event: all that its token states.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = tickets)]
pub struct TicketRow {
    pub id: Uuid,
    pub event_id: Uuid,
    #[diesel(select_expression = events::event_no)]
    pub event_no: i32,
    pub order_id: Uuid,
    pub seat_index: Option<i32>,
    pub area_index: Option<i32>,
    pub label: String,
    pub price_tier_id: Uuid,
    pub type_no: i32,
    pub tier_name: String,
    pub state: String,
    pub generation: i32,
    pub kid: i16,
    pub flags: i32,
    pub not_before: DateTime<Utc>,
    pub not_after: DateTime<Utc>,
    pub void_reason: String,
    pub created_at: DateTime<Utc>,
}

/// Which tickets a list shows; `None` does not restrict it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    pub order: Option<Id<id::Order>>,
    pub event: Option<Id<id::Event>>,
}

impl TicketRow {
    pub fn is_void(&self) -> bool {
        self.state == TicketState::Void.as_str()
    }

    /// What the QR code of the ticket says, before it is signed with the key `kid`.
    pub fn token(&self) -> Result<Token> {
        let window = (self.not_before, self.not_after);
        token_of(self.id, self.event_no, self.kid, self.generation, self.type_no, self.flags, window)
    }
}

/// The token that columns of a ticket make.
pub(crate) fn token_of(
    id: Uuid,
    event_no: i32,
    kid: i16,
    generation: i32,
    type_no: i32,
    flags: i32,
    (not_before, not_after): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Token> {
    let token = || {
        Some(Token {
            kid: u8::try_from(kid).ok()?,
            event_no: u32::try_from(event_no).ok()?,
            ticket_id: id,
            generation: u16::try_from(generation).ok()?,
            type_no: u16::try_from(type_no).ok()?,
            not_before: Minute::floor(not_before)?,
            not_after: Minute::ceil(not_after)?,
            flags: Flags::from_bits(u16::try_from(flags).ok()?),
        })
    };
    token().ok_or_else(|| Error::Corrupt(format!("ticket {id} does not fit into a token")))
}

/// Tickets of an event that ends later are good until a day after its new end. Codes that are printed already say the old
/// time; at the door, the ticket's row counts.
pub(crate) async fn prolong(tx: &mut Tx, event: Id<id::Event>) -> Result<()> {
    statement!(
        "UPDATE tickets t SET not_after = e.ends_at + interval '1 day', updated_at = now() FROM events e \
         WHERE e.tenant_id = ? AND e.id = ? AND t.tenant_id = e.tenant_id AND t.event_id = e.id AND t.state <> 'void' \
         AND t.not_after < e.ends_at + interval '1 day'",
        tx.tenant(),
        event.uuid()
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn get(tx: &mut Tx, id: Id<id::Ticket>) -> Result<TicketRow> {
    tickets::table
        .inner_join(
            events::table.on(events::tenant_id.eq(tickets::tenant_id).and(events::id.eq(tickets::event_id))),
        )
        .filter(tickets::tenant_id.eq(tx.tenant()).and(tickets::id.eq(id.uuid())))
        .select(TicketRow::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("ticket")
}

/// The tickets of an order in the order of their making; an order has as many as items, so there is no page.
pub(crate) async fn for_order(
    mut connection: &AsyncPgConnection,
    tenant: Uuid,
    order: Id<id::Order>,
) -> QueryResult<Vec<TicketRow>> {
    let mut found: Vec<TicketRow> = tickets::table
        .inner_join(
            events::table.on(events::tenant_id.eq(tickets::tenant_id).and(events::id.eq(tickets::event_id))),
        )
        .filter(tickets::tenant_id.eq(tenant).and(tickets::order_id.eq(order.uuid())))
        .select(TicketRow::as_select())
        .load(&mut connection)
        .await?;
    // Here, not there: for this order a plan made of empty tables would walk along all tickets of the tenant.
    found.sort_unstable_by_key(|ticket| ticket.id);
    Ok(found)
}

pub async fn list(tx: &mut Tx, filter: Filter, limit: i64, after: Option<Uuid>) -> Result<Vec<TicketRow>> {
    let mut query = tickets::table
        .inner_join(
            events::table.on(events::tenant_id.eq(tickets::tenant_id).and(events::id.eq(tickets::event_id))),
        )
        .filter(tickets::tenant_id.eq(tx.tenant()))
        .order(tickets::id)
        .limit(limit)
        .select(TicketRow::as_select())
        .into_boxed();
    if let Some(order) = filter.order {
        query = query.filter(tickets::order_id.eq(order.uuid()));
    }
    if let Some(event) = filter.event {
        query = query.filter(tickets::event_id.eq(event.uuid()));
    }
    if let Some(after) = after {
        query = query.filter(tickets::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}

/// Refuses a filter that names an order or event which the tenant does not have.
pub async fn check_filter(tx: &mut Tx, filter: Filter) -> Result<()> {
    if let Some(order) = filter.order {
        let known = orders::table.find((tx.tenant(), order.uuid())).select(orders::id);
        known.first::<Uuid>(&mut **tx).await.optional().or_not_found("order")?;
    }
    if let Some(event) = filter.event {
        let known = events::table.find((tx.tenant(), event.uuid())).select(events::id);
        known.first::<Uuid>(&mut **tx).await.optional().or_not_found("event")?;
    }
    Ok(())
}

/// Withdraws a ticket for good: no door admits it any more. Its place stays sold until the order is refunded.
pub async fn void(tx: &mut Tx, id: Id<id::Ticket>, reason: &str) -> Result<TicketRow> {
    let live = [TicketState::Valid.as_str(), TicketState::Frozen.as_str()];
    let voided =
        diesel::update(tickets::table.find((tx.tenant(), id.uuid())).filter(tickets::state.eq_any(live)))
            .set((
                tickets::state.eq(TicketState::Void.as_str()),
                tickets::void_reason.eq(reason),
                tickets::updated_at.eq(diesel::dsl::now),
            ))
            .execute(&mut **tx)
            .await?;
    let ticket = get(tx, id).await?;
    if voided == 0 {
        return Err(Error::refused(ErrorCode::TicketState, "The ticket is void already."));
    }
    audit_log::record(tx, "tickets.void", id, json!({ "reason": reason })).await?;
    Ok(ticket)
}

/// The key of the tenant with this `kid`, which may have been rotated out: the codes of its tickets stay good. Opening it
/// costs a decryption: callers keep it.
pub async fn signing_key(tx: &mut Tx, sealer: &Sealer, kid: u8) -> Result<SigningKey> {
    let sealed: Vec<u8> = ticket_keys::table
        .find((tx.tenant(), i16::from(kid)))
        .select(ticket_keys::sealed_private_key)
        .first(&mut **tx)
        .await?;
    // As it was sealed by `ticket_keys`: for the tenant and the `kid`.
    let context = [tx.tenant().as_bytes().as_slice(), &[kid]].concat();
    let private: [u8; 32] = sealer
        .open(&sealed, &context)?
        .try_into()
        .map_err(|_| Error::Corrupt(format!("ticket key {kid} does not read back")))?;
    Ok(SigningKey::from_bytes(&private))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> TicketRow {
        let time = |text: &str| text.parse().unwrap();
        TicketRow {
            id: Uuid::from_u128(7),
            event_id: Uuid::from_u128(1),
            event_no: 12,
            order_id: Uuid::from_u128(2),
            seat_index: Some(3),
            area_index: None,
            label: "Parkett links, Reihe 1, Platz 4".into(),
            price_tier_id: Uuid::from_u128(4),
            type_no: 2,
            tier_name: "Kategorie 1".into(),
            state: "valid".into(),
            generation: 1,
            kid: 200,
            flags: 0x0110,
            not_before: time("2026-09-01T18:00:30Z"),
            not_after: time("2026-09-01T23:00:30Z"),
            void_reason: String::new(),
            created_at: time("2026-08-01T10:00:00Z"),
        }
    }

    #[test]
    fn a_token_states_the_row_and_rounds_its_window_outwards() {
        let token = row().token().unwrap();
        assert_eq!((token.kid, token.event_no, token.generation, token.type_no), (200, 12, 1, 2));
        assert_eq!(token.not_before.to_utc(), "2026-09-01T18:00:00Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!(token.not_after.to_utc(), "2026-09-01T23:01:00Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!((token.flags.zone_mask(), token.flags.contains(Flags::TEST)), (1, true));
    }

    #[test]
    fn what_does_not_fit_into_a_token_is_a_defect() {
        for broken in [
            TicketRow { kid: 256, ..row() },
            TicketRow { event_no: -1, ..row() },
            TicketRow { generation: 65_536, ..row() },
            TicketRow { not_before: "2019-12-31T23:59:00Z".parse().unwrap(), ..row() },
        ] {
            assert!(matches!(broken.token(), Err(Error::Corrupt(_))));
        }
    }
}
