//! What leads on from an answer: which operation takes which of its members. Tools follow these links, and so do the
//! tests that walk from operation to operation.

use serde_json::{Map, Value, json};

/// Where a value for the next operation comes from.
type Argument = (&'static str, &'static str);

/// A way from the answer of one operation to another one.
struct Link {
    from: &'static str,
    to: &'static str,
    /// Parameter of the path or query, and where it stands.
    parameters: &'static [Argument],
    /// Member of the JSON body, and where it stands.
    body: &'static [Argument],
    description: &'static str,
}

const ID: &str = "$response.body#/id";

const fn link(
    from: &'static str,
    to: &'static str,
    parameters: &'static [Argument],
    description: &'static str,
) -> Link {
    Link { from, to, parameters, body: &[], description }
}

const LINKS: &[Link] = &[
    // From nothing to an event on sale.
    link("venues.create", "venues.get", &[("venue_id", ID)], "Read the venue."),
    link("venues.create", "venues.update", &[("venue_id", ID)], "Change the venue."),
    link("venues.create", "seat_maps.create", &[("venue_id", ID)], "Draw a seat map of the venue."),
    link("venues.create", "seat_maps.list", &[("venue_id", ID)], "List the seat maps of the venue."),
    link("seat_maps.create", "seat_maps.get", &[("seat_map_id", ID)], "Read the draft."),
    link(
        "seat_maps.create",
        "seat_maps.validate",
        &[("seat_map_id", ID)],
        "Ask what is wrong with the draft.",
    ),
    link("seat_maps.create", "seat_maps.publish", &[("seat_map_id", ID)], "Publish the draft as a version."),
    Link {
        body: &[("seat_map_id", ID)],
        ..link("seat_maps.publish", "events.create", &[], "Plan an event in this hall.")
    },
    link("events.create", "events.get", &[("event_id", ID)], "Read the event."),
    link("events.create", "price_tiers.create", &[("event_id", ID)], "Say what places cost."),
    link("events.create", "events.publish", &[("event_id", ID)], "Put the event on sale."),
    link("price_tiers.create", "price_tiers.update", &[("price_tier_id", ID)], "Change the price tier."),
    link("events.publish", "availability.get", &[("event_id", ID)], "See what is free."),
    link("events.publish", "holds.create", &[("event_id", ID)], "Hold places of the event."),
    link("events.publish", "events.cancel", &[("event_id", ID)], "Cancel the event."),
    // From places to tickets.
    link(
        "holds.create",
        "holds.get",
        &[("hold_id", ID), ("event_id", "$response.body#/event_id")],
        "Read the hold, with the time that is left.",
    ),
    link(
        "holds.create",
        "holds.extend",
        &[("hold_id", ID), ("event_id", "$response.body#/event_id")],
        "Hold the places for longer.",
    ),
    link(
        "holds.create",
        "holds.delete",
        &[("hold_id", ID), ("event_id", "$response.body#/event_id")],
        "Give the places back.",
    ),
    Link {
        body: &[
            ("hold_id", ID),
            ("hold_token", "$response.body#/token"),
            ("expected_total_minor", "$response.body#/totals/total_minor"),
        ],
        ..link(
            "holds.create",
            "orders.create",
            &[],
            "Order what is held; the members of the body beside `buyer`.",
        )
    },
    link("orders.create", "orders.get", &[("order_id", ID)], "Read the order: has it been paid?"),
    link(
        "orders.create",
        "orders.refresh",
        &[("order_id", ID)],
        "Ask the provider whether it has been paid.",
    ),
    link("orders.create", "orders.cancel", &[("order_id", ID)], "Give the order up."),
    link("orders.create", "orders.pay", &[("order_id", ID)], "Take the money at the box office."),
    link(
        "orders.create",
        "tickets.list",
        &[("order_id", ID)],
        "List the tickets of the order, once it is paid.",
    ),
    link("orders.create", "messages.list", &[("order_id", ID)], "See what the buyer was told."),
    link("orders.create", "ledger.list", &[("order_id", ID)], "See the order in the ledger."),
    link("orders.create", "refunds.create", &[("order_id", ID)], "Give money back."),
    link("orders.create", "refunds.list", &[("order_id", ID)], "List what was given back."),
    link(
        "tickets.list",
        "tickets.get",
        &[("ticket_id", "$response.body#/data/0/id")],
        "Read the first ticket.",
    ),
    link("tickets.list", "tickets.qr_svg", &[("ticket_id", "$response.body#/data/0/id")], "Draw its code."),
    link("tickets.get", "tickets.void", &[("ticket_id", ID)], "Withdraw the ticket."),
    link(
        "messages.list",
        "messages.get",
        &[("message_id", "$response.body#/data/0/id")],
        "Read the newest message, with its body.",
    ),
    // The door.
    link("check_in_lists.create", "check_in_lists.get", &[("list_id", ID)], "Read the list."),
    link("check_in_lists.create", "check_in_lists.update", &[("list_id", ID)], "Change the list."),
    link("check_in_lists.create", "devices.create", &[("list_id", ID)], "Give a scanner its token."),
    link(
        "devices.create",
        "devices.delete",
        &[("device_id", "$response.body#/device/id")],
        "Revoke the token.",
    ),
    // People and keys.
    link("members.create", "members.get", &[("member_id", ID)], "Read the member."),
    link("members.create", "members.update", &[("member_id", ID)], "Change what the member may do."),
    link("members.create", "members.delete", &[("member_id", ID)], "Remove the member."),
    link(
        "api_keys.create",
        "api_keys.rotate",
        &[("api_key_id", "$response.body#/api_key/id")],
        "Rotate the key.",
    ),
    link(
        "api_keys.create",
        "api_keys.delete",
        &[("api_key_id", "$response.body#/api_key/id")],
        "Revoke the key.",
    ),
    // Webhooks.
    link(
        "webhook_endpoints.create",
        "webhook_endpoints.ping",
        &[("webhook_endpoint_id", "$response.body#/webhook_endpoint/id")],
        "Send a message that tests the endpoint.",
    ),
    link(
        "webhook_endpoints.create",
        "webhook_deliveries.list",
        &[("webhook_endpoint_id", "$response.body#/webhook_endpoint/id")],
        "See what was delivered.",
    ),
    link(
        "webhook_deliveries.list",
        "webhook_deliveries.get",
        &[("webhook_delivery_id", "$response.body#/data/0/id")],
        "Read the newest delivery.",
    ),
    // Plugins.
    link(
        "plugins.upload",
        "plugin_installations.put",
        &[("plugin_id", "$response.body#/plugin_id")],
        "Install the plugin.",
    ),
    link("plugins.upload", "plugins.get", &[("plugin_id", "$response.body#/plugin_id")], "Read the plugin."),
    link(
        "plugin_receipts.list",
        "plugin_receipts.get",
        &[("plugin_receipt_id", "$response.body#/data/0/id")],
        "Read the newest receipt, with its recording.",
    ),
];

