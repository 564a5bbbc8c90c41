//! The limits that no field of the contract says, by name, from the constants that enforce them.

use eventflow_core::seat_map::{self, exchange};
use eventflow_store::{
    api_keys, check_in_lists, check_ins, devices, events, gate::rate_limit::Limit as Rate, holds,
    idempotency, members, plugins, refunds, seats, webhook_deliveries, webhook_endpoints,
};

use crate::{auth, bodies, streams, wire};

/// One limit, as people read it.
pub struct Limit {
    pub name: &'static str,
    pub value: u64,
    pub unit: &'static str,
    pub reason: &'static str,
}

macro_rules! limits {
    ($($name:literal = $value:expr, $unit:literal, $reason:literal;)*) => {
        pub const LIMITS: &[Limit] =
            &[$(Limit { name: $name, value: $value as u64, unit: $unit, reason: $reason }),*];
    };
}

limits! {
    "body" = bodies::BODY_MAX, "bytes", "The body of a request: 500 scans are about 150 kB.";
    "seat_map_body" = bodies::SEAT_MAP_BODY_MAX, "bytes", "A seat-map document: 100,000 seats as rules stay below it.";
    "import_body" = exchange::IMPORT_BYTES_MAX, "bytes", "A file that becomes a seat map.";
    "page" = wire::PAGE_MAX, "objects", "One page of a list; follow `next_cursor`.";
    "idempotency_hours" = idempotency::KEEP_HOURS, "hours", "A repetition under the same `Idempotency-Key` gets the same answer.";
    "hold_items" = holds::ITEMS_MAX, "items", "One hold; what an event allows (`max_per_hold`) may be less.";
    "hold_best_available" = seat_map::QUANTITY_MAX, "places", "Seats that we choose for one hold.";
    "hold_cap_secs" = events::HOLD_CAP_SECS_MAX, "seconds", "The longest life of a hold, extensions and all.";
    "seats_per_change" = seats::SEATS_PER_CHANGE_MAX, "seats", "One bulk change of seats.";
    "seats_per_map" = seat_map::SEATS_MAX, "seats", "One seat map.";
    "scans_per_upload" = check_ins::SCANS_MAX, "scans", "What a scanner uploads at a time.";
    "check_in_lists_per_event" = check_in_lists::LISTS_MAX, "lists", "More doors than any hall has.";
    "devices_per_list" = devices::DEVICES_MAX, "devices", "Scanners that are not revoked.";
    "refunds_per_order" = refunds::REFUNDS_MAX, "refunds", "As many as an order has items.";
    "api_keys" = api_keys::LIVE_KEYS_MAX, "keys", "Keys of a tenant that are not revoked.";
    "members" = members::MEMBERS_MAX, "members", "Members of a tenant.";
    "plugins" = plugins::PLUGINS_MAX, "plugins", "Plugins of a tenant.";
    "webhook_endpoints" = webhook_endpoints::ENDPOINTS_MAX, "endpoints", "Webhook endpoints of a tenant.";
    "webhook_rotations" = webhook_endpoints::ROTATIONS_MAX, "rotations", "Of one endpoint within 24 hours: all keys before sign that long.";
    "webhook_replays" = webhook_deliveries::REPLAY_MAX, "deliveries", "What waits for one endpoint, when more is asked for once more.";
    "streams_per_publishable_key" = streams::PUBLISHABLE_MAX, "streams", "Pages that follow availability, on one server.";
    "streams_per_secret_key" = streams::SECRET_MAX, "streams", "A server needs one for each event.";
    "streams_per_network" = streams::NETWORK_MAX, "streams", "One office or one mobile network behind one address.";
}

/// How often each credential may call, per class of operations.
pub const RATES: &[(&str, Rate, &str)] = &[
    ("secret_key", auth::SECRET_LIMIT, "A server, for each key and class of operations."),
    (
        "visitor_reads",
        auth::VISITOR_READ_LIMIT,
        "A visitor with a publishable key: a person looks more often than they buy.",
    ),
    (
        "visitor_sales",
        auth::VISITOR_SALE_LIMIT,
        "Holds and orders of a visitor, and all calls with a buyer's token.",
    ),
    ("device", auth::DEVICE_LIMIT, "A scanner that uploads what it collected offline."),
    ("provider", auth::PUBLIC_LIMIT, "Webhooks of providers come in bursts."),
    ("refresh", auth::ONCE_A_SECOND, "Questions to the payment provider about one order."),
    ("bootstrap", auth::SLOW_LIMIT, "Making tenants, and guessing credentials."),
];
