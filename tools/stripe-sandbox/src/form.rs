//! Form bodies and queries with nested names: `line_items[0][price_data][currency]=eur`, `types[]=a`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{ApiError, Result};

/// Deeper nesting is nonsense: Stripe's deepest parameter has six levels.
const MAX_DEPTH: usize = 8;
/// 100 line items of ten fields each.
const MAX_PAIRS: usize = 2000;

/// The parameters of one request. Every leaf is text; names are sorted, so that equal requests print equally.
#[derive(Debug, Clone, Default)]
pub struct Params(Value);

enum Node {
    Leaf(String),
    Branch(BTreeMap<String, Node>),
}

impl Params {
    pub fn parse(text: &str) -> Result<Self> {
        let mut root = BTreeMap::new();
        for (count, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if count == MAX_PAIRS {
                return Err(ApiError::invalid("", "Too many parameters."));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            insert(&mut root, &path(&name)?, value)
                .ok_or_else(|| ApiError::invalid(&name, format!("Invalid parameter name: {name}")))?;
        }
        Ok(Self(Node::Branch(root).into_value()))
    }

    /// For fingerprints.
    pub fn canonical(&self) -> String {
        self.0.to_string()
    }

    pub fn value(&self, name: &str) -> &Value {
        &self.0[name]
    }

    pub fn has(&self, name: &str) -> bool {
        !self.0[name].is_null()
    }

    /// The parameters below a name.
    pub fn child(&self, name: &str) -> Self {
        Self(self.0[name].clone())
    }

    /// The elements of a list; nothing for a missing one.
    pub fn children(&self, name: &str) -> Vec<Self> {
        self.0[name].as_array().into_iter().flatten().cloned().map(Self).collect()
    }

    /// Empty text unsets a parameter, as at Stripe.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match &self.0[name] {
            Value::Null => Ok(None),
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(ApiError::invalid(name, format!("Invalid string: {name}"))),
        }
    }

    pub fn required(&self, name: &str) -> Result<&str> {
        self.text(name)?.ok_or_else(|| ApiError::missing(name))
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            ApiError::param(name, "parameter_invalid_integer", format!("Invalid integer: {text}"))
        })?;
        Ok(Some(number))
    }

    pub fn boolean(&self, name: &str) -> Result<bool> {
        match self.text(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => Err(ApiError::invalid(name, format!("Invalid boolean: {text}"))),
        }
    }

    /// Stripe allows 50 keys of 40 characters with values of 500.
    pub fn metadata(&self) -> Result<Value> {
        let Value::Object(map) = &self.0["metadata"] else {
            return match &self.0["metadata"] {
                Value::Null => Ok(Value::Object(Map::new())),
                Value::String(text) if text.is_empty() => Ok(Value::Object(Map::new())),
                _ => Err(ApiError::invalid("metadata", "Invalid object")),
            };
        };
        let fits = |(key, value): (&String, &Value)| {
            key.chars().count() <= 40 && value.as_str().is_some_and(|text| text.chars().count() <= 500)
        };
        if map.len() > 50 || !map.iter().all(fits) {
            return Err(ApiError::invalid(
                "metadata",
                "Metadata has at most 50 keys of 40 characters, with values of at most 500 characters.",
            ));
        }
        Ok(Value::Object(map.clone()))
    }

    /// Unknown names are refused, as Stripe does: a typing error must not be silently ignored.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        let Value::Object(map) = &self.0 else { return Ok(()) };
        match map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                Err(ApiError::param(name, "parameter_unknown", format!("Received unknown parameter: {name}")))
            }
            None => Ok(()),
        }
    }
}

impl Node {
    fn into_value(self) -> Value {
        let branch = match self {
            Node::Leaf(text) => return Value::String(text),
            Node::Branch(branch) => branch,
        };
        let indexes: Option<Vec<usize>> = branch.keys().map(|key| key.parse().ok()).collect();
        match indexes {
            Some(indexes) if !indexes.is_empty() => {
                let mut items: Vec<_> = indexes.into_iter().zip(branch.into_values()).collect();
                items.sort_by_key(|(index, _)| *index);
                Value::Array(items.into_iter().map(|(_, node)| node.into_value()).collect())
            }
            _ => Value::Object(branch.into_iter().map(|(key, node)| (key, node.into_value())).collect()),
        }
    }
}

/// `a[b][]` -> `["a", "b", ""]`
fn path(name: &str) -> Result<Vec<&str>> {
    let bad = || ApiError::invalid(name, format!("Invalid parameter name: {name}"));
    let Some((head, mut rest)) = name.find('[').map(|at| name.split_at(at)) else {
        return Ok(vec![name]);
    };
    let mut path = vec![head];
    while !rest.is_empty() {
        let (part, after) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(bad)?;
        path.push(part);
        rest = after;
    }
    if head.is_empty() || path.len() > MAX_DEPTH {
        return Err(bad());
    }
    Ok(path)
}

fn insert(branch: &mut BTreeMap<String, Node>, path: &[&str], value: String) -> Option<()> {
    let (first, rest) = path.split_first()?;
    // `a[]=x&a[]=y` appends.
    let key = if first.is_empty() { branch.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        branch.insert(key, Node::Leaf(value));
        return Some(());
    }
    match branch.entry(key).or_insert_with(|| Node::Branch(BTreeMap::new())) {
        Node::Branch(inner) => insert(inner, rest, value),
        Node::Leaf(_) => None,
    }
}

/// `%41+b` -> `A b`
fn decode(text: &str) -> Result<String> {
    let bad = || ApiError::invalid("", "The body is not a valid form: bad percent-encoding.");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [rest.next().ok_or_else(bad)?, rest.next().ok_or_else(bad)?];
                let mut decoded = [0];
                hex::decode_to_slice(pair, &mut decoded).map_err(|_| bad())?;
                decoded[0]
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Value {
        Params::parse(text).unwrap().0
    }

    #[test]
    fn reads_nested_names_in_every_spelling() {
        let expected = json!({"a": [{"b": "1"}, {"b": "2"}], "m": {"k": "v w"}, "types": ["x", "y"]});
        assert_eq!(parse("a[0][b]=1&a[1][b]=2&m[k]=v+w&types[]=x&types[]=y"), expected);
        assert_eq!(parse("types%5B%5D=x&types%5B%5D=y&m%5Bk%5D=v%20w&a%5B1%5D[b]=2&a[0][b]=1"), expected);
    }

    #[test]
    fn keeps_lists_of_more_than_ten_in_order() {
        let text: Vec<_> = (0..12).map(|index| format!("a[{index}]={index}")).collect();
        assert_eq!(parse(&text.join("&"))["a"][10], "10");
    }

    #[test]
    fn equal_requests_print_equally() {
        let canonical = |text| Params::parse(text).unwrap().canonical();
        assert_eq!(canonical("b=1&a[y]=2&a[x]=3"), canonical("a[x]=3&a[y]=2&b=1"));
        assert_ne!(canonical("b=1"), canonical("b=2"));
    }

    #[test]
    fn refuses_nonsense() {
        for text in ["a[=1", "[a]=1", "a]b[=1&a[b", "a=1&a[b]=2", "a=%zz", "a=%f", "a=%ff", &"[a]".repeat(9)]
        {
            assert!(Params::parse(text).is_err(), "{text}");
        }
        assert!(Params::parse(&format!("a{}=1", "[b]".repeat(9))).is_err());
        assert!(Params::parse(&"a[]=1&".repeat(MAX_PAIRS + 1)).is_err());
    }
}
