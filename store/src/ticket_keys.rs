//! The key ring that signs the tenant's tickets. Private keys are sealed for their tenant and `kid`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use ed25519_dalek::{SigningKey, VerifyingKey};
use eventflow_core::{ErrorCode, ticket::KeyState};
use serde_json::json;

use crate::{
    audit_log,
    db::Tx,
    error::{Error, Result},
    schema::ticket_keys,
    seal::Sealer,
    tenants,
};

/// The `kid` is one byte of the token and is never used again.
pub const TICKET_KEYS_MAX: usize = 256;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = ticket_keys)]
pub struct TicketKey {
    pub kid: i16,
    pub public_key: Vec<u8>,
    pub state: String,
    pub created_at: DateTime<Utc>,
}

/// Every key of the ring by `kid`, at most [`TICKET_KEYS_MAX`].
pub async fn list(tx: &mut Tx) -> Result<Vec<TicketKey>> {
    let keys = ticket_keys::table
        .filter(ticket_keys::tenant_id.eq(tx.tenant()))
        .order(ticket_keys::kid)
        .select(TicketKey::as_select())
        .load(&mut **tx)
        .await?;
    Ok(keys)
}

/// The ring as doors need it: which key is behind a `kid`, and what it may still do.
pub async fn ring(tx: &mut Tx) -> Result<Vec<(u8, VerifyingKey, KeyState)>> {
    let corrupt = || Error::Corrupt("a ticket key does not read back".into());
    list(tx)
        .await?
        .into_iter()
        .map(|row| {
            let kid = u8::try_from(row.kid).map_err(|_| corrupt())?;
            let bytes: [u8; 32] = row.public_key.try_into().map_err(|_| corrupt())?;
            let key = VerifyingKey::from_bytes(&bytes).map_err(|_| corrupt())?;
            Ok((kid, key, row.state.parse().map_err(|_| corrupt())?))
        })
        .collect()
}

/// The key that signs new tickets. Opening it costs a decryption: callers keep it.
pub async fn active(tx: &mut Tx, sealer: &Sealer) -> Result<(u8, SigningKey)> {
    let corrupt = || Error::Corrupt("the active ticket key does not read back".into());
    let (kid, sealed): (i16, Vec<u8>) = ticket_keys::table
        .filter(ticket_keys::tenant_id.eq(tx.tenant()).and(ticket_keys::state.eq(KeyState::Active.as_str())))
        .select((ticket_keys::kid, ticket_keys::sealed_private_key))
        .first(&mut **tx)
        .await?;
    let kid = u8::try_from(kid).map_err(|_| corrupt())?;
    let private = sealer.open(&sealed, &context(tx, kid))?;
    let private: [u8; 32] = private.try_into().map_err(|_| corrupt())?;
    Ok((kid, SigningKey::from_bytes(&private)))
}

/// Makes a new key that signs from now on; the one before stays good for the tickets that it signed.
pub async fn rotate(tx: &mut Tx, sealer: &Sealer) -> Result<TicketKey> {
    tenants::lock(tx).await?;
    let last: Option<i16> = ticket_keys::table
        .filter(ticket_keys::tenant_id.eq(tx.tenant()))
        .select(diesel::dsl::max(ticket_keys::kid))
        .first(&mut **tx)
        .await?;
    let next = last.map_or(0, |kid| kid.saturating_add(1));
    let kid = u8::try_from(next).map_err(|_| {
        let detail =
            format!("All {TICKET_KEYS_MAX} numbers of keys are used; a ticket names its key by one byte.");
        Error::refused(ErrorCode::LimitReached, detail)
    })?;
    diesel::update(ticket_keys::table)
        .filter(ticket_keys::tenant_id.eq(tx.tenant()).and(ticket_keys::state.eq(KeyState::Active.as_str())))
        .set(ticket_keys::state.eq(KeyState::Retired.as_str()))
        .execute(&mut **tx)
        .await?;
    let key = insert(tx, sealer, kid).await?;
    let tenant = tx.scope.tenant;
    audit_log::record(tx, "ticket_keys.rotate", tenant, json!({ "kid": kid })).await?;
    Ok(key)
}

/// Makes an active key; the caller has seen to it that there is no other.
pub(crate) async fn insert(tx: &mut Tx, sealer: &Sealer, kid: u8) -> Result<TicketKey> {
    let signing = SigningKey::from_bytes(&rand::random());
    let sealed = sealer.seal(signing.as_bytes(), &context(tx, kid))?;
    let key = diesel::insert_into(ticket_keys::table)
        .values((
            ticket_keys::tenant_id.eq(tx.tenant()),
            ticket_keys::kid.eq(i16::from(kid)),
            ticket_keys::public_key.eq(signing.verifying_key().as_bytes().as_slice()),
            ticket_keys::sealed_private_key.eq(sealed),
            ticket_keys::state.eq(KeyState::Active.as_str()),
        ))
        .returning(TicketKey::as_returning())
        .get_result(&mut **tx)
        .await?;
    Ok(key)
}

/// What a sealed key is bound to: the tenant's id and the `kid`.
fn context(tx: &Tx, kid: u8) -> Vec<u8> {
    [tx.tenant().as_bytes().as_slice(), &[kid]].concat()
}
