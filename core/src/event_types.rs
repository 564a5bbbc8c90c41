//! The table of event types: what the log of events and webhooks tell, and which entry of the audit log each is made of.
//! The contract, the filters of webhook endpoints and the SDKs come from it.

use std::{fmt, str::FromStr};

use crate::access::Permission;

macro_rules! resources {
    ($($name:ident = $text:literal, $permission:ident, $schema:expr;)*) => {
        /// What an event is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Resource { $($name),* }

        impl Resource {
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text),* } }
            /// What a key needs to read it.
            pub const fn permission(self) -> Permission { match self { $(Self::$name => Permission::$permission),* } }
            /// The schema of the contract that a fat payload has it in; none: a payload has its id only.
            pub const fn schema(self) -> Option<&'static str> { match self { $(Self::$name => $schema),* } }
        }
    };
}

resources! {
    Tenant = "tenant", TenantRead, None;
    Venue = "venue", VenuesRead, Some("Venue");
    // A draft may have megabytes.
    SeatMap = "seat_map", VenuesRead, None;
    Event = "event", EventsRead, Some("Event");
    PriceTier = "price_tier", EventsRead, None;
    Order = "order", OrdersRead, Some("Order");
    Payment = "payment", OrdersRead, None;
    Refund = "refund", OrdersRead, Some("Refund");
    Ticket = "ticket", TicketsRead, Some("Ticket");
    CheckInList = "check_in_list", CheckInsRead, Some("CheckInList");
    Device = "device", CheckInsRead, None;
    CheckIn = "check_in", CheckInsRead, Some("CheckIn");
    Plugin = "plugin", PluginsRead, Some("Plugin");
    WebhookEndpoint = "webhook_endpoint", WebhookEndpointsRead, None;
}

macro_rules! event_types {
    ($($name:ident = $text:literal, $resource:ident, $action:literal, $step:literal, $doc:literal;)*) => {
        /// Something that happened; `noun.verb` on the wire. Types are never removed, and new ones come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType { $(#[doc = $doc] $name),* }

        impl EventType {
            pub const ALL: &[EventType] = &[$(EventType::$name),*];
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text),* } }
            pub const fn description(self) -> &'static str { match self { $(Self::$name => $doc),* } }
            pub const fn resource(self) -> Resource { match self { $(Self::$name => Resource::$resource),* } }
            /// The action in the audit log, and the step that it has to be; an empty step is any.
            const fn source(self) -> (&'static str, &'static str) { match self { $(Self::$name => ($action, $step)),* } }
        }
    };
}

