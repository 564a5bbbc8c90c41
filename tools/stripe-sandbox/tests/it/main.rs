//! The sandbox from outside: over HTTP, with a webhook receiver, and through our own provider.

mod chaos;
mod idempotency;
mod money;
mod pay_page;
mod provider;
mod restart;
mod sessions;
mod webhooks;
mod world;
