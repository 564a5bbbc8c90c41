//! Texts that are kept for this plugin at this organizer, if the organizer granted it.

/// The value as it was when the call began, or as this call set it.
pub fn get(key: &str) -> Option<String> {
    crate::glue::key_value::get(key)
}

/// Keeps a value if the call succeeds; an empty one removes the key. In `notification` only.
pub fn set(key: &str, value: &str) -> Result<(), String> {
    crate::glue::key_value::set(key, value)
}
