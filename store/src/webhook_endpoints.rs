//! Webhook endpoints: where a tenant wants to be told what happens. Each has keys of its own and a place in the log, so that
//! one that is paused, slow or broken misses nothing and holds up nobody.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use ed25519_dalek::SigningKey;
use eventflow_core::{ErrorCode, Id, id};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Tx, new_uuid},
    error::{Error, OrNotFound, Result},
    events_log::{self, Position},
    schema::webhook_endpoints,
    seal::Sealer,
    statement, tenants,
};

pub const ENABLED: &str = "enabled";
pub const PAUSED: &str = "paused";
pub const DISABLED: &str = "disabled";
pub const THIN: &str = "thin";
pub const FAT: &str = "fat";

/// Endpoints of a tenant: a few systems, each with a test of itself. Every change is matched with all of them.
pub const ENDPOINTS_MAX: usize = 16;
/// How long signatures of the keys before a rotation are sent too.
pub const ROTATION_GRACE_HOURS: i64 = 24;
/// Rotations within that time: each of them is one more pair of signatures with every message.
pub const ROTATIONS_MAX: usize = 2;
/// An endpoint counts as slow for so long after it was, and while it is new.
pub(crate) const SLOW_MINS: i64 = 10;
/// A sender has an endpoint for itself for so long, anew with each round; more than a round of requests takes (16 s), and as long as
/// an endpoint waits for a sender that died.
pub(crate) const LEASE_SECS: i32 = 30;
/// Bytes of a secret, and of a private key.
const KEY_LEN: usize = 32;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhook_endpoints)]
pub struct Endpoint {
    pub id: Uuid,
    pub url: String,
    pub description: String,
    pub event_types: Vec<String>,
    pub payload: String,
    pub state: String,
    pub disabled_reason: String,
    pub public_key: Vec<u8>,
    pub previous_until: Vec<DateTime<Utc>>,
    pub failing_since: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What a sender needs to know of an endpoint.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = webhook_endpoints)]
pub struct Target {
    pub id: Uuid,
    pub url: String,
    pub event_types: Vec<String>,
    pub payload: String,
    pub state: String,
    sealed_keys: Vec<u8>,
    previous_sealed_keys: Vec<Vec<u8>>,
    previous_until: Vec<DateTime<Utc>>,
    pub(crate) position: i64,
    pub(crate) position_id: Uuid,
    pub(crate) failures: i32,
    pub(crate) failing_since: Option<DateTime<Utc>>,
    slow_until: DateTime<Utc>,
}

/// What signs for an endpoint: a secret that both sides know, and a key of ours.
#[derive(Clone)]
pub struct Keys {
    pub secret: [u8; KEY_LEN],
    pub private: SigningKey,
}

pub struct NewEndpoint {
    pub url: String,
    pub description: String,
    pub event_types: Vec<String>,
    pub payload: &'static str,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = webhook_endpoints)]
pub struct EndpointChange {
    pub url: Option<String>,
    pub description: Option<String>,
    pub event_types: Option<Vec<String>>,
    pub payload: Option<&'static str>,
    /// [`ENABLED`] or [`PAUSED`].
    pub state: Option<&'static str>,
}

impl Keys {
    fn new() -> Self {
        Self { secret: rand::random(), private: SigningKey::from_bytes(&rand::random()) }
    }

    fn seal(&self, sealer: &Sealer, context: &[u8]) -> Result<Vec<u8>> {
        sealer.seal(&[self.secret, self.private.to_bytes()].concat(), context)
    }

    fn open(sealer: &Sealer, sealed: &[u8], context: &[u8]) -> Result<Self> {
        let plain = sealer.open(sealed, context)?;
        let corrupt = || Error::Corrupt("the keys of a webhook endpoint do not read back".into());
        let (secret, private) = plain.split_at_checked(KEY_LEN).ok_or_else(corrupt)?;
        let private: [u8; KEY_LEN] = private.try_into().map_err(|_| corrupt())?;
        Ok(Self {
            secret: secret.try_into().map_err(|_| corrupt())?,
            private: SigningKey::from_bytes(&private),
        })
    }
}

impl Target {
    /// The keys that sign now: the present ones first, then those before them until they end.
    pub fn keys(&self, tx: &Tx, sealer: &Sealer) -> Result<Vec<Keys>> {
        let context = context(tx, self.id);
        let previous = self.previous().map(|(sealed, _)| sealed);
        std::iter::once(&self.sealed_keys)
            .chain(previous)
            .map(|sealed| Keys::open(sealer, sealed, &context))
            .collect()
    }

