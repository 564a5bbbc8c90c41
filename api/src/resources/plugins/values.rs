//! The key-value store of a plugin and its secrets.

use chrono::{DateTime, Utc};
use eventflow_core::{Refusal, id};
use eventflow_plugin_host::limits;
use eventflow_store::plugins::{secrets, values};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Example,
};

use crate::{
    auth::Call,
    problem::Failure,
    resources::Tag,
    wire::{NoContent, Page, Ref, Text},
};

/// A value that is kept for a plugin.
#[derive(Debug, Object)]
struct PluginValue {
    key: String,
    value: String,
    updated_at: DateTime<Utc>,
}

/// The new value.
#[derive(Debug, Object)]
#[oai(example)]
struct NewPluginValue {
    value: Text<1, 32768>,
}

impl Example for NewPluginValue {
    fn example() -> Self {
        Self { value: Text("FRIENDS-2026\nSTAFF-2026".into()) }
    }
}

/// A secret, without its value.
#[derive(Debug, Object)]
struct PluginSecret {
    name: String,
    updated_at: DateTime<Utc>,
}

/// The secret. It cannot be read back.
#[derive(Debug, Object)]
#[oai(example)]
struct NewPluginSecret {
    value: Text<1, 1000>,
}

impl Example for NewPluginSecret {
    fn example() -> Self {
        Self { value: Text("the key of a partner's interface".into()) }
    }
}

fn shape(entry: values::Entry) -> PluginValue {
    PluginValue { key: entry.key, value: entry.value, updated_at: entry.updated_at }
}

fn shape_secret(secret: secrets::Secret) -> PluginSecret {
    PluginSecret { name: secret.name, updated_at: secret.updated_at }
}

fn check_bytes(param: &str, text: &str, max: usize) -> Result<(), Refusal> {
    if text.len() <= max {
        return Ok(());
    }
    Err(Refusal::invalid(param, format!("It has {} bytes; at most {max} are allowed.", text.len())))
}

pub struct Values;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Plugins")]
impl Values {
    /// List the values of a plugin, by key.
    #[oai(path = "/plugins/:plugin_id/values", method = "get", operation_id = "plugin_values.list")]
    async fn list(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        /// Only keys behind this one: the last key of the page before.
        after: Query<Option<Text<1, 200>>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
    ) -> Result<Json<Page<PluginValue>>, Failure> {
        let limit = i64::from(limit.0.unwrap_or(20).clamp(1, 100));
        let (id, after) = (plugin_id.0.0, after.0);
        let rows = call.read(async |tx| values::list(tx, id, limit, after.as_deref()).await).await?;
        Ok(Json(Page { data: rows.into_iter().map(shape).collect(), next_cursor: None }))
    }

    /// Get a value.
    #[oai(path = "/plugins/:plugin_id/values/:key", method = "get", operation_id = "plugin_values.get")]
    async fn get(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        key: Path<Text<1, 200>>,
    ) -> Result<Json<PluginValue>, Failure> {
        let entry = call.read(async |tx| values::get(tx, plugin_id.0.0, &key.0).await).await?;
        Ok(Json(shape(entry)))
    }

    /// Set a value, such as a list of codes.
    ///
    /// The plugin sees it with the next call, if its installation has the grant.
    #[oai(path = "/plugins/:plugin_id/values/:key", method = "put", operation_id = "plugin_values.put")]
    async fn put(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        key: Path<Text<1, 200>>,
        body: Json<NewPluginValue>,
    ) -> Result<Json<PluginValue>, Failure> {
        check_bytes("key", &key.0, limits::KEY_BYTES_MAX)?;
        check_bytes("value", &body.0.value, limits::VALUE_BYTES_MAX)?;
        let put = async |tx: &mut _| values::put(tx, plugin_id.0.0, &key.0, &body.0.value).await.map(shape);
        let value = call.write(put).await?;
        call.app.plugins.forget(call.tenant());
        Ok(Json(value))
    }

    /// Remove a value.
    #[oai(path = "/plugins/:plugin_id/values/:key", method = "delete", operation_id = "plugin_values.delete")]
    async fn delete(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        key: Path<Text<1, 200>>,
    ) -> Result<NoContent, Failure> {
        call.write_silently(async |tx| values::delete(tx, plugin_id.0.0, &key.0).await).await?;
        call.app.plugins.forget(call.tenant());
        Ok(NoContent::Done)
    }

    /// List the names of a plugin's secrets.
    #[oai(path = "/plugins/:plugin_id/secrets", method = "get", operation_id = "plugin_secrets.list")]
    async fn secrets(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
    ) -> Result<Json<Page<PluginSecret>>, Failure> {
        let rows = call.read(async |tx| secrets::list(tx, plugin_id.0.0).await).await?;
        Ok(Json(Page { data: rows.into_iter().map(shape_secret).collect(), next_cursor: None }))
    }

    /// Set a secret, which the platform puts into requests for the plugin.
    ///
    /// The plugin writes `secret:NAME` as the value of a header and never sees the secret itself.
    #[oai(path = "/plugins/:plugin_id/secrets/:name", method = "put", operation_id = "plugin_secrets.put")]
    async fn put_secret(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        /// Capital letters, digits and `_`.
        #[oai(validator(max_length = 40, pattern = "^[A-Z][A-Z0-9_]{0,39}$"))]
        name: Path<String>,
        body: Json<NewPluginSecret>,
    ) -> Result<Json<PluginSecret>, Failure> {
        let sealer = &call.app.sealer;
        let put = async |tx: &mut _| {
            let secret = secrets::put(tx, sealer, plugin_id.0.0, &name.0, &body.0.value).await;
            secret.map(shape_secret)
        };
        Ok(Json(call.write(put).await?))
    }

    /// Remove a secret.
    #[oai(
        path = "/plugins/:plugin_id/secrets/:name",
        method = "delete",
        operation_id = "plugin_secrets.delete"
    )]
    async fn delete_secret(
        &self,
        call: Call,
        plugin_id: Path<Ref<id::Plugin>>,
        /// Capital letters, digits and `_`.
        #[oai(validator(max_length = 40, pattern = "^[A-Z][A-Z0-9_]{0,39}$"))]
        name: Path<String>,
    ) -> Result<NoContent, Failure> {
        call.write_silently(async |tx| secrets::delete(tx, plugin_id.0.0, &name.0).await).await?;
        Ok(NoContent::Done)
    }
}
