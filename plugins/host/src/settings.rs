//! What an organizer set for a plugin, prepared once for many calls.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{limits, manifest::Fixture, upload::Hook};

/// The values of the key-value store, as they were when they were read: a call sees one state of them.
pub type KeyValues = BTreeMap<String, String>;

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    config: Arc<Config>,
    /// Only with the organizer's grant.
    key_values: Option<Arc<KeyValues>>,
}

/// Settings are equal when they were read together: nobody compares ten thousand values for each call.
impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let has_same_values = match (&self.key_values, &other.key_values) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        has_same_values && Arc::ptr_eq(&self.config, &other.config)
    }
}

impl Eq for Settings {}

#[derive(Debug)]
struct Config {
    text: String,
    values: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { text: "{}".to_owned(), values: BTreeMap::new() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("settings are a JSON object")]
    NoObject,
    #[error("the settings have {0} bytes; at most {max} are allowed", max = limits::CONFIG_BYTES_MAX)]
    TooLarge(usize),
}

impl Settings {
    /// `config` is an object, or null for none.
    pub fn new(config: &Value, key_values: Option<Arc<KeyValues>>) -> Result<Self, SettingsError> {
        let config = match config {
            Value::Null => Config::default(),
            Value::Object(map) => {
                let text = config.to_string();
                if text.len() > limits::CONFIG_BYTES_MAX {
                    return Err(SettingsError::TooLarge(text.len()));
                }
                let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Config { text, values: map.iter().map(|(key, value)| (key.clone(), plain(value))).collect() }
            }
            _ => return Err(SettingsError::NoObject),
        };
        Ok(Self { config: Arc::new(config), key_values })
    }

    /// A call with these settings, to run it again.
    pub fn recorded(&self, hook: Hook, input: Value) -> Fixture {
        Fixture {
            name: "recorded".to_owned(),
            hook,
            // It was made of a value.
            config: serde_json::from_str(&self.config.text).unwrap_or_default(),
            key_values: self.key_values.as_deref().cloned().unwrap_or_default(),
            input,
            output: None,
            error: None,
            max_fuel: None,
        }
    }

    pub(crate) fn all(&self) -> &str {
        &self.config.text
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.config.values.get(key).map(String::as_str)
    }

    pub(crate) fn has_key_values(&self) -> bool {
        self.key_values.is_some()
    }

    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.key_values.as_ref()?.get(key).map(String::as_str)
    }
}
