//! What the contract says of the answers that the tests get.

use std::{collections::HashMap, sync::LazyLock};

use eventflow_api::openapi;
use reqwest::Method;

/// Segments of the path, and the codes of its refusals, by method.
type Refusals = HashMap<Method, Vec<(Vec<String>, Vec<String>)>>;

static REFUSALS: LazyLock<Refusals> = LazyLock::new(|| {
    let mut table = Refusals::new();
    for (path, methods) in openapi::document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let codes = operation["x-error-codes"].as_array().unwrap();
            let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
            let segments = path.split('/').map(str::to_owned).collect();
            table.entry(method.to_uppercase().parse().unwrap()).or_default().push((segments, codes));
        }
    }
    // A literal segment wins over a parameter, as in the router.
    for operations in table.values_mut() {
        operations.sort_by_key(|(path, _)| path.iter().filter(|part| part.starts_with('{')).count());
    }
    table
});

/// True unless the operation refuses with a code that the contract does not list. Paths that it does not know are no
/// operations.
pub fn lists_refusal(method: &Method, path: &str, code: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |pattern: &[String]| {
        pattern.len() == segments.len()
            && pattern.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let found = REFUSALS.get(method).into_iter().flatten().find(|(pattern, _)| fits(pattern));
    // What the router refuses never reaches an operation.
    found.is_none_or(|(_, codes)| {
        ["route_not_found", "method_not_allowed"].contains(&code) || codes.iter().any(|known| known == code)
    })
}
