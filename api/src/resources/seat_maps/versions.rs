//! What changes between two versions of a seat map, and what that means for sold seats.

use eventflow_core::{
    id,
    seat_map::{
        Layout, Traits,
        versions::{self, AreaChange, SeatChange, VersionDiff},
    },
};
use eventflow_store::{Error, seat_maps::DRAFT};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use crate::{
    auth::Call,
    problem::Failure,
    resources::{Tag, plans::layout},
    wire::Ref,
};

/// Changes that are listed; how many there are is told in any case.
const LISTED_MAX: usize = 1_000;

/// What becomes of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum Change {
    Added,
    Dropped,
    /// Where it was, there is a seat with another label now.
    Renumbered,
    /// People read another row or number.
    Shown,
    Moved,
    Recategorised,
    Traits,
    /// An area holds more or fewer people.
    Capacity,
    /// An area or a table is sold in other amounts.
    Occupancy,
}

/// A change of a seat or a standing area.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct PlaceChange {
    /// The technical label of the seat, or the key of the area.
    label: String,
    change: Change,
    /// Before: a label, a position `x,y`, the key of a category, traits or a capacity.
    from: Option<String>,
    to: Option<String>,
    /// Whoever has a ticket for the place would not find it: an event that has sold it cannot take over the version.
    harmful: bool,
}

/// What is different in a newer version.
#[derive(Debug, Object)]
struct SeatMapDiff {
    /// Versions; 0 is the draft.
    from: i32,
    to: i32,
    /// How many changes of seats there are, new seats included.
    seat_changes: u32,
    /// Up to 1,000 of them, the harmful ones first.
    #[oai(validator(max_items = 1000))]
    seats: Vec<PlaceChange>,
    #[oai(validator(max_items = 1000))]
    ga_areas: Vec<PlaceChange>,
    /// Every seat and area of the older version keeps its index, so that events which sell it can take over the newer one.
    keeps_indexes: bool,
}

pub struct Versions;

#[OpenApi(prefix_path = "/v1", tag = "Tag::SeatMaps")]
impl Versions {
    /// Say what changes between two versions of a seat map.
    #[oai(path = "/seat-maps/:seat_map_id/diff", method = "get", operation_id = "seat_maps.diff")]
    async fn diff(
        &self,
        call: Call,
        seat_map_id: Path<Ref<id::SeatMap>>,
        /// The older version. Default: the newest published one.
        #[oai(validator(minimum(value = "0"), maximum(value = "2147483647")))]
        from: Query<Option<i32>>,
        /// The newer version; 0 is the draft, which is the default.
        #[oai(validator(minimum(value = "0"), maximum(value = "2147483647")))]
        to: Query<Option<i32>>,
    ) -> Result<Json<SeatMapDiff>, Failure> {
        let (from, older) = layout(&call, seat_map_id.0.0, from.0).await?;
        let (to, newer) = layout(&call, seat_map_id.0.0, Some(to.0.unwrap_or(DRAFT))).await?;
        let work = move || {
            let diff = versions::diff(&older, &newer);
            shape(from, to, &diff, &older, &newer)
        };
        let diff = tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Error::Corrupt(format!("comparing seat maps: {error}")))?;
        Ok(Json(diff))
    }
}

fn shape(from: i32, to: i32, diff: &VersionDiff, older: &Layout, newer: &Layout) -> SeatMapDiff {
    let mut changed: Vec<_> = diff.seats.iter().collect();
    changed.sort_by_key(|changed| !changed.change.is_harmful());
    let changed = changed.into_iter().map(|changed| seat_change(&changed.label, &changed.change));
    let added = diff.added.iter().map(|&seat| PlaceChange {
        label: newer.label(seat).to_owned(),
        change: Change::Added,
        from: None,
        to: None,
        harmful: false,
    });
    SeatMapDiff {
        from,
        to,
        seat_changes: u32::try_from(diff.seats.len() + diff.added.len()).unwrap_or(u32::MAX),
        seats: changed.chain(added).take(LISTED_MAX).collect(),
        ga_areas: diff
            .areas
            .iter()
            .take(LISTED_MAX)
            .map(|changed| area_change(&changed.key, &changed.change))
            .collect(),
        keeps_indexes: eventflow_store::events::moved_places(diff, older, newer).is_empty(),
    }
}

fn seat_change(label: &str, seat: &SeatChange) -> PlaceChange {
    let point = |(x, y): (i32, i32)| Some(format!("{},{}", f64::from(x) / 100.0, f64::from(y) / 100.0));
    let traits = |traits: Traits| Some(traits.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" "));
    let (change, from, to) = match seat {
        SeatChange::Dropped => (Change::Dropped, None, None),
        SeatChange::Renumbered { to } => (Change::Renumbered, Some(label.to_owned()), to.clone()),
        SeatChange::Shown { from, to } => (Change::Shown, Some(from.clone()), Some(to.clone())),
        SeatChange::Moved { from, to } => (Change::Moved, point(*from), point(*to)),
        SeatChange::Recategorised { from, to } => (Change::Recategorised, from.clone(), to.clone()),
        SeatChange::Traits { from, to } => (Change::Traits, traits(*from), traits(*to)),
        SeatChange::Occupancy => (Change::Occupancy, None, None),
    };
    PlaceChange { label: label.to_owned(), change, from, to, harmful: seat.is_harmful() }
}

fn area_change(key: &str, area: &AreaChange) -> PlaceChange {
    let (change, from, to) = match area {
        AreaChange::Added => (Change::Added, None, None),
        AreaChange::Dropped => (Change::Dropped, None, None),
        AreaChange::Capacity { from, to } => (Change::Capacity, Some(from.to_string()), Some(to.to_string())),
        AreaChange::Recategorised { from, to } => (Change::Recategorised, from.clone(), to.clone()),
        AreaChange::Occupancy => (Change::Occupancy, None, None),
    };
    // The worst case is an area full of people.
    let people = if let AreaChange::Capacity { from, .. } = area { *from } else { 1 };
    PlaceChange { label: key.to_owned(), change, from, to, harmful: area.is_harmful(people) }
}
