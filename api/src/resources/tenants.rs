//! The tenant: how it is founded, its settings, and the key ring that signs its tickets.
//!
//! Founding has no tenant to work in yet: the id is minted first, from the `Idempotency-Key` when there is one, and
//! the transaction opens in its name. A repetition within 24 hours gets the same answer with the same keys (kept
//! sealed); after that, the key leads to a tenant that exists, and the answer is 409 `already_exists`.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use eventflow_core::{Refusal, id, money::Currency, ticket::KeyState};
use eventflow_store::{tenants, ticket_keys};
use poem_openapi::{Enum, Object, OpenApi, param::Path, payload::Json};

use super::{Tag, origins, secrets};
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Created, Page, Ref, Text},
};

/// The tenant's settings.
#[derive(Debug, Object)]
struct Tenant {
    id: Ref<id::Tenant>,
    name: String,
    /// ISO 4217; the currency of new events unless they name another one.
    currency: String,
    /// IANA name of a time zone.
    time_zone: String,
    /// Whether the tenant takes real money. It never changes.
    livemode: bool,
    /// The connected Stripe account that gets the money, or empty: then the platform's account does.
    stripe_account: String,
    /// What the platform keeps of each payment to a connected account, in hundredths of a percent.
    #[oai(validator(minimum(value = "0"), maximum(value = "5000")))]
    application_fee_bps: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A new tenant.
#[derive(Debug, Object)]
#[oai(example)]
struct NewTenant {
    name: Text<1, 200>,
    /// ISO 4217, as `EUR`.
    currency: Text<3, 3>,
    /// IANA name, as `Europe/Berlin`.
    time_zone: Text<1, 64>,
    owner: NewOwner,
    /// Whether the tenant takes real money; its keys carry the same mode.
    #[oai(default)]
    livemode: bool,
    /// The pages that may use the publishable key, as `https://tickets.example.org`.
    #[oai(default, validator(max_items = 20))]
    origins: Vec<Text<1, 300>>,
}

/// The first member of a tenant.
#[derive(Debug, Object)]
struct NewOwner {
    email: Text<3, 254>,
    name: Text<1, 200>,
}

impl poem_openapi::types::Example for NewTenant {
    fn example() -> Self {
        Self {
            name: Text("Philharmonie am Park".into()),
            currency: Text("EUR".into()),
            time_zone: Text("Europe/Berlin".into()),
            owner: NewOwner { email: Text("ada@example.org".into()), name: Text("Ada Lovelace".into()) },
            livemode: false,
            origins: vec![Text("https://tickets.example.org".into())],
        }
    }
}

/// A new tenant and its keys, which are told this once.
#[derive(Debug, Object)]
struct Founded {
    tenant: Tenant,
    /// A secret key with every permission.
    secret_key: String,
    /// A publishable key for the origins given.
    publishable_key: String,
}

/// The fields to change; absent ones stay as they are.
#[derive(Debug, Object)]
#[oai(example)]
struct TenantPatch {
    name: Option<Text<1, 200>>,
    /// IANA name, as `Europe/Berlin`.
    time_zone: Option<Text<1, 64>>,
    /// `acct_` and letters and digits, or empty to disconnect the account.
    stripe_account: Option<Text<0, 65>>,
}

impl poem_openapi::types::Example for TenantPatch {
    fn example() -> Self {
        Self {
            name: Some(Text("Philharmonie im Park".into())),
            time_zone: None,
            stripe_account: Some(Text("acct_1OaBcDeFgHiJkLmN".into())),
        }
    }
}

/// What the platform decides about a tenant; absent fields stay as they are.
#[derive(Debug, Object)]
#[oai(example)]
struct Terms {
    /// The platform's share of sales that go through the tenant's own Stripe account, in hundredths of a per cent.
    #[oai(validator(minimum(value = "0"), maximum(value = "5000")))]
    application_fee_bps: Option<i32>,
}

impl poem_openapi::types::Example for Terms {
    fn example() -> Self {
        Self { application_fee_bps: Some(150) }
    }
}

/// What a ticket key may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum TicketKeyState {
    /// Signs new tickets.
    Active,
    /// Signs nothing any more; its tickets stay good.
    Retired,
    /// Compromised: its tickets are refused.
    Revoked,
}

/// A public key that verifies tickets.
#[derive(Debug, Object)]
struct TicketKey {
    /// The number of the key in ticket tokens.
    #[oai(validator(minimum(value = "0"), maximum(value = "255")))]
    kid: i16,
    /// Ed25519, 32 bytes in Base64.
    #[oai(validator(max_length = 44))]
    public_key: String,
    state: TicketKeyState,
    created_at: DateTime<Utc>,
}

fn shape(tenant: tenants::Tenant) -> Tenant {
    Tenant {
        id: tenant.id.into(),
        name: tenant.name,
        currency: tenant.currency,
        time_zone: tenant.time_zone,
        livemode: tenant.livemode,
        stripe_account: tenant.stripe_account,
        application_fee_bps: tenant.application_fee_bps,
        created_at: tenant.created_at,
        updated_at: tenant.updated_at,
    }
}

fn shape_key(key: ticket_keys::TicketKey) -> TicketKey {
    TicketKey {
        kid: key.kid,
        public_key: STANDARD.encode(key.public_key),
        state: match key.state.parse() {
            Ok(KeyState::Active) => TicketKeyState::Active,
            Ok(KeyState::Retired) => TicketKeyState::Retired,
            // The table knows no fourth state.
            Ok(KeyState::Revoked) | Err(_) => TicketKeyState::Revoked,
        },
        created_at: key.created_at,
    }
}

