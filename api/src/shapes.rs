//! Shapes on the wire that several resources answer with, and small types of the doors.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use eventflow_core::{Id, check_in::Reason, event_types::EventType, id, order::OrderState};
use eventflow_plugin_host::values;
use eventflow_store::tickets::TicketRow;
use poem_openapi::{
    Enum, Object,
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde_json::Value;
use uuid::Uuid;

use crate::wire::Ref;

/// Whether a ticket admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum TicketState {
    Valid,
    /// Its payment is disputed: not admitted until that is decided.
    Frozen,
    /// Refunded, charged back or withdrawn: never admitted again.
    Void,
}

/// A ticket: the right of one guest to one place.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Ticket {
    pub id: Ref<id::Ticket>,
    pub event_id: Ref<id::Event>,
    pub order_id: Ref<id::Order>,
    /// The place in words.
    pub label: String,
    /// Index of the seat in the event's seat map; absent for a place of a general admission area.
    pub seat: Option<u32>,
    pub price_tier_id: Ref<id::PriceTier>,
    pub tier_name: String,
    /// The ticket type number in the token.
    pub type_no: u16,
    pub state: TicketState,
    /// Counts re-issues; doors accept the newest only.
    pub generation: u16,
    /// The text of the QR code, signed; absent when the ticket is void.
    pub token: Option<String>,
    /// When doors begin to admit.
    pub not_before: DateTime<Utc>,
    pub not_after: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    /// Why a void ticket is void.
    pub void_reason: Option<String>,
    /// What plugins of the organizer add, in the answer about one ticket.
    pub fields: Option<Vec<TicketField>>,
}

/// A field of a ticket that a plugin adds.
#[derive(Debug, Clone, Object)]
pub struct TicketField {
    /// For programs, unique on the ticket: `gate`.
    pub key: String,
    /// For people: "Gate".
    pub label: String,
    pub value: String,
    pub place: TicketFieldPlace,
}

/// Where wallets put a field; paper and screens keep the order of these places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum TicketFieldPlace {
    Header,
    Primary,
    Secondary,
    Auxiliary,
    Back,
}

impl From<values::Field> for TicketField {
    fn from(field: values::Field) -> Self {
        let place = match field.place {
            values::Place::Header => TicketFieldPlace::Header,
            values::Place::Primary => TicketFieldPlace::Primary,
            values::Place::Secondary => TicketFieldPlace::Secondary,
            values::Place::Auxiliary => TicketFieldPlace::Auxiliary,
            values::Place::Back => TicketFieldPlace::Back,
        };
        Self { key: field.key, label: field.label, value: field.value, place }
    }
}

/// Characters of an order's number that people get to read; they are chance, so that they are enough to find it.
const REFERENCE_CHARS: usize = 8;

/// The end of an order's number, as people read it.
pub fn order_reference(order: Uuid) -> String {
    let id = Id::<id::Order>::from(order).to_string();
    id[id.len() - REFERENCE_CHARS..].to_ascii_uppercase()
}

/// The ticket as clients see it, with the text of its code.
pub fn shape(row: TicketRow, token: String) -> Ticket {
    let void = row.is_void();
    Ticket {
        id: row.id.into(),
        event_id: row.event_id.into(),
        order_id: row.order_id.into(),
        label: row.label,
        seat: row.seat_index.and_then(|seat| u32::try_from(seat).ok()),
        price_tier_id: row.price_tier_id.into(),
        tier_name: row.tier_name,
        type_no: u16::try_from(row.type_no).unwrap_or_default(),
        state: match row.state.as_str() {
            "valid" => TicketState::Valid,
            "frozen" => TicketState::Frozen,
            // Whatever is not known to admit does not.
            _ => TicketState::Void,
        },
        generation: u16::try_from(row.generation).unwrap_or_default(),
        token: (!void).then_some(token),
        not_before: row.not_before,
        not_after: row.not_after,
        created_at: row.created_at,
        void_reason: Some(row.void_reason).filter(|reason| !reason.is_empty()),
        fields: None,
    }
}

macro_rules! string_type {
    // With a schema of its own in the contract.
    ($(#[$doc:meta])* $name:ident($inner:ty), named $label:literal, $schema:expr, $parse:expr, $text:expr) => {
        string_type! { @ $(#[$doc])* $name($inner), $label, $parse, $text, {
            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference($label.to_owned())
            }
            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>($label.to_owned(), |_| $schema);
            }
        } }
    };
    ($(#[$doc:meta])* $name:ident($inner:ty), $label:literal, $schema:expr, $parse:expr, $text:expr) => {
        string_type! { @ $(#[$doc])* $name($inner), $label, $parse, $text, {
            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new($schema))
            }
        } }
    };
    (@ $(#[$doc:meta])* $name:ident($inner:ty), $label:literal, $parse:expr, $text:expr, { $($schema:tt)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub $inner);

        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;
            fn name() -> Cow<'static, str> {
                $label.into()
            }
            $($schema)+
            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(self.as_raw_value().into_iter())
            }
        }

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                match value.unwrap_or_default() {
                    Value::String(text) => $parse(text).map(Self).map_err(ParseError::custom),
                    other => Err(ParseError::expected_type(other)),
                }
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(Value::String($text(&self.0)))
            }
        }
    };
}

