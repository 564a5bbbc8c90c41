//! What the whole server shares.

use std::{sync::Arc, time::Duration};

use eventflow_core::{Id, id};
use eventflow_payments::PaymentProvider;
use eventflow_store::{
    Db, Result, Scope, Sealer,
    check_ins::Doors,
    gate::{Gate, rate_limit::Limiter},
    holds::Holds,
    recent::Recent,
    tenants::{self, Tenant},
};

use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    bodies::Bodies, config::Config, credentials::CredentialCache, hosting::Widget, mail::Mailer,
    plans::Plans, plugins::Plugins, signing::TicketSigner, streams::Streams, tokens::Tokens,
    webhooks::Sender,
};

pub struct App {
    pub config: Config,
    pub db: Db,
    pub gate: Gate,
    pub limiter: Limiter,
    pub holds: Arc<Holds>,
    /// Room for large bodies.
    pub bodies: Bodies,
    /// Who looks on.
    pub streams: Arc<Streams>,
    /// Rings when the outbox has something for Redis.
    pub mirror_bell: tokio::sync::Notify,
    /// Rings when a job is due now.
    pub job_bell: tokio::sync::Notify,
    pub sealer: Sealer,
    pub tokens: Tokens,
    pub credentials: CredentialCache,
    /// Signs and verifies the codes of tickets.
    pub signer: TicketSigner,
    /// Brings scans of one list together into one transaction.
    pub doors: Doors,
    /// `None` only when neither Stripe nor the sandbox is configured.
    pub payments: Option<Arc<dyn PaymentProvider>>,
    /// `None` when no mail server is configured.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Secrets of our own webhook endpoints at Stripe; several during a roll.
    pub webhook_secrets: Vec<SecretString>,
    /// The files of the seat picker.
    pub widget: Widget,
    /// The plans of published seat maps.
    pub plans: Plans,
    /// What tenants uploaded, ready to be called.
    pub plugins: Plugins,
    /// Sends webhooks to endpoints of tenants.
    pub sender: Sender,
    /// Our own origin, as browsers write it: the pages that we serve may use every publishable key.
    pub origin: String,
    /// What a sale needs to know of the tenant, for a few seconds.
    pub sellers: Recent<Uuid, Arc<Tenant>>,
}

/// How long a tenant's settings are believed; a change through this server is seen at once.
const SELLER_TTL: Duration = Duration::from_secs(5);
/// Sellers kept in memory at most.
pub const SELLERS_MAX: usize = 10_000;

impl App {
    /// The tenant as a seller: connected account, fee of the platform, mode.
    pub async fn seller(&self, scope: &Scope) -> Result<Arc<Tenant>> {
        let key = scope.tenant.uuid();
        if let Some(tenant) = self.sellers.get(&key, SELLER_TTL) {
            return Ok(tenant);
        }
        let begun = self.sellers.begin();
        let tenant = Arc::new(self.db.run(scope, async |tx| tenants::get(tx).await).await?);
        self.sellers.keep(key, tenant.clone(), begun);
        Ok(tenant)
    }

    /// What an event sells, or for how much, was changed here: this server knows at once, Redis and the other servers in
    /// a moment.
    pub fn event_changed(&self, tenant: Id<id::Tenant>, event: Id<id::Event>) {
        self.holds.offers.drop(tenant, event);
        self.wake_mirror();
    }

    /// Something was committed that Redis should hear of.
    pub fn wake_mirror(&self) {
        self.mirror_bell.notify_one();
    }

    /// A job was scheduled for now.
    pub fn wake_jobs(&self) {
        self.job_bell.notify_one();
    }
}
