//! Plugins through the front door: bytes in, receipts out. The plugins are those of `examples/plugins`, built on the spot,
//! and hostile ones that are written as text.

mod author;
mod deterministic;
mod examples;
mod fuzzing;
mod hostile;
mod hosting;
mod interface;
mod push;
mod support;
mod uploads;
