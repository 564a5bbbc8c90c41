//! The table of operations: which credential and which permission each one needs, and how often it may be called.
//! The contract shows it (`security`, `x-permission`), authentication enforces it, the sweeps test it.

use eventflow_core::access::Permission::{self, *};

/// A kind of credential; all travel as `Authorization: Bearer …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The bootstrap token of the installation: it makes tenants.
    Bootstrap,
    /// `ef_sk_…`: a server of the tenant, with scopes.
    Secret,
    /// `ef_pk_…`: a public page, bound to registered origins.
    Publishable,
    /// A short-lived token bound to one hold or one order.
    Buyer,
    /// `ef_dev_…`: a scanner, bound to one check-in list.
    Device,
}

impl Credential {
    pub const ALL: [Self; 5] = [Self::Bootstrap, Self::Secret, Self::Publishable, Self::Buyer, Self::Device];

    /// The name of the security scheme in the contract.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap_token",
            Self::Secret => "secret_key",
            Self::Publishable => "publishable_key",
            Self::Buyer => "buyer_token",
            Self::Device => "device_token",
        }
    }

    pub const fn description(self) -> &'static str {
        match self {
            Self::Bootstrap => "The bootstrap token of the installation (`EVENTFLOW_BOOTSTRAP_TOKEN`).",
            Self::Secret => {
                "A secret API key, `ef_sk_live_…` or `ef_sk_test_…`. Servers only; carries scopes."
            }
            Self::Publishable => {
                "A publishable API key, `ef_pk_…`. May stand in pages of registered origins."
            }
            Self::Buyer => {
                "A short-lived JWT (EdDSA) bound to one hold or one order; it comes with the hold or order."
            }
            Self::Device => "The token of a scanner, `ef_dev_…`, bound to one check-in list; revocable.",
        }
    }
}

/// Classes of operations that share a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateClass {
    Read,
    /// Reads of what is in the memory of the server: each server counts them for itself and asks nobody.
    Live,
    Write,
    /// Holds and orders.
    Sale,
    /// Uploads of scans.
    Door,
}

#[derive(Debug, Clone, Copy)]
pub struct Operation {
    pub id: &'static str,
    /// What a secret key needs; the other credentials carry fixed rights.
    pub permission: Option<Permission>,
    /// Empty: public.
    pub credentials: &'static [Credential],
    pub class: RateClass,
}

const PUBLIC: &[Credential] = &[];
const BOOTSTRAP: &[Credential] = &[Credential::Bootstrap];
const SECRET: &[Credential] = &[Credential::Secret];
/// Pages and servers.
const SALES: &[Credential] = &[Credential::Secret, Credential::Publishable];
/// Those, and the buyers of the event.
const EVERYBODY: &[Credential] = &[Credential::Secret, Credential::Publishable, Credential::Buyer];
/// Servers, and the buyer who has the hold or order.
const OWNER: &[Credential] = &[Credential::Secret, Credential::Buyer];
const DOOR: &[Credential] = &[Credential::Secret, Credential::Device];

const fn op(
    id: &'static str,
    permission: Permission,
    credentials: &'static [Credential],
    class: RateClass,
) -> Operation {
    Operation { id, permission: Some(permission), credentials, class }
}

use RateClass::{Door, Live, Read, Sale, Write};

