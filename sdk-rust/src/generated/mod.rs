//! Written by `cargo xtask codegen`, but for this file.

pub(crate) mod core;
pub(crate) mod events;
pub mod nouns;
