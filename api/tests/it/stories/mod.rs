//! What people do with the platform, each as one story.

mod doors;
mod events;
mod holds;
mod hosting;
mod idempotency;
mod limits;
mod messages;
mod orders;
mod plugins;
mod seat_maps;
mod seat_rules;
mod servers;
mod streams;
mod streams_end;
mod tenants;
mod tickets;
mod webhook_endpoints;
mod webhook_limits;
mod webhook_senders;
