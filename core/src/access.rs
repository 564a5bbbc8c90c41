//! Permissions and roles: which exist, and what each role may do. API keys carry permissions as scopes.

use std::{fmt, str::FromStr};

macro_rules! permissions {
    ($($name:ident = $text:literal, $doc:literal;)*) => {
        /// Something that a credential may do; `noun:verb` on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $(#[doc = $doc] $name),* }

        impl Permission {
            pub const ALL: &[Permission] = &[$(Permission::$name),*];
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text),* } }
            pub const fn description(self) -> &'static str { match self { $(Self::$name => $doc),* } }
        }
    };
}

permissions! {
    TenantRead = "tenant:read", "Read the tenant's settings";
    TenantWrite = "tenant:write", "Change the tenant's settings and connected account";
    MembersRead = "members:read", "List members, roles and permissions";
    MembersWrite = "members:write", "Invite, change and remove members";
    ApiKeysRead = "api_keys:read", "List API keys (never their secrets)";
    ApiKeysWrite = "api_keys:write", "Create, rotate and revoke API keys";
    AuditLogRead = "audit_log:read", "Read the audit log";
    VenuesRead = "venues:read", "Read venues and seat maps";
    VenuesWrite = "venues:write", "Create and change venues and seat maps";
    EventsRead = "events:read", "Read events, price tiers and availability";
    EventsWrite = "events:write", "Create, change, publish and cancel events and their seats";
    HoldsWrite = "holds:write", "Place, extend and release holds";
    OrdersRead = "orders:read", "Read orders and payments";
    OrdersWrite = "orders:write", "Create orders and open a checkout";
    OrdersManual = "orders:manual", "Settle orders by cash, card terminal or invoice (box office)";
    OrdersCancel = "orders:cancel", "Cancel orders";
    RefundsWrite = "refunds:write", "Refund orders";
    TicketsRead = "tickets:read", "Read tickets and their QR codes";
    TicketsWrite = "tickets:write", "Void and re-issue tickets";
    MessagesRead = "messages:read", "Read what was sent to buyers and organizers";
    MessagesWrite = "messages:write", "Send messages again";
    CheckInsRead = "check_ins:read", "Read check-in lists, devices and scans";
    CheckInsWrite = "check_ins:write", "Create check-in lists and devices, upload scans";
    CheckInsOverride = "check_ins:override", "Admit against the decision, with a reason (never a bad signature)";
    LedgerRead = "ledger:read", "Read ledger entries";
    PluginsRead = "plugins:read", "Read plugins, their settings, receipts and statistics";
    PluginsWrite = "plugins:write", "Upload, install, configure and delete plugins";
    EventsLogRead = "events_log:read", "Read the log of what happened: ids and states of everything, also of what the key may not read";
    WebhookEndpointsRead = "webhook_endpoints:read", "Read webhook endpoints and their deliveries, with ids and states of everything";
    WebhookEndpointsWrite = "webhook_endpoints:write", "Create, change and delete webhook endpoints, and deliver again: ids and states of everything, objects only of what the key may read";
}

/// The text is no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown permission `{0}`")]
pub struct UnknownPermission(pub String);

impl FromStr for Permission {
    type Err = UnknownPermission;
    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL.iter().copied().find(|p| p.as_str() == text).ok_or_else(|| UnknownPermission(text.into()))
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a publishable key may do, always: it stands in public pages.
pub const PUBLISHABLE: &[Permission] =
    &[Permission::EventsRead, Permission::HoldsWrite, Permission::OrdersWrite];

/// What a device token may do, always.
pub const DEVICE: &[Permission] = &[Permission::CheckInsRead, Permission::CheckInsWrite];

/// The role of a member; `Custom` carries its own permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Owner,
    Admin,
    Staff,
    Custom,
}

impl Role {
    pub const ALL: &[Role] = &[Role::Owner, Role::Admin, Role::Staff, Role::Custom];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Staff => "staff",
            Self::Custom => "custom",
        }
    }

    /// The permissions that come with the role; none for `Custom`.
    pub fn permissions(self) -> Vec<Permission> {
        use Permission as P;
        match self {
            Self::Owner => P::ALL.to_vec(),
            Self::Admin => {
                P::ALL.iter().copied().filter(|p| !matches!(p, P::TenantWrite | P::MembersWrite)).collect()
            }
            Self::Staff => vec![
                P::VenuesRead,
                P::EventsRead,
                P::HoldsWrite,
                P::OrdersRead,
                P::OrdersWrite,
                P::OrdersManual,
                P::TicketsRead,
                P::MessagesRead,
                P::MessagesWrite,
                P::CheckInsRead,
                P::CheckInsWrite,
            ],
            Self::Custom => Vec::new(),
        }
    }
}

impl FromStr for Role {
    type Err = UnknownPermission;
    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL.iter().copied().find(|r| r.as_str() == text).ok_or_else(|| UnknownPermission(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_unique_and_parse() {
        for &permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>(), Ok(permission));
        }
    }

    #[test]
    fn each_role_may_do_strictly_more_than_the_one_below() {
        let (owner, admin, staff) =
            (Role::Owner.permissions(), Role::Admin.permissions(), Role::Staff.permissions());
        assert!(staff.iter().all(|p| admin.contains(p)) && admin.iter().all(|p| owner.contains(p)));
        assert!(staff.len() < admin.len() && admin.len() < owner.len());
    }
}
