//! A release holds the files of the seat picker: what `cargo xtask widget` makes anew is compiled in anew.

fn main() {
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    println!("cargo::rerun-if-changed={}", if release { "../embed-widget/dist" } else { "build.rs" });
}
