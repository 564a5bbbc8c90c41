//! A release holds the files of the seat picker and the viewer of the contract: what `cargo xtask widget` and
//! `cargo xtask docs` make anew is compiled in anew.

fn main() {
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let folders: &[&str] =
        if release { &["../embed-widget/dist", "../tools/viewer/dist"] } else { &["build.rs"] };
    for folder in folders {
        println!("cargo::rerun-if-changed={folder}");
    }
}
