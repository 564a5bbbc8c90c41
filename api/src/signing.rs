//! Signs the codes of tickets and verifies those that scanners read. Keys are kept in memory, so that neither needs the
//! database on the usual path.

use std::{sync::Arc, time::Duration};

use dashmap::DashMap;
use ed25519_dalek::SigningKey;
use eventflow_core::{
    Id, id,
    ticket::{KeyRing, RingKey, Token, TokenError, token},
};
use eventflow_store::{
    Db, Result, Scope, Sealer, Tx,
    recent::Recent,
    ticket_keys,
    tickets::{self, TicketRow},
};
use uuid::Uuid;

/// How long a key ring is believed; other servers see a rotation or revocation after this time.
const RING_TTL: Duration = Duration::from_secs(5);
/// A ring at least this old is read again when a code names a key that it does not have.
const RING_AGE_MIN: Duration = Duration::from_secs(1);
/// Keys and rings kept at most; beyond it the cache starts anew.
const ENTRIES_MAX: usize = 10_000;

pub struct TicketSigner {
    db: Db,
    sealer: Sealer,
    /// A private key never changes under its `kid`.
    keys: DashMap<(Uuid, i16), Arc<SigningKey>>,
    rings: Recent<Uuid, Arc<KeyRing>>,
}

impl TicketSigner {
    pub fn new(db: Db, sealer: Sealer) -> Self {
        Self { db, sealer, keys: DashMap::new(), rings: Recent::new(ENTRIES_MAX) }
    }

    /// The text of the ticket's QR code. Not to be called while a transaction is open: it may need one of its own.
    pub async fn sign(&self, tenant: Id<id::Tenant>, ticket: &TicketRow) -> Result<String> {
        let token = ticket.token()?;
        let key = match self.cached_key(tenant.uuid(), ticket.kid) {
            Some(key) => key,
            None => {
                let scope = Scope::system(tenant, "signer");
                self.db.run(&scope, async |tx| self.load_key(tx, token.kid).await).await?
            }
        };
        Ok(token.sign(&key).to_text())
    }

    /// The same for a ticket of the transaction at hand.
    pub async fn sign_within(&self, tx: &mut Tx, ticket: &TicketRow) -> Result<String> {
        let token = ticket.token()?;
        let key = match self.cached_key(tx.tenant(), ticket.kid) {
            Some(key) => key,
            None => self.load_key(tx, token.kid).await?,
        };
        Ok(token.sign(&key).to_text())
    }

    /// What a scanned code says, if we signed it. White space around it is the scanner's.
    pub async fn verify(&self, tenant: Id<id::Tenant>, code: &str) -> Result<Result<Token, TokenError>> {
        let code = code.trim();
        let read = token::read(code, &*self.ring(tenant).await?);
        if read != Err(TokenError::UnknownKey) || !self.rings.forget_older_than(&tenant.uuid(), RING_AGE_MIN)
        {
            return Ok(read);
        }
        Ok(token::read(code, &*self.ring(tenant).await?))
    }

    /// The public keys of the tenant.
    pub async fn ring(&self, tenant: Id<id::Tenant>) -> Result<Arc<KeyRing>> {
        if let Some(ring) = self.rings.get(&tenant.uuid(), RING_TTL) {
            return Ok(ring);
        }
        let begun = self.rings.begin();
        let scope = Scope::system(tenant, "signer");
        let keys = self.db.run(&scope, async |tx| ticket_keys::ring(tx).await).await?;
        let ring: KeyRing = keys.into_iter().map(|(kid, key, state)| (kid, RingKey { key, state })).collect();
        let ring = Arc::new(ring);
        self.rings.keep(tenant.uuid(), ring.clone(), begun);
        Ok(ring)
    }

    /// Forgets everything: a key was rotated or revoked here.
    pub fn clear(&self) {
        self.keys.clear();
        self.rings.clear();
    }

    fn cached_key(&self, tenant: Uuid, kid: i16) -> Option<Arc<SigningKey>> {
        self.keys.get(&(tenant, kid)).map(|entry| entry.clone())
    }

    async fn load_key(&self, tx: &mut Tx, kid: u8) -> Result<Arc<SigningKey>> {
        let key = Arc::new(tickets::signing_key(tx, &self.sealer, kid).await?);
        if self.keys.len() >= ENTRIES_MAX {
            self.keys.clear();
        }
        self.keys.insert((tx.tenant(), i16::from(kid)), key.clone());
        Ok(key)
    }
}
