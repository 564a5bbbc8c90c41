//! The compiled map: every seat under its dense index, with place, labels, category and traits.

use std::{
    fmt::Write,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

use serde::{Deserialize, Serialize};

use super::document::*;

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
    /// Nobody sits directly before this seat: it is the first of its row, or comes after a left-out place.
    pub starts_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutCategory {
    pub key: String,
    pub name: String,
    pub color: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutSection {
    pub key: String,
    pub name: String,
    pub floor: Option<String>,
    pub rows: Range<u32>,
}

/// A row: its seats have contiguous indexes, in the order in which people sit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutRow {
    pub section: u16,
    pub label: String,
    pub seats: Range<u32>,
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
}

/// Where a seat's label lies in the text of all labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LabelSpan {
    number: u32,
    end: u32,
}

/// A seat map with everything laid out. Immutable; about 60 bytes and the label for each seat.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    name: String,
    categories: Vec<LayoutCategory>,
    sections: Vec<LayoutSection>,
    rows: Vec<LayoutRow>,
    ga_areas: Vec<LayoutArea>,
    seats: Vec<Seat>,
    /// Distance to the focal point in hundredths; all 0 without one.
    distances: Vec<u32>,
    focal_point: Option<(i32, i32)>,
    /// Technical labels one after the other, in seat order.
    labels: String,
    spans: Vec<LabelSpan>,
    /// Hash of the label and seat, sorted: 12 bytes a seat and no second copy of the labels.
    by_label: Vec<(u64, SeatIndex)>,
}

impl Layout {
    /// Lays the document out. Documents that [`validate`](super::validate()) without errors are laid out completely;
    /// of others it makes what can be drawn, within the limits: nothing here panics or grows without bound.
    pub fn compile(map: &SeatMap) -> Self {
        let places =
            map.sections.iter().flat_map(|section| &section.rows).map(|row| row.count.min(ROW_PLACES_MAX));
        let places = wide(places.fold(0, u32::saturating_add)).min(SEATS_MAX);
        let mut layout = Self {
            name: map.name.clone(),
            categories: map.categories.iter().map(LayoutCategory::from).collect(),
            sections: Vec::with_capacity(map.sections.len()),
            rows: Vec::new(),
            ga_areas: Vec::with_capacity(map.ga_areas.len()),
            seats: Vec::with_capacity(places),
            distances: Vec::new(),
            focal_point: map.focal_point.map(hundredths),
            labels: String::new(),
            spans: Vec::with_capacity(places),
            by_label: Vec::new(),
        };
        for (section, index) in map.sections.iter().take(SECTIONS_MAX).zip(0_u16..) {
            let first = layout.row_count();
            for row in &section.rows {
                if layout.rows.len() < ROWS_MAX {
                    layout.add_row(section, index, row);
                }
            }
            layout.sections.push(LayoutSection {
                key: section.key.clone(),
                name: section.name.clone(),
                floor: section.floor.clone(),
                rows: first..layout.row_count(),
            });
        }
        for (area, index) in map.ga_areas.iter().take(AREAS_MAX).zip(0_u16..) {
            layout.ga_areas.push(LayoutArea {
                index,
                key: area.key.clone(),
                name: area.name.clone(),
                category: layout.category_index(&area.category),
                capacity: area.capacity,
            });
        }
        layout.distances = layout.seats.iter().map(|seat| layout.distance_to_focus(seat)).collect();
        layout.by_label = layout.seats.iter().map(|s| (label_hash(layout.label(s.index)), s.index)).collect();
        layout.by_label.sort_unstable();
        layout
    }

