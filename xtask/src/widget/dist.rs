//! `embed-widget/dist`, as the server hands it out: `v1/eventflow.js` (evergreen), `v<version>-<hash>/` (immutable),
//! `v1/integrity.json` for those who pin with SRI, and a manifest for the server and the size gate. Beside each file lies
//! what the server sends to those who take gzip, packed as tightly as it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256, Sha384};
use zopfli::{Format, Options};

use super::bundle::Bundler;
use super::engine;

pub const MANIFEST: &str = "manifest.json";
const EVERGREEN: &str = "v1";
pub const LOADER: &str = "eventflow.js";
/// Parts that pages of ours load, not the loader.
const OF_PAGES: [&str; 2] = ["frame.js", "hosted.js"];
/// Where the server serves this folder.
const SERVED_UNDER: &str = "/embed";

/// What there is in a built `dist`.
pub struct Manifest {
    /// Bytes and gzipped bytes of each file.
    pub files: BTreeMap<String, (u64, u64)>,
    pub first_visit: BTreeSet<String>,
    pub loader: String,
}

impl Manifest {
    pub fn read(dist: &Path) -> Result<Manifest> {
        let text = fs::read(dist.join(MANIFEST)).context("the widget is not built: `cargo xtask widget`")?;
        let manifest: Value = serde_json::from_slice(&text)?;
        let size = |file: &Value, name: &str| file[name].as_u64().with_context(|| format!("no {name}"));
        let files = manifest["files"].as_object().context("the manifest has no files")?;
        let files = files
            .iter()
            .map(|(name, file)| Ok((name.clone(), (size(file, "bytes")?, size(file, "gzip_bytes")?))))
            .collect::<Result<_>>()?;
        let names = manifest["first_visit"].as_array().context("the manifest has no first_visit")?;
        let first_visit = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let loader = manifest["entries"]["loader"].as_str().context("the manifest has no loader")?.to_owned();
        Ok(Manifest { files, first_visit, loader })
    }
}

/// Bundles into a folder aside and puts it in the place of the old one.
pub fn write(bundler: &Bundler, dist: &Path) -> Result<()> {
    let aside = dist.with_extension("new");
    fs::remove_dir_all(&aside).ok();
    let modules = aside.join("modules");
    fs::create_dir_all(&modules)?;
    let account = bundler.modules(&modules)?;
    fs::copy(engine::folder().join(engine::WASM), modules.join(engine::WASM))?;
    // The shortest hash that browsers take: every page waits for the loader.
    let parts: BTreeMap<String, String> = read_folder(&modules)?
        .into_iter()
        .filter(|(name, _)| !OF_PAGES.contains(&name.as_str()))
        .map(|(name, contents)| {
            (name, format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(contents))))
        })
        .collect();
    bundler.loader("./", &json!(parts), &modules.join(LOADER))?;

    let directory = format!("v{}-{}", env!("CARGO_PKG_VERSION"), contents_hash(&modules)?);
    fs::rename(&modules, aside.join(&directory))?;
    fs::create_dir(aside.join(EVERGREEN))?;
    bundler.loader(&format!("../{directory}/"), &json!(parts), &aside.join(EVERGREEN).join(LOADER))?;

    let first_visit = first_visit(&account, &directory);
    let pinned: Map<String, Value> = integrity_of(&aside.join(&directory))?
        .into_iter()
        .map(|(name, hash)| (format!("{SERVED_UNDER}/{directory}/{name}"), hash.into()))
        .collect();
    let manifest = manifest(&aside, &directory, &first_visit)?;
    fs::write(aside.join(MANIFEST), format!("{manifest:#}\n"))?;
    fs::write(aside.join(EVERGREEN).join("integrity.json"), format!("{:#}\n", Value::from(pinned)))?;
    fs::remove_dir_all(dist).ok();
    Ok(fs::rename(aside, dist)?)
}

