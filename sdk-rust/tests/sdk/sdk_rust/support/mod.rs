mod platform;
pub mod proxy;
mod receiver;
mod world;

pub use platform::binary;
pub use receiver::Receiver;
pub use world::{World, pay, sell};