    pub fn name(&self) -> &str {
        &self.name
    }
    pub fn categories(&self) -> &[LayoutCategory] {
        &self.categories
    }
    pub fn sections(&self) -> &[LayoutSection] {
        &self.sections
    }
    pub fn rows(&self) -> &[LayoutRow] {
        &self.rows
    }
    pub fn ga_areas(&self) -> &[LayoutArea] {
        &self.ga_areas
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

    pub fn seat(&self, index: SeatIndex) -> Option<&Seat> {
        self.seats.get(index.position())
    }

    /// The technical label, `<section>-<row>-<number>`; empty for an index that the map does not have.
    pub fn label(&self, index: SeatIndex) -> &str {
        self.span(index).map_or("", |(start, span)| &self.labels[start..wide(span.end)])
    }

    /// The number shown at the seat and on the ticket.
    pub fn number(&self, index: SeatIndex) -> &str {
        let number = |span: LabelSpan| wide(span.number)..wide(span.end);
        self.span(index).map_or("", |(_, span)| &self.labels[number(span)])
    }

    /// The label of the row that the seat is in.
    pub fn row_label(&self, index: SeatIndex) -> &str {
        self.seat(index).and_then(|seat| self.rows.get(wide(seat.row))).map_or("", |row| &row.label)
    }

    /// The section that the seat is in.
    pub fn section_of(&self, index: SeatIndex) -> Option<&LayoutSection> {
        self.seat(index).and_then(|seat| self.sections.get(usize::from(seat.section)))
    }

    /// The seat with this technical label.
    pub fn find(&self, label: &str) -> Option<SeatIndex> {
        let hash = label_hash(label);
        let from = self.by_label.partition_point(|&(h, _)| h < hash);
        let same = self.by_label[from..].iter().take_while(|&&(h, _)| h == hash);
        same.map(|&(_, seat)| seat).find(|&seat| self.label(seat) == label)
    }

    pub fn category_index(&self, key: &str) -> Option<u16> {
        (0_u16..).zip(&self.categories).find(|(_, category)| category.key == key).map(|(index, _)| index)
    }
    pub fn section_index(&self, key: &str) -> Option<u16> {
        (0_u16..).zip(&self.sections).find(|(_, section)| section.key == key).map(|(index, _)| index)
    }
    pub fn area_index(&self, key: &str) -> Option<u16> {
        self.ga_areas.iter().find(|area| area.key == key).map(|area| area.index)
    }

    /// The seats directly beside this one in its row: towards the start and towards the end.
    pub fn neighbours(&self, index: SeatIndex) -> (Option<SeatIndex>, Option<SeatIndex>) {
        let before = self.seat(index).filter(|seat| !seat.starts_run).and_then(|_| index.0.checked_sub(1));
        let after = index.0.checked_add(1).map(SeatIndex).and_then(|next| self.seat(next));
        (before.map(SeatIndex), after.filter(|seat| !seat.starts_run).map(|seat| seat.index))
    }

    /// Distance to the focal point, in hundredths of a plan unit; 0 without a focal point.
    pub fn distance(&self, index: SeatIndex) -> u32 {
        self.distances.get(index.position()).copied().unwrap_or(0)
    }
    pub(super) fn distances(&self) -> &[u32] {
        &self.distances
    }

    /// The first seat whose label another seat has as well, for each such label.
    pub(super) fn duplicate_labels(&self) -> Vec<(SeatIndex, SeatIndex)> {
        let pairs = self
            .by_label
            .windows(2)
            .filter(|pair| pair[0].0 == pair[1].0 && self.label(pair[0].1) == self.label(pair[1].1));
        pairs.map(|pair| (pair[0].1, pair[1].1)).collect()
    }

    fn row_count(&self) -> u32 {
        dense(self.rows.len())
    }

    fn add_row(&mut self, section: &Section, section_index: u16, row: &Row) {
        let (first, row_index) = (self.seat_count(), self.row_count());
        let places = row.count.min(ROW_PLACES_MAX);
        let mut rules: Vec<&SeatRule> = row.seats.iter().collect();
        rules.sort_by_key(|rule| rule.position);
        rules.dedup_by_key(|rule| rule.position);
        let left_out = rules.iter().filter(|rule| rule.skip && (1..=places).contains(&rule.position)).count();
        let taking_part = places - dense(left_out);
        let category = self.category_index(&row.category);
        let prefix = format!("{}-{}-", clipped(&section.key), clipped(&row.label));
        let mut rules = rules.into_iter().skip_while(|rule| rule.position == 0).peekable();
        let course = row.course();
        let (mut nth, mut starts_run) = (0, true);
        for place in 0..places {
            let rule = rules.next_if(|rule| rule.position == place + 1);
            if rule.is_some_and(|rule| rule.skip) {
                starts_run = true;
                continue;
            }
            if self.seats.len() == SEATS_MAX {
                break;
            }
            self.labels.push_str(&prefix);
            let number = dense(self.labels.len());
            match rule.and_then(|rule| rule.label.as_deref()) {
                Some(label) => self.labels.push_str(clipped(label)),
                None => write!(
                    self.labels,
                    "{}{}",
                    clipped(&row.numbering.prefix),
                    row.numbering.number(nth, taking_part)
                )
                .expect("writing to a string cannot fail"),
            }
            self.spans.push(LabelSpan { number, end: dense(self.labels.len()) });
            let (x, y) = hundredths(course.place(place));
            let own = rule.and_then(|rule| rule.category.as_deref());
            self.seats.push(Seat {
                index: SeatIndex(self.seat_count()),
                section: section_index,
                row: row_index,
                category: own.map_or(category, |key| self.category_index(key)),
                x,
                y,
                traits: rule.map_or(Traits::NONE, |rule| rule.traits.iter().copied().collect()),
                starts_run,
            });
            nth += 1;
            starts_run = false;
        }
        let seats = first..self.seat_count();
        self.rows.push(LayoutRow { section: section_index, label: row.label.clone(), seats });
    }

    fn span(&self, index: SeatIndex) -> Option<(usize, LabelSpan)> {
        let at = index.position();
        let span = *self.spans.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| wide(self.spans[before].end));
        Some((start, span))
    }

