//! Components that are written as text, for tests of the host and of the server.

use std::path::{Path, PathBuf};

use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|path| path.join("plugins/wit").is_dir()).expect("a checkout").to_owned()
}

pub fn wit_directory() -> PathBuf {
    root().join("plugins/wit/eventflow-plugin-1.0.0")
}

/// A core module with these functions, as a component of a world with a manifest.
pub fn component_of(wit: &str, world: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = if wit.is_empty() {
        resolve.push_dir(wit_directory()).expect("the WIT parses").0
    } else {
        resolve.push_str("test.wit", wit).expect("the WIT parses")
    };
    let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
    let mut module = wat::parse_str(module).unwrap_or_else(|error| panic!("{error}"));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("it can be embedded");
    let mut encoder = ComponentEncoder::default().module(&module).expect("it is a module");
    with_manifest(&encoder.encode().unwrap_or_else(|error| panic!("{error:#}")))
}

pub fn with_manifest(component: &[u8]) -> Vec<u8> {
    let manifest = json!({ "name": "hostile", "version": "1.0.0" });
    eventflow_plugin_build::with_manifest(component, manifest.to_string().as_bytes())
}

/// A pricing plugin whose `quote` has this body. `$cart` is where the cart lies; `$ok` answers a list of so many
/// adjustments at an address, `$err` an error.
pub fn pricing(body: &str) -> Vec<u8> {
    pricing_with("", body)
}

/// With more items in the module.
pub fn pricing_with(items: &str, body: &str) -> Vec<u8> {
    let module = format!(
        r#"(module
          (import "eventflow:plugin/log@1.0.0" "write" (func $log (param i32 i32 i32)))
          (import "eventflow:plugin/config@1.0.0" "get" (func $config_get (param i32 i32 i32)))
          (import "eventflow:plugin/config@1.0.0" "all" (func $config_all (param i32)))
          (memory (export "memory") 2)
          (global $next (mut i32) (i32.const 8192))
          (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
            (global.set $next (i32.add (local.get $at) (local.get $size)))
            (block $enough
              (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
              (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))) (i32.const -1))
                (then unreachable)))
            (local.get $at))
          (func $answer (param $kind i32) (param $at i32) (param $count i32) (result i32)
            (i32.store8 (i32.const 1024) (local.get $kind))
            (i32.store (i32.const 1028) (local.get $at))
            (i32.store (i32.const 1032) (local.get $count))
            (i32.const 1024))
          (func $ok (param i32 i32) (result i32) (call $answer (i32.const 0) (local.get 0) (local.get 1)))
          (func $err (param i32 i32) (result i32) (call $answer (i32.const 1) (local.get 0) (local.get 1)))
          {items}
          (func $quote (export "eventflow:plugin/pricing@1.0.0#quote") (param $cart i32) (result i32)
            (local $n i32)
            {body}))"#
    );
    component_of("", "pricing-plugin", &module)
}

/// One adjustment of the whole cart in memory at 2048, as the canonical ABI lays it out: a percentage, a label and no
/// reason.
pub fn adjustment_at_2048(percent_bps: i32, label_at: u32, label_len: u32) -> String {
    format!(
        "(i32.store8 (i32.const 2048) (i32.const 0))
         (i32.store8 (i32.const 2056) (i32.const 1))
         (i32.store (i32.const 2064) (i32.const {percent_bps}))
         (i32.store (i32.const 2080) (i32.const {label_at}))
         (i32.store (i32.const 2084) (i32.const {label_len}))"
    )
}
