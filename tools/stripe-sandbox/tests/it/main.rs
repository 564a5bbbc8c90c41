//! The sandbox from outside: over HTTP, with a webhook receiver, and through our own provider.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chaos;
mod idempotency;
mod money;
mod pay_page;
mod provider;
mod restart;
mod sessions;
mod webhooks;
mod world;
