//! The compiled map: every seat under its dense index, with place, labels, category and traits. The one structure that
//! servers and browsers work on.
//!
//! Places and sizes are whole hundredths of a plan unit, angles whole hundredths of a degree clockwise: what one machine
//! compiles, another reads without reckoning again.

mod compile;
mod drawing;
mod finish;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::document::{Occupancy, Traits};
pub(super) use compile::clipped;
pub use drawing::{Bounds, LayoutIcon, LayoutImage, LayoutShape, LayoutText, Rgb};
use finish::LabelKey;

/// The number of a seat within one published version of a map: 0, 1, 2 … in document order. Stable, because published
/// versions never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SeatIndex(pub u32);

impl SeatIndex {
    /// The position in a slice with one element for each seat.
    pub fn position(self) -> usize {
        wide(self.0)
    }
}

/// A seat. Its texts are in the [`Layout`]: [`Layout::label`], [`Layout::number`], [`Layout::row_label`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    pub index: SeatIndex,
    pub section: u16,
    pub row: u32,
    /// Index into [`Layout::categories`]; `None` only in drafts that name an unknown category.
    pub category: Option<u16>,
    /// Hundredths of a plan unit.
    pub x: i32,
    /// Hundredths of a plan unit, downwards.
    pub y: i32,
    pub traits: Traits,
    /// Nobody sits directly before this seat in the order of indexes: it is the first of its row or side of a table, or
    /// comes after a left-out place.
    pub starts_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutCategory {
    pub key: String,
    pub name: String,
    /// `#rrggbb`
    pub color: String,
}

/// A storey. Its index is its position in [`Layout::floors`], from bottom to top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutFloor {
    pub key: String,
    pub name: String,
}

/// A part of the house with several sections. Its index is its position in [`Layout::zones`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutZone {
    pub key: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutSection {
    pub key: String,
    pub name: String,
    /// Index into [`Layout::floors`]; without one, the lowest.
    pub floor: Option<u16>,
    /// Index into [`Layout::zones`].
    pub zone: Option<u16>,
    pub entrance: Option<String>,
    /// Corners; empty when it is drawn around its seats.
    pub outline: Vec<(i32, i32)>,
    pub view: Option<String>,
    /// Rows, then tables, then booths.
    pub rows: Range<u32>,
}

/// A row, a table or a booth: its seats have contiguous indexes, in the order in which people sit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutRow {
    pub section: u16,
    pub label: String,
    /// Displayed instead of the label; see [`Layout::shown_row`].
    pub shown: Option<String>,
    pub view: Option<String>,
    pub kind: RowKind,
    /// The last seat and the first sit side by side, all around a round table.
    pub ring: bool,
    pub seats: Range<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    Row,
    Table {
        shape: LayoutTable,
        centre: (i32, i32),
        rotation: u32,
        /// Only all chairs together are sold.
        whole: bool,
    },
    /// One place of this size.
    Booth {
        centre: (i32, i32),
        width: u32,
        height: u32,
        rotation: u32,
    },
}

/// The line through the centres of the chairs of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutTable {
    Round { radius: u32 },
    Rectangle { width: u32, height: u32 },
}

/// A standing area. Its index is its position in [`Layout::ga_areas`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutArea {
    pub index: u16,
    pub key: String,
    pub name: String,
    /// As [`Seat::category`].
    pub category: Option<u16>,
    pub capacity: u32,
    /// Corners; empty when the plan does not show the area.
    pub outline: Vec<(i32, i32)>,
    /// As [`LayoutSection::floor`].
    pub floor: Option<u16>,
    pub zone: Option<u16>,
    pub entrance: Option<String>,
    pub view: Option<String>,
    pub occupancy: Occupancy,
}

/// Where a seat's label lies in the text of all labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LabelSpan {
    pub(super) number: u32,
    pub(super) end: u32,
}

