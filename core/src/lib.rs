//! The pure domain of EventFlow. No IO, no clock, no randomness, no async: the same code runs in the server and,
//! compiled to wasm32, in the browser. Times and random bytes are parameters.

pub mod access;
pub mod check_in;
pub mod error;
pub mod event_types;
pub mod id;
pub mod lean;
pub mod ledger;
pub mod money;
pub mod order;
pub mod pricing;
pub mod seat_map;
pub mod ticket;
pub mod ticket_mix;

pub use error::{BrokenRule, ErrorCode, Refusal};
pub use id::Id;
pub use money::Money;
