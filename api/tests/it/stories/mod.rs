//! What people do with the platform, each as one story.

mod doors;
mod events;
mod holds;
mod idempotency;
mod limits;
mod servers;
mod tenants;
mod tickets;
