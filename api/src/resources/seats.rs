//! The seats of an event: reading them, and blocking, unblocking and re-tiering many at once.

use eventflow_core::{Refusal, id, seat_map::Traits};
use eventflow_store::seats;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Example,
};

use super::Tag;
use crate::{
    auth::Call,
    problem::Failure,
    wire::{Cursor, Page, Ref, Text},
};

/// The largest page of seats, and the one that a client gets who does not ask: a seat is about 150 bytes.
const SEATS_PAGE_MAX: u32 = 1_000;
const SEATS_PAGE_DEFAULT: u32 = 100;

/// A seat of an event.
#[derive(Debug, Object)]
struct Seat {
    /// The dense index of the seat within the version of the seat map that is sold; holds and availability speak in it.
    seat: i32,
    /// The technical label, `<section>-<row>-<number>`.
    label: String,
    /// Key of the section.
    section: String,
    section_name: String,
    /// Label of the row.
    row: String,
    /// What is written at the seat.
    number: String,
    /// Key of the category that the event sells it under.
    category: String,
    /// What matters to somebody who chooses it, as `wheelchair`.
    traits: Vec<String>,
}

/// What to do with seats.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum SeatAction {
    /// Take them out of the sale.
    Block,
    /// Put blocked seats back on sale.
    Unblock,
    /// Sell them under another category of the seat map.
    ReTier,
}

/// A change of up to 5,000 seats, named by index, by label, or both.
#[derive(Debug, Object)]
#[oai(example)]
struct SeatsPatch {
    action: SeatAction,
    /// Dense indexes.
    #[oai(default, validator(max_items = 5000, minimum(value = "0"), maximum(value = "2147483647")))]
    seats: Vec<i32>,
    /// Technical labels, as `P-3-17`.
    #[oai(default, validator(max_items = 5000))]
    labels: Vec<Text<1, 122>>,
    /// Why they are blocked, for `block`; no personal data.
    #[oai(default)]
    reason: Text<0, 200>,
    /// Key of the new category, for `re_tier`.
    category: Option<Text<1, 40>>,
}

impl Example for SeatsPatch {
    fn example() -> Self {
        Self {
            action: SeatAction::Block,
            seats: vec![0, 1],
            labels: vec![Text("P-1-3".into())],
            reason: Text("Camera position".into()),
            category: None,
        }
    }
}

/// What became of a change.
#[derive(Debug, Object)]
struct SeatsChanged {
    /// Seats that were not so before.
    changed: u32,
}

fn shape(seat: seats::Seat) -> Seat {
    let traits = Traits::from_bits(u16::try_from(seat.traits).unwrap_or_default());
    Seat {
        seat: seat.seat_index,
        label: seat.label,
        section: seat.section_key,
        section_name: seat.section_name,
        row: seat.row_label,
        number: seat.number,
        category: seat.category,
        traits: traits.iter().map(|seat_trait| seat_trait.as_str().to_owned()).collect(),
    }
}

fn action(patch: &SeatsPatch) -> Result<seats::Action, Refusal> {
    match (patch.action, &patch.category) {
        (SeatAction::Block, _) => Ok(seats::Action::Block { reason: patch.reason.0.clone() }),
        (SeatAction::Unblock, _) => Ok(seats::Action::Unblock),
        (SeatAction::ReTier, Some(category)) => Ok(seats::Action::ReTier { category: category.0.clone() }),
        (SeatAction::ReTier, None) => {
            Err(Refusal::invalid("category", "`re_tier` needs the key of the new category."))
        }
    }
}

/// Cursors of this list are the index of the last seat of the page.
fn read_cursor(cursor: Option<&Cursor<8>>) -> Result<Option<i32>, Refusal> {
    cursor.map(|cursor| cursor.read(|digits| i32::from_str_radix(digits, 16).ok())).transpose()
}

pub struct Seats;

#[OpenApi(prefix_path = "/v1", tag = "Tag::Events")]
impl Seats {
    /// List the seats of an event, in the order of the seat map.
    ///
    /// Which of them are free is told by the availability of the event.
    #[oai(path = "/events/:event_id/seats", method = "get", operation_id = "seats.list")]
    async fn list(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        /// Only the seats of the section with this key.
        section: Query<Option<Text<1, 40>>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor<8>>>,
    ) -> Result<Json<Page<Seat>>, Failure> {
        let limit = limit.0.unwrap_or(SEATS_PAGE_DEFAULT).clamp(1, SEATS_PAGE_MAX);
        let after = read_cursor(cursor.0.as_ref())?;
        let (event, view) = (event_id.0.0, super::view(&call));
        let section = section.0.as_deref();
        let list =
            async |tx: &mut _| seats::list(tx, event, view, section, after, i64::from(limit) + 1).await;
        let mut rows = call.read(list).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|seat| format!("{:08x}", seat.seat_index));
        Ok(Json(Page { data: rows.into_iter().map(shape).collect(), next_cursor }))
    }

    /// Block, unblock or re-tier many seats of a published event at once.
    ///
    /// All of them change or none. Seats that are reserved or sold can be neither blocked nor re-tiered (409,
    /// `seats_taken`).
    #[oai(path = "/events/:event_id/seats", method = "patch", operation_id = "seats.update")]
    async fn update(
        &self,
        call: Call,
        event_id: Path<Ref<id::Event>>,
        body: Json<SeatsPatch>,
    ) -> Result<Json<SeatsChanged>, Failure> {
        let patch = body.0;
        let action = action(&patch)?;
        let labels = patch.labels.into_iter().map(|label| label.0).collect();
        let selection = seats::Selection { indexes: patch.seats, labels };
        let update = async |tx: &mut _| {
            let changed = seats::update(tx, event_id.0.0, selection, action).await?;
            Ok(SeatsChanged { changed: u32::try_from(changed).unwrap_or(u32::MAX) })
        };
        let changed = call.write(update).await?;
        call.app.event_changed(call.tenant(), event_id.0.0);
        Ok(Json(changed))
    }
}

#[cfg(test)]
mod tests {
    use eventflow_core::ErrorCode;

    use super::*;

    #[test]
    fn cursors_are_indexes_and_nothing_else() {
        assert_eq!(read_cursor(None), Ok(None));
        assert_eq!(read_cursor(Some(&"000003e7".into())), Ok(Some(999)));
        for cursor in ["", "-1", "xyz", "ffffffff", "0123456789"] {
            assert_eq!(
                read_cursor(Some(&cursor.into())).unwrap_err().code,
                ErrorCode::InvalidCursor,
                "{cursor}"
            );
        }
    }

    #[test]
    fn a_new_category_is_needed_to_re_tier() {
        let mut patch = SeatsPatch { action: SeatAction::ReTier, ..SeatsPatch::example() };
        assert_eq!(action(&patch).unwrap_err().param.as_deref(), Some("category"));
        patch.category = Some(Text("b".into()));
        assert!(matches!(action(&patch), Ok(seats::Action::ReTier { category }) if category == "b"));
    }
}
