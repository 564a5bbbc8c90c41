//! Rebuild: Redis forgot an event (restart, flush, failover) or never knew it. Until Postgres has told it what is
//! claimed, sold and blocked, nobody can hold anything.

use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::{Id, id};
use serde_json::json;
use uuid::Uuid;

use super::{
    Holds,
    scripts::{self, Answer, on, rebuilding},
};
use crate::{
    db::{Scope, Tx, new_uuid},
    error::Result,
    failpoints,
    offers::Offer,
    schema::{ga_pools, seat_blocks, seat_claims},
};

/// Seats written by one run of the script.
const CHUNK: usize = 5_000;

/// What Postgres knows of an event at one moment.
struct Known {
    /// Seat and its value in Redis.
    seats: Vec<(i32, String)>,
    /// Area, capacity, taken, version, 1 for one party at a time.
    areas: Vec<(i32, i32, i32, i64, u8)>,
}

impl Holds {
    /// Teaches Redis the event. Of several servers one does it; the others are told to come back.
    pub(super) async fn rebuild(&self, offer: &Offer) -> Result<()> {
        let event = offer.event_id();
        let token = new_uuid().simple().to_string();
        // Takes the lock first: what is read afterwards includes everything committed before the gate opens,
        // and what commits later comes through the mirror.
        if !self.write(event, &token, true, false, &json!({ "s": [], "g": [] })).await? {
            return Ok(());
        }
        let scope = Scope::system(offer.tenant, "rebuild");
        let known = self.db.run(&scope, async |tx| read(tx, event).await).await?;
        for chunk in known.seats.chunks(CHUNK) {
            self.write(event, &token, false, false, &json!({ "s": chunk, "g": [] })).await?;
        }
        self.write(event, &token, false, true, &json!({ "s": [], "g": known.areas })).await?;
        tracing::info!(event.id = %event, seats = known.seats.len(), "Redis learnt an event from Postgres");
        Ok(())
    }

    /// False when Redis knows the event by now.
    async fn write(
        &self,
        event: Id<id::Event>,
        token: &str,
        first: bool,
        last: bool,
        data: &serde_json::Value,
    ) -> Result<bool> {
        failpoints::pass("before a part of what Redis learns");
        let mut invocation = on(&scripts::REBUILD, event);
        invocation
            .arg(token)
            .arg(if first { "1" } else { "" })
            .arg(if last { token } else { "" })
            .arg(data.to_string());
        match Answer::of(self.gate.run(&invocation).await?)?.word()?.as_str() {
            "written" => Ok(true),
            "known" => Ok(false),
            _ => Err(rebuilding()),
        }
    }
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = sql_types::BigInt)]
    version: i64,
}

async fn read(tx: &mut Tx, event: Id<id::Event>) -> Result<Known> {
    let tenant = tx.tenant();
    // The locks wait for claims under way: every change of `taken` up to the version below is in it.
    let pools: Vec<(i32, i32, i32, bool)> = ga_pools::table
        .filter(ga_pools::tenant_id.eq(tenant).and(ga_pools::event_id.eq(event.uuid())))
        .order(ga_pools::area_index)
        .select((ga_pools::area_index, ga_pools::capacity, ga_pools::taken, ga_pools::single_party))
        .for_update()
        .load(&mut **tx)
        .await?;
    let version: Version = diesel::sql_query(
        "SELECT coalesce(max(id), 0) AS version FROM outbox WHERE tenant_id = $1 AND event_id = $2",
    )
    .bind::<sql_types::Uuid, _>(tenant)
    .bind::<sql_types::Uuid, _>(event.uuid())
    .get_result(&mut **tx)
    .await?;
    let claims: Vec<(i32, Uuid, String)> = seat_claims::table
        .filter(seat_claims::tenant_id.eq(tenant).and(seat_claims::event_id.eq(event.uuid())))
        .filter(seat_claims::state.eq_any(["reserved", "sold"]))
        .select((seat_claims::seat_index, seat_claims::order_id, seat_claims::state))
        .load(&mut **tx)
        .await?;
    let blocks: Vec<i32> = seat_blocks::table
        .filter(seat_blocks::tenant_id.eq(tenant).and(seat_blocks::event_id.eq(event.uuid())))
        .select(seat_blocks::seat_index)
        .load(&mut **tx)
        .await?;
    let value =
        |order: Uuid, state: &str| format!("{}:{}", if state == "sold" { 's' } else { 'c' }, order.simple());
    let seats = blocks
        .into_iter()
        .map(|seat| (seat, "b".to_owned()))
        .chain(claims.into_iter().map(|(seat, order, state)| (seat, value(order, &state))))
        .collect();
    let areas = pools
        .into_iter()
        .map(|(area, capacity, taken, one)| (area, capacity, taken, version.version, u8::from(one)))
        .collect();
    Ok(Known { seats, areas })
}
