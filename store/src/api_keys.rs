//! API keys: secret keys of servers (scopes) and publishable keys of pages (origins). Only SHA-256 of a key is stored:
//! it has 192 random bits, so a slow hash would add nothing.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal,
    access::{PUBLISHABLE, Permission},
    id,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Db, Tx, new_uuid},
    error::{Error, OrNotFound, Result},
    grants,
    schema::api_keys,
};

/// Keys of a tenant that are neither revoked nor expired; a bound against runaway automation.
pub const LIVE_KEYS_MAX: i64 = 200;
/// How long the old key lives on after a rotation, at most.
pub const ROTATION_GRACE_MAX_SECS: i64 = 7 * 24 * 3600;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = api_keys)]
pub struct ApiKey {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub kind: String,
    pub name: String,
    pub livemode: bool,
    pub hint: String,
    pub scopes: Vec<String>,
    pub origins: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Secret,
    Publishable,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Publishable => "publishable",
        }
    }
}

#[derive(Debug)]
pub struct NewApiKey {
    pub kind: Kind,
    pub name: String,
    pub livemode: bool,
    pub scopes: Vec<String>,
    pub origins: Vec<String>,
    pub expires_at: Option<DateTime<Utc>>,
}

pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// 24 random bytes as 48 hexadecimal digits behind a prefix that names kind and mode.
fn mint(kind: Kind, livemode: bool) -> String {
    let mode = if livemode { "live" } else { "test" };
    let kind = match kind {
        Kind::Secret => "sk",
        Kind::Publishable => "pk",
    };
    format!("ef_{kind}_{mode}_{}", hex::encode(rand::random::<[u8; 24]>()))
}

/// Makes a key. The text of it is returned once and not stored.
pub async fn create(tx: &mut Tx, new: NewApiKey) -> Result<(ApiKey, String)> {
    check_end(tx, new.expires_at).await?;
    insert(tx, new).await
}

async fn insert(tx: &mut Tx, new: NewApiKey) -> Result<(ApiKey, String)> {
    let live: i64 = api_keys::table
        .filter(api_keys::tenant_id.eq(tx.tenant()).and(api_keys::revoked_at.is_null()))
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(diesel::dsl::now)))
        .count()
        .get_result(&mut **tx)
        .await?;
    if live >= LIVE_KEYS_MAX {
        let detail =
            format!("A tenant has at most {LIVE_KEYS_MAX} keys; revoke one that is not used any more.");
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    let (id, token) = (new_uuid(), mint(new.kind, new.livemode));
    let key = diesel::insert_into(api_keys::table)
        .values((
            api_keys::tenant_id.eq(tx.tenant()),
            api_keys::id.eq(id),
            api_keys::kind.eq(new.kind.as_str()),
            api_keys::name.eq(new.name),
            api_keys::livemode.eq(new.livemode),
            api_keys::hash.eq(hash(&token).as_slice()),
            api_keys::hint.eq(&token[token.len() - 4..]),
            api_keys::scopes.eq(new.scopes),
            api_keys::origins.eq(new.origins),
            api_keys::expires_at.eq(new.expires_at),
        ))
        .returning(ApiKey::as_returning())
        .get_result(&mut **tx)
        .await?;
    let detail = json!({ "kind": key.kind, "scopes": key.scopes });
    audit_log::record(tx, "api_keys.create", Id::<id::ApiKey>::from(id), detail).await?;
    Ok((key, token))
}

/// A key that ends makes no key that outlives it.
async fn check_end(tx: &mut Tx, expires_at: Option<DateTime<Utc>>) -> Result<()> {
    let Ok(maker) = tx.scope.actor.parse::<Id<id::ApiKey>>() else { return Ok(()) };
    let end: Option<Option<DateTime<Utc>>> = api_keys::table
        .find((tx.tenant(), maker.uuid()))
        .select(api_keys::expires_at)
        .first(&mut **tx)
        .await
        .optional()?;
    match end.flatten() {
        Some(end) if expires_at.is_none_or(|expires| expires > end) => {
            let detail = format!("Your own key ends at {end}; the new one must not outlive it.");
            Err(Error::Refused(Refusal::new(ErrorCode::PermissionDenied, detail).param("expires_at")))
        }
        _ => Ok(()),
    }
}

