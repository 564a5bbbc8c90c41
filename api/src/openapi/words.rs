//! Words for people where the code has none: what an answer is, what a parameter names, how a group is called.

use serde_json::Value;

/// Parameters that mean the same everywhere. Ids are named after what they are ids of.
const PARAMETERS: [(&str, &str); 9] = [
    ("limit", "How many objects a page has at most."),
    ("email", "Only orders of the buyer with this address, whatever its case."),
    ("state", "Only what is in this state."),
    ("hook", "Only calls of this hook."),
    ("outcome", "Only calls that ended like this."),
    ("key", "The name that the plugin keeps the value under."),
    ("name", "The name of the secret, as the plugin's manifest says."),
    ("list_id", "The check-in list."),
    ("Stripe-Signature", "The time and the signature of the raw body, as Stripe sends them."),
];

/// Fills the gaps of the whole document.
pub fn complete(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    for tag in document["tags"].as_array_mut().into_iter().flatten() {
        tag["x-displayName"] = spaced(tag["name"].as_str().unwrap_or_default()).into();
    }
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, operation) in paths.flat_map(|(_, methods)| methods.as_object_mut().into_iter().flatten()) {
        if operation["description"].is_null() {
            operation["description"] = operation["summary"].clone();
        }
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            describe_parameter(parameter);
        }
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            if status.starts_with('2') {
                describe_answer(response, &schemas);
            }
        }
    }
}

fn describe_parameter(parameter: &mut Value) {
    let has = |description: &Value| description.as_str().is_some_and(|text| !text.is_empty());
    if has(&parameter["description"]) || has(&parameter["schema"]["description"]) {
        return;
    }
    let name = parameter["name"].as_str().unwrap_or_default();
    let known = PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, words)| (*words).to_owned());
    let noun = name.strip_suffix("_id").map(|noun| noun.replace('_', " "));
    let only = if parameter["in"] == "query" { "Only what belongs to this" } else { "The" };
    if let Some(words) = known.or_else(|| noun.map(|noun| format!("{only} {noun}."))) {
        parameter["description"] = words.into();
    }
}

/// An answer is what its schema is: "The object was created." says less.
fn describe_answer(response: &mut Value, schemas: &Value) {
    let schema = &response["content"]["application/json"]["schema"];
    let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) else {
        return;
    };
    let words = match name.strip_prefix("Page_") {
        Some(_) => "A page of the list.".to_owned(),
        None => first_sentence(schemas[name]["description"].as_str().unwrap_or_default()),
    };
    if !words.is_empty() {
        response["description"] = words.into();
    }
}

fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    match paragraph.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => paragraph,
    }
}

/// `SeatMaps` -> `Seat maps`.
fn spaced(name: &str) -> String {
    let mut spaced = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !spaced.is_empty() {
            spaced.push(' ');
            spaced.extend(letter.to_lowercase());
        } else {
            spaced.push(letter);
        }
    }
    spaced
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::{document, operations};

    #[test]
    fn every_parameter_and_every_answer_is_described() {
        for (_, _, operation) in operations(document()) {
            let id = &operation["operationId"];
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let words = parameter["description"].as_str().or(parameter["schema"]["description"].as_str());
                assert!(words.is_some_and(|words| words.ends_with('.')), "{id}: {parameter}");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                let words = response["description"].as_str().unwrap_or("Shared.");
                assert!(words.ends_with('.') && words != "The answer.", "{id} {status}: {words}");
            }
        }
        for tag in document()["tags"].as_array().unwrap() {
            assert!(tag["description"].as_str().is_some_and(|words| words.ends_with('.')), "{tag}");
        }
    }

    #[test]
    fn names_become_words() {
        assert_eq!(spaced("SeatMaps"), "Seat maps");
        assert_eq!(spaced("Orders"), "Orders");
        assert_eq!(first_sentence("One\nthing. And more."), "One thing.");
        assert_eq!(first_sentence("A place, in short.\n\nMore."), "A place, in short.");
    }
}
