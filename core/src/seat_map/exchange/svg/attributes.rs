//! What elements say about themselves.

use super::names;

/// Names without prefix, as `label` for `inkscape:label`, and values.
#[derive(Debug, Default)]
pub(super) struct Attributes(pub(super) Vec<(String, String)>);

impl Attributes {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }

    pub(super) fn has_class(&self, class: &str) -> bool {
        self.get("class").is_some_and(|classes| classes.split_whitespace().any(|one| one == class))
    }

    /// What a person called it.
    pub(super) fn name(&self) -> Option<&str> {
        let id = || self.get("id").and_then(names::chosen);
        self.get("label").or_else(|| self.get("aria-label")).or_else(id)
    }

    pub(super) fn number(&self, name: &str) -> f64 {
        self.get(name).and_then(length).unwrap_or(0.0)
    }

    /// A property from `style`, or the attribute of the same name.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        let style = self.get("style").unwrap_or_default().split(';');
        let styled = style.filter_map(|part| part.split_once(':')).find(|(key, _)| key.trim() == name);
        styled.map(|(_, value)| value.trim()).or_else(|| self.get(name))
    }

    /// A text that is read once and may be long; it is not kept.
    pub(super) fn take(&mut self, name: &str) -> String {
        let value =
            self.0.iter_mut().find(|(known, _)| known == name).map(|(_, value)| std::mem::take(value));
        value.unwrap_or_default()
    }
}

/// A length in user units. Other units are those of print, and no part of a plan.
pub(super) fn length(text: &str) -> Option<f64> {
    let text = text.trim();
    let value = text.strip_suffix("px").unwrap_or(text).parse::<f64>().ok()?;
    value.is_finite().then_some(value)
}
