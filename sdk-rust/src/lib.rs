#![doc = include_str!("../README.md")]

mod call;
mod client;
mod countdown;
mod error;
#[expect(
    clippy::allow_attributes_without_reason,
    reason = "generated: it is judged by what it does"
)]
#[rustfmt::skip]
mod generated;
mod pages;
mod retry;
mod runtime;
mod send;
mod sse;
mod stream;
pub mod tickets;
pub mod webhooks;

pub use call::Call;
pub use client::{Builder, Client};
pub use countdown::Countdown;
pub use error::{ApiError, Error, RequestFacts};
pub use eventflow_core::ErrorCode;
pub use eventflow_core::seat_map::{SeatIndex, SeatStatus, Snapshot, Statuses};
pub use futures_util::{Stream, StreamExt, TryStreamExt};
pub use generated::core::types;
pub use generated::nouns;
pub use pages::{Page, Pages};
pub use stream::{AreaChange, AvailabilityEvent, AvailabilityStream, SeatChange, StreamOptions};
