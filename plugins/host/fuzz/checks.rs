//! What has to hold whatever bytes are uploaded. The fuzz targets call these, and so does the test suite with changed
//! samples (`tests/it/fuzzing.rs`). Each says whether the bytes are a plugin.

use std::sync::LazyLock;

use eventflow_plugin_host::{Compiled, Engine, Hook, Plugin, Settings, Upload, limits};
use serde_json::{Value, json};

/// Reading ends, and what is read is what it says.
pub fn upload(data: &[u8]) -> bool {
    let Ok(upload) = Upload::read(data) else { return false };
    assert_eq!(upload.wasm, data);
    assert!(
        !upload.hooks.is_empty()
            && upload.hooks.iter().all(|(hook, _)| data.len() <= hook.upload_bytes_max())
    );
    assert!(upload.imports.iter().all(|name| name.starts_with("eventflow:plugin/")), "{:?}", upload.imports);
    true
}

/// What can be read is compiled, linked, started and called, or refused; and every call ends within its budgets.
pub fn install(data: &[u8]) -> bool {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new().expect("the engine starts"));
    let Ok(upload) = Upload::read(data) else { return false };
    let Ok(compiled) = Compiled::here(&upload) else { return false };
    let Ok(plugin) = Plugin::load(&ENGINE, &upload, &compiled) else { return false };
    for hook in plugin.hooks().collect::<Vec<_>>() {
        let call =
            plugin.call_json(&ENGINE, hook, &Settings::default(), &input(hook)).expect("the input fits");
        let receipt = call.receipt;
        assert!(receipt.fuel <= receipt.fuel_limit && receipt.memory_bytes <= limits::MEMORY_BYTES_MAX);
        assert!(receipt.log.iter().map(|line| line.message.len()).sum::<usize>() <= limits::LOG_BYTES_MAX);
    }
    true
}

fn input(hook: Hook) -> Value {
    let event = json!({ "id": "evt_a", "name": "Figaro", "currency": "EUR", "time_zone": "Europe/Vienna",
        "starts_at": 9, "ends_at": 9, "sale_starts_at": 0, "sale_ends_at": 9, "capacity": 9, "sold": 1, "held": 1 });
    let tier = json!({ "id": "tier_a", "name": "Adult", "category": "A", "price_minor": 5_000, "capacity": 9,
        "sold": 1, "held": 1 });
    match hook {
        Hook::Pricing | Hook::CartRequests | Hook::Validation => {
            json!({ "event": event, "tiers": [tier], "now": 1,
            "locale": "en", "lines": [{ "tier_id": "tier_a", "base_minor": 5_000, "price_minor": 5_000 }] })
        }
        Hook::Notification | Hook::NoticeRequests => {
            json!({ "kind": "order.paid", "id": "note_a", "now": 1, "locale": "en", "event": event })
        }
        Hook::Ticket => json!({ "id": "tkt_a", "event": event, "tier": tier, "now": 1, "locale": "en" }),
    }
}