/// The links of an operation's answer, by name; empty when nothing leads on.
pub fn of(operation: &str) -> Map<String, Value> {
    LINKS.iter().filter(|link| link.from == operation).map(written).collect()
}

fn written(link: &Link) -> (String, Value) {
    let object = |arguments: &[Argument]| {
        arguments.iter().map(|(name, place)| ((*name).to_owned(), json!(place))).collect::<Map<_, _>>()
    };
    let mut written = json!({ "operationId": link.to, "description": link.description });
    if !link.parameters.is_empty() {
        written["parameters"] = object(link.parameters).into();
    }
    if !link.body.is_empty() {
        written["requestBody"] = object(link.body).into();
    }
    // Names of links are identifiers in the code that generators write.
    (link.to.replace('.', "_"), written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::{document, operations, resolved};

    fn described(id: &str) -> &'static Value {
        let found = operations(document()).find(|(_, _, operation)| operation["operationId"] == id);
        found.unwrap_or_else(|| panic!("there is no operation {id}")).2
    }

    /// The example of what an operation answers.
    fn answer(operation: &'static Value) -> &'static Value {
        let responses = operation["responses"].as_object().unwrap();
        let (_, success) = responses.iter().find(|(status, _)| status.starts_with('2')).unwrap();
        &resolved(&success["content"]["application/json"]["schema"])["example"]
    }

    #[test]
    fn every_link_leads_from_a_member_to_a_parameter() {
        for link in LINKS {
            let name = format!("{} -> {}", link.from, link.to);
            let (from, to) = (described(link.from), described(link.to));
            for (parameter, place) in link.parameters {
                let known = to["parameters"].as_array().unwrap().iter().any(|p| p["name"] == *parameter);
                assert!(known, "{name}: {parameter}");
                let pointer = place.strip_prefix("$response.body#").unwrap();
                assert!(answer(from).pointer(pointer).is_some(), "{name}: {place}");
            }
            for (member, place) in link.body {
                let body = resolved(&to["requestBody"]["content"]["application/json"]["schema"]);
                assert!(body["properties"][member].is_object(), "{name}: {member}");
                let pointer = place.strip_prefix("$response.body#").unwrap();
                assert!(answer(from).pointer(pointer).is_some(), "{name}: {place}");
            }
            let path_of_to =
                operations(document()).find(|(_, _, op)| op["operationId"] == link.to).unwrap().0;
            for part in path_of_to.split('/').filter_map(|part| part.strip_prefix('{')) {
                let given = link.parameters.iter().any(|(name, _)| part.trim_end_matches('}') == *name);
                assert!(given, "{name} does not say {part}");
            }
        }
    }

    #[test]
    fn a_sale_is_linked_from_hall_to_ticket() {
        let way = [
            "venues.create",
            "seat_maps.create",
            "seat_maps.publish",
            "events.create",
            "events.publish",
            "holds.create",
            "orders.create",
            "tickets.list",
            "tickets.qr_svg",
        ];
        for step in way.windows(2) {
            assert!(LINKS.iter().any(|link| (link.from, link.to) == (step[0], step[1])), "{step:?}");
        }
    }
}
