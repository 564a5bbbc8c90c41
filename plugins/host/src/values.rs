//! The records of `eventflow:plugin@1.0.0` in Rust and, with the same names in snake case, in JSON. The WIT files explain
//! the fields. That both say the same is checked whenever a component is loaded, and by `tests/interface.rs`.
//!
//! In JSON, lists and options that are empty may be left out, so that fixtures are short; unknown fields are refused,
//! because a fixture with a spelling mistake tests something else than it says.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

/// Records that go into a plugin.
macro_rules! inputs {
    ($($(#[$meta:meta])* pub struct $name:ident { $($fields:tt)* })*) => { $(
        #[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ComponentType, Lower, Lift)]
        #[component(record)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])* pub struct $name { $($fields)* }
    )* };
}

inputs! {
    pub struct Money {
        #[component(name = "amount-minor")]
        pub amount_minor: i64,
        pub currency: String,
    }

    pub struct Attribute {
        pub name: String,
        pub value: String,
    }

    /// The event that is sold; `event` in WIT.
    pub struct Event {
        pub id: String,
        pub name: String,
        pub currency: String,
        #[component(name = "time-zone")]
        pub time_zone: String,
        #[component(name = "starts-at")]
        pub starts_at: i64,
        #[component(name = "ends-at")]
        pub ends_at: i64,
        #[component(name = "sale-starts-at")]
        pub sale_starts_at: i64,
        #[component(name = "sale-ends-at")]
        pub sale_ends_at: i64,
        pub capacity: u32,
        pub sold: u32,
        pub held: u32,
        #[serde(default)]
        pub attributes: Vec<Attribute>,
    }

    pub struct Tier {
        pub id: String,
        pub name: String,
        pub category: String,
        #[component(name = "price-minor")]
        pub price_minor: i64,
        pub capacity: u32,
        pub sold: u32,
        pub held: u32,
        #[serde(default)]
        pub attributes: Vec<Attribute>,
    }

    pub struct Seat {
        pub section: String,
        pub row: String,
        pub number: String,
        #[serde(default)]
        pub attributes: Vec<Attribute>,
    }

    /// One ticket of a cart.
    pub struct Line {
        #[component(name = "tier-id")]
        pub tier_id: String,
        #[serde(default)]
        pub seat: Option<Seat>,
        #[component(name = "base-minor")]
        pub base_minor: i64,
        #[component(name = "price-minor")]
        pub price_minor: i64,
        #[component(name = "fee-minor")]
        #[serde(default)]
        pub fee_minor: i64,
        #[component(name = "tax-rate-bps")]
        #[serde(default)]
        pub tax_rate_bps: u32,
        #[component(name = "tax-inclusive")]
        #[serde(default)]
        pub tax_inclusive: bool,
        #[serde(default)]
        pub attributes: Vec<Attribute>,
    }

    pub struct Buyer {
        #[serde(default)]
        pub country: Option<String>,
        #[serde(default)]
        pub codes: Vec<String>,
        #[component(name = "tickets-owned")]
        #[serde(default)]
        pub tickets_owned: u32,
        #[serde(default)]
        pub attributes: Vec<Attribute>,
    }

    /// What an earlier plugin changed; `applied` in WIT.
    pub struct Applied {
        pub plugin: String,
        pub line: u32,
        #[component(name = "amount-minor")]
        pub amount_minor: i64,
        pub label: String,
    }

    pub struct Cart {
        pub event: Event,
        pub tiers: Vec<Tier>,
        pub lines: Vec<Line>,
        #[serde(default)]
        pub buyer: Buyer,
        #[serde(default)]
        pub applied: Vec<Applied>,
        pub now: i64,
        #[serde(default)]
        pub seed: u64,
        pub locale: String,
        #[serde(default)]
        pub preview: bool,
        #[serde(default)]
        pub responses: Vec<HttpResponse>,
        #[serde(default)]
        pub attributes: Vec<Attribute>,
    }

    pub struct HttpResponse {
        pub id: String,
        pub status: u16,
        #[serde(default)]
        pub headers: Vec<Attribute>,
        #[serde(default)]
        pub body: String,
    }

    /// A request that the platform makes for the plugin.
    pub struct HttpRequest {
        pub id: String,
        pub method: String,
        pub url: String,
        #[serde(default)]
        pub headers: Vec<Attribute>,
        #[serde(default)]
        pub body: String,
        #[component(name = "cache-secs")]
        #[serde(default)]
        pub cache_secs: u32,
    }

    /// Something to send.
    pub struct Message {
        pub channel: String,
        pub recipient: String,
        #[serde(default)]
        pub subject: String,
        pub body: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub html: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub attachments: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub attributes: Vec<Attribute>,
    }

    pub struct TicketLine {
        pub place: String,
        pub tier: String,
        #[component(name = "price-minor")]
        pub price_minor: i64,
    }

    pub struct Order {
        pub id: String,
        pub reference: String,
        pub total: Money,
        pub lines: Vec<TicketLine>,
        #[component(name = "buyer-name")]
        #[serde(default)]
        pub buyer_name: String,
        #[component(name = "tickets-url")]
        #[serde(default)]
        pub tickets_url: String,
        #[serde(default)]
        pub attributes: Vec<Attribute>,
    }

    pub struct Notice {
        pub kind: String,
        pub id: String,
        pub now: i64,
        #[serde(default)]
        pub seed: u64,
        pub locale: String,
        pub event: Event,
        #[serde(default)]
        pub order: Option<Order>,
        #[component(name = "default-messages")]
        #[serde(default)]
        pub default_messages: Vec<Message>,
        #[serde(default)]
        pub responses: Vec<HttpResponse>,
        #[serde(default)]
        pub attributes: Vec<Attribute>,
    }

    /// The ticket that is laid out; `facts` in WIT.
    pub struct TicketFacts {
        pub id: String,
        pub event: Event,
        pub tier: Tier,
        #[serde(default)]
        pub seat: Option<Seat>,
        #[component(name = "holder-name")]
        #[serde(default)]
        pub holder_name: String,
        #[component(name = "order-reference")]
        #[serde(default)]
        pub order_reference: String,
        pub now: i64,
        #[serde(default)]
        pub seed: u64,
        pub locale: String,
        #[serde(default)]
        pub attributes: Vec<Attribute>,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[component(variant)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    #[component(name = "amount")]
    Amount(Money),
    #[component(name = "percent-bps")]
    PercentBps(i32),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    pub change: Change,
    pub label: String,
    #[serde(default)]
    pub reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    pub code: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
}

macro_rules! enums {
    ($($(#[$meta:meta])* pub enum $name:ident { $($cases:tt)* })*) => { $(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ComponentType, Lower, Lift)]
        #[component(enum)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        $(#[$meta])* pub enum $name { $($cases)* }
    )* };
}

enums! {
    pub enum Level {
        #[component(name = "debug")]
        Debug,
        #[component(name = "info")]
        Info,
        #[component(name = "warn")]
        Warn,
        #[component(name = "error")]
        Error,
    }

    /// Where a wallet puts a field; `place` in WIT.
    pub enum Place {
        #[component(name = "header")]
        Header,
        #[component(name = "primary")]
        Primary,
        #[component(name = "secondary")]
        Secondary,
        #[component(name = "auxiliary")]
        Auxiliary,
        #[component(name = "back")]
        Back,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[component(variant)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    #[component(name = "send")]
    Send(Vec<Message>),
    #[component(name = "suppress")]
    Suppress(String),
}

/// One more line on a ticket; `field` in WIT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift)]
#[component(record)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub key: String,
    pub label: String,
    pub value: String,
    pub place: Place,
}