fn check_stripe_account(account: Option<&str>) -> Result<(), Refusal> {
    let fits = |account: &str| {
        account.is_empty()
            || account.strip_prefix("acct_").is_some_and(|rest| {
                (1..=60).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric())
            })
    };
    match account {
        Some(account) if !fits(account) => Err(Refusal::invalid(
            "stripe_account",
            "Expected the id of a Stripe account, as `acct_1OaBcDeFgHiJkLmN`, or nothing.",
        )),
        _ => Ok(()),
    }
}

pub struct Tenants;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Tenants")]
impl Tenants {
    /// Found a tenant with an owner, a ticket key and API keys.
    #[oai(path = "/tenants", method = "post", operation_id = "tenants.create")]
    async fn create(&self, call: Call, body: Json<NewTenant>) -> Result<Created<Founded>, Failure> {
        let new = body.0;
        let currency: Currency = new.currency.parse().map_err(|_| {
            Refusal::invalid("currency", "Expected an ISO 4217 code of a currency, as `EUR`.")
        })?;
        super::check_time_zone(Some(&new.time_zone))?;
        super::check_email("owner.email", Some(&new.owner.email))?;
        let founding = tenants::Founding {
            owner_email: new.owner.email.0,
            owner_name: new.owner.name.0,
            origins: origins::parse("origins", &new.origins)?,
        };
        let new = tenants::NewTenant {
            name: new.name.0,
            currency: currency.code().to_owned(),
            time_zone: new.time_zone.0,
            livemode: new.livemode,
        };
        let mut call = call;
        call.scope.tenant = tenants::mint_id(call.idempotency.as_ref().map(|key| key.key.as_str()));
        let founded = secrets::write(&call, async |tx| {
            let founded = tenants::create(tx, new, founding, &call.app.sealer).await?;
            Ok(Founded {
                tenant: shape(founded.tenant),
                secret_key: founded.secret_key,
                publishable_key: founded.publishable_key,
            })
        })
        .await?;
        Ok(Created::Created(Json(founded)))
    }

    /// Change what the platform decides about a tenant.
    #[oai(path = "/tenants/:tenant_id", method = "patch", operation_id = "tenants.update")]
    async fn update_terms(
        &self,
        call: Call,
        tenant_id: Path<Ref<id::Tenant>>,
        body: Json<Terms>,
    ) -> Result<Json<Tenant>, Failure> {
        let mut call = call;
        call.scope.tenant = tenant_id.0.0;
        let change = tenants::TenantChange {
            application_fee_bps: body.0.application_fee_bps,
            ..tenants::TenantChange::default()
        };
        let tenant = call.write(async |tx| tenants::update(tx, change).await.map(shape)).await?;
        call.app.sellers.forget(&call.tenant().uuid());
        Ok(Json(tenant))
    }

    /// Get the tenant's settings.
    #[oai(path = "/tenant", method = "get", operation_id = "tenant.get")]
    async fn get(&self, call: Call) -> Result<Json<Tenant>, Failure> {
        let tenant = call.read(async |tx| tenants::get(tx).await).await?;
        Ok(Json(shape(tenant)))
    }

    /// Change the tenant's settings.
    #[oai(path = "/tenant", method = "patch", operation_id = "tenant.update")]
    async fn update(&self, call: Call, body: Json<TenantPatch>) -> Result<Json<Tenant>, Failure> {
        let patch = body.0;
        super::check_time_zone(patch.time_zone.as_deref())?;
        check_stripe_account(patch.stripe_account.as_deref())?;
        let change = tenants::TenantChange {
            name: patch.name.map(|text| text.0),
            time_zone: patch.time_zone.map(|text| text.0),
            stripe_account: patch.stripe_account.map(|text| text.0),
            application_fee_bps: None,
        };
        let tenant = call.write(async |tx| tenants::update(tx, change).await.map(shape)).await?;
        call.app.sellers.forget(&call.tenant().uuid());
        Ok(Json(tenant))
    }

    /// List the public keys that verify tickets, all on one page.
    #[oai(path = "/ticket-keys", method = "get", operation_id = "ticket_keys.list")]
    async fn list_ticket_keys(&self, call: Call) -> Result<Json<Page<TicketKey>>, Failure> {
        let keys = call.read(async |tx| ticket_keys::list(tx).await).await?;
        Ok(Json(Page { data: keys.into_iter().map(shape_key).collect(), next_cursor: None }))
    }

    /// Make a new ticket key and retire the one in use.
    #[oai(path = "/ticket-keys/rotate", method = "post", operation_id = "ticket_keys.rotate")]
    async fn rotate_ticket_key(&self, call: Call) -> Result<Created<TicketKey>, Failure> {
        let key =
            call.write(async |tx| ticket_keys::rotate(tx, &call.app.sealer).await.map(shape_key)).await?;
        call.app.signer.clear();
        Ok(Created::Created(Json(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stripe_account_is_an_id_or_nothing() {
        let longest = format!("acct_{}", "a".repeat(60));
        for account in ["", "acct_1", &longest] {
            assert!(check_stripe_account(Some(account)).is_ok(), "{account}");
        }
        for account in ["acct_", "acct_1-2", "cus_1", &format!("{longest}a")] {
            assert!(check_stripe_account(Some(account)).is_err(), "{account}");
        }
        assert!(check_stripe_account(None).is_ok());
    }
}
