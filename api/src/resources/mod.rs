//! The resources of v1, one file a noun: parse, authorise, one call into the store, shape the answer.

use std::collections::BTreeMap;

use eventflow_core::{Id, Refusal, event_types::Resource, id::Kind};
use eventflow_store::events::View;
use poem_openapi::{LicenseObject, OpenApi, OpenApiService, Tags};
use serde_json::Value;

use crate::{
    auth::{Call, Principal},
    outbound,
    problem::Failure,
};

mod api_keys;
mod audit_log;
mod availability;
mod availability_stream;
mod check_in_lists;
mod check_ins;
mod devices;
mod events;
mod events_log;
mod grants;
mod holds;
mod jwks;
mod ledger;
mod members;
mod messages;
mod orders;
pub(crate) mod origins;
mod places;
mod plans;
mod plugins;
mod price_limits;
mod price_tiers;
mod refunds;
mod seat_maps;
mod seats;
mod secrets;
mod tenants;
mod tickets;
mod venues;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhooks;

/// Groups of operations in the contract.
#[derive(Tags)]
pub enum Tag {
    /// The tenant itself, its members, API keys, ticket keys and audit log.
    Tenants,
    /// Venues, where events take place.
    Venues,
    /// Seat maps: a draft that can change, and published versions that never do.
    SeatMaps,
    /// Events, their price tiers and the state of their seats.
    Events,
    /// Availability and holds: what is free, and taking it for a while.
    Sales,
    /// Orders, payments and refunds.
    Orders,
    /// Tickets and their QR codes.
    Tickets,
    /// What buyers and organizers are told.
    Messages,
    /// Check-in lists, devices and scans.
    CheckIn,
    /// Plugins: what changes prices and messages, where it acts, and what it did.
    Plugins,
    /// What happened, for programs: the log of events, and webhooks that tell it.
    Webhooks,
    /// What providers call, and public keys.
    Platform,
}

/// Everything that the contract describes.
pub fn service() -> OpenApiService<impl OpenApi, ()> {
    // A tuple holds 16 at most: one for each group.
    let tenants =
        (tenants::Tenants, members::Members, api_keys::ApiKeys, audit_log::AuditLog, jwks::PublicKeys);
    let maps =
        (plans::Plans, seat_maps::SeatMaps, seat_maps::exchange::Exchange, seat_maps::versions::Versions);
    let events = (maps, events::Events, price_tiers::PriceTiers, seats::Seats);
    let doors = (tickets::Tickets, check_in_lists::CheckInLists, devices::Devices, check_ins::CheckIns);
    let sales = (
        availability::Availabilities,
        availability_stream::AvailabilityStreams,
        holds::Holds,
        orders::Orders,
        refunds::Refunds,
        ledger::Ledger,
        messages::Messages,
        webhooks::Webhooks,
    );
    let plugins =
        (plugins::Plugins, plugins::Installations, plugins::Receipts, plugins::Values, price_limits::Limits);
    let log =
        (events_log::EventsLog, webhook_endpoints::WebhookEndpoints, webhook_deliveries::WebhookDeliveries);
    OpenApiService::new((tenants, venues::Venues, events, sales, doors, plugins, log), "EventFlow", env!("CARGO_PKG_VERSION"))
        .summary("Headless, multi-tenant ticketing and seat reservation")
        .description(
            "Sell seats and standing places that cannot be oversold, take payments, issue signed tickets and let \
             guests in. Amounts are integers in minor units of the event's currency; times are RFC 3339 in UTC; ids \
             are TypeIDs; errors are Problems (RFC 9457) with a stable `code`.",
        )
        .license(LicenseObject::new("Apache-2.0").url("https://www.apache.org/licenses/LICENSE-2.0"))
}

/// An object as its `GET` answers it, for webhooks; `None` for what has no such answer.
pub async fn object(call: Call, resource: Resource, id: &str) -> Result<Option<Value>, Failure> {
    match resource {
        Resource::Venue => venues::object(call, named(id)?).await,
        Resource::Event => events::object(call, named(id)?).await,
        Resource::Order => orders::object(call, named(id)?).await,
        Resource::Refund => refunds::object(call, named(id)?).await,
        Resource::Ticket => tickets::object(call, named(id)?).await,
        Resource::CheckInList => check_in_lists::object(call, named(id)?).await,
        Resource::CheckIn => check_ins::object(call, named(id)?).await,
        Resource::Plugin => plugins::object(call, named(id)?).await,
        Resource::Tenant
        | Resource::SeatMap
        | Resource::PriceTier
        | Resource::Payment
        | Resource::Device
        | Resource::WebhookEndpoint => Ok(None),
    }
}

