//! `plugin.json`: what a plugin says about itself. It travels inside of the component, together with the fixtures.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{facts::Fact, limits, settings::KeyValues, upload::Hook};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Lower-case letters, digits and hyphens, at most 40: stands beside every change of a price.
    pub name: String,
    /// The author's version, such as "1.2.0".
    pub version: String,
    #[serde(default)]
    pub description: String,
    /// JSON Schema of the settings. Without it a plugin has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
    /// Whether it asks for the key-value store.
    #[serde(default)]
    pub key_value: bool,
    /// What its prices depend on, apart from what every plugin is told. Without it: everything. What is not listed is not
    /// told, and looks at carts that differ in nothing else are answered without another call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing_facts: Option<BTreeSet<Fact>>,
    /// Hosts that it asks to have fetched from: "api.example.org", or "*.example.org" for everything below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_hosts: Vec<String>,
    /// Calls with known answers: they have to pass before the plugin is published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixtures: Vec<Fixture>,
}

/// One call and what has to come of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    #[serde(default)]
    pub name: String,
    pub hook: Hook,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub config: Value,
    #[serde(default, skip_serializing_if = "KeyValues::is_empty")]
    pub key_values: KeyValues,
    /// The hook's argument: a cart, a notice or the facts of a ticket.
    pub input: Value,
    /// The answer. Without it and without `error` any answer passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The text of the plugin's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The most instructions that the call may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fuel: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("it has {0} bytes, at most {max} are allowed", max = limits::MANIFEST_BYTES_MAX)]
    TooLarge(usize),
    #[error("{0}")]
    Json(String),
    #[error("`name` is 1 to 40 lower-case letters, digits and hyphens")]
    Name,
    #[error("`version` is 1 to 40 characters, such as 1.0.0")]
    Version,
    #[error("`config_schema`: {0}")]
    Schema(String),
    #[error(
        "`http_hosts`: `{0}` is no host name; write api.example.org, or *.example.org for what is below it"
    )]
    Host(String),
    #[error("it has {0} fixtures, at most {max} are run", max = limits::FIXTURES_MAX)]
    Fixtures(usize),
}

impl Manifest {
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        if json.len() > limits::MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge(json.len()));
        }
        if has_nul(&String::from_utf8_lossy(json)) {
            return Err(ManifestError::Json("the character U+0000 is not allowed".to_owned()));
        }
        let manifest: Self =
            serde_json::from_slice(json).map_err(|error| ManifestError::Json(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        let is_name_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=40).contains(&self.name.len()) || !self.name.chars().all(is_name_char) {
            return Err(ManifestError::Name);
        }
        if !(1..=40).contains(&self.version.len()) || !self.version.chars().all(|c| c.is_ascii_graphic()) {
            return Err(ManifestError::Version);
        }
        if self.fixtures.len() > limits::FIXTURES_MAX {
            return Err(ManifestError::Fixtures(self.fixtures.len()));
        }
        if let Some(host) = self.http_hosts.iter().find(|host| !crate::http::is_host_pattern(host)) {
            return Err(ManifestError::Host(host.clone()));
        }
        self.schema().map(drop)
    }

    /// What is wrong with the settings, in words; nothing if they fit the schema.
    pub fn check_config(&self, config: &Value) -> Result<(), Vec<String>> {
        if has_nul(&config.to_string()) {
            return Err(vec!["The character U+0000 is not allowed.".to_owned()]);
        }
        if self.config_schema.is_none() {
            let is_empty = config.is_null() || config.as_object().is_some_and(serde_json::Map::is_empty);
            return if is_empty { Ok(()) } else { Err(vec!["This plugin has no settings.".to_owned()]) };
        }
        let Ok(Some(schema)) = self.schema() else { return Err(vec!["The schema is not right.".to_owned()]) };
        let problems: Vec<String> = schema
            .iter_errors(config)
            .take(10)
            .map(|error| {
                let text: String = error.to_string().chars().take(limits::TEXT_CHARS_MAX).collect();
                let place = error.instance_path().to_string();
                if place.is_empty() { text } else { format!("{place}: {text}") }
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn schema(&self) -> Result<Option<jsonschema::Validator>, ManifestError> {
        let Some(schema) = &self.config_schema else { return Ok(None) };
        // A schema that refers to itself can ask for endless work; settings are not that deep.
        if refers(schema) {
            return Err(ManifestError::Schema("$ref is not allowed, write it out".to_owned()));
        }
        let schema = jsonschema::options()
            // Linear in the text: patterns come from strangers.
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(schema)
            .map_err(|error| ManifestError::Schema(format!("{}: {error}", error.instance_path())))?;
        Ok(Some(schema))
    }
}

/// Databases do not keep this character; neither form of it in JSON.
fn has_nul(json: &str) -> bool {
    json.contains('\0') || json.contains("\\u0000")
}

fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.iter().any(|(key, value)| {
            matches!(key.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") || refers(value)
        }),
        Value::Array(list) => list.iter().any(refers),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(fields: Value) -> Result<Manifest, ManifestError> {
        let mut all = json!({ "name": "early-bird", "version": "1.0.0" });
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Manifest::parse(all.to_string().as_bytes())
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(manifest(json!({ "name": "Early bird" })), Err(ManifestError::Name));
        assert_eq!(manifest(json!({ "version": "" })), Err(ManifestError::Version));
        assert!(
            matches!(manifest(json!({ "nmae": 1 })), Err(ManifestError::Json(text)) if text.contains("nmae"))
        );
        let host = ManifestError::Host("http://x".to_owned());
        assert_eq!(manifest(json!({ "http_hosts": ["api.example.org", "http://x"] })), Err(host));
        assert!(matches!(
            manifest(json!({ "config_schema": { "type": "elephant" } })),
            Err(ManifestError::Schema(_))
        ));
        let endless = json!({ "config_schema": { "properties": { "a": { "$ref": "#" } } } });
        assert!(matches!(manifest(endless), Err(ManifestError::Schema(text)) if text.contains("$ref")));
        assert!(matches!(
            Manifest::parse(&vec![b' '; limits::MANIFEST_BYTES_MAX + 1]),
            Err(ManifestError::TooLarge(_))
        ));
    }

    #[test]
    fn settings_are_held_against_the_schema() {
        let schema =
            json!({ "type": "object", "properties": { "percent": { "type": "integer", "maximum": 50 } } });
        let plugin = manifest(json!({ "config_schema": schema })).unwrap();
        assert_eq!(plugin.check_config(&json!({ "percent": 20 })), Ok(()));
        let problems = plugin.check_config(&json!({ "percent": 90 })).unwrap_err();
        assert!(problems[0].starts_with("/percent: 90 "), "{problems:?}");
        let none = manifest(json!({})).unwrap();
        assert_eq!(none.check_config(&json!({})), Ok(()));
        assert!(none.check_config(&json!({ "a": 1 })).is_err());
    }
}