string_type! {
    /// A UUID that the client made.
    ClientUuid(Uuid), "string(uuid)", uuid_schema(), parse_uuid, Uuid::to_string
}

string_type! {
    /// What a camera read, whatever it is: control characters and foreign codes included.
    ScannedText(String), "string(scanned)", scanned_schema(), parse_scanned, String::clone
}

string_type! {
    /// Why a scan was not simply admitted.
    ReasonCode(Reason), "string(reason)", reason_schema(), parse_reason, |reason: &Reason| reason.code().to_owned()
}

string_type! {
    /// The state of an order.
    OrderStateName(OrderState), "string(order_state)", order_state_schema(), parse_order_state, OrderState::to_string
}

string_type! {
    /// The type of an event; `GET /v1/event-types` lists them.
    EventTypeName(EventType), named "EventType", event_type_schema(), parse_event_type, EventType::to_string
}

impl ParseFromParameter for EventTypeName {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        parse_event_type(value.to_owned()).map(Self).map_err(ParseError::custom)
    }
}

impl ParseFromParameter for OrderStateName {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        parse_order_state(value.to_owned()).map(Self).map_err(ParseError::custom)
    }
}

fn order_state_schema() -> MetaSchema {
    let mut schema = MetaSchema::new("string");
    schema.enum_items = OrderState::ALL.iter().map(|state| Value::String(state.to_string())).collect();
    schema
}

fn parse_order_state(text: String) -> Result<OrderState, eventflow_core::order::UnknownState> {
    text.parse()
}

fn event_type_schema() -> MetaSchema {
    let mut schema = MetaSchema::new("string");
    schema.description = Some("What there is to hear of; `GET /v1/event-types` describes them.");
    schema.enum_items = EventType::ALL.iter().map(|kind| Value::String(kind.to_string())).collect();
    schema
}

fn parse_event_type(text: String) -> Result<EventType, eventflow_core::event_types::UnknownEventType> {
    text.parse()
}

/// Characters of the largest QR code there is, in its densest mode.
const SCANNED_MAX: usize = 7_089;

fn uuid_schema() -> MetaSchema {
    let mut schema = MetaSchema::new_with_format("string", "uuid");
    schema.example = Some("0190b6c4-6f5e-7cc1-9b1f-3a3e6d0f2a11".into());
    schema
}

/// The hyphenated form only: one id has one text.
fn parse_uuid(text: String) -> Result<Uuid, &'static str> {
    let uuid = Uuid::parse_str(&text).ok().filter(|_| text.len() == 36);
    uuid.ok_or("expected a UUID, as 0190b6c4-6f5e-7cc1-9b1f-3a3e6d0f2a11")
}

fn scanned_schema() -> MetaSchema {
    let mut schema = MetaSchema::new("string");
    schema.max_length = Some(SCANNED_MAX);
    schema
}

fn parse_scanned(text: String) -> Result<String, String> {
    if text.chars().count() > SCANNED_MAX {
        return Err(format!("expected at most {SCANNED_MAX} characters"));
    }
    Ok(text)
}

fn reason_schema() -> MetaSchema {
    let mut schema = MetaSchema::new("string");
    schema.enum_items = Reason::ALL.iter().map(|reason| Value::String(reason.code().to_owned())).collect();
    schema
}

fn parse_reason(text: String) -> Result<Reason, &'static str> {
    Reason::ALL.iter().copied().find(|reason| reason.code() == text).ok_or("no such reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_uuids_have_one_text() {
        let text = "0190b6c4-6f5e-7cc1-9b1f-3a3e6d0f2a11";
        let parse = |text: &str| ClientUuid::parse_from_json(Some(text.into()));
        assert_eq!(parse(text).unwrap().to_json(), Some(text.into()));
        assert!(parse("0190b6c46f5e7cc19b1f3a3e6d0f2a11").is_err());
        assert!(parse("").is_err());
        assert!(ClientUuid::parse_from_json(Some(7.into())).is_err());
    }

    #[test]
    fn a_camera_may_read_anything() {
        let text = "\u{1d}01\0\u{7f}ß".to_owned();
        assert_eq!(ScannedText::parse_from_json(Some(text.clone().into())).unwrap().0, text);
        assert!(ScannedText::parse_from_json(Some("x".repeat(SCANNED_MAX + 1).into())).is_err());
    }

    #[test]
    fn every_reason_has_a_code() {
        for &reason in Reason::ALL {
            assert_eq!(ReasonCode::parse_from_json(Some(reason.code().into())).unwrap().0, reason);
        }
    }
}
