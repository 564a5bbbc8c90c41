//! Postgres and Redis. Postgres is the only authority for seats and money; Redis is the fast gate before it.
//! One file a noun: its rules and its SQL, one transaction an operation.

pub mod api_keys;
pub mod audit_log;
pub mod check_in_lists;
pub mod check_ins;
pub mod db;
pub mod devices;
pub mod embed_files;
pub mod error;
pub mod events;
pub mod events_log;
pub mod failpoints;
pub mod gate;
pub mod grants;
pub mod holds;
pub mod idempotency;
pub mod jobs;
pub mod ledger_entries;
pub mod members;
pub mod messages;
pub mod mutants;
pub mod notices;
pub mod offers;
pub mod orders;
pub mod platform_keys;
pub mod plugins;
pub mod prepared;
pub mod price_limits;
pub mod price_tiers;
pub mod provider_events;
pub mod recent;
pub mod refunds;
pub mod schema;
pub mod seal;
pub mod seat_maps;
pub mod seats;
pub mod sql;
pub mod tenants;
pub mod ticket_keys;
pub mod tickets;
pub mod venues;
pub mod webhook_deliveries;
pub mod webhook_endpoints;

pub use db::{Db, Scope, Tx, migrate, new_uuid};
pub use error::{Error, OnConstraint, OrNotFound, Result};
pub use seal::Sealer;
