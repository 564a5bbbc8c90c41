//! Credentials that stand in the database, and what this server remembers of them, so that a request in the steady state asks
//! nobody.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use dashmap::DashMap;
use eventflow_core::{Id, Refusal, id};
use eventflow_store::{api_keys, devices, recent::Recent};

use crate::{app::App, auth::Principal};

/// How long a credential found in the database is believed; other servers see a revocation after this time.
const CREDENTIAL_TTL: Duration = Duration::from_secs(5);
/// A credential in use is looked up again in the background from this age on: no request waits for the database.
const CREDENTIAL_RENEWAL: Duration = Duration::from_secs(3);
/// Credentials kept at most; beyond it the cache starts anew.
const CREDENTIALS_MAX: usize = 50_000;

/// What a credential stands for.
#[derive(Clone)]
pub struct Stored {
    pub principal: Principal,
    pub tenant: Id<id::Tenant>,
    pub livemode: bool,
    pub origins: Arc<[String]>,
}

/// A credential of the database, by what is kept of its text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    hash: [u8; 32],
    device: bool,
}

impl Name {
    pub fn of(token: &str) -> Self {
        Self { hash: api_keys::hash(token), device: token.starts_with("ef_dev_") }
    }
}

/// A credential as it was found.
struct Known {
    stored: Stored,
    /// Somebody looks it up again.
    renewing: AtomicBool,
}

/// Credentials found in the database, by the SHA-256 of their text.
pub struct CredentialCache {
    known: Recent<[u8; 32], Arc<Known>>,
    /// Addresses that guessed too often: what they send is not looked up for a while.
    pub(crate) guessers: DashMap<IpAddr, Instant>,
}

impl Default for CredentialCache {
    fn default() -> Self {
        Self { known: Recent::new(CREDENTIALS_MAX), guessers: DashMap::new() }
    }
}

impl CredentialCache {
    /// Whether somebody has shown the credential with this hash before.
    pub fn knows(&self, hash: &[u8; 32]) -> bool {
        self.known.get_with_time(hash).is_some()
    }

    /// Remembers that a network guessed too often.
    pub fn note_guesser(&self, network: IpAddr, until: Instant) {
        if self.guessers.len() >= CREDENTIALS_MAX {
            self.guessers.clear();
        }
        self.guessers.insert(network, until);
    }

    /// Forgets everything: a key or device was changed here.
    pub fn clear(&self) {
        self.known.clear();
    }
}

/// What a credential in the database stands for; `None` when there is no such credential.
pub async fn stored(app: &Arc<App>, Name { hash, device }: Name) -> Result<Option<Stored>, Refusal> {
    if let Some((known, found_at)) = app.credentials.known.get_with_time(&hash)
        && found_at.elapsed() < CREDENTIAL_TTL
    {
        if found_at.elapsed() > CREDENTIAL_RENEWAL && !known.renewing.swap(true, Ordering::AcqRel) {
            let app = app.clone();
            // When it fails, the next request asks and says so.
            tokio::spawn(async move { look_up(&app, hash, device).await.is_ok() });
        }
        return Ok(Some(known.stored.clone()));
    }
    look_up(app, hash, device).await
}

async fn look_up(app: &App, hash: [u8; 32], device: bool) -> Result<Option<Stored>, Refusal> {
    let cache = &app.credentials;
    let begun = cache.known.begin();
    let found = find(app, &hash, device).await?;
    match &found {
        Some(found) => {
            let known = Known { stored: found.clone(), renewing: AtomicBool::new(false) };
            cache.known.keep(hash, Arc::new(known), begun);
        }
        // Not a change: whoever guesses must not keep others from being remembered.
        None => drop(cache.known.forget_older_than(&hash, Duration::ZERO)),
    }
    Ok(found)
}

async fn find(app: &App, hash: &[u8; 32], device: bool) -> Result<Option<Stored>, Refusal> {
    if device {
        let found = devices::authenticate(&app.db, hash).await.map_err(crate::problem::refusal)?;
        return Ok(found.map(|device| Stored {
            principal: Principal::Device {
                device: device.id.into(),
                list: device.check_in_list_id.into(),
                gate: device.gate.into(),
            },
            tenant: device.tenant_id.into(),
            livemode: false,
            origins: [].into(),
        }));
    }
    let found = api_keys::authenticate(&app.db, hash).await.map_err(crate::problem::refusal)?;
    Ok(found.map(|key| Stored {
        principal: if key.kind == api_keys::Kind::Secret.as_str() {
            let scopes = key.scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
            Principal::Secret { key: key.id.into(), scopes }
        } else {
            Principal::Publishable { key: key.id.into() }
        },
        tenant: key.tenant_id.into(),
        livemode: key.livemode,
        origins: key.origins.into(),
    }))
}
