//! The engine of the seat picker: it owns the plan, the state of its seats, the camera, the selection and the pixels.
//!
//! [`bridge`] is all that JavaScript sees. Everything else is plain Rust that runs natively in tests: no clock, no
//! randomness, no browser. Time comes in as a number, pixels go out as a buffer, texts are drawn by the browser and
//! come in as coverage bitmaps.

mod angles;
mod bridge;
mod camera;
mod damage;
mod geometry;
mod icons;
mod json;
mod keyboard;
mod lean;
mod looks;
mod paint;
pub mod picker;
mod sale;
mod scene;
mod sprites;
mod texts;
mod theme;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
