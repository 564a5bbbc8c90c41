//! Devices: the scanners of a check-in list. The token of a device is told once.

use chrono::{DateTime, Utc};
use eventflow_core::id;
use eventflow_store::{check_in_lists, devices};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use super::{Tag, secrets};
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Created, Cursor, NoContent, Page, Ref, Text, Window},
};

/// A scanner, without its token.
#[derive(Debug, Object)]
struct Device {
    id: Ref<id::Device>,
    check_in_list_id: Ref<id::CheckInList>,
    name: String,
    /// Where it stands; scans and admissions carry it.
    gate: String,
    created_at: DateTime<Utc>,
}

/// A new scanner.
#[derive(Debug, Object)]
#[oai(example)]
struct NewDevice {
    name: Text<1, 200>,
    /// Where it stands, as people at the doors call it.
    #[oai(default)]
    gate: Text<0, 80>,
}

impl poem_openapi::types::Example for NewDevice {
    fn example() -> Self {
        Self { name: Text("Scanner 3".into()), gate: Text("North".into()) }
    }
}

/// A new scanner and its token, which is told this once.
#[derive(Debug, Object)]
struct MadeDevice {
    device: Device,
    /// Send it as `Authorization: Bearer <token>`.
    token: String,
}

fn shape(device: devices::Device) -> Device {
    Device {
        id: device.id.into(),
        check_in_list_id: device.check_in_list_id.into(),
        name: device.name,
        gate: device.gate,
        created_at: device.created_at,
    }
}

pub struct Devices;

#[OpenApi(prefix_path = "/v1", tag = "Tag::CheckIn")]
impl Devices {
    /// List the devices of a check-in list that are not revoked.
    #[oai(path = "/check-in-lists/:list_id/devices", method = "get", operation_id = "devices.list")]
    async fn list(
        &self,
        call: Call,
        list_id: Path<Ref<id::CheckInList>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<Device>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let rows = call
            .read(async |tx| {
                check_in_lists::get(tx, list_id.0.0).await?;
                devices::list(tx, list_id.0.0, window.fetch(), window.after).await
            })
            .await?;
        Ok(Json(window.page(rows, |device| device.id, shape)))
    }

    /// Enrol a device; its token is in this answer only.
    #[oai(path = "/check-in-lists/:list_id/devices", method = "post", operation_id = "devices.create")]
    async fn create(
        &self,
        call: Call,
        list_id: Path<Ref<id::CheckInList>>,
        body: Json<NewDevice>,
    ) -> Result<Created<MadeDevice>, Failure> {
        let made = secrets::write(&call, async |tx| {
            let (device, token) = devices::create(tx, list_id.0.0, &body.0.name, &body.0.gate).await?;
            Ok(MadeDevice { device: shape(device), token })
        })
        .await?;
        call.app.credentials.clear();
        Ok(Created::Created(Json(made)))
    }

    /// Revoke a device at once.
    #[oai(path = "/devices/:device_id", method = "delete", operation_id = "devices.delete")]
    async fn delete(&self, call: Call, device_id: Path<Ref<id::Device>>) -> Result<NoContent, Failure> {
        call.write_silently(async |tx| devices::revoke(tx, device_id.0.0).await).await?;
        call.app.credentials.clear();
        Ok(NoContent::Done)
    }
}
