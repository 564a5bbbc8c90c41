//! Devices: scanners at the doors. A device token is bound to one check-in list and can be revoked.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{ErrorCode, Id, id};
use serde_json::json;
use uuid::Uuid;

use crate::{
    api_keys, audit_log,
    db::{Db, Tx, new_uuid},
    error::{Error, OnConstraint, OrNotFound, Result},
    schema::devices,
};

/// Devices of a check-in list that are not revoked.
pub const DEVICES_MAX: i64 = 500;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = devices)]
pub struct Device {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub check_in_list_id: Uuid,
    pub name: String,
    pub gate: String,
    pub created_at: DateTime<Utc>,
}

/// Enrols a device. Its token is returned once and not stored.
pub async fn create(
    tx: &mut Tx,
    list: Id<id::CheckInList>,
    name: &str,
    gate: &str,
) -> Result<(Device, String)> {
    let live: i64 = devices::table
        .filter(devices::tenant_id.eq(tx.tenant()).and(devices::check_in_list_id.eq(list.uuid())))
        .filter(devices::revoked_at.is_null())
        .count()
        .get_result(&mut **tx)
        .await?;
    if live >= DEVICES_MAX {
        let detail = format!(
            "A check-in list has at most {DEVICES_MAX} devices; revoke one that is not used any more."
        );
        return Err(Error::refused(ErrorCode::LimitReached, detail));
    }
    let (id, token) = (new_uuid(), format!("ef_dev_{}", hex::encode(rand::random::<[u8; 24]>())));
    let device = diesel::insert_into(devices::table)
        .values((
            devices::tenant_id.eq(tx.tenant()),
            devices::id.eq(id),
            devices::check_in_list_id.eq(list.uuid()),
            devices::name.eq(name),
            devices::gate.eq(gate),
            devices::token_hash.eq(api_keys::hash(&token).as_slice()),
        ))
        .returning(Device::as_returning())
        .get_result(&mut **tx)
        .await
        .on_constraint("devices_check_in_list_id_fkey", || {
            eventflow_core::Refusal::not_found("check-in list")
        })?;
    let detail = json!({ "list": list, "gate": gate });
    audit_log::record(tx, "devices.create", Id::<id::Device>::from(id), detail).await?;
    Ok((device, token))
}

pub async fn list(
    tx: &mut Tx,
    list: Id<id::CheckInList>,
    limit: i64,
    after: Option<Uuid>,
) -> Result<Vec<Device>> {
    let mut query = devices::table
        .filter(devices::tenant_id.eq(tx.tenant()).and(devices::check_in_list_id.eq(list.uuid())))
        .filter(devices::revoked_at.is_null())
        .order(devices::id)
        .limit(limit)
        .select(Device::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(devices::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}

pub async fn revoke(tx: &mut Tx, id: Id<id::Device>) -> Result<()> {
    diesel::update(devices::table.find((tx.tenant(), id.uuid())).filter(devices::revoked_at.is_null()))
        .set(devices::revoked_at.eq(diesel::dsl::now))
        .returning(devices::id)
        .get_result::<Uuid>(&mut **tx)
        .await
        .optional()
        .or_not_found("device")?;
    audit_log::record(tx, "devices.delete", id, json!({})).await
}

/// The device with this token, unless it is revoked; of any tenant: this is how a tenant is found.
pub async fn authenticate(db: &Db, hash: &[u8; 32]) -> Result<Option<Device>> {
    let mut connection = db.system().await?;
    let device = devices::table
        .filter(devices::token_hash.eq(hash.as_slice()).and(devices::revoked_at.is_null()))
        .select(Device::as_select())
        .first(&mut *connection)
        .await
        .optional()?;
    Ok(device)
}
