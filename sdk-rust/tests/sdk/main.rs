//! The SDK against a platform of its own. `cargo xtask test` runs this as a step; its names begin with `sdk_rust::`.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod sdk_rust;
