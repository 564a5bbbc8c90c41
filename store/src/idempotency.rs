//! Idempotency keys: written in the transaction of the effect, kept for 24 hours.
//!
//! Same key and request -> the stored answer; another request -> 422; one in flight -> 409.

use chrono::{TimeDelta, Utc};
use diesel::{OptionalExtension, prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Refusal};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    db::{Db, Tx},
    error::{Error, Result},
    gate::Gate,
    schema::idempotency_keys,
    statement,
};

/// How long an answer can be replayed.
pub const KEEP_HOURS: i64 = 24;

/// A request that has died keeps others with its key away for so long. One that takes longer is overtaken; then the key's row
/// decides.
const TURN_MS: u32 = 15_000;

/// A client's key for one request, and what the request was.
#[derive(Debug, Clone)]
pub struct Key {
    /// Whose key it is: two credentials never share keys.
    pub principal: String,
    pub key: String,
    /// SHA-256 over method, path, query and body.
    pub fingerprint: [u8; 32],
}

impl Key {
    /// A short name for Redis, whatever the client chose: 32 hexadecimal digits.
    pub fn short_name(&self) -> String {
        use sha2::{Digest, Sha256};
        let digest =
            Sha256::new().chain_update(&self.principal).chain_update([0]).chain_update(&self.key).finalize();
        hex::encode(&digest[..16])
    }

    /// What requests with the key take turns by.
    pub(crate) fn turn(&self, tenant: Uuid) -> String {
        format!("{tenant}\n{}\n{}", self.principal, self.key)
    }
}

/// What is known of a key.
#[derive(Debug, PartialEq)]
pub enum Known {
    /// Never seen: go on, and [`remember`] the answer in the same transaction.
    New,
    /// The work has begun with this object, and its answer is not stored yet: go on from there.
    Begun(Uuid),
    Answered(Value),
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = sql_types::Bool)]
    locked: bool,
}

/// Looks the key up and keeps others with the same key out until the transaction ends.
pub async fn begin(tx: &mut Tx, key: &Key) -> Result<Known> {
    let text = key.turn(tx.tenant());
    let lock: Locked =
        diesel::sql_query("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 1)) AS locked")
            .bind::<sql_types::Text, _>(text)
            .get_result(&mut **tx)
            .await?;
    if !lock.locked {
        return Err(in_flight());
    }
    let row: Option<(Vec<u8>, Option<Uuid>, Option<Value>)> = idempotency_keys::table
        .find((tx.tenant(), &key.principal, &key.key))
        .select((idempotency_keys::fingerprint, idempotency_keys::subject_id, idempotency_keys::response))
        .first(&mut **tx)
        .await
        .optional()?;
    match row {
        None => Ok(Known::New),
        Some((fingerprint, _, _)) if fingerprint != key.fingerprint => Err(conflict()),
        Some((_, _, Some(response))) => Ok(Known::Answered(response)),
        Some((_, Some(subject), None)) => Ok(Known::Begun(subject)),
        Some((_, None, None)) => Err(Error::Corrupt("an idempotency key without subject and answer".into())),
    }
}

/// Does `work` while no other request with the key does: for work before the transaction that must not be done twice.
///
/// # Errors
/// `idempotency_in_flight` when another request with the key is at it.
pub async fn alone<T, E: From<Error>>(
    gate: &Gate,
    key: &Key,
    work: impl Future<Output = std::result::Result<T, E>>,
) -> std::result::Result<T, E> {
    let name = format!("turn:{}", key.short_name());
    let mut take = redis::cmd("SET");
    take.arg(&name).arg(1).arg("NX").arg("PX").arg(TURN_MS);
    if gate.command::<Option<String>>(&take).await?.is_none() {
        return Err(in_flight().into());
    }
    let done = work.await;
    // What cannot be given back ends by itself.
    let _: Result<i64> = gate.command(redis::cmd("DEL").arg(&name)).await;
    done
}

/// Stores the answer, or with `None` the object that the work has begun with. The first answer stays: it is what comes back.
pub async fn remember(
    tx: &mut Tx,
    key: &Key,
    subject: Option<Uuid>,
    response: Option<&Value>,
) -> Result<Option<Value>> {
    #[derive(QueryableByName)]
    struct Kept {
        #[diesel(sql_type = sql_types::Nullable<sql_types::Jsonb>)]
        response: Option<Value>,
    }
    let kept: Kept = statement!(
        "INSERT INTO idempotency_keys AS k (tenant_id, principal, key, fingerprint, subject_id, response) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id, principal, key) DO UPDATE \
         SET subject_id = excluded.subject_id, response = coalesce(k.response, excluded.response) RETURNING k.response",
        tx.tenant(),
        &*key.principal,
        &*key.key,
        key.fingerprint.to_vec(),
        subject,
        response.cloned()
    )
    .get_result(&mut **tx)
    .await?;
    Ok(kept.response)
}

/// Forgets keys that are older than [`KEEP_HOURS`]; returns how many.
pub async fn sweep(db: &Db) -> Result<usize> {
    let horizon = Utc::now() - TimeDelta::hours(KEEP_HOURS);
    let mut connection = db.system().await?;
    let gone = diesel::delete(idempotency_keys::table.filter(idempotency_keys::created_at.lt(horizon)))
        .execute(&mut *connection)
        .await?;
    Ok(gone)
}

/// The refusal for a key that another request is using at this moment.
pub fn in_flight() -> Error {
    Error::Refused(
        Refusal::new(ErrorCode::IdempotencyInFlight, "Wait for the first request, then repeat this one.")
            .retry_after(1),
    )
}

/// The refusal for a key that came with another request before.
pub fn conflict() -> Error {
    Error::refused(
        ErrorCode::IdempotencyConflict,
        "Use a new key for a new request; a repetition must be the same to the byte.",
    )
}
