//! What every test stands on.
//!
//! ```ignore
//! let platform = Platform::start().await;           // own database, own server with worker, own Stripe sandbox
//! let tenant = platform.tenant().await;             // `tenant.api` has a secret key, `tenant.page` a publishable one
//! let event = tenant.seated_event(20).await;        // on sale, two rows, seats 0..20, labels `P-1-1` …
//! let hold = event.hold(&[0, 1]).await.created();   // as a visitor of the page
//! let order = event.order_stripe(&hold).await.created();
//! platform.sandbox.pay(&order).await;
//! let paid = tenant.order_in_state(&order["id"], "paid").await;
//! ```

pub mod client;
mod contract;
pub mod engines;
mod everything;
pub mod own_redis;
pub mod platform;
pub mod plugins;
pub mod receiver;
pub mod sandbox;
pub mod shop;
pub mod smtp;
pub mod watch;

use std::time::{Duration, Instant};

use serde_json::Value;

pub use self::{
    client::{Answer, Client},
    engines::{Database, engines},
    everything::{Everything, uuid_of},
    own_redis::OwnRedis,
    platform::{Options, Platform, hurry_jobs, rows},
    plugins::example,
    receiver::{Message, Receiver, Reply},
    sandbox::{SECRET_KEY, Sandbox, WEBHOOK_SECRET, session_of},
    shop::{AREA, Event, Tenant, buyer, items},
    smtp::{Mail, Smtp},
    watch::Watch,
};

/// How long anything that happens in the background may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Waits until `look` finds something, and returns it.
pub async fn wait_for<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until the condition holds.
pub async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    wait_for(what, async || condition().await.then_some(())).await;
}

/// The text at a name; fails the test when there is none.
#[track_caller]
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {value}"))
}

/// The members of a list.
#[track_caller]
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no list `{name}` in {value}"))
}
