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

pub mod components;

pub use components::{
    adjustment_at_2048, component_of, pricing, pricing_with, root, wit_directory, with_manifest,
};

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
