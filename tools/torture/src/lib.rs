//! Breaks everything at once, and checks afterwards what must be true. The program is `main.rs`; what others use of it is
//! the checker.

pub mod checker;
