//! API keys: secret keys for servers, publishable keys for pages. The text of a key is told once.

use chrono::{DateTime, TimeDelta, Utc};
use eventflow_core::{
    Refusal,
    access::{PUBLISHABLE, Permission},
    id,
};
use eventflow_store::{api_keys, grants as rule};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{
    Tag,
    grants::{self, PermissionName},
    origins, secrets,
};
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Created, Cursor, NoContent, Page, Ref, Text, Window},
};

/// Who uses a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum KeyKind {
    /// Servers; carries scopes.
    Secret,
    /// Pages of registered origins; may read events, place holds and open orders.
    Publishable,
}

/// An API key, without its secret.
#[derive(Debug, Object)]
struct ApiKey {
    id: Ref<id::ApiKey>,
    kind: KeyKind,
    name: String,
    livemode: bool,
    /// The last four characters of the key.
    hint: String,
    /// What a secret key may do; empty for a publishable one.
    scopes: Vec<PermissionName>,
    /// The pages that may use a publishable key; empty for a secret one.
    origins: Vec<String>,
    created_at: DateTime<Utc>,
    /// When the key ends by itself; null for never.
    expires_at: Option<DateTime<Utc>>,
}

/// A new API key.
#[derive(Debug, Object)]
#[oai(example)]
struct NewApiKey {
    kind: KeyKind,
    name: Text<1, 200>,
    /// What a secret key may do, at least one; not more than the caller.
    #[oai(default, validator(max_items = 100))]
    scopes: Vec<PermissionName>,
    /// The pages that may use a publishable key, at least one, as `https://tickets.example.org`.
    #[oai(default, validator(max_items = 20))]
    origins: Vec<Text<1, 300>>,
    /// When the key ends by itself, in the future.
    expires_at: Option<DateTime<Utc>>,
}

impl poem_openapi::types::Example for NewApiKey {
    fn example() -> Self {
        Self {
            kind: KeyKind::Secret,
            name: Text("Box office".into()),
            scopes: vec![
                Permission::EventsRead.into(),
                Permission::OrdersRead.into(),
                Permission::OrdersWrite.into(),
            ],
            origins: Vec::new(),
            expires_at: None,
        }
    }
}

/// How to replace a key.
#[derive(Debug, Object)]
#[oai(example)]
struct Rotation {
    /// How long the old key still works, in seconds.
    #[oai(default = "one_day_secs", validator(minimum(value = "0"), maximum(value = "604800")))]
    grace_secs: u32,
}

fn one_day_secs() -> u32 {
    24 * 3600
}

impl poem_openapi::types::Example for Rotation {
    fn example() -> Self {
        Self { grace_secs: 3600 }
    }
}

/// A new key and its text, which is told this once.
#[derive(Debug, Object)]
struct MadeApiKey {
    api_key: ApiKey,
    /// Send it as `Authorization: Bearer <token>`.
    token: String,
}

fn shape(key: api_keys::ApiKey) -> ApiKey {
    let secret = key.kind == api_keys::Kind::Secret.as_str();
    ApiKey {
        id: key.id.into(),
        kind: if secret { KeyKind::Secret } else { KeyKind::Publishable },
        name: key.name,
        livemode: key.livemode,
        hint: key.hint,
        scopes: key.scopes.into_iter().map(PermissionName).collect(),
        origins: key.origins,
        created_at: key.created_at,
        expires_at: key.expires_at,
    }
}

fn shape_made((key, token): (api_keys::ApiKey, String)) -> MadeApiKey {
    MadeApiKey { api_key: shape(key), token }
}

/// What is asked for, checked against itself and against what the caller holds.
fn read_new(call: &Call, new: NewApiKey, now: DateTime<Utc>) -> Result<api_keys::NewApiKey, Refusal> {
    let scopes = grants::parse("scopes", &new.scopes)?;
    let origins = origins::parse("origins", &new.origins)?;
    let (kind, rights) = match new.kind {
        KeyKind::Secret => (api_keys::Kind::Secret, scopes.as_slice()),
        KeyKind::Publishable => (api_keys::Kind::Publishable, PUBLISHABLE),
    };
    check_fields(new.kind, &scopes, &origins)?;
    if new.expires_at.is_some_and(|expires| expires <= now) {
        return Err(Refusal::invalid("expires_at", "Expected a time in the future."));
    }
    rule::check(rights, &grants::held(call))?;
    Ok(api_keys::NewApiKey {
        kind,
        name: new.name.0,
        livemode: call.livemode,
        scopes: scopes.iter().map(ToString::to_string).collect(),
        origins,
        expires_at: new.expires_at,
    })
}

