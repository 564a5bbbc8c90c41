//! Plugins to call, and carts to call them with.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, OnceLock},
};

use eventflow_plugin_host::{
    Call, Compiled, Engine, Host, Plugin, Settings, Upload,
    hooks::{HookType, Pricing},
    values::{Adjustment, Cart, Event, Line, Seat, Tier},
};
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn wit_directory() -> PathBuf {
    root().join("plugins/wit/eventflow-plugin-1.0.0")
}

pub fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new().expect("the engine starts"));
    &ENGINE
}

/// An empty directory for one test.
pub fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _old = std::fs::remove_dir_all(&directory);
    directory
}

pub fn host(name: &str) -> Host {
    let compiler = || Command::new(env!("CARGO_BIN_EXE_plugin-compiler"));
    Host::new(&directory(name), compiler).expect("the host starts")
}

/// A plugin of `examples/plugins`.
pub fn example(name: &str) -> Vec<u8> {
    static ALL: OnceLock<HashMap<String, Vec<u8>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins");
        let built = eventflow_plugin_build::build(&root().join("examples/plugins"), Some(&target));
        built.expect("the examples build").into_iter().map(|built| (built.name, built.component)).collect()
    });
    all.get(name).unwrap_or_else(|| panic!("there is no example {name}")).clone()
}

/// A loaded plugin, compiled in this process.
pub fn load(wasm: &[u8]) -> Plugin {
    let upload = Upload::read(wasm).unwrap_or_else(|error| panic!("{error}"));
    let compiled = Compiled::here(&upload).unwrap_or_else(|error| panic!("{error}"));
    Plugin::load(engine(), &upload, &compiled).unwrap_or_else(|error| panic!("{error}"))
}

pub fn call<H: HookType>(plugin: &Plugin, input: &H::Input) -> Call<H::Output> {
    plugin.call::<H>(engine(), &Settings::default(), input)
}

pub fn quote(plugin: &Plugin, cart: &Cart) -> Call<Vec<Adjustment>> {
    call::<Pricing>(plugin, cart)
}

/// A cart of so many seats at 50 euros in a tier of which 60 of 100 are sold, ten days before the event.
pub fn cart(lines: usize) -> Cart {
    let seat = |number: usize| Seat {
        section: "Stalls".to_owned(),
        row: "C".to_owned(),
        number: number.to_string(),
        attributes: Vec::new(),
    };
    let line = |index: usize| Line {
        tier_id: "tier_a".to_owned(),
        seat: Some(seat(index + 1)),
        base_minor: 5_000,
        price_minor: 5_000,
        fee_minor: 200,
        tax_rate_bps: 700,
        tax_inclusive: true,
        attributes: Vec::new(),
    };
    let tier = Tier {
        id: "tier_a".to_owned(),
        name: "Adult".to_owned(),
        category: "A".to_owned(),
        price_minor: 5_000,
        capacity: 100,
        sold: 60,
        held: 8,
        attributes: Vec::new(),
    };
    let event = Event {
        id: "evt_a".to_owned(),
        name: "Figaro".to_owned(),
        currency: "EUR".to_owned(),
        time_zone: "Europe/Vienna".to_owned(),
        starts_at: 1_800_000_000,
        ends_at: 1_800_010_000,
        sale_starts_at: 1_700_000_000,
        sale_ends_at: 1_800_000_000,
        capacity: 100,
        sold: 60,
        held: 8,
        attributes: Vec::new(),
    };
    Cart {
        event,
        tiers: vec![tier],
        lines: (0..lines).map(line).collect(),
        now: 1_800_000_000 - 10 * 86_400,
        seed: 7,
        locale: "en".to_owned(),
        ..Cart::default()
    }
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
