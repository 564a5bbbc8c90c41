//! Runs plugins: WebAssembly components that change prices, judge carts, write messages and label tickets, and that have
//! no power of their own.
//!
//! ```text
//! bytes --Upload::read--> Upload --Compiled::in_child--> Compiled --Plugin::load--> Plugin --call--> answer + Receipt
//!         what is it?             native code, cached              linked, tried           fresh instance, budgets
//! ```
//!
//! [`Host`] does all of this for many tenants: it publishes versions atomically, lets no tenant take all places, and
//! leaves broken plugins alone for a while. It knows no database, no HTTP and no clock that a plugin could see; of the author's
//! commands, `push` speaks to a server.

pub mod author;
mod breaker;
mod cache;
mod call;
mod compile;
mod engine;
mod facts;
mod fixtures;
pub mod hooks;
mod host;
pub mod http;
pub mod limits;
mod manifest;
mod places;
mod plugin;
pub mod pricing;
mod quote;
mod settings;
mod state;
mod upload;
pub mod values;

pub use breaker::BreakerState;
pub use cache::Cache;
pub use call::{Call, InputError, Outcome, Patience, Receipt};
pub use compile::{CompileError, Compiled, compiler_main};
pub use engine::Engine;
pub use facts::Fact;
pub use fixtures::{FixtureError, FixtureProblem};
pub use host::{Host, HostError, Key, Published, RollbackError};
pub use manifest::{Fixture, Manifest, ManifestError};
pub use plugin::{InstallError, Plugin};
pub use quote::{Called, FailurePolicy, Keep, Quote, Refused, Step, Stopped};
pub use settings::{KeyValues, Settings, SettingsError};
pub use state::LogLine;
pub use upload::{Hook, PACKAGE, Upload, UploadError, VERSION};