/// A seat map with everything laid out. Immutable; about 60 bytes and the label for each seat.
///
/// The codecs of this module write and read the first fields; `finish` works out the others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    pub(super) name: String,
    pub(super) categories: Vec<LayoutCategory>,
    pub(super) floors: Vec<LayoutFloor>,
    pub(super) zones: Vec<LayoutZone>,
    pub(super) sections: Vec<LayoutSection>,
    pub(super) rows: Vec<LayoutRow>,
    pub(super) ga_areas: Vec<LayoutArea>,
    pub(super) shapes: Vec<LayoutShape>,
    pub(super) texts: Vec<LayoutText>,
    pub(super) icons: Vec<LayoutIcon>,
    pub(super) images: Vec<LayoutImage>,
    pub(super) seats: Vec<Seat>,
    pub(super) focal_point: Option<(i32, i32)>,
    /// Technical labels one after the other, in seat order.
    pub(super) labels: String,
    pub(super) spans: Vec<LabelSpan>,
    /// Numbers that are displayed instead of the seat's own, by seat.
    pub(super) shown: Vec<(SeatIndex, String)>,
    /// Views of single seats, by seat.
    pub(super) views: Vec<(SeatIndex, String)>,

    /// Distance to the focal point in hundredths; all 0 without one.
    distances: finish::Asked<u32>,
    by_label: finish::Asked<finish::LabelKey>,
    /// What each floor covers.
    bounds: Vec<Option<Bounds>>,
    pitch: u32,
}

impl Layout {
    pub fn name(&self) -> &str {
        &self.name
    }
    pub fn categories(&self) -> &[LayoutCategory] {
        &self.categories
    }
    /// From bottom to top; never empty: a map without floors has one without key and name.
    pub fn floors(&self) -> &[LayoutFloor] {
        &self.floors
    }
    pub fn zones(&self) -> &[LayoutZone] {
        &self.zones
    }
    pub fn sections(&self) -> &[LayoutSection] {
        &self.sections
    }
    /// Rows, tables and booths.
    pub fn rows(&self) -> &[LayoutRow] {
        &self.rows
    }
    pub fn ga_areas(&self) -> &[LayoutArea] {
        &self.ga_areas
    }
    pub fn shapes(&self) -> &[LayoutShape] {
        &self.shapes
    }
    pub fn texts(&self) -> &[LayoutText] {
        &self.texts
    }
    pub fn icons(&self) -> &[LayoutIcon] {
        &self.icons
    }
    /// Pictures that are part of the plan; references are for editors only and not here.
    pub fn images(&self) -> &[LayoutImage] {
        &self.images
    }
    /// All seats; the position in the slice is the dense index.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }
    pub fn seat_count(&self) -> u32 {
        dense(self.seats.len())
    }
    /// Hundredths of a plan unit.
    pub fn focal_point(&self) -> Option<(i32, i32)> {
        self.focal_point
    }
    /// The usual distance of neighbours, the median over the rows, in hundredths of a plan unit; 0 when nobody has a
    /// neighbour. What one draws of a seat follows from it, whatever the scale of the plan.
    pub fn pitch(&self) -> u32 {
        self.pitch
    }
    /// The box around everything on a floor, and the focal point; `None` when there is nothing.
    pub fn bounds(&self, floor: u16) -> Option<Bounds> {
        self.bounds.get(usize::from(floor)).copied().flatten()
    }

    pub fn seat(&self, index: SeatIndex) -> Option<&Seat> {
        self.seats.get(index.position())
    }
    /// The row, table or booth that the seat is in.
    pub fn row_of(&self, index: SeatIndex) -> Option<&LayoutRow> {
        self.seat(index).and_then(|seat| self.rows.get(wide(seat.row)))
    }
    /// The section that the seat is in.
    pub fn section_of(&self, index: SeatIndex) -> Option<&LayoutSection> {
        self.seat(index).and_then(|seat| self.sections.get(usize::from(seat.section)))
    }
    /// The floor that the seat is on: an index into [`Layout::floors`].
    pub fn floor_of(&self, index: SeatIndex) -> u16 {
        self.section_of(index).and_then(|section| section.floor).unwrap_or(0)
    }

    /// The technical label, `<section>-<row>-<number>`, of a booth `<section>-<label>`; empty for an index that the map
    /// does not have.
    pub fn label(&self, index: SeatIndex) -> &str {
        self.span(index).map_or("", |(start, span)| &self.labels[start..wide(span.end)])
    }
    /// The number in the technical label; of a booth, its label.
    pub fn number(&self, index: SeatIndex) -> &str {
        let number = |span: LabelSpan| wide(span.number)..wide(span.end);
        self.span(index).map_or("", |(_, span)| &self.labels[number(span)])
    }
    /// The number that people read at the seat and on the ticket.
    pub fn shown_number(&self, index: SeatIndex) -> &str {
        text_of(&self.shown, index).unwrap_or_else(|| self.number(index))
    }
    /// The technical label of the row that the seat is in.
    pub fn row_label(&self, index: SeatIndex) -> &str {
        self.row_of(index).map_or("", |row| &row.label)
    }
    /// The label of a row, table or booth that people read; `row` is an index into [`Layout::rows`].
    pub fn shown_row(&self, row: u32) -> &str {
        self.rows.get(wide(row)).map_or("", |row| row.shown.as_deref().unwrap_or(&row.label))
    }
    /// Address of a picture of the view from the seat: its own, or its row's, or its section's.
    pub fn view(&self, index: SeatIndex) -> Option<&str> {
        text_of(&self.views, index)
            .or_else(|| self.row_of(index)?.view.as_deref())
            .or_else(|| self.section_of(index)?.view.as_deref())
    }

