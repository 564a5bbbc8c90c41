//! The migrations are compiled in: a changed file means a new binary.
fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
