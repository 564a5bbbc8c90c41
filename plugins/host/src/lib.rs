//! Runs plugins: WebAssembly components that change prices, judge carts, write messages and label tickets, and that have
//! no power of their own.
//!
//! ```text
//! bytes --Upload::read--> Upload --Compiled::in_child--> Compiled --Plugin::load--> Plugin --call--> answer + Receipt
//!         what is it?             native code, cached              linked, tried           fresh instance, budgets
//! ```
//!
//! This crate knows no database, no HTTP and no clock that a plugin could see.

pub mod http;
pub mod limits;
pub mod pricing;
pub mod values;
