//! Postgres and Redis. Postgres is the only authority for seats and money; Redis is the fast gate before it.
//! One file a noun: its rules and its SQL, one transaction an operation.

pub mod api_keys;
pub mod audit_log;
pub mod db;
pub mod devices;
pub mod error;
pub mod events;
pub mod gate;
pub mod grants;
pub mod idempotency;
pub mod members;
pub mod platform_keys;
pub mod price_tiers;
pub mod schema;
pub mod seal;
pub mod seat_maps;
pub mod seats;
pub mod tenants;
pub mod ticket_keys;
pub mod venues;

pub use db::{Db, Scope, Tx, migrate, new_uuid};
pub use error::{Error, OnConstraint, OrNotFound, Result};
pub use seal::Sealer;
