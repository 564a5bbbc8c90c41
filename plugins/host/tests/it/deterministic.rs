//! The same component and the same input: the same answer to the byte, and the same fuel.

use std::process::Command;

use eventflow_plugin_host::{
    Compiled, Engine, Host, Outcome, Plugin, Receipt, Settings, Upload, hooks::Pricing,
};
use serde_json::json;

use crate::support::{adjustment_at_2048, cart, directory, example, load, pricing_with, quote};

fn settings() -> Settings {
    let config = json!({
        "demand": [{ "sold_percent": 50, "percent": 20 }],
        "time": [{ "days": 30, "percent": 5 }],
        "floor_percent": 50,
        "cap_percent": 200
    });
    Settings::new(&config, None).expect("an object")
}

/// The answer and the receipt as bytes, without the time.
fn run(engine: &Engine, plugin: &Plugin) -> (String, String) {
    let call = plugin.call::<Pricing>(engine, &settings(), &cart(8));
    assert_eq!(call.receipt.outcome, Outcome::Answered, "{}", call.receipt.detail);
    let receipt = Receipt { micros: 0, ..call.receipt };
    let json = |value| serde_json::to_string(&value).expect("it is JSON");
    (json(serde_json::json!(call.answer)), json(serde_json::json!(receipt)))
}

#[test]
fn again_and_with_another_engine() {
    let wasm = example("demand-pricing");
    let upload = Upload::read(&wasm).unwrap();
    let runs: Vec<_> = (0..2)
        .flat_map(|_| {
            let engine = Engine::new().unwrap();
            let plugin = Plugin::load(&engine, &upload, &Compiled::here(&upload).unwrap()).unwrap();
            (0..20).map(|_| run(&engine, &plugin)).collect::<Vec<_>>()
        })
        .collect();
    assert!(runs.windows(2).all(|pair| pair[0] == pair[1]), "{runs:#?}");
}

/// A restart: another host finds what the first one compiled.
#[test]
fn across_a_restart() {
    let (wasm, cache) = (example("demand-pricing"), directory("restart"));
    let compiler = || Command::new(env!("CARGO_BIN_EXE_plugin-compiler"));
    let first = Host::new(&cache, compiler).unwrap();
    let before = run(first.engine(), &first.install(&wasm).unwrap());
    drop(first);
    let second = Host::new(&cache, || Command::new("/nonexistent/compiler")).unwrap();
    assert_eq!(run(second.engine(), &second.restore(&wasm).unwrap()), before);
}

/// Bits of a number that is none would differ between processors.
#[test]
fn no_bits_of_nan_are_seen() {
    let items = "(data (i32.const 64) \"NaN\") (global $zero (mut f64) (f64.const 0))";
    // -0/0 has a sign on some processors; the canonical one has none, and these 16 bits.
    let bits = "(i32.wrap_i64 (i64.shr_u (i64.reinterpret_f64
        (f64.div (f64.neg (global.get $zero)) (global.get $zero))) (i64.const 48)))";
    let body = format!(
        "{} (i32.store (i32.const 2064) {bits}) (call $ok (i32.const 2048) (i32.const 1))",
        adjustment_at_2048(0, 64, 3)
    );
    let call = quote(&load(&pricing_with(items, &body)), &cart(1));
    assert_eq!(serde_json::to_value(call.answer).unwrap()[0]["change"]["percent_bps"], 0x7ff8);
}