fn check_fields(kind: KeyKind, scopes: &[Permission], origins: &[String]) -> Result<(), Refusal> {
    match kind {
        KeyKind::Secret if scopes.is_empty() => {
            Err(Refusal::invalid("scopes", "A secret key needs at least one scope."))
        }
        KeyKind::Secret if !origins.is_empty() => {
            Err(Refusal::invalid("origins", "A secret key has no origins: it must never stand in a page."))
        }
        KeyKind::Publishable if origins.is_empty() => {
            Err(Refusal::invalid("origins", "A publishable key needs the origins of the pages that use it."))
        }
        KeyKind::Publishable if !scopes.is_empty() => {
            Err(Refusal::invalid("scopes", "A publishable key has fixed permissions; leave the scopes out."))
        }
        _ => Ok(()),
    }
}

pub struct ApiKeys;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Tenants")]
impl ApiKeys {
    /// List API keys that are neither revoked nor expired.
    #[oai(path = "/api-keys", method = "get", operation_id = "api_keys.list")]
    async fn list(
        &self,
        call: Call,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<ApiKey>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let rows = call.read(async |tx| api_keys::list(tx, window.fetch(), window.after).await).await?;
        Ok(Json(window.page(rows, |key| key.id, shape)))
    }

    /// Create an API key.
    #[oai(path = "/api-keys", method = "post", operation_id = "api_keys.create")]
    async fn create(&self, call: Call, body: Json<NewApiKey>) -> Result<Created<MadeApiKey>, Failure> {
        let new = read_new(&call, body.0, Utc::now())?;
        let made = secrets::write(&call, async |tx| api_keys::create(tx, new).await.map(shape_made)).await?;
        Ok(Created::Created(Json(made)))
    }

    /// Replace an API key by a new one with the same rights.
    #[oai(path = "/api-keys/:api_key_id/rotate", method = "post", operation_id = "api_keys.rotate")]
    async fn rotate(
        &self,
        call: Call,
        api_key_id: Path<Ref<id::ApiKey>>,
        body: Json<Rotation>,
    ) -> Result<Created<MadeApiKey>, Failure> {
        let grace = TimeDelta::seconds(i64::from(body.0.grace_secs).min(api_keys::ROTATION_GRACE_MAX_SECS));
        let held = grants::held(&call);
        let made = secrets::write(&call, async |tx| {
            api_keys::rotate(tx, api_key_id.0.0, grace, &held).await.map(shape_made)
        })
        .await?;
        call.app.credentials.clear();
        Ok(Created::Created(Json(made)))
    }

    /// Revoke an API key at once.
    #[oai(path = "/api-keys/:api_key_id", method = "delete", operation_id = "api_keys.delete")]
    async fn delete(&self, call: Call, api_key_id: Path<Ref<id::ApiKey>>) -> Result<NoContent, Failure> {
        let held = grants::held(&call);
        call.write_silently(async |tx| api_keys::revoke(tx, api_key_id.0.0, &held).await).await?;
        call.app.credentials.clear();
        Ok(NoContent::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_belong_to_secret_keys_and_origins_to_publishable_ones() {
        let (scopes, origins) = ([Permission::EventsRead], ["https://a.example".to_owned()]);
        assert!(check_fields(KeyKind::Secret, &scopes, &[]).is_ok());
        assert!(check_fields(KeyKind::Publishable, &[], &origins).is_ok());
        for (kind, scopes, origins, param) in [
            (KeyKind::Secret, &[][..], &[][..], "scopes"),
            (KeyKind::Secret, &scopes[..], &origins[..], "origins"),
            (KeyKind::Publishable, &[][..], &[][..], "origins"),
            (KeyKind::Publishable, &scopes[..], &origins[..], "scopes"),
        ] {
            let refusal = check_fields(kind, scopes, origins).unwrap_err();
            assert_eq!(refusal.param.as_deref(), Some(param), "{kind:?}");
        }
    }
}
