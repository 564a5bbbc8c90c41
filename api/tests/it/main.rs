//! The platform through its front door: HTTP in, the real Postgres, Redis and Stripe sandbox behind it. One program,
//! because linking is slow; each test has a database and a server of its own.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod checker;
mod decoders;
mod sales;
mod stories;
mod support;
mod sweeps;
mod walls;