event_types! {
    TenantUpdated = "tenant.updated", Tenant, "tenant.update", "", "The tenant's settings were changed";
    TicketKeyRotated = "ticket_key.rotated", Tenant, "ticket_keys.rotate", "", "A new key signs tickets from now on";
    VenueCreated = "venue.created", Venue, "venues.create", "", "A venue was made";
    VenueUpdated = "venue.updated", Venue, "venues.update", "", "A venue was changed";
    SeatMapCreated = "seat_map.created", SeatMap, "seat_maps.create", "", "A seat map was made";
    SeatMapUpdated = "seat_map.updated", SeatMap, "seat_maps.update", "", "The draft of a seat map was changed";
    SeatMapPublished = "seat_map.published", SeatMap, "seat_maps.publish", "", "A version of a seat map was published";
    EventCreated = "event.created", Event, "events.create", "", "An event was made, as a draft";
    EventUpdated = "event.updated", Event, "events.update", "", "An event was changed";
    EventPublished = "event.published", Event, "events.publish", "", "An event is on sale";
    EventMoved = "event.moved", Event, "events.move", "", "An event sells a newer version of its seat map";
    EventSeatsUpdated = "event.seats_updated", Event, "seats.update", "", "Seats of an event were blocked, freed or re-tiered";
    EventPriceLimitsUpdated = "event.price_limits_updated", Event, "price_limits.update", "", "The limits on prices of an event were changed";
    EventCancelled = "event.cancelled", Event, "events.cancel", "", "An event was cancelled";
    PriceTierCreated = "price_tier.created", PriceTier, "price_tiers.create", "", "A price tier was made";
    PriceTierUpdated = "price_tier.updated", PriceTier, "price_tiers.update", "", "A price tier was changed";
    PriceTierDeleted = "price_tier.deleted", PriceTier, "price_tiers.delete", "", "A price tier was deleted";
    OrderCreated = "order.created", Order, "orders.create", "", "A hold became an order, which waits for its payment";
    OrderProcessing = "order.processing", Order, "orders.move", "processing", "A payment that takes days is on its way";
    OrderPaid = "order.paid", Order, "orders.settle", "", "An order was paid, and its tickets were issued";
    OrderReseated = "order.reseated", Order, "orders.reseat", "", "A late payment got other seats";
    OrderExpired = "order.expired", Order, "orders.move", "expired", "An order was not paid in time; its places are free";
    OrderCancelled = "order.cancelled", Order, "orders.move", "cancelled", "An order was given up; its places are free";
    OrderRefundDue = "order.refund_due", Order, "orders.move", "refund_due", "Money came too late and goes back";
    OrderPartiallyRefunded = "order.partially_refunded", Order, "orders.move", "partially_refunded", "A part of an order's money went back";
    OrderRefunded = "order.refunded", Order, "orders.move", "refunded", "All of an order's money went back";
    OrderNeedsReview = "order.needs_review", Order, "orders.move", "needs_review", "A person has to look at an order";
    DisputeOpened = "dispute.opened", Order, "orders.move", "disputed", "A buyer disputes the payment; the tickets are frozen";
    DisputeWon = "dispute.won", Order, "orders.move", "undisputed", "A dispute was decided for the organizer; the tickets are good again";
    DisputeLost = "dispute.lost", Order, "orders.move", "charged_back", "A dispute was decided for the buyer; the tickets are void";
    PaymentFailed = "payment.failed", Payment, "payments.move", "failed", "An attempt to pay failed";
    PaymentExpired = "payment.expired", Payment, "payments.move", "expired", "An attempt to pay can no longer succeed";
    RefundCreated = "refund.created", Refund, "refunds.create", "", "A refund was asked for";
    RefundSucceeded = "refund.succeeded", Refund, "refunds.move", "succeeded", "The provider has given the money back";
    RefundFailed = "refund.failed", Refund, "refunds.move", "failed", "The provider could not give the money back";
    TicketVoided = "ticket.voided", Ticket, "tickets.void", "", "A ticket was withdrawn without a refund";
    CheckInListCreated = "check_in_list.created", CheckInList, "check_in_lists.create", "", "A check-in list was made";
    CheckInListUpdated = "check_in_list.updated", CheckInList, "check_in_lists.update", "", "A check-in list was changed";
    DeviceCreated = "device.created", Device, "devices.create", "", "A scanner was registered";
    DeviceDeleted = "device.deleted", Device, "devices.delete", "", "A scanner was shut out";
    CheckInAdmitted = "check_in.admitted", CheckIn, "scans", "admitted", "A guest went in, or out";
    CheckInAlreadyAdmitted = "check_in.already_admitted", CheckIn, "scans", "already_admitted", "A ticket that was used came again";
    CheckInRefused = "check_in.refused", CheckIn, "scans", "refused", "A scan was refused";
    PluginUploaded = "plugin.uploaded", Plugin, "plugins.upload", "", "A version of a plugin was uploaded";
    PluginPublished = "plugin.published", Plugin, "plugins.publish", "", "A version of a plugin is called from now on";
    PluginRolledBack = "plugin.rolled_back", Plugin, "plugins.rollback", "", "The version before is called again";
    PluginInstalled = "plugin.installed", Plugin, "plugins.install", "", "A plugin was installed, or its settings changed";
    PluginUninstalled = "plugin.uninstalled", Plugin, "plugins.uninstall", "", "A plugin was uninstalled";
    PluginDeleted = "plugin.deleted", Plugin, "plugins.delete", "", "A plugin was deleted";
    WebhookEndpointDisabled = "webhook_endpoint.disabled", WebhookEndpoint, "webhook_endpoints.disable", "", "A webhook endpoint failed for days, or said that it is gone";
    WebhookEndpointPing = "webhook_endpoint.ping", WebhookEndpoint, "", "", "Somebody tests a webhook endpoint; this one gets it, and the log does not have it";
}

/// The action under which a scan is found; scans have a table of their own.
pub const SCANS: &str = "scans";

impl EventType {
    /// What an entry of the audit log means outside: its action, and from where to where it moved something. Most entries
    /// mean nothing to others.
    pub fn of(action: &str, from: &str, to: &str) -> Option<Self> {
        let step = if action == "orders.move" && from == "disputed" && to != "charged_back" {
            "undisputed"
        } else {
            to
        };
        let fits = |(known, wanted): (&str, &str)| known == action && (wanted.is_empty() || wanted == step);
        Self::ALL.iter().copied().find(|kind| !action.is_empty() && fits(kind.source()))
    }
}

/// The text is no event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type `{0}`; `GET /v1/event-types` lists them")]
pub struct UnknownEventType(pub String);

impl FromStr for EventType {
    type Err = UnknownEventType;
    fn from_str(text: &str) -> Result<Self, UnknownEventType> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownEventType(text.into()))
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_made_of_one_kind_of_entry() {
        for &kind in EventType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            let (noun, verb) = kind.as_str().split_once('.').unwrap();
            assert!(!noun.is_empty() && verb.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{kind}");
            let (action, step) = kind.source();
            let from = if step == "undisputed" { "disputed" } else { "" };
            let found = EventType::of(action, from, if step == "undisputed" { "paid" } else { step });
            assert_eq!(found, Some(kind).filter(|kind| *kind != EventType::WebhookEndpointPing));
        }
        assert_eq!(EventType::of("api_keys.create", "", ""), None);
        assert_eq!(EventType::of("", "", ""), None);
    }

    #[test]
    fn the_end_of_a_dispute_is_told_by_where_it_came_from() {
        assert_eq!(EventType::of("orders.move", "disputed", "paid"), Some(EventType::DisputeWon));
        assert_eq!(EventType::of("orders.move", "disputed", "refund_due"), Some(EventType::DisputeWon));
        assert_eq!(EventType::of("orders.move", "disputed", "charged_back"), Some(EventType::DisputeLost));
        assert_eq!(EventType::of("orders.move", "paid", "refunded"), Some(EventType::OrderRefunded));
    }
}
