//! The mirror: repeats in Redis what Postgres has committed (claims, sales, releases, blocks, changed offers). One
//! server at a time does it, in the order of the outbox; every change can be repeated.

use std::collections::BTreeMap;

use diesel::{prelude::*, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use eventflow_core::{ErrorCode, Id, id};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Holds,
    scripts::{self, on},
};
use crate::{
    db::{Scope, Tx},
    error::{Error, Result},
    schema::outbox,
};

/// Rows of the outbox repeated at once.
const BATCH: i64 = 500;

/// A change of an event's places, as it stands in the outbox and as the script reads it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Change {
    /// `claimed`, `sold`, `released`, `blocked`, `unblocked`, `offer`, `map` (then `g` has capacities, and `v` is the version of the map).
    pub k: String,
    /// The order, 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub o: Option<String>,
    /// The hold that the order was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h: Option<String>,
    #[serde(default)]
    pub s: Vec<i32>,
    /// Area and the number taken after the change.
    #[serde(default)]
    pub g: Vec<(i32, i32)>,
    /// Of a newer version of the map: areas that are sold to one party at a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one: Vec<i32>,
    /// The outbox id: later changes of an area win.
    #[serde(default)]
    pub v: i64,
}

/// Records a change in the transaction that makes it.
pub async fn record(tx: &mut Tx, event: Id<id::Event>, change: &Change) -> Result<()> {
    let payload = serde_json::to_value(change).map_err(|error| Error::Corrupt(error.to_string()))?;
    diesel::insert_into(outbox::table)
        .values((
            outbox::tenant_id.eq(tx.tenant()),
            outbox::event_id.eq(event.uuid()),
            outbox::kind.eq(&change.k),
            outbox::payload.eq(payload),
        ))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

type Row = (i64, Uuid, Uuid, String, Value);

/// What a batch says of one event.
struct News {
    tenant: Uuid,
    rows: Vec<i64>,
    changes: serde_json::Result<Vec<Change>>,
}

impl Holds {
    /// Repeats one batch; answers whether it was full, so that there may be more. `connection` is one of `ef_system` that holds the mirror's lock.
    pub async fn mirror(&self, connection: &mut AsyncPgConnection) -> Result<bool> {
        let rows: Vec<Row> = outbox::table
            .order(outbox::id)
            .limit(BATCH)
            .select((outbox::id, outbox::tenant_id, outbox::event_id, outbox::kind, outbox::payload))
            .load(connection)
            .await?;
        let mut events: BTreeMap<Uuid, News> = BTreeMap::new();
        for (id, tenant, event, kind, payload) in rows.iter().cloned() {
            let news =
                events.entry(event).or_insert_with(|| News { tenant, rows: vec![], changes: Ok(vec![]) });
            news.rows.push(id);
            if let Ok(changes) = &mut news.changes {
                match changes_of(id, &kind, payload) {
                    Ok(more) => changes.extend(more),
                    Err(error) => news.changes = Err(error),
                }
            }
        }
        let mut failed = None;
        for (event, news) in events {
            let (tenant, event) = (news.tenant.into(), event.into());
            let repeated = match news.changes {
                Ok(changes) => self.repeat(tenant, event, &changes).await,
                Err(error) => {
                    tracing::error!(error = %error, event.id = %event, "an outbox row cannot be read; Redis learns the event anew");
                    self.forget(tenant, event).await
                }
            };
            // One event that cannot be mirrored now must not keep the others waiting.
            match repeated {
                Ok(()) => {
                    diesel::delete(outbox::table.filter(outbox::id.eq_any(news.rows)))
                        .execute(connection)
                        .await?;
                }
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(i64::try_from(rows.len()).is_ok_and(|rows| rows >= BATCH)),
        }
    }

    /// A change that nobody understands, perhaps of a newer version, is in Postgres, from which Redis learns everything at the next
    /// request. Carts are lost.
    async fn forget(&self, tenant: Id<id::Tenant>, event: Id<id::Event>) -> Result<()> {
        self.offers.drop(tenant, event);
        scripts::Answer::of(self.gate.run(&on(&scripts::FORGET, event)).await?)?;
        Ok(())
    }

    async fn repeat(&self, tenant: Id<id::Tenant>, event: Id<id::Event>, changes: &[Change]) -> Result<()> {
        if changes.iter().any(|change| change.k == "offer") {
            self.offers.drop(tenant, event);
        }
        let offer = match self.offer(&Scope::system(tenant, "mirror"), event).await {
            Ok(offer) => offer,
            // A draft has nothing in Redis.
            Err(Error::Refused(refusal)) if refusal.code == ErrorCode::NotOnSale => return Ok(()),
            Err(error) => return Err(error),
        };
        let json = serde_json::to_string(changes).map_err(|error| Error::Corrupt(error.to_string()))?;
        let mut invocation = on(&scripts::MIRROR, event);
        invocation.arg(json);
        match self.run(&offer, &invocation).await?.word()?.as_str() {
            "mirrored" => Ok(()),
            other => Err(scripts::unexpected(other)),
        }
    }
}

/// What a row of the outbox means to Redis.
fn changes_of(id: i64, kind: &str, payload: Value) -> serde_json::Result<Vec<Change>> {
    #[derive(Deserialize)]
    struct Seats {
        seats: Vec<i32>,
        status: String,
    }
    #[derive(Deserialize)]
    struct Map {
        version: i64,
        capacities: Vec<(i32, i32)>,
        #[serde(default)]
        one_party: Vec<i32>,
    }
    let offer = || Change { k: "offer".into(), ..Change::default() };
    Ok(match kind {
        "event.changed" => vec![offer()],
        // Followers learn of the offer first, and begin anew with it then.
        "map.changed" => {
            let Map { version, capacities, one_party } = serde_json::from_value(payload)?;
            let k = "map".into();
            vec![offer(), Change { k, g: capacities, one: one_party, v: version, ..Change::default() }]
        }
        "seats.changed" => {
            let Seats { seats, status } = serde_json::from_value(payload)?;
            let k = if status == "blocked" { "blocked" } else { "unblocked" };
            vec![Change { k: k.into(), s: seats, ..Change::default() }, offer()]
        }
        _ => vec![Change { v: id, ..serde_json::from_value(payload)? }],
    })
}

/// Takes the lock that makes this connection the one that mirrors, until it closes. False when another one has it.
pub async fn lead(connection: &mut AsyncPgConnection) -> Result<bool> {
    #[derive(QueryableByName)]
    struct Lock {
        #[diesel(sql_type = sql_types::Bool)]
        locked: bool,
    }
    let lock: Lock = diesel::sql_query("SELECT pg_try_advisory_lock(hashtext('eventflow mirror')) AS locked")
        .get_result(connection)
        .await?;
    Ok(lock.locked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reads_back_as_it_was_written() {
        let change = Change {
            k: "sold".into(),
            o: Some("0a".into()),
            s: vec![1, 2],
            g: vec![(0, 5)],
            ..Change::default()
        };
        let back: Change = serde_json::from_value(serde_json::to_value(&change).unwrap()).unwrap();
        assert_eq!((back.k, back.s, back.g), (change.k, change.s, change.g));
    }
}
