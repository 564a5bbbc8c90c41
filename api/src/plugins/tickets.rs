//! More fields for tickets.

use eventflow_core::{Id, id, seat_map::SeatIndex};
use eventflow_plugin_host::{
    Hook, Keep,
    hooks::Ticket,
    values::{Field, TicketFacts},
};
use eventflow_store::{Result, Scope, orders, tickets::TicketRow};

use super::{cart, off_thread};
use crate::{app::App, shapes};

/// What the plugins of the event add to a ticket. A ticket is shown in any case: a plugin that does not answer adds nothing,
/// and of two fields with one key the first one counts.
pub async fn fields(app: &App, scope: &Scope, ticket: &TicketRow) -> Result<Vec<Field>> {
    let turns = app.plugins.of(app, scope).await?.turns(ticket.event_id, Hook::Ticket);
    if turns.is_empty() {
        return Ok(Vec::new());
    }
    let offer = app.holds.offer(scope, ticket.event_id.into()).await?;
    let demand = app.holds.demand(scope, &offer).await?;
    let order = app.db.run(scope, async |tx| orders::row(tx, ticket.order_id.into()).await).await?;
    let Some(tier) = offer.tier(ticket.price_tier_id) else { return Ok(Vec::new()) };
    let seat = ticket.seat_index.and_then(|index| u32::try_from(index).ok()).map(SeatIndex);
    let subject = Id::<id::Ticket>::from(ticket.id).to_string();
    let facts = TicketFacts {
        id: subject.clone(),
        event: cart::event(&offer, &demand),
        tier: cart::tier(&offer, &demand, tier),
        seat: seat.map(|index| cart::seat(&offer, index)),
        holder_name: order.buyer_name.clone(),
        order_reference: shapes::order_reference(order.id),
        // Of its making: a ticket looks the same whenever it is looked at.
        now: ticket.created_at.timestamp(),
        seed: cart::seed(ticket.id),
        locale: if order.locale.is_empty() { cart::LOCALE_DEFAULT.to_owned() } else { order.locale },
        attributes: Vec::new(),
    };
    let host = app.plugins.host()?;
    let calls = off_thread(move || {
        let asked = turns.iter().filter_map(|turn| host.ask::<Ticket>(&turn.step, &facts, Keep::Failures));
        asked.collect::<Vec<_>>()
    })
    .await?;
    let mut fields: Vec<Field> = Vec::new();
    for (call, called) in calls {
        app.plugins.receipts.count(scope.tenant, std::slice::from_ref(&called));
        app.plugins.receipts.keep(scope.tenant, &subject, true, std::slice::from_ref(&called));
        for field in call.answer.unwrap_or_default() {
            if !fields.iter().any(|known| known.key == field.key) {
                fields.push(field);
            }
        }
    }
    Ok(fields)
}
