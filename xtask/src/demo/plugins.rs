//! Plugins at the demo's events, uploaded and set through the API as any organizer would: `plugins.json` says which.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::api::{Api, text};
use super::seed::{Memory, Seed, read};
use super::server::Server;

/// Installs what is not there yet. What was changed since stays as it is.
pub fn install(server: &Server, seed: &Seed, data_dir: &Path, components: &Path) -> Result<()> {
    let mut memory = Memory::open(data_dir)?;
    let api = Api::new(server.url(), &seed.secret_key);
    for one in read("plugins.json")?.as_array().context("plugins.json is not a list")? {
        let (name, key) = (text(one, "/plugin")?, text(one, "/event")?);
        let (remembered, event) = (format!("{name} at {key}"), memory.get(&format!("{key} id"))?);
        if memory.get(&remembered).is_ok() {
            continue;
        }
        let file = components.join(format!("{name}.wasm"));
        let component = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let plugin = text(&api.upload("/v1/plugins?publish=true", &component)?, "/plugin_id")?;
        api.put(&format!("/v1/events/{event}/price-limits"), &one["price_limits"])?;
        let installation = serde_json::json!({ "config": one["config"] });
        api.put(&format!("/v1/plugins/{plugin}/installation?event_id={event}"), &installation)?;
        memory.remember([(&remembered, plugin)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn plugins_and_events_of_the_file_are_there() {
        let events = read("events.json").unwrap();
        let known = |key: &str| events.as_array().unwrap().iter().any(|event| event["key"] == key);
        for one in read("plugins.json").unwrap().as_array().unwrap() {
            let manifest = format!("examples/plugins/{}/plugin.json", text(one, "/plugin").unwrap());
            assert!(repository::root().join(&manifest).is_file(), "{manifest}");
            assert!(known(&text(one, "/event").unwrap()), "{one}");
            assert!(one["config"].is_object() && one["price_limits"].is_object(), "{one}");
        }
    }
}
