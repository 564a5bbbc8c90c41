//! The resources of v1, one file a noun: parse, authorise, one call into the store, shape the answer.

use eventflow_core::Refusal;
use poem_openapi::{LicenseObject, OpenApi, OpenApiService, Tags};

mod venues;


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
    /// Check-in lists, devices and scans.
    CheckIn,
    /// What providers call, and public keys.
    Platform,
}

/// Everything that the contract describes.
pub fn service() -> OpenApiService<impl OpenApi, ()> {
    OpenApiService::new(venues::Venues, "EventFlow", env!("CARGO_PKG_VERSION"))
        .summary("Headless, multi-tenant ticketing and seat reservation")
        .description(
            "Sell seats and standing places that cannot be oversold, take payments, issue signed tickets and let \
             guests in. Amounts are integers in minor units of the event's currency; times are RFC 3339 in UTC; ids \
             are TypeIDs; errors are Problems (RFC 9457) with a stable `code`.",
        )
        .license(LicenseObject::new("Apache-2.0").url("https://www.apache.org/licenses/LICENSE-2.0"))
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
