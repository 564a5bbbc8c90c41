//! The interface is released: its text does not change any more, and the host speaks it.

use std::fs;

use eventflow_plugin_host::{Hook, Upload};
use sha2::{Digest, Sha256};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve, WorldId, WorldItem};

use crate::support::{self, load, wit_directory};

/// Of all files, by name. A released version is frozen: what is new stands in another directory, `eventflow-plugin-1.1.0`.
const FROZEN: &str = "99950fe37e929a71dda372cee4609d4131667948df1aeee082c5f7ec7fb2274c";

#[test]
fn the_released_version_is_frozen() {
    let mut files: Vec<_> =
        fs::read_dir(wit_directory()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut hasher = Sha256::new();
    for file in files {
        hasher.update(file.file_name().unwrap().to_string_lossy().as_bytes());
        hasher.update(b"\0");
        hasher.update(fs::read_to_string(file).unwrap().replace("\r\n", "\n").as_bytes());
        hasher.update(b"\0");
    }
    assert_eq!(hex::encode(hasher.finalize()), FROZEN, "plugins/wit/eventflow-plugin-1.0.0 is released");
}

fn released() -> (Resolve, Vec<(String, WorldId)>) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit_directory()).expect("the WIT parses");
    let worlds = resolve.packages[package].worlds.clone().into_iter().collect();
    (resolve, worlds)
}

/// A component of nothing but types, for each world.
#[test]
fn the_host_has_the_types_of_every_world() {
    let (resolve, worlds) = released();
    let mut hooks = Vec::new();
    for (name, world) in worlds {
        if resolve.worlds[world].exports.is_empty() {
            continue;
        }
        let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let component = ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
        let component = support::with_manifest(&component);
        let upload = Upload::read(&component).unwrap_or_else(|error| panic!("{name}: {error}"));
        hooks.extend(upload.hooks.iter().map(|(hook, _)| *hook));
        load(&component);
    }
    hooks.sort();
    assert_eq!(hooks, Hook::ALL, "every hook has a world");
}

#[test]
fn everything_is_explained() {
    let (resolve, _) = released();
    for (_, interface) in resolve.interfaces.iter() {
        let name = interface.name.as_deref().unwrap_or_default();
        assert!(interface.docs.contents.is_some(), "interface {name}");
        for (function, item) in &interface.functions {
            let is_told =
                item.docs.contents.is_some() || Hook::ALL.iter().any(|hook| hook.interface() == name);
            assert!(is_told, "{name}.{function}");
        }
    }
}

/// The check that later versions have to pass finds what it is for.
#[test]
fn a_record_with_one_more_field_is_a_break() {
    let text = |field: &str| {
        format!(
            "package eventflow:plugin@1.0.0;
             interface pricing {{ record cart {{ now: s64, {field} }} quote: func(cart: cart); }}
             world pricing-plugin {{ export pricing; }}"
        )
    };
    let mut resolve = Resolve::default();
    let old = resolve.push_str("old.wit", &text("")).unwrap();
    let old = resolve.select_world(&[old], None).unwrap();
    let mut newer = Resolve::default();
    let new = newer.push_str("new.wit", &text("seed: u64").replace("1.0.0", "1.1.0")).unwrap();
    let new = newer.select_world(&[new], None).unwrap();
    let new = resolve.merge(newer).unwrap().map_world(new, Default::default()).unwrap();
    assert!(wit_component::semver_check(resolve.clone(), old, old).is_ok());
    assert!(wit_component::semver_check(resolve, old, new).is_err());
}

#[test]
fn plugins_import_nothing_but_what_is_granted() {
    let (resolve, worlds) = released();
    for (name, world) in worlds {
        let imports = resolve.worlds[world].imports.values().map(|item| match item {
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone().unwrap_or_default(),
            _ => "a function or type".to_owned(),
        });
        let unknown: Vec<_> = imports
            .filter(|import| !["types", "log", "config", "key-value"].contains(&import.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
}