/// Every operation of the contract. Authentication refuses what is not listed.
pub const OPERATIONS: &[Operation] = &[
    Operation { id: "tenants.create", permission: None, credentials: BOOTSTRAP, class: Write },
    Operation { id: "tenants.update", permission: None, credentials: BOOTSTRAP, class: Write },
    op("tenant.get", TenantRead, SECRET, Read),
    op("tenant.update", TenantWrite, SECRET, Write),
    op("ticket_keys.list", TicketsRead, SECRET, Read),
    op("ticket_keys.rotate", TenantWrite, SECRET, Write),
    op("roles.list", MembersRead, SECRET, Read),
    op("members.list", MembersRead, SECRET, Read),
    op("members.create", MembersWrite, SECRET, Write),
    op("members.get", MembersRead, SECRET, Read),
    op("members.update", MembersWrite, SECRET, Write),
    op("members.delete", MembersWrite, SECRET, Write),
    op("api_keys.list", ApiKeysRead, SECRET, Read),
    op("api_keys.create", ApiKeysWrite, SECRET, Write),
    op("api_keys.rotate", ApiKeysWrite, SECRET, Write),
    op("api_keys.delete", ApiKeysWrite, SECRET, Write),
    op("audit_log.list", AuditLogRead, SECRET, Read),
    op("venues.list", VenuesRead, SECRET, Read),
    op("venues.create", VenuesWrite, SECRET, Write),
    op("venues.get", VenuesRead, SECRET, Read),
    op("venues.update", VenuesWrite, SECRET, Write),
    op("seat_maps.list", VenuesRead, SECRET, Read),
    op("seat_maps.create", VenuesWrite, SECRET, Write),
    op("seat_maps.get", VenuesRead, SECRET, Read),
    op("seat_maps.plan", VenuesRead, SECRET, Read),
    op("seat_maps.import", VenuesWrite, SECRET, Write),
    op("seat_maps.export", VenuesRead, SECRET, Read),
    op("seat_maps.diff", VenuesRead, SECRET, Read),
    op("seat_maps.update", VenuesWrite, SECRET, Write),
    op("seat_maps.validate", VenuesRead, SECRET, Write),
    op("seat_maps.publish", VenuesWrite, SECRET, Write),
    op("events.list", EventsRead, SALES, Read),
    op("events.create", EventsWrite, SECRET, Write),
    op("events.get", EventsRead, EVERYBODY, Read),
    op("events.update", EventsWrite, SECRET, Write),
    op("events.publish", EventsWrite, SECRET, Write),
    op("events.move", EventsWrite, SECRET, Write),
    op("events.cancel", EventsWrite, SECRET, Write),
    op("price_tiers.list", EventsRead, EVERYBODY, Read),
    op("price_tiers.create", EventsWrite, SECRET, Write),
    op("price_tiers.update", EventsWrite, SECRET, Write),
    op("price_tiers.delete", EventsWrite, SECRET, Write),
    op("seats.update", EventsWrite, SECRET, Write),
    op("seats.list", EventsRead, SALES, Read),
    op("plans.get", EventsRead, EVERYBODY, Read),
    op("availability.get", EventsRead, EVERYBODY, Live),
    op("availability.snapshot", EventsRead, EVERYBODY, Live),
    op("availability.stream", EventsRead, EVERYBODY, Live),
    op("holds.create", HoldsWrite, SALES, Sale),
    op("holds.get", HoldsWrite, OWNER, Read),
    op("holds.extend", HoldsWrite, OWNER, Sale),
    op("holds.delete", HoldsWrite, OWNER, Sale),
    op("orders.create", OrdersWrite, EVERYBODY, Sale),
    op("orders.list", OrdersRead, SECRET, Read),
    op("orders.get", OrdersRead, OWNER, Read),
    op("orders.cancel", OrdersCancel, OWNER, Sale),
    op("orders.pay", OrdersManual, SECRET, Sale),
    op("orders.refresh", OrdersRead, OWNER, Sale),
    op("refunds.create", RefundsWrite, SECRET, Write),
    op("refunds.list", OrdersRead, SECRET, Read),
    op("tickets.list", TicketsRead, OWNER, Read),
    op("tickets.get", TicketsRead, OWNER, Read),
    op("tickets.qr_svg", TicketsRead, OWNER, Read),
    op("tickets.qr_png", TicketsRead, OWNER, Read),
    op("tickets.void", TicketsWrite, SECRET, Write),
    op("messages.list", MessagesRead, SECRET, Read),
    op("messages.get", MessagesRead, SECRET, Read),
    op("messages.resend", MessagesWrite, SECRET, Write),
    op("check_in_lists.list", CheckInsRead, SECRET, Read),
    op("check_in_lists.create", CheckInsWrite, SECRET, Write),
    op("check_in_lists.get", CheckInsRead, DOOR, Read),
    op("check_in_lists.update", CheckInsWrite, SECRET, Write),
    op("devices.list", CheckInsRead, SECRET, Read),
    op("devices.create", CheckInsWrite, SECRET, Write),
    op("devices.delete", CheckInsWrite, SECRET, Write),
    op("check_ins.create", CheckInsWrite, DOOR, Door),
    op("check_ins.list", CheckInsRead, SECRET, Read),
    op("ledger.list", LedgerRead, SECRET, Read),
    op("plugins.list", PluginsRead, SECRET, Read),
    op("plugins.upload", PluginsWrite, SECRET, Write),
    op("plugins.get", PluginsRead, SECRET, Read),
    op("plugins.delete", PluginsWrite, SECRET, Write),
    op("plugins.reorder", PluginsWrite, SECRET, Write),
    op("plugin_versions.list", PluginsRead, SECRET, Read),
    op("plugins.publish", PluginsWrite, SECRET, Write),
    op("plugins.rollback", PluginsWrite, SECRET, Write),
    op("plugins.dry_run", PluginsWrite, SECRET, Write),
    op("plugin_installations.list", PluginsRead, SECRET, Read),
    op("plugin_installations.put", PluginsWrite, SECRET, Write),
    op("plugin_installations.delete", PluginsWrite, SECRET, Write),
    op("plugin_receipts.list", PluginsRead, SECRET, Read),
    op("plugin_receipts.get", PluginsRead, SECRET, Read),
    op("plugins.statistics", PluginsRead, SECRET, Read),
    op("plugin_values.list", PluginsRead, SECRET, Read),
    op("plugin_values.get", PluginsRead, SECRET, Read),
    op("plugin_values.put", PluginsWrite, SECRET, Write),
    op("plugin_values.delete", PluginsWrite, SECRET, Write),
    op("plugin_secrets.list", PluginsRead, SECRET, Read),
    op("plugin_secrets.put", PluginsWrite, SECRET, Write),
    op("plugin_secrets.delete", PluginsWrite, SECRET, Write),
    op("price_limits.get", PluginsRead, SECRET, Read),
    op("price_limits.put", PluginsWrite, SECRET, Write),
    op("event_types.list", EventsLogRead, SECRET, Read),
    op("events_log.list", EventsLogRead, SECRET, Read),
    op("webhook_endpoints.list", WebhookEndpointsRead, SECRET, Read),
    op("webhook_endpoints.create", WebhookEndpointsWrite, SECRET, Write),
    op("webhook_endpoints.get", WebhookEndpointsRead, SECRET, Read),
    op("webhook_endpoints.update", WebhookEndpointsWrite, SECRET, Write),
    op("webhook_endpoints.delete", WebhookEndpointsWrite, SECRET, Write),
    op("webhook_endpoints.rotate", WebhookEndpointsWrite, SECRET, Write),
    op("webhook_endpoints.ping", WebhookEndpointsWrite, SECRET, Write),
    op("webhook_endpoints.replay", WebhookEndpointsWrite, SECRET, Write),
    op("webhook_deliveries.list", WebhookEndpointsRead, SECRET, Read),
    op("webhook_deliveries.get", WebhookEndpointsRead, SECRET, Read),
    op("webhook_deliveries.replay", WebhookEndpointsWrite, SECRET, Write),
    Operation { id: "webhooks.stripe", permission: None, credentials: PUBLIC, class: Door },
    Operation { id: "jwks.get", permission: None, credentials: PUBLIC, class: Read },
];

pub fn find(id: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.id == id)
}
