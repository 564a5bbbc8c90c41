mod platform;
pub mod proxy;
mod world;

pub use platform::binary;
pub use world::{World, pay, sell};
