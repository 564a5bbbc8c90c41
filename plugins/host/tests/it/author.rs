//! A stranger's way: a new project, its test, a change, a replay. With the programs of this machine and no network.

use std::{fs, path::Path, time::Duration};

use eventflow_plugin_host::author::{self, NewError, Template};
use serde_json::{Value, json};

use crate::support::{directory, root};

#[test]
fn from_nothing_to_a_plugin_that_passes_its_test() {
    let parent = directory("author");
    fs::create_dir_all(&parent).unwrap();
    assert!(matches!(author::create(&parent, "No Name", Template::Rust), Err(NewError::Name)));
    let project = author::create(&parent, "four-and-more", Template::Rust).unwrap();
    assert!(matches!(author::create(&parent, "four-and-more", Template::Rust), Err(NewError::Exists(_))));
    // The versions that are on this machine already.
    fs::copy(root().join("examples/plugins/Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins");
    let component = author::build(&project, Some(&target)).unwrap();
    assert!(author::test(&component).unwrap().ends_with("1 fixtures, 0 failed"));
    let text = author::inspect(&component).unwrap();
    assert!(text.starts_with("four-and-more 0.1.0") && text.contains("hooks      pricing\n"), "{text}");
    let fixture = project.join("fixtures/four.json");
    let text = author::run(&component, &fixture).unwrap();
    assert!(text.contains("\"percent_bps\": -1500") && text.contains("answered: fuel "), "{text}");
    assert!(author::bench(&component, Duration::ZERO).unwrap().contains("four"));

    // The code changes, its fixture does not.
    let source = project.join("src/lib.rs");
    let changed = fs::read_to_string(&source).unwrap().replace("< 4", "< 5");
    fs::write(&source, changed).unwrap();
    let failed = author::test(&author::build(&project, Some(&target)).unwrap()).unwrap_err().to_string();
    assert!(failed.contains("FAIL  four: expected") && failed.contains("got []"), "{failed}");
}

#[test]
fn a_recorded_call_is_replayed() {
    let directory = directory("replay");
    fs::create_dir_all(&directory).unwrap();
    let (component, recording) = (directory.join("hello.wasm"), directory.join("call.json"));
    let wasm = crate::support::example("hello");
    fs::write(&component, &wasm).unwrap();
    let cart = crate::support::cart(2);
    let call = crate::support::quote(&crate::support::load(&wasm), &cart);
    let record = |output: Value, fuel: u64| {
        let mut receipt = json!(call.receipt);
        receipt["fuel"] = json!(fuel);
        json!({ "receipt": receipt, "hook": "pricing", "input": cart, "output": output }).to_string()
    };
    fs::write(&recording, record(json!(call.answer), call.receipt.fuel)).unwrap();
    let text = author::replay(&component, &recording).unwrap();
    assert!(text.ends_with("the same as recorded, by the same component"), "{text}");
    // As the API answers it.
    let recorded: Value = serde_json::from_str(&record(json!(call.answer), call.receipt.fuel)).unwrap();
    let receipt = json!({ "id": "rcp_1", "outcome": "answered", "recording": recorded });
    fs::write(&recording, receipt.to_string()).unwrap();
    assert!(author::replay(&component, &recording).unwrap().ends_with("by the same component"));
    assert!(author::run(&component, &recording).unwrap().contains("\"percent_bps\": -1000"));
    fs::write(&recording, json!({ "id": "rcp_1", "outcome": "answered" }).to_string()).unwrap();
    let text = author::replay(&component, &recording).unwrap_err().to_string();
    assert!(text.contains("only the receipt was kept"), "{text}");
    fs::write(&recording, json!({ "hook": "pricing", "input": cart }).to_string()).unwrap();
    let text = author::replay(&component, &recording).unwrap_err().to_string();
    assert!(text.contains("has no receipt to compare with"), "{text}");
    fs::write(&recording, record(json!([]), 1)).unwrap();
    let text = author::replay(&component, &recording).unwrap_err().to_string();
    assert!(text.contains("it answered []") && text.contains("it took 1 instructions"), "{text}");
}
