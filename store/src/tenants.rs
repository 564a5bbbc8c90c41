//! Tenants: organizers with data of their own. A tenant is founded with what it takes to go on: an owner, the first
//! ticket key, a secret key with every permission and a publishable key.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use eventflow_core::{
    ErrorCode, Id, Refusal,
    access::{Permission, Role},
    id,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    api_keys, audit_log,
    db::{Tx, new_uuid},
    error::{OnConstraint, OrNotFound, Result},
    members,
    schema::tenants,
    seal::Sealer,
    ticket_keys,
};

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = tenants)]
pub struct Tenant {
    pub id: Uuid,
    pub name: String,
    pub currency: String,
    pub time_zone: String,
    pub livemode: bool,
    pub stripe_account: String,
    pub application_fee_bps: i32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = tenants)]
pub struct NewTenant {
    pub name: String,
    pub currency: String,
    pub time_zone: String,
    pub livemode: bool,
}

/// The owner, and the origins of the first publishable key.
#[derive(Debug)]
pub struct Founding {
    pub owner_email: String,
    pub owner_name: String,
    pub origins: Vec<String>,
}

/// A new tenant; the keys are told once and not stored.
#[derive(Debug)]
pub struct Founded {
    pub tenant: Tenant,
    pub secret_key: String,
    pub publishable_key: String,
}

/// The fields to change; `None` leaves a field as it is.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = tenants)]
pub struct TenantChange {
    pub name: Option<String>,
    pub time_zone: Option<String>,
    pub stripe_account: Option<String>,
    pub application_fee_bps: Option<i32>,
}

/// The id that a tenant gets before its transaction opens. An idempotency key always leads to the same id (a UUIDv8 of
/// its SHA-256), so that a repetition looks for the stored answer where the first request has left it.
pub fn mint_id(idempotency_key: Option<&str>) -> Id<id::Tenant> {
    let Some(key) = idempotency_key else { return new_uuid().into() };
    let digest: [u8; 32] = Sha256::new().chain_update(b"bootstrap\0").chain_update(key).finalize().into();
    let (half, _) = digest.split_first_chunk::<16>().expect("32 bytes have 16 at their beginning");
    uuid::Builder::from_custom_bytes(*half).into_uuid().into()
}

/// Founds the tenant that the transaction names.
pub async fn create(tx: &mut Tx, new: NewTenant, founding: Founding, sealer: &Sealer) -> Result<Founded> {
    let livemode = new.livemode;
    let tenant = diesel::insert_into(tenants::table)
        .values((tenants::id.eq(tx.tenant()), new))
        .returning(Tenant::as_returning())
        .get_result(&mut **tx)
        .await
        .on_constraint("tenants_pkey", || {
            // The answer was forgotten after its time, the tenant was not.
            let detail = "A tenant was made with this key before, and its answer is not kept any more. \
                          Use a new key to make another tenant.";
            Refusal::new(ErrorCode::AlreadyExists, detail).param("Idempotency-Key")
        })?;
    let id = tx.scope.tenant;
    audit_log::record(tx, "tenants.create", id, json!({ "livemode": livemode })).await?;
    let owner = members::NewMember {
        email: founding.owner_email,
        name: founding.owner_name,
        role: Role::Owner,
        permissions: Vec::new(),
    };
    members::create(tx, owner, Permission::ALL).await?;
    ticket_keys::insert(tx, sealer, 0).await?;
    let secret = api_keys::NewApiKey {
        kind: api_keys::Kind::Secret,
        name: "First secret key".into(),
        livemode,
        scopes: Permission::ALL.iter().map(ToString::to_string).collect(),
        origins: Vec::new(),
        expires_at: None,
    };
    let (_, secret_key) = api_keys::create(tx, secret).await?;
    let publishable = api_keys::NewApiKey {
        kind: api_keys::Kind::Publishable,
        name: "First publishable key".into(),
        livemode,
        scopes: Vec::new(),
        origins: founding.origins,
        expires_at: None,
    };
    let (_, publishable_key) = api_keys::create(tx, publishable).await?;
    Ok(Founded { tenant, secret_key, publishable_key })
}

pub async fn get(tx: &mut Tx) -> Result<Tenant> {
    tenants::table
        .find(tx.tenant())
        .select(Tenant::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("tenant")
}

pub async fn update(tx: &mut Tx, change: TenantChange) -> Result<Tenant> {
    let detail =
        json!({ "stripe_account": change.stripe_account, "application_fee_bps": change.application_fee_bps });
    let tenant = diesel::update(tenants::table.find(tx.tenant()))
        .set((change, tenants::updated_at.eq(diesel::dsl::now)))
        .returning(Tenant::as_returning())
        .get_result(&mut **tx)
        .await
        .optional()
        .or_not_found("tenant")?;
    let id = tx.scope.tenant;
    audit_log::record(tx, "tenant.update", id, detail).await?;
    Ok(tenant)
}

/// Makes changes that look at several rows of the tenant (its last owner, the next `kid`) take turns. Others can still
/// read the tenant and write rows that refer to it.
pub(crate) async fn lock(tx: &mut Tx) -> Result<()> {
    tenants::table
        .find(tx.tenant())
        .select(tenants::id)
        .for_no_key_update()
        .first::<Uuid>(&mut **tx)
        .await
        .optional()
        .or_not_found("tenant")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_to_one_tenant_and_no_key_to_a_new_one() {
        assert_eq!(mint_id(Some("a")), mint_id(Some("a")));
        assert_ne!(mint_id(Some("a")), mint_id(Some("b")));
        assert_ne!(mint_id(None), mint_id(None));
        assert_eq!(mint_id(Some("a")).uuid().get_version_num(), 8);
    }
}
