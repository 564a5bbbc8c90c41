//! The engine of the seat picker: it owns the plan, the state of its seats, the camera, the selection and the pixels.
//!
//! [`bridge`] is all that JavaScript sees. Everything else is plain Rust that runs natively in tests: no clock, no
//! randomness, no browser. Time comes in as a number, pixels go out as a buffer, texts are drawn by the browser and
//! come in as coverage bitmaps.

pub mod bridge;
mod camera;
mod geometry;
mod json;
mod picker;
mod raster;
mod sale;
mod scene;