fn named<K: Kind>(id: &str) -> Result<Id<K>, Refusal> {
    id.parse().map_err(|_| Refusal::not_found("object"))
}

/// The members of an object that we stored.
fn members(detail: Value) -> BTreeMap<String, Value> {
    match detail {
        Value::Object(members) => members.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

/// What the caller may see of events: public pages know nothing of drafts.
fn view(call: &Call) -> View {
    match call.principal {
        Principal::Secret { .. } => View::Organizer,
        _ => View::Public,
    }
}

/// Refuses what is no IANA time zone.
fn check_time_zone(zone: Option<&str>) -> Result<(), Refusal> {
    match zone {
        Some(zone) if zone.parse::<chrono_tz::Tz>().is_err() => {
            Err(Refusal::invalid("time_zone", "Expected the IANA name of a time zone, as `Europe/Berlin`."))
        }
        _ => Ok(()),
    }
}

/// What may stand in the first part of an address beside letters and digits (RFC 5322, section 3.2.3).
const ATEXT: &str = "!#$%&'*+-/=?^_`{|}~";

/// An address of e-mail in its normal form, by which buyers are told apart: no quotes, escapes and comments, in which one
/// mailbox has many spellings, and the domain as the network knows it. None for what cannot be one.
fn normal_email(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let is_atom =
        |atom: &str| !atom.is_empty() && atom.chars().all(|c| c.is_alphanumeric() || ATEXT.contains(c));
    let fits = (1..=64).contains(&local.chars().count()) && local.split('.').all(is_atom);
    // Read as a host below, these would be something else than a part of its name.
    let is_plain = |c: char| c.is_alphanumeric() || c == '-' || c == '.' || !c.is_ascii();
    if !fits || !domain.chars().all(is_plain) {
        return None;
    }
    let host = reqwest::Url::parse(&format!("https://{domain}/")).ok()?;
    let host = host.domain().filter(|name| outbound::is_host_name(name))?;
    Some(format!("{local}@{host}"))
}

/// Refuses what cannot be an address of e-mail; whether it is one, only a message can tell.
fn check_email(param: &str, address: Option<&str>) -> Result<(), Refusal> {
    match address {
        Some(address) if normal_email(address).is_none() => {
            Err(Refusal::invalid(param, "Expected an e-mail address, as `ada@example.org`."))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_sides() {
        for address in ["ada@example.org", "a+b@sub.example.org", "root@localhost", "käthe@müller.example"]
        {
            assert!(check_email("email", Some(address)).is_ok(), "{address}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for address in
            ["ada", "@example.org", "ada@", "a@b@c", "ada @example.org", "ada@example.org\n", &long]
        {
            assert!(check_email("email", Some(address)).is_err(), "{address}");
        }
        // One mailbox, and each time another text.
        for address in [
            "\"ada\"@example.org",
            "a\\da@example.org",
            "ada(b)@example.org",
            "ada@example.org.",
            "a\u{200b}da@example.org",
            "a\u{ad}da@example.org",
            ".ada@example.org",
            "ada@[127.0.0.1]",
            "ada@127.1",
            "ada@exa/mple.org",
        ] {
            assert!(check_email("email", Some(address)).is_err(), "{address}");
        }
        for (typed, normal) in [
            ("Ada@EXAMPLE.org", "Ada@example.org"),
            ("käthe@müller.example", "käthe@xn--mller-kva.example"),
            ("käthe@mu\u{308}ller.example", "käthe@xn--mller-kva.example"),
            ("ada@example。org", "ada@example.org"),
            ("ada@ｅxample.org", "ada@example.org"),
            ("ada@exam\u{ad}ple.org", "ada@example.org"),
        ] {
            assert_eq!(normal_email(typed).as_deref(), Some(normal), "{typed}");
        }
        assert!(check_email("email", None).is_ok());
    }
}
