//! A stateful, Stripe-compatible server for development and tests, never for production.
//!
//! It speaks the part of Stripe's API that a ticket shop needs, so that the official SDKs work against it by base URL;
//! it hosts the pay page; it signs and retries webhooks; and it breaks on demand. It listens on loopback only, calls
//! loopback only, and refuses live keys.

#![recursion_limit = "256"]

mod accounts;
mod chaos;
mod control;
mod disputes;
mod error;
mod events;
mod form;
mod idempotency;
mod listener;
mod pay_page;
mod payments;
mod refunds;
mod server;
mod sessions;
mod state;
mod texts;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::chaos::Chaos;
use crate::events::Webhook;
use crate::idempotency::InFlight;
use crate::listener::{Listener, Switches};
use crate::state::State;

/// What objects look like, and what events say they are.
pub const API_VERSION: &str = "2026-09-30.endive";

/// How to start a sandbox.
#[derive(Clone)]
pub struct Config {
    /// Loopback; port 0 takes a free one.
    pub address: SocketAddr,
    /// `sk_test_…`
    pub secret_key: String,
    /// Where webhooks go; `None` sends none until `/_sandbox/webhook` says where.
    pub webhook_url: Option<String>,
    pub webhook_secret: String,
    /// For events of connected accounts; `None` signs them with `webhook_secret` too.
    pub connect_webhook_secret: Option<String>,
    /// Survives restarts when set.
    pub state: Option<PathBuf>,
    /// Sessions may end sooner than after 30 minutes.
    pub allow_short_sessions: bool,
    /// What buyers' browsers use instead of the listening address, behind a port forward.
    pub public_url: Option<String>,
    /// Connected accounts that exist from the start.
    pub accounts: Vec<String>,
}

impl Config {
    /// A free port, no webhooks, nothing kept.
    pub fn new(secret_key: &str) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            secret_key: secret_key.into(),
            webhook_url: None,
            webhook_secret: String::new(),
            connect_webhook_secret: None,
            state: None,
            allow_short_sessions: false,
            public_url: None,
            accounts: Vec::new(),
        }
    }
}

/// A running sandbox. Stops when dropped.
pub struct Handle {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    sender: JoinHandle<()>,
}

impl Handle {
    /// `http://127.0.0.1:12111`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers what is under way, then stops.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Err(error) = (&mut self.server).await {
            tracing::error!(%error, "the server did not end well");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.server.abort();
        self.sender.abort();
    }
}

pub(crate) struct Settings {
    pub public_url: String,
    pub allow_short_sessions: bool,
}

/// Everything shared between requests.
pub(crate) struct Sandbox {
    secret_key: String,
    settings: Settings,
    inner: Mutex<(State, Chaos)>,
    in_flight: InFlight,
    webhook: Mutex<Webhook>,
    http: reqwest::Client,
    wake_sender: Notify,
    switches: Switches,
}

impl Sandbox {
    /// One locked section. Sessions whose time is up have expired before it begins, and everything it changed is on disk
    /// when it ends: expiring and paying the same session cannot both win.
    fn with<T>(&self, act: impl FnOnce(&mut State, &mut Chaos) -> T) -> T {
        let result = self.with_quietly(act);
        self.wake_sender.notify_one();
        result
    }

    fn with_quietly<T>(&self, act: impl FnOnce(&mut State, &mut Chaos) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, chaos) = &mut *inner;
        sessions::expire_due(state, chaos);
        let result = act(state, chaos);
        state.flush();
        result
    }

    fn webhook(&self) -> Webhook {
        self.webhook.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `None` keeps what was set.
    fn set_webhook(
        &self,
        url: Option<String>,
        secret: Option<String>,
        connect_secret: Option<String>,
    ) -> anyhow::Result<()> {
        if let Some(url) = &url {
            check_loopback_url(url)?;
        }
        let mut webhook = self.webhook.lock().unwrap_or_else(PoisonError::into_inner);
        webhook.url = url.or(webhook.url.take());
        webhook.secret = secret.unwrap_or(std::mem::take(&mut webhook.secret));
        webhook.connect_secret = connect_secret.or(webhook.connect_secret.take());
        Ok(())
    }
}

/// Starts a sandbox in this process.
pub async fn start(config: Config) -> anyhow::Result<Handle> {
    ensure!(
        config.address.ip().is_loopback(),
        "the sandbox listens on loopback only, not on {}",
        config.address
    );
    ensure!(config.secret_key.starts_with("sk_test_"), "the secret key must start with sk_test_");
    if let Some(url) = &config.webhook_url {
        check_loopback_url(url)?;
        ensure!(!config.webhook_secret.is_empty(), "a webhook URL needs a webhook secret");
    }
    let mut state = State::load(config.state.as_deref())?;
    for account in &config.accounts {
        accounts::ensure(&mut state, account).map_err(|error| anyhow::anyhow!(error.message))?;
    }
    state.flush();
    let listener = TcpListener::bind(config.address)
        .await
        .with_context(|| format!("cannot listen on {}", config.address))?;
    let address = listener.local_addr()?;
    let switches = Switches::default();
    let sandbox = Arc::new(Sandbox {
        secret_key: config.secret_key,
        settings: Settings {
            public_url: config
                .public_url
                .map_or_else(|| format!("http://{address}"), |url| url.trim_end_matches('/').to_owned()),
            allow_short_sessions: config.allow_short_sessions,
        },
        inner: Mutex::new((state, Chaos::default())),
        in_flight: InFlight::default(),
        webhook: Mutex::new(Webhook {
            url: config.webhook_url,
            secret: config.webhook_secret,
            connect_secret: config.connect_webhook_secret,
        }),
        // Redirects could leave loopback, and a proxy is not loopback.
        http: reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?,
        wake_sender: Notify::new(),
        switches: switches.clone(),
    });
    let sender = tokio::spawn(events::run(sandbox.clone()));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = poem::Server::new_with_acceptor(Listener::new(listener, switches));
    let server = tokio::spawn(async move {
        let stopped = async move { _ = stopped.await };
        let grace = Some(Duration::from_secs(2));
        if let Err(error) = server.run_with_graceful_shutdown(server::App(sandbox), stopped, grace).await {
            tracing::error!(%error, "the server ended");
        }
    });
    Ok(Handle { address, stop: Some(stop), server, sender })
}

/// Test webhooks must never reach a real shop.
fn check_loopback_url(url: &str) -> anyhow::Result<()> {
    let url = reqwest::Url::parse(url).context("the webhook URL is not a URL")?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    ensure!(url.scheme() == "http" && loopback, "webhooks go to http:// on loopback only, not to {host}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stays_on_loopback_and_away_from_live_keys() {
        let good = Config { webhook_secret: "whsec_1".into(), ..Config::new("sk_test_1") };
        let bad = [
            Config { address: ([0, 0, 0, 0], 0).into(), ..good.clone() },
            Config { secret_key: "sk_live_1".into(), ..good.clone() },
            Config { webhook_url: Some("http://example.org/hook".into()), ..good.clone() },
            Config { webhook_url: Some("http://127.0.0.1.example.org/".into()), ..good.clone() },
            Config {
                webhook_url: Some("http://127.0.0.1/".into()),
                webhook_secret: String::new(),
                ..good.clone()
            },
        ];
        for config in bad {
            assert!(start(config).await.is_err());
        }
        for url in ["http://localhost:8080/hook", "http://127.0.0.1/hook", "http://[::1]:9/"] {
            assert!(check_loopback_url(url).is_ok(), "{url}");
        }
        assert!(start(good).await.is_ok());
    }
}
