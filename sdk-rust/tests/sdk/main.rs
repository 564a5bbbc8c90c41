//! The SDK against a platform of its own. `cargo xtask test` runs this as a step; its names begin with `sdk_rust::`.

mod sdk_rust;
