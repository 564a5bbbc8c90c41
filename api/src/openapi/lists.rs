//! How long lists in answers can be, from the limits that keep them so: clients reserve room by it.

use eventflow_core::{access::Permission, check_in::Reason, seat_map};
use eventflow_plugin_host::limits;
use eventflow_store::{check_ins, holds, plugins, refunds, ticket_keys};
use serde_json::{Map, Value, json};

use crate::resources::origins::ORIGINS_MAX;

/// Places of one hold or order.
const PLACES_MAX: usize = holds::ITEMS_MAX;
/// Plugins of a tenant.
const PLUGINS_MAX: usize = 50;
/// Installations of a plugin.
const INSTALLATIONS_MAX: usize = 500;
/// Secrets of a plugin.
const SECRETS_MAX: usize = 20;
/// Price tiers of an event.
const TIERS_MAX: usize = 500;
/// Changes of prices that plugins make of one hold or order.
const ADJUSTMENTS_MAX: usize = PLACES_MAX * limits::ADJUSTMENTS_PER_LINE_MAX * PLUGINS_MAX;
/// Hooks that a plugin may have.
const HOOKS_MAX: usize = 6;
/// Outcomes that a call may have, in round numbers.
const OUTCOMES_MAX: usize = 20;
/// Words of a fixed vocabulary: permissions, reasons, traits, flags. Room for more of them.
const WORDS_MAX: usize = 100;
/// Hosts of a plugin.
const HOSTS_MAX: usize = 20;

// The store counts rows with another type.
const _: () = assert!(
    Permission::ALL.len() <= WORDS_MAX
        && Reason::ALL.len() <= WORDS_MAX
        && plugins::PLUGINS_MAX == PLUGINS_MAX as i64
        && plugins::installations::INSTALLATIONS_MAX == INSTALLATIONS_MAX as i64
        && plugins::secrets::SECRETS_MAX == SECRETS_MAX as i64
);

/// Object, member, and the most that it holds.
const LISTS: &[(&str, &str, usize)] = &[
    ("ApiKey", "origins", ORIGINS_MAX),
    ("ApiKey", "scopes", WORDS_MAX),
    ("Availability", "blocked_seats", seat_map::SEATS_MAX),
    ("Availability", "ga_areas", seat_map::AREAS_MAX),
    ("Availability", "held_seats", seat_map::SEATS_MAX),
    ("Availability", "sold_seats", seat_map::SEATS_MAX),
    ("BrokenRule", "seats", seat_map::SEATS_MAX),
    ("CheckIn", "overridden", WORDS_MAX),
    ("CheckInList", "type_nos", TIERS_MAX),
    ("CheckInResult", "overridden", WORDS_MAX),
    ("CheckInResults", "results", check_ins::SCANS_MAX),
    ("DryRun", "adjustments", ADJUSTMENTS_MAX),
    ("Hold", "adjustments", ADJUSTMENTS_MAX),
    ("Hold", "items", PLACES_MAX),
    ("Imported", "notes", WORDS_MAX),
    ("Jwks", "keys", WORDS_MAX),
    ("Member", "permissions", WORDS_MAX),
    ("Order", "adjustments", ADJUSTMENTS_MAX),
    ("Order", "items", PLACES_MAX),
    ("Order", "tickets", PLACES_MAX),
    ("PluginInstallation", "hooks", HOOKS_MAX),
    ("PluginInstallation", "http_hosts", HOSTS_MAX),
    ("PluginStatistics", "by_outcome", HOOKS_MAX * OUTCOMES_MAX),
    ("PluginVersion", "hooks", HOOKS_MAX),
    ("Refund", "item_ids", PLACES_MAX),
    ("RoleInfo", "permissions", WORDS_MAX),
    ("ScannedTicket", "flags", WORDS_MAX),
    ("Seat", "traits", WORDS_MAX),
    // Lists that come whole, in one page.
    ("Page_Plugin", "data", PLUGINS_MAX),
    ("Page_PluginInstallation", "data", INSTALLATIONS_MAX),
    ("Page_PluginSecret", "data", SECRETS_MAX),
    ("Page_Refund", "data", refunds::REFUNDS_MAX),
    ("Page_RoleInfo", "data", WORDS_MAX),
    ("Page_TicketKey", "data", ticket_keys::TICKET_KEYS_MAX),
];

/// Bounds the lists of the table, and pages by their operation's `limit`.
pub fn bound(document: &mut Value) {
    let mut pages: Vec<(String, Value)> = Vec::new();
    for (_, _, operation) in super::operations(document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let limit = parameters
            .filter(|parameter| parameter["name"] == "limit")
            .find_map(|limit| limit["schema"].get("maximum").cloned());
        let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        let page = answer.as_str().and_then(|reference| reference.rsplit('/').next());
        pages.extend(page.map(str::to_owned).zip(limit));
    }
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (page, most) in pages {
        bound_one(schemas, &page, "data", most);
    }
    for (object, member, most) in LISTS {
        bound_one(schemas, object, member, json!(most));
    }
}

fn bound_one(schemas: &mut Map<String, Value>, object: &str, member: &str, most: Value) {
    let list = schemas.get_mut(object).and_then(|schema| schema["properties"].get_mut(member));
    if let Some(list) = list.filter(|list| list["type"] == "array") {
        list["maxItems"] = most;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::document;

    #[test]
    fn the_lists_of_the_table_exist_and_pages_are_bounded() {
        let schemas = &document()["components"]["schemas"];
        for (object, member, most) in LISTS {
            assert_eq!(schemas[object]["properties"][member]["maxItems"], json!(most), "{object}.{member}");
        }
        assert_eq!(schemas["Page_Event"]["properties"]["data"]["maxItems"], 100);
        assert_eq!(schemas["Page_Seat"]["properties"]["data"]["maxItems"], 1_000);
    }
}
