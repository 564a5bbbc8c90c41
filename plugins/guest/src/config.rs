//! What the organizer set.

use serde::de::DeserializeOwned;

/// One setting: the text itself if it is a string, else its JSON.
pub fn get(key: &str) -> Option<String> {
    crate::glue::config::get(key)
}

/// All settings as a type of yours. The error names the setting that does not fit.
pub fn read<T: DeserializeOwned>() -> Result<T, String> {
    serde_json::from_str(&crate::glue::config::all()).map_err(|error| format!("the settings: {error}"))
}
