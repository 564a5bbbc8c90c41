//! What a new version of a map changes for the seats of an older one, and whether that may happen to seats that are sold.
//!
//! Seats are matched by their technical label: indexes are free to change. A label alone does not tell whether it still
//! means the same chair, so places are compared too, section by section, after allowing for a section that was moved,
//! turned or drawn at another scale as a whole.

mod places;

use std::collections::HashMap;

use super::{Layout, LayoutArea, SeatIndex, Traits, layout::dense, rules::is_whole};
use places::Places;

/// The difference of two versions of a map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionDiff {
    /// What becomes of seats of the older version, in the order of their indexes there. A seat may be here several times,
    /// and one that stays as it is, is not here at all.
    pub seats: Vec<ChangedSeat>,
    /// Seats that only the newer version has, by their index there.
    pub added: Vec<SeatIndex>,
    /// Standing areas, the older version's first.
    pub areas: Vec<ChangedArea>,
    /// For each seat of the older version the seat of the newer one with the same label.
    pub successors: Vec<Option<SeatIndex>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedSeat {
    /// The technical label in the older version.
    pub label: String,
    /// The index in the older version.
    pub seat: SeatIndex,
    pub change: SeatChange,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeatChange {
    /// The label is gone, and no seat is in its place.
    Dropped,
    /// The label is gone or means another chair: where the seat was, there is one with this label now, or nothing when
    /// only the label went to another seat's place.
    Renumbered {
        to: Option<String>,
    },
    /// People read another row or number.
    Shown {
        from: String,
        to: String,
    },
    /// The seat is drawn elsewhere, in hundredths of a plan unit.
    Moved {
        from: (i32, i32),
        to: (i32, i32),
    },
    /// Keys of categories; `None` only in drafts that name an unknown one.
    Recategorised {
        from: Option<String>,
        to: Option<String>,
    },
    Traits {
        from: Traits,
        to: Traits,
    },
    /// Its table is sold as a whole only, or no longer.
    Occupancy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedArea {
    pub key: String,
    pub change: AreaChange,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AreaChange {
    Added,
    Dropped,
    Capacity {
        from: u32,
        to: u32,
    },
    Recategorised {
        from: Option<String>,
        to: Option<String>,
    },
    /// It is sold in other amounts.
    Occupancy,
}

/// What a safe change must not do to places that are sold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    pub seats: Vec<ChangedSeat>,
    /// The areas, and how many people have a place in each.
    pub areas: Vec<(ChangedArea, u32)>,
}

/// Everything that is different in the newer version.
pub fn diff(older: &Layout, newer: &Layout) -> VersionDiff {
    let successors: Vec<_> = older.seats().iter().map(|seat| newer.find(older.label(seat.index))).collect();
    let places = Places::new(older, newer, &successors);
    let mut seats = Vec::new();
    for (seat, &successor) in older.seats().iter().zip(&successors) {
        let mut add = |change| {
            seats.push(ChangedSeat { label: older.label(seat.index).to_owned(), seat: seat.index, change });
        };
        let Some(after) = successor.and_then(|after| newer.seat(after)) else {
            let heir = places.now_at(seat.index).map(|heir| newer.label(heir).to_owned());
            add(heir.map_or(SeatChange::Dropped, |label| SeatChange::Renumbered { to: Some(label) }));
            continue;
        };
        if !places.kept(seat.index, after.index) {
            let heir = places.now_at(seat.index).filter(|&heir| heir != after.index);
            if heir.is_some() || places.was_at(after.index).is_some_and(|before| before != seat.index) {
                add(SeatChange::Renumbered { to: heir.map(|heir| newer.label(heir).to_owned()) });
            }
        }
        let (from, to) = (shown(older, seat.index), shown(newer, after.index));
        if from != to {
            add(SeatChange::Shown { from, to });
        }
        if (seat.x, seat.y) != (after.x, after.y) {
            add(SeatChange::Moved { from: (seat.x, seat.y), to: (after.x, after.y) });
        }
        let (from, to) = (category(older, seat.category), category(newer, after.category));
        if from != to {
            add(SeatChange::Recategorised { from, to });
        }
        if seat.traits != after.traits {
            add(SeatChange::Traits { from: seat.traits, to: after.traits });
        }
        let whole = |layout: &Layout, seat: SeatIndex| layout.row_of(seat).is_some_and(is_whole);
        if whole(older, seat.index) != whole(newer, after.index) {
            add(SeatChange::Occupancy);
        }
    }
    let mut is_new = vec![true; newer.seats().len()];
    successors.iter().flatten().for_each(|seat| is_new[seat.position()] = false);
    let added = (0..dense(is_new.len())).map(SeatIndex).filter(|seat| is_new[seat.position()]).collect();
    VersionDiff { seats, added, areas: areas(older, newer), successors }
}

/// Whether the newer version may take the place of the older one for an event that has sold places: no sold seat may be
/// dropped or renumbered, no area may become smaller than what is sold of it, and what is sold in part stays for sale in
/// the same amounts.
///
/// `sold` tells, of seats of the older version, whether somebody has it, in a cart, in checkout or paid for; `area_sold`
/// how many people have a place in the area with this key.
///
/// # Errors
/// The changes that may not be made.
pub fn safe(
    diff: &VersionDiff,
    sold: impl Fn(SeatIndex) -> bool,
    area_sold: impl Fn(&str) -> u32,
) -> Result<(), Refusals> {
    let harmful = |changed: &&ChangedSeat| changed.change.is_harmful() && sold(changed.seat);
    let seats: Vec<ChangedSeat> = diff.seats.iter().filter(harmful).cloned().collect();
    let areas = diff.areas.iter().map(|changed| (changed.clone(), area_sold(&changed.key)));
    let areas: Vec<_> = areas.filter(|(changed, sold)| changed.change.is_harmful(*sold)).collect();
    if seats.is_empty() && areas.is_empty() { Ok(()) } else { Err(Refusals { seats, areas }) }
}

impl SeatChange {
    /// Somebody who has a ticket for the seat would not find it, or nobody could buy the rest of the table.
    pub fn is_harmful(&self) -> bool {
        matches!(self, Self::Dropped | Self::Renumbered { .. } | Self::Shown { .. } | Self::Occupancy)
    }
}

impl AreaChange {
    /// Some of the people who have a place would have none, or nobody could buy the rest of the area.
    pub fn is_harmful(&self, sold: u32) -> bool {
        match *self {
            Self::Dropped | Self::Occupancy => sold > 0,
            Self::Capacity { to, .. } => to < sold,
            Self::Added | Self::Recategorised { .. } => false,
        }
    }
}

/// Row and number as people read them.
fn shown(layout: &Layout, seat: SeatIndex) -> String {
    let row = layout.seat(seat).map_or("", |seat| layout.shown_row(seat.row));
    format!("{row} {}", layout.shown_number(seat))
}

fn category(layout: &Layout, index: Option<u16>) -> Option<String> {
    layout.categories().get(usize::from(index?)).map(|category| category.key.clone())
}

fn areas(older: &Layout, newer: &Layout) -> Vec<ChangedArea> {
    let after: HashMap<&str, &LayoutArea> =
        newer.ga_areas().iter().map(|area| (area.key.as_str(), area)).collect();
    let before: HashMap<&str, &LayoutArea> =
        older.ga_areas().iter().map(|area| (area.key.as_str(), area)).collect();
    let mut changes = Vec::new();
    let mut add = |area: &LayoutArea, change| changes.push(ChangedArea { key: area.key.clone(), change });
    for area in older.ga_areas() {
        let Some(&now) = after.get(area.key.as_str()) else {
            add(area, AreaChange::Dropped);
            continue;
        };
        if area.capacity != now.capacity {
            add(area, AreaChange::Capacity { from: area.capacity, to: now.capacity });
        }
        let (from, to) = (category(older, area.category), category(newer, now.category));
        if from != to {
            add(area, AreaChange::Recategorised { from, to });
        }
        if area.occupancy != now.occupancy {
            add(area, AreaChange::Occupancy);
        }
    }
    for area in newer.ga_areas().iter().filter(|area| !before.contains_key(area.key.as_str())) {
        add(area, AreaChange::Added);
    }
    changes
}

#[cfg(test)]
mod tests;