    /// The keys before the present ones that sign too, and until when.
    fn previous(&self) -> impl Iterator<Item = (&Vec<u8>, DateTime<Utc>)> {
        let now = Utc::now();
        let until = self.previous_until.iter().copied();
        self.previous_sealed_keys.iter().zip(until).filter(move |(_, until)| *until > now)
    }

    /// It was slow lately, or is new, and failed the last time.
    pub fn is_doubtful(&self) -> bool {
        self.failures > 0 && self.slow_until > Utc::now()
    }

    pub(crate) fn position(&self) -> Position {
        Position { xact_id: self.position, id: self.position_id }
    }
}

/// Makes an endpoint. It is told what happens from now on; its secret is returned this once.
pub async fn create(tx: &mut Tx, sealer: &Sealer, new: NewEndpoint) -> Result<(Endpoint, Keys)> {
    tenants::lock(tx).await?;
    if list(tx).await?.len() >= ENDPOINTS_MAX {
        let detail =
            format!("A tenant has at most {ENDPOINTS_MAX} webhook endpoints; delete one that is not used.");
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    let (id, keys) = (new_uuid(), Keys::new());
    let sealed = keys.seal(sealer, &context(tx, id))?;
    let begin = events_log::end(tx).await?;
    let endpoint = diesel::insert_into(webhook_endpoints::table)
        .values((
            webhook_endpoints::tenant_id.eq(tx.tenant()),
            webhook_endpoints::id.eq(id),
            webhook_endpoints::url.eq(new.url),
            webhook_endpoints::description.eq(new.description),
            webhook_endpoints::event_types.eq(new.event_types),
            webhook_endpoints::payload.eq(new.payload),
            webhook_endpoints::sealed_keys.eq(sealed),
            webhook_endpoints::public_key.eq(keys.private.verifying_key().as_bytes().as_slice()),
            webhook_endpoints::position.eq(begin.xact_id),
            webhook_endpoints::position_id.eq(begin.id),
            webhook_endpoints::slow_until.eq(Utc::now() + TimeDelta::minutes(SLOW_MINS)),
        ))
        .returning(Endpoint::as_returning())
        .get_result(&mut **tx)
        .await?;
    let detail = json!({ "event_types": endpoint.event_types, "payload": endpoint.payload });
    audit_log::record(tx, "webhook_endpoints.create", Id::<id::WebhookEndpoint>::from(id), detail).await?;
    Ok((endpoint, keys))
}

/// All of them, [`ENDPOINTS_MAX`] at most.
pub async fn list(tx: &mut Tx) -> Result<Vec<Endpoint>> {
    let endpoints = webhook_endpoints::table
        .filter(webhook_endpoints::tenant_id.eq(tx.tenant()))
        .order(webhook_endpoints::id)
        .select(Endpoint::as_select())
        .load(&mut **tx)
        .await?;
    Ok(endpoints)
}

pub async fn get(tx: &mut Tx, id: Id<id::WebhookEndpoint>) -> Result<Endpoint> {
    webhook_endpoints::table
        .find((tx.tenant(), id.uuid()))
        .select(Endpoint::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("webhook endpoint")
}

/// As [`get`], and nobody changes it before the transaction ends.
pub async fn get_locked(tx: &mut Tx, id: Id<id::WebhookEndpoint>) -> Result<Endpoint> {
    webhook_endpoints::table
        .find((tx.tenant(), id.uuid()))
        .select(Endpoint::as_select())
        .for_update()
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("webhook endpoint")
}

/// Changes an endpoint. One that goes on begins where it stopped; its failures are forgotten.
pub async fn update(tx: &mut Tx, id: Id<id::WebhookEndpoint>, change: EndpointChange) -> Result<Endpoint> {
    let detail = json!({
        "state": change.state, "event_types": change.event_types, "payload": change.payload,
        "url_changed": change.url.is_some(),
    });
    let goes_on = change.state == Some(ENABLED);
    let endpoint = diesel::update(webhook_endpoints::table.find((tx.tenant(), id.uuid())))
        .set((change, webhook_endpoints::updated_at.eq(diesel::dsl::now)))
        .returning(Endpoint::as_returning())
        .get_result(&mut **tx)
        .await
        .optional()
        .or_not_found("webhook endpoint")?;
    audit_log::record(tx, "webhook_endpoints.update", id, detail).await?;
    if !goes_on {
        return Ok(endpoint);
    }
    // A pause after failures need not go on; but a sender may be at it, and there must not be a second one.
    statement!(
        "UPDATE webhook_endpoints SET disabled_reason = '', failures = 0, failing_since = NULL, due_at = now(), \
           blocked_until = CASE WHEN blocked_until > now() \
             THEN least(blocked_until, now() + make_interval(secs => ?::int)) END \
         WHERE tenant_id = ? AND id = ?",
        LEASE_SECS,
        tx.tenant(),
        id.uuid()
    )
    .execute(&mut **tx)
    .await?;
    get(tx, id).await
}

/// Deletes an endpoint with its deliveries.
pub async fn delete(tx: &mut Tx, id: Id<id::WebhookEndpoint>) -> Result<()> {
    diesel::delete(webhook_endpoints::table.find((tx.tenant(), id.uuid())))
        .returning(webhook_endpoints::id)
        .get_result::<Uuid>(&mut **tx)
        .await
        .optional()
        .or_not_found("webhook endpoint")?;
    audit_log::record(tx, "webhook_endpoints.delete", id, json!({})).await
}

/// New keys. Those before them sign beside them for [`ROTATION_GRACE_HOURS`], which no further rotation cuts short.
pub async fn rotate(tx: &mut Tx, sealer: &Sealer, id: Id<id::WebhookEndpoint>) -> Result<(Endpoint, Keys)> {
    let target =
        lock(tx, id.uuid()).await?.ok_or_else(|| eventflow_core::Refusal::not_found("webhook endpoint"))?;
    let (mut previous, mut ends): (Vec<_>, Vec<_>) =
        target.previous().map(|(sealed, until)| (sealed.clone(), until)).unzip();
    if previous.len() >= ROTATIONS_MAX {
        let first = ends
            .as_slice()
            .first()
            .map(|end| end.to_rfc3339_opts(SecondsFormat::Secs, true))
            .unwrap_or_default();
        let detail = format!(
            "The keys of {ROTATIONS_MAX} rotations still sign, the first of them until {first}: rotate again then. \
             An endpoint whose keys must not sign any more is deleted, and a new one made."
        );
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    let keys = Keys::new();
    let sealed = keys.seal(sealer, &context(tx, target.id))?;
    previous.push(target.sealed_keys.clone());
    ends.push(Utc::now() + TimeDelta::hours(ROTATION_GRACE_HOURS));
    let endpoint = diesel::update(webhook_endpoints::table.find((tx.tenant(), target.id)))
        .set((
            webhook_endpoints::sealed_keys.eq(sealed),
            webhook_endpoints::previous_sealed_keys.eq(previous),
            webhook_endpoints::previous_until.eq(ends),
            webhook_endpoints::public_key.eq(keys.private.verifying_key().as_bytes().as_slice()),
            webhook_endpoints::updated_at.eq(diesel::dsl::now),
        ))
        .returning(Endpoint::as_returning())
        .get_result(&mut **tx)
        .await?;
    audit_log::record(tx, "webhook_endpoints.rotate", id, json!({})).await?;
    Ok((endpoint, keys))
}

/// The endpoint, locked until the transaction ends.
pub(crate) async fn lock(tx: &mut Tx, id: Uuid) -> Result<Option<Target>> {
    let target = webhook_endpoints::table
        .find((tx.tenant(), id))
        .select(Target::as_select())
        .for_update()
        .first(&mut **tx)
        .await
        .optional()?;
    Ok(target)
}

/// The platform gives an endpoint up until somebody enables it again.
pub(crate) async fn disable(tx: &mut Tx, id: Uuid, reason: &str) -> Result<()> {
    diesel::update(webhook_endpoints::table.find((tx.tenant(), id)))
        .set((
            webhook_endpoints::state.eq(DISABLED),
            webhook_endpoints::disabled_reason.eq(reason),
            webhook_endpoints::blocked_until.eq(None::<DateTime<Utc>>),
            webhook_endpoints::updated_at.eq(diesel::dsl::now),
        ))
        .execute(&mut **tx)
        .await?;
    let id = Id::<id::WebhookEndpoint>::from(id);
    audit_log::record(tx, "webhook_endpoints.disable", id, json!({ "reason": reason })).await
}

/// What sealed keys are bound to: the tenant and the endpoint.
fn context(tx: &Tx, id: Uuid) -> Vec<u8> {
    [b"webhook endpoint\0", tx.tenant().as_bytes().as_slice(), id.as_bytes()].concat()
}
