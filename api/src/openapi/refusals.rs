//! Which error codes an operation answers: those that follow from its shape (credentials, a body, ids, a cursor), and
//! those of its own. The tests hold every refusal that they meet against this list.

use eventflow_core::ErrorCode::{self, *};
use serde_json::Value;

use crate::operations::{Credential, Operation};

/// Operations, and the codes that they have beside those of their shape.
type Own = (&'static [&'static str], &'static [ErrorCode]);

const OWN: &[Own] = &[
    (&["api_keys.create"], &[LimitReached]),
    (&["api_keys.delete"], &[Conflict]),
    (&["api_keys.rotate"], &[Conflict, LimitReached]),
    (&["availability.get", "availability.snapshot"], &[Rebuilding, NotOnSale]),
    (&["availability.stream"], &[Rebuilding, NotOnSale, StreamLimit]),
    (&["check_in_lists.create", "check_in_lists.update"], &[AlreadyExists, LimitReached, UnknownPriceTier]),
    (&["devices.create"], &[LimitReached]),
    (&["events.cancel"], &[Conflict]),
    (&["events.create"], &[Conflict, EventNotReady]),
    (&["events.move"], &[Conflict, SeatMapInUse]),
    (&["events.publish"], &[Conflict, EventNotReady]),
    (&["events.update"], &[Conflict, EventNotReady]),
    (
        &["holds.create"],
        &[
            CartRefused,
            HoldLimit,
            LimitReached,
            NotOnSale,
            PriceChanged,
            PriceUnconfirmed,
            Rebuilding,
            SeatRules,
            SeatsTaken,
            SoldOut,
            UnknownPriceTier,
            UnknownSeat,
        ],
    ),
    (&["holds.get"], &[LimitReached, PriceChanged, PriceUnconfirmed, Rebuilding]),
    (
        &["holds.extend"],
        &[
            ExtensionLimit,
            HoldExpired,
            HoldInCheckout,
            LimitReached,
            NotOnSale,
            PriceChanged,
            PriceUnconfirmed,
            Rebuilding,
        ],
    ),
    (&["holds.delete"], &[HoldInCheckout, Rebuilding]),
    (&["members.create", "members.update"], &[AlreadyExists, Conflict, LimitReached]),
    (&["members.delete"], &[Conflict]),
    (&["messages.resend"], &[Conflict]),
    (
        &["orders.create"],
        &[
            CartRefused,
            HoldExpired,
            HoldInCheckout,
            HoldLimit,
            LimitReached,
            NotOnSale,
            OrderState,
            PaymentRefused,
            PaymentUnavailable,
            PriceChanged,
            PriceUnconfirmed,
            Rebuilding,
            ReturnUrlDenied,
            SeatRules,
            SeatsTaken,
            SoldOut,
            UnknownPriceTier,
            UnknownSeat,
        ],
    ),
    (&["orders.cancel", "orders.pay", "orders.refresh"], &[OrderState, PaymentUnavailable]),
    (&["plans.get"], &[NotOnSale]),
    (&["plugin_installations.put"], &[Conflict, LimitReached, PluginConfigInvalid]),
    (&["plugin_secrets.put", "plugin_values.put"], &[LimitReached]),
    (&["plugins.delete", "plugins.publish", "plugins.reorder", "plugins.rollback"], &[Conflict]),
    (
        &["plugins.dry_run"],
        &[
            CartRefused,
            Conflict,
            LimitReached,
            PluginConfigInvalid,
            PluginInvalid,
            PriceUnconfirmed,
            Rebuilding,
        ],
    ),
    (&["plugins.upload"], &[AlreadyExists, Conflict, LimitReached, PluginConfigInvalid, PluginInvalid]),
    (&["price_tiers.create", "price_tiers.update"], &[AlreadyExists, Conflict, LimitReached]),
    (&["price_tiers.delete"], &[Conflict]),
    (&["refunds.create"], &[Conflict, LimitReached, OrderState, PaymentUnavailable, RefundTooLarge]),
    (&["seat_maps.create"], &[LimitReached]),
    (&["seat_maps.export"], &[Conflict]),
    (
        &["seat_maps.import"],
        &[
            ImportEmpty,
            ImportInvalidValue,
            ImportMalformed,
            ImportMissing,
            ImportTooDeep,
            ImportTooLarge,
            ImportTooMany,
            ImportUnsafe,
            LimitReached,
        ],
    ),
    (&["seat_maps.publish"], &[Conflict, SeatMapInvalid]),
    (&["seat_maps.update"], &[Conflict]),
    (&["seats.update"], &[Conflict, SeatsTaken, UnknownSeat]),
    (&["tenant.update", "tenants.create", "tenants.update"], &[AlreadyExists]),
    (&["ticket_keys.rotate"], &[LimitReached]),
    (&["tickets.qr_png", "tickets.qr_svg", "tickets.void"], &[TicketState]),
    (
        &["webhook_deliveries.replay", "webhook_endpoints.ping", "webhook_endpoints.replay"],
        &[Conflict, LimitReached],
    ),
    (&["webhook_endpoints.create"], &[LimitReached]),
    (&["webhook_endpoints.rotate"], &[Conflict, LimitReached]),
    (&["webhook_endpoints.update"], &[Conflict]),
    (&["webhooks.stripe"], &[PaymentUnavailable, SignatureInvalid]),
];