    fn distance_to_focus(&self, seat: &Seat) -> u32 {
        let Some((x, y)) = self.focal_point else { return 0 };
        let (dx, dy) = (u64::from(seat.x.abs_diff(x)), u64::from(seat.y.abs_diff(y)));
        u32::try_from((dx * dx + dy * dy).isqrt()).unwrap_or(u32::MAX)
    }
}

impl From<&Category> for LayoutCategory {
    fn from(category: &Category) -> Self {
        Self { key: category.key.clone(), name: category.name.clone(), color: category.color.clone() }
    }
}

pub(super) fn wide(value: u32) -> usize {
    usize::try_from(value).expect("usize has at least 32 bits on every platform we build for")
}

/// A count or offset as `u32`. The limits of a map keep all of them below: 200,000 seats of at most 488 bytes of label.
fn dense(value: usize) -> u32 {
    u32::try_from(value).expect("the limits of a map keep counts and offsets below 2^32")
}

/// Coordinates beyond the limit end up on it: distances stay inside `u32`.
fn hundredths(point: Point) -> (i32, i32) {
    let whole = |value: f64| (value.clamp(-COORDINATE_MAX, COORDINATE_MAX) * 100.0).round() as i32;
    (whole(point.x), whole(point.y))
}

fn clipped(text: &str) -> &str {
    text.char_indices().nth(LABEL_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

fn label_hash(label: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    label.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::samples, *};

    fn numbers(layout: &Layout) -> Vec<&str> {
        layout.seats().iter().map(|seat| layout.number(seat.index)).collect()
    }

    #[test]
    fn indexes_follow_the_document_and_labels_lead_back() {
        let layout = Layout::compile(&samples::hall(3, 4));
        assert_eq!(layout.seat_count(), 12);
        assert_eq!(layout.rows()[1].seats, 4..8);
        assert_eq!(layout.sections()[0].rows, 0..3);
        assert_eq!((layout.label(SeatIndex(5)), layout.number(SeatIndex(5))), ("P-2-2", "2"));
        assert_eq!(layout.row_label(SeatIndex(5)), "2");
        assert_eq!(layout.find("P-2-2"), Some(SeatIndex(5)));
        assert_eq!((layout.find("P-2-5"), layout.find("")), (None, None));
        assert_eq!((layout.label(SeatIndex(12)), layout.seat(SeatIndex(12))), ("", None));
        assert_eq!((layout.seats()[5].x, layout.seats()[5].y), (5_000, 18_000));
    }

    #[test]
    fn left_out_places_take_no_number_and_break_the_neighbourhood() {
        let mut row = samples::row("1", 0.0, 6);
        row.seats = vec![samples::skip(4), SeatRule { label: Some("K".into()), ..samples::rule(6) }];
        let layout = Layout::compile(&samples::map_of(vec![row]));
        assert_eq!(numbers(&layout), ["1", "2", "3", "4", "K"]);
        let seat = SeatIndex;
        assert_eq!(layout.neighbours(seat(0)), (None, Some(seat(1))));
        assert_eq!(layout.neighbours(seat(2)), (Some(seat(1)), None));
        assert_eq!(layout.neighbours(seat(3)), (None, Some(seat(4))));
        assert_eq!(layout.neighbours(seat(4)), (Some(seat(3)), None));
        assert_eq!(layout.neighbours(seat(9)), (None, None));
        // The gap stays in the plan.
        assert_eq!(layout.seats()[3].x - layout.seats()[2].x, 10_000);
    }

    #[test]
    fn neighbours_end_with_the_row() {
        let layout = Layout::compile(&samples::hall(2, 3));
        assert_eq!(layout.neighbours(SeatIndex(2)), (Some(SeatIndex(1)), None));
        assert_eq!(layout.neighbours(SeatIndex(3)), (None, Some(SeatIndex(4))));
    }

    #[test]
    fn exceptions_change_category_traits_and_prefixes_show() {
        let mut map = samples::map_of(vec![samples::row("1", 0.0, 3)]);
        map.categories.push(Category { key: "b".into(), name: "B".into(), color: "#00bb00".into() });
        map.sections[0].rows[0].numbering.prefix = "N".into();
        map.sections[0].rows[0].seats = vec![
            samples::with_trait(3, SeatTrait::Wheelchair),
            SeatRule { category: Some("b".into()), ..samples::rule(1) },
        ];
        let layout = Layout::compile(&map);
        assert_eq!(
            layout.seats().iter().map(|s| s.category).collect::<Vec<_>>(),
            [Some(1), Some(0), Some(0)]
        );
        assert!(layout.seats()[2].traits.contains(SeatTrait::Wheelchair));
        assert_eq!(numbers(&layout), ["N1", "N2", "N3"]);
    }

    #[test]
    fn drafts_with_errors_are_laid_out_within_the_limits() {
        let mut map = samples::hall(1, 5);
        map.sections[0].rows[0].count = u32::MAX;
        map.sections[0].rows[0].category = "nowhere".into();
        map.sections[0].rows[0].end.x = f64::NAN;
        map.sections[0].key = "ä".repeat(5_000);
        map.sections[0].rows[0].seats =
            vec![samples::skip(0), samples::skip(u32::MAX), samples::skip(7), samples::skip(7)];
        let layout = Layout::compile(&map);
        assert_eq!(layout.seat_count(), ROW_PLACES_MAX - 1);
        assert_eq!(layout.seats()[0].category, None);
        assert!(layout.label(SeatIndex(0)).chars().count() <= SEAT_LABEL_CHARS_MAX);
    }

    proptest! {
        #[test]
        fn labels_are_unique_and_found(map in samples::maps()) {
            let layout = Layout::compile(&map);
            prop_assert_eq!(layout.duplicate_labels(), vec![]);
            for seat in layout.seats() {
                prop_assert_eq!(layout.find(layout.label(seat.index)), Some(seat.index));
            }
            prop_assert_eq!(&layout, &Layout::compile(&map));
        }

        #[test]
        fn rows_partition_the_seats(map in samples::maps()) {
            let layout = Layout::compile(&map);
            let mut next = 0;
            for (row, index) in layout.rows().iter().zip(0_u32..) {
                prop_assert_eq!(row.seats.start, next);
                next = row.seats.end;
                for seat in row.seats.clone() {
                    let seat = layout.seat(SeatIndex(seat)).unwrap();
                    prop_assert_eq!((seat.row, seat.section), (index, row.section));
                    if let (_, Some(after)) = layout.neighbours(seat.index) {
                        prop_assert_eq!(layout.neighbours(after).0, Some(seat.index));
                        prop_assert!(row.seats.contains(&after.0));
                    }
                }
            }
            prop_assert_eq!(next, layout.seat_count());
        }

        #[test]
        fn a_change_of_the_last_row_leaves_the_indexes_before_it(map in samples::maps()) {
            let before = Layout::compile(&map);
            let mut map = map;
            let last = map.sections.last_mut().unwrap().rows.last_mut().unwrap();
            last.count += 3;
            last.curve = 0.0;
            let after = Layout::compile(&map);
            for seat in 0..before.rows().last().unwrap().seats.start {
                prop_assert_eq!(before.seat(SeatIndex(seat)), after.seat(SeatIndex(seat)));
                prop_assert_eq!(before.label(SeatIndex(seat)), after.label(SeatIndex(seat)));
            }
        }
    }
}