    /// The seat with this technical label.
    pub fn find(&self, label: &str) -> Option<SeatIndex> {
        let (index, wanted) = (self.by_label(), LabelKey::new(label, SeatIndex(0)));
        let from = index.partition_point(|&key| key < wanted);
        let same = index[from..].iter().take_while(|key| key.hash() == wanted.hash());
        same.map(|key| key.seat()).find(|&seat| self.label(seat) == label)
    }

    pub fn category_index(&self, key: &str) -> Option<u16> {
        index_where(&self.categories, |category| category.key == key)
    }
    pub fn floor_index(&self, key: &str) -> Option<u16> {
        index_where(&self.floors, |floor| floor.key == key)
    }
    pub fn zone_index(&self, key: &str) -> Option<u16> {
        index_where(&self.zones, |zone| zone.key == key)
    }
    pub fn section_index(&self, key: &str) -> Option<u16> {
        index_where(&self.sections, |section| section.key == key)
    }
    pub fn area_index(&self, key: &str) -> Option<u16> {
        index_where(&self.ga_areas, |area| area.key == key)
    }

    /// The seats directly beside this one: towards the start of its row and towards its end, or around its table.
    pub fn neighbours(&self, index: SeatIndex) -> (Option<SeatIndex>, Option<SeatIndex>) {
        let Some(seat) = self.seat(index) else { return (None, None) };
        let ring = || self.rows.get(wide(seat.row)).filter(|row| row.ring).map(|row| &row.seats);
        let before = if seat.starts_run {
            ring().filter(|seats| seats.start == index.0).map(|seats| seats.end - 1)
        } else {
            index.0.checked_sub(1)
        };
        let after = match self.seats.get(index.position() + 1) {
            Some(next) if !next.starts_run => Some(next.index.0),
            _ => ring().filter(|seats| seats.end - 1 == index.0).map(|seats| seats.start),
        };
        (before.map(SeatIndex), after.map(SeatIndex))
    }

    /// Distance to the focal point, in hundredths of a plan unit; 0 without a focal point.
    pub fn distance(&self, index: SeatIndex) -> u32 {
        self.distances().get(index.position()).copied().unwrap_or(0)
    }

    /// The first seat whose label another seat has as well, for each such label.
    pub(super) fn duplicate_labels(&self) -> Vec<(SeatIndex, SeatIndex)> {
        let same = |pair: &&[LabelKey]| {
            pair[0].hash() == pair[1].hash() && self.label(pair[0].seat()) == self.label(pair[1].seat())
        };
        self.by_label().windows(2).filter(same).map(|pair| (pair[0].seat(), pair[1].seat())).collect()
    }

    fn span(&self, index: SeatIndex) -> Option<(usize, LabelSpan)> {
        let at = index.position();
        let span = *self.spans.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| wide(self.spans[before].end));
        Some((start, span))
    }
}

fn index_where<T>(list: &[T], wanted: impl Fn(&T) -> bool) -> Option<u16> {
    list.iter().position(wanted).and_then(|index| u16::try_from(index).ok())
}

fn text_of(texts: &[(SeatIndex, String)], seat: SeatIndex) -> Option<&str> {
    let at = texts.binary_search_by_key(&seat, |&(seat, _)| seat).ok()?;
    Some(&texts[at].1)
}

pub(super) fn wide(value: u32) -> usize {
    usize::try_from(value).expect("usize has at least 32 bits on every platform we build for")
}

/// A count or offset as `u32`. The limits of a map keep all of them below: 200,000 seats of at most 488 bytes of label.
pub(super) fn dense(value: usize) -> u32 {
    u32::try_from(value).expect("the limits of a map keep counts and offsets below 2^32")
}

#[cfg(test)]
mod tests;
