//! Permissions on the wire, for every resource that grants them, and what the caller holds itself.

use std::borrow::Cow;

use eventflow_core::{Refusal, access::Permission};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde_json::Value;

use crate::auth::Call;

/// The text of a permission, as `events:read`. The contract lists the ones that exist; an unknown one is refused by
/// [`parse`], which can say where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionName(pub String);

impl From<Permission> for PermissionName {
    fn from(permission: Permission) -> Self {
        Self(permission.as_str().to_owned())
    }
}

impl Type for PermissionName {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;
    fn name() -> Cow<'static, str> {
        "Permission".into()
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference("Permission".to_owned())
    }
    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>("Permission".to_owned(), |_| {
            let mut schema = MetaSchema::new("string");
            schema.description = Some("Something that a credential may do; `GET /v1/roles` describes them.");
            schema.enum_items = Permission::ALL.iter().map(|p| Value::String(p.to_string())).collect();
            schema
        });
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl ParseFromJSON for PermissionName {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::String(text) => Ok(Self(text)),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

impl ToJSON for PermissionName {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}

/// The permissions named by the field `param`, in their usual order and each once.
pub fn parse(param: &str, names: &[PermissionName]) -> Result<Vec<Permission>, Refusal> {
    let mut permissions = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let permission = name.0.parse().map_err(|_| {
            let detail = "There is no such permission; the role `owner` of `GET /v1/roles` has them all.";
            Refusal::invalid(format!("{param}[{index}]"), detail)
        })?;
        permissions.push(permission);
    }
    permissions.sort_unstable();
    permissions.dedup();
    Ok(permissions)
}

/// What the caller holds, and so may hand on.
pub fn held(call: &Call) -> Vec<Permission> {
    Permission::ALL.iter().copied().filter(|permission| call.may(*permission)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<PermissionName> {
        texts.iter().map(|text| PermissionName((*text).to_owned())).collect()
    }

    #[test]
    fn permissions_come_sorted_and_once_and_unknown_ones_are_named_by_place() {
        let parsed = parse("scopes", &names(&["events:write", "events:read", "events:write"]));
        assert_eq!(parsed, Ok(vec![Permission::EventsRead, Permission::EventsWrite]));
        let refusal = parse("scopes", &names(&["events:read", "events:fly"])).unwrap_err();
        assert_eq!(refusal.param.as_deref(), Some("scopes[1]"));
    }
}