/// The first twelve hexadecimal digits of a SHA-256.
pub fn short_hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Packs the files, and says what there is.
fn manifest(dist: &Path, directory: &str, first_visit: &BTreeSet<String>) -> Result<Value> {
    let mut files = Map::new();
    for folder in [EVERGREEN, directory] {
        for (name, contents) in read_folder(&dist.join(folder))? {
            let packed = gzip(&contents)?;
            fs::write(dist.join(folder).join(format!("{name}.gz")), &packed)?;
            let facts = json!({
                "bytes": contents.len(),
                "gzip_bytes": packed.len(),
                "integrity": integrity(&contents),
            });
            files.insert(format!("{folder}/{name}"), facts);
        }
    }
    let mut entries = Map::new();
    entries.insert("loader".to_owned(), format!("{EVERGREEN}/{LOADER}").into());
    entries.insert("wasm".to_owned(), format!("{directory}/{}", engine::WASM).into());
    for name in ["element", "frame", "hosted"] {
        let path = format!("{directory}/{name}.js");
        if files.contains_key(&path) {
            entries.insert(name.to_owned(), path.into());
        }
    }
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "directory": directory,
        "entries": entries,
        "first_visit": first_visit,
        "files": files,
    }))
}

/// The loader, the engine, and the element and one language with everything that they import. The parts of other
/// entries (frame, hosted page), the other languages, and what comes after choosing (`later.js`) stay out.
fn first_visit(account: &Value, directory: &str) -> BTreeSet<String> {
    let outputs = account["outputs"].as_object().cloned().unwrap_or_default();
    let file_name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let mut found =
        BTreeSet::from([format!("{EVERGREEN}/{LOADER}"), format!("{directory}/{}", engine::WASM)]);
    let is_first = |path: &&String| path.ends_with("/element.js") || path.ends_with("/en.js");
    let mut open: Vec<String> = outputs.keys().filter(is_first).cloned().collect();
    while let Some(path) = open.pop() {
        let fresh = found.insert(format!("{directory}/{}", file_name(&path)));
        if !fresh {
            continue;
        }
        let imports = outputs.get(&path).and_then(|output| output["imports"].as_array());
        let imports = imports.into_iter().flatten().filter_map(|import| import["path"].as_str());
        open.extend(imports.map(str::to_owned));
    }
    found
}

fn contents_hash(folder: &Path) -> Result<String> {
    let files = read_folder(folder)?;
    let parts: Vec<&[u8]> =
        files.iter().flat_map(|(name, contents)| [name.as_bytes(), b"\0", contents.as_slice()]).collect();
    Ok(short_hash(&parts))
}

fn integrity_of(folder: &Path) -> Result<BTreeMap<String, String>> {
    Ok(read_folder(folder)?.into_iter().map(|(name, contents)| (name, integrity(&contents))).collect())
}

fn read_folder(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    fs::read_dir(folder)?
        .map(|entry| {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, fs::read(&path)?))
        })
        .collect()
}

/// As `integrity=` of a script element takes it.
fn integrity(contents: &[u8]) -> String {
    format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(contents)))
}

fn gzip(contents: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    zopfli::compress(Options::default(), Format::Gzip, contents, &mut packed)?;
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_visit_loads_what_is_imported_and_one_language() {
        let account = json!({ "outputs": {
            "d/element.js": { "imports": [
                { "path": "d/chunk-A.js", "kind": "import-statement" },
            ] },
            "d/chunk-A.js": { "imports": [{ "path": "d/chunk-B.js", "kind": "import-statement" }] },
            "d/chunk-B.js": { "imports": [{ "path": "d/chunk-A.js", "kind": "import-statement" }] },
            "d/en.js": { "imports": [] },
            "d/de.js": { "imports": [] },
            "d/later.js": { "imports": [{ "path": "d/chunk-A.js", "kind": "import-statement" }] },
            "d/frame.js": { "imports": [] },
        } });
        let found: Vec<String> = first_visit(&account, "vX").into_iter().collect();
        let expected = [
            "v1/eventflow.js",
            "vX/chunk-A.js",
            "vX/chunk-B.js",
            "vX/element.js",
            "vX/en.js",
            "vX/engine_bg.wasm",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn integrity_is_what_browsers_expect() {
        // From https://www.w3.org/TR/SRI/, section 3.1.
        let expected = "sha384-H8BRh8j48O9oYatfu5AZzq6A9RINhZO5H16dQZngK7T62em8MUt1FLm52t+eX6xO";
        assert_eq!(integrity(b"alert('Hello, world.');"), expected);
    }
}
