//! What the whole server shares.

use std::sync::Arc;

use eventflow_payments::PaymentProvider;
use eventflow_store::{
    Db, Sealer,
    gate::{Gate, rate_limit::Limiter},
};

use crate::{auth::CredentialCache, config::Config, tokens::Tokens};

pub struct App {
    pub config: Config,
    pub db: Db,
    pub gate: Gate,
    pub limiter: Limiter,
    pub sealer: Sealer,
    pub tokens: Tokens,
    pub credentials: CredentialCache,
    /// `None` only when neither Stripe nor the sandbox is configured.
    pub payments: Option<Arc<dyn PaymentProvider>>,
}