/// Keys that are neither revoked nor expired.
pub async fn list(tx: &mut Tx, limit: i64, after: Option<Uuid>) -> Result<Vec<ApiKey>> {
    let mut query = api_keys::table
        .filter(api_keys::tenant_id.eq(tx.tenant()).and(api_keys::revoked_at.is_null()))
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(diesel::dsl::now)))
        .order(api_keys::id)
        .limit(limit)
        .select(ApiKey::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(api_keys::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}

/// The pages of all publishable keys that are neither revoked nor expired.
pub async fn origins(tx: &mut Tx) -> Result<Vec<String>> {
    let of_keys: Vec<Vec<String>> = api_keys::table
        .filter(api_keys::tenant_id.eq(tx.tenant()).and(api_keys::revoked_at.is_null()))
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(diesel::dsl::now)))
        .filter(api_keys::kind.eq(Kind::Publishable.as_str()))
        .select(api_keys::origins)
        .load(&mut **tx)
        .await?;
    Ok(of_keys.into_iter().flatten().collect())
}

/// Makes a successor with the same rights; the old key ends after `grace`. The caller learns the successor's text, so
/// it has to hold (`held`) all that the key may do.
pub async fn rotate(
    tx: &mut Tx,
    id: Id<id::ApiKey>,
    grace: TimeDelta,
    held: &[Permission],
) -> Result<(ApiKey, String)> {
    let old: ApiKey = live(tx, id).await?;
    grants::check(&rights(&old), held)?;
    check_end(tx, old.expires_at).await?;
    let kind = if old.kind == Kind::Secret.as_str() { Kind::Secret } else { Kind::Publishable };
    let ends = Utc::now() + grace;
    diesel::update(api_keys::table.find((tx.tenant(), id.uuid())))
        .set(api_keys::expires_at.eq(old.expires_at.map_or(ends, |expires| expires.min(ends))))
        .execute(&mut **tx)
        .await?;
    let new = NewApiKey {
        kind,
        name: old.name,
        livemode: old.livemode,
        scopes: old.scopes,
        origins: old.origins,
        expires_at: old.expires_at,
    };
    let made = insert(tx, new).await?;
    audit_log::record(tx, "api_keys.rotate", id, json!({ "successor": Id::<id::ApiKey>::from(made.0.id) }))
        .await?;
    Ok(made)
}

/// Ends a key at once. The last secret key of a tenant that may make keys stays: nobody could make another one.
pub async fn revoke(tx: &mut Tx, id: Id<id::ApiKey>, held: &[Permission]) -> Result<()> {
    // Locked, all of them in one order: of two keys that end each other at the same time, the second one waits and sees.
    let makers: Vec<(Uuid, Vec<String>)> = api_keys::table
        .filter(api_keys::tenant_id.eq(tx.tenant()))
        .filter(api_keys::kind.eq("secret").and(api_keys::revoked_at.is_null()))
        .filter(api_keys::expires_at.is_null())
        .order(api_keys::id)
        .select((api_keys::id, api_keys::scopes))
        .for_update()
        .load(&mut **tx)
        .await?;
    grants::check(&rights(&live(tx, id).await?), held)?;
    let mut others = makers.iter().filter(|(maker, _)| *maker != id.uuid());
    if !others.any(|(_, scopes)| scopes.iter().any(|scope| scope == "api_keys:write")) {
        return Err(Error::Refused(Refusal::new(
            ErrorCode::Conflict,
            "This is the last key that may make keys. Create another one with `api_keys:write` first.",
        )));
    }
    diesel::update(api_keys::table.find((tx.tenant(), id.uuid())))
        .set(api_keys::revoked_at.eq(diesel::dsl::now))
        .execute(&mut **tx)
        .await?;
    audit_log::record(tx, "api_keys.delete", id, json!({})).await
}

/// What a key may do.
fn rights(key: &ApiKey) -> Vec<Permission> {
    if key.kind == Kind::Secret.as_str() {
        key.scopes.iter().filter_map(|scope| scope.parse().ok()).collect()
    } else {
        PUBLISHABLE.to_vec()
    }
}

async fn live(tx: &mut Tx, id: Id<id::ApiKey>) -> Result<ApiKey> {
    api_keys::table
        .find((tx.tenant(), id.uuid()))
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(diesel::dsl::now)))
        .select(ApiKey::as_select())
        .for_update()
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("API key")
}

/// The key with this hash, unless it is revoked or expired; of any tenant: this is how a tenant is found.
pub async fn authenticate(db: &Db, hash: &[u8; 32]) -> Result<Option<ApiKey>> {
    let mut connection = db.system().await?;
    let key = api_keys::table
        .filter(api_keys::hash.eq(hash.as_slice()))
        .filter(api_keys::revoked_at.is_null())
        .filter(api_keys::expires_at.is_null().or(api_keys::expires_at.gt(diesel::dsl::now)))
        .select(ApiKey::as_select())
        .first(&mut *connection)
        .await
        .optional()?;
    Ok(key)
}
