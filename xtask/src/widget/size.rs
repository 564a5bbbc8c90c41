//! What a first visit costs, and the limits it must keep.

use std::fs;

use anyhow::{Result, bail};
use serde_json::json;

use super::dist::Manifest;
use super::dist_folder;
use crate::repository;

/// What everything that a first visit loads may come to, gzipped as the server sends it.
const FIRST_VISIT_LIMIT: u64 = 100_000;
/// The part that is fetched anew every few minutes, and that every page waits for.
const LOADER_LIMIT: u64 = 5_000;

/// Prints the table, writes `target/bench/widget-size.json`, and fails when a limit is passed.
pub fn gate() -> Result<()> {
    let manifest = Manifest::read(&dist_folder())?;
    let all = print(&manifest);
    let loader = manifest.files.get(&manifest.loader).map_or(0, |(_, gzip)| *gzip);
    let folder = repository::target().join("bench");
    fs::create_dir_all(&folder)?;
    let numbers = json!({ "gzip_bytes": all, "loader_gzip_bytes": loader });
    fs::write(folder.join("widget-size.json"), format!("{numbers:#}\n"))?;
    if loader == 0 || loader > LOADER_LIMIT {
        bail!("the loader has {loader} bytes gzipped; the limit is {LOADER_LIMIT}");
    }
    if all > FIRST_VISIT_LIMIT {
        bail!("a first visit loads {all} bytes gzipped; the limit is {FIRST_VISIT_LIMIT}");
    }
    Ok(())
}

/// Gzipped bytes of a first visit.
pub fn first_visit_bytes() -> Result<u64> {
    let manifest = Manifest::read(&dist_folder())?;
    let sizes = manifest.first_visit.iter().filter_map(|name| manifest.files.get(name));
    Ok(sizes.map(|(_, gzip)| gzip).sum())
}

/// The table; returns the gzipped bytes of a first visit.
pub fn print(manifest: &Manifest) -> u64 {
    println!("{:>10} {:>10}  file (* = a first visit loads it)", "bytes", "gzip");
    let mut all = (0, 0);
    for (name, (bytes, gzip)) in &manifest.files {
        let first = manifest.first_visit.contains(name);
        if first {
            all = (all.0 + bytes, all.1 + gzip);
        }
        println!("{bytes:>10} {gzip:>10}  {} {name}", if first { '*' } else { ' ' });
    }
    println!("{:>10} {:>10}  a first visit; limit {FIRST_VISIT_LIMIT}", all.0, all.1);
    all.1
}