fn own(operation: &str) -> impl Iterator<Item = ErrorCode> {
    OWN.iter()
        .filter(move |(operations, _)| operations.contains(&operation))
        .flat_map(|(_, codes)| *codes)
        .copied()
}

/// The codes of an operation, in the order of the table of codes.
pub fn of(rule: &Operation, method: &str, operation: &Value, schemas: &Value) -> Vec<ErrorCode> {
    let parameters = || operation["parameters"].as_array().into_iter().flatten();
    let has = |place: &str| parameters().any(|parameter| parameter["in"] == place);
    let applies = |code: ErrorCode| match code {
        InvalidRequest | RateLimited | Internal | Unavailable => true,
        InvalidId => {
            let sent = [&operation["parameters"], &operation["requestBody"]];
            sent.into_iter().any(|sent| has_ids(sent, schemas, &mut Vec::new()))
        }
        InvalidCursor => parameters().any(|parameter| parameter["name"] == "cursor"),
        InvalidHeader | IdempotencyConflict | IdempotencyInFlight => {
            method != "get" && !rule.credentials.is_empty()
        }
        Unauthenticated | PermissionDenied => !rule.credentials.is_empty(),
        OriginDenied => rule.credentials.contains(&Credential::Publishable),
        NotFound => has("path") || has("query") || !operation["requestBody"].is_null(),
        PayloadTooLarge => method != "get",
        UnsupportedMediaType => !operation["requestBody"].is_null(),
        _ => own(rule.id).any(|known| known == code),
    };
    ErrorCode::ALL.iter().copied().filter(|code| applies(*code)).collect()
}

/// Whether a schema, or one that it refers to, has the pattern of ids.
fn has_ids(value: &Value, schemas: &Value, seen: &mut Vec<String>) -> bool {
    match value {
        Value::String(text) if text.contains("_[0-7][0-9a-hjkmnp-tv-z]") => true,
        Value::String(text) => match text.strip_prefix("#/components/schemas/") {
            Some(name) if !seen.iter().any(|known| known == name) => {
                seen.push(name.to_owned());
                has_ids(&schemas[name], schemas, seen)
            }
            _ => false,
        },
        Value::Array(items) => items.iter().any(|item| has_ids(item, schemas, seen)),
        Value::Object(members) => members.values().any(|member| has_ids(member, schemas, seen)),
        _ => false,
    }
}

/// The operations that name a code as their own; `None` for one that follows from the shape of operations.
pub fn operations_with(code: ErrorCode) -> Option<Vec<&'static str>> {
    let found = OWN.iter().filter(|(_, codes)| codes.contains(&code)).flat_map(|(operations, _)| *operations);
    let found: Vec<_> = found.copied().collect();
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        openapi::{document, operations},
        operations::find,
    };

    #[test]
    fn every_code_has_an_operation_and_its_status_an_answer() {
        let mut seen = Vec::new();
        for (_, _, operation) in operations(document()) {
            let id = &operation["operationId"];
            for code in operation["x-error-codes"].as_array().unwrap() {
                let code = ErrorCode::ALL.iter().find(|known| known.code() == code).unwrap();
                let status = code.status().to_string();
                assert!(operation["responses"][&status].is_object(), "{id}: {} has no {status}", code.code());
                seen.push(*code);
            }
        }
        // Nobody meets these two at an operation of the contract.
        seen.extend([RouteNotFound, MethodNotAllowed]);
        let unseen: Vec<_> =
            ErrorCode::ALL.iter().filter(|code| !seen.contains(code)).map(|c| c.code()).collect();
        assert!(unseen.is_empty(), "no operation answers {unseen:?}");
    }

    #[test]
    fn the_table_names_operations_that_exist() {
        for operation in OWN.iter().flat_map(|(operations, _)| *operations) {
            assert!(find(operation).is_some(), "{operation}");
        }
    }
}
