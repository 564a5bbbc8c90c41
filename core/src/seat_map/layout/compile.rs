//! From the document to the layout.

use super::{
    LabelSpan, Layout, LayoutArea, LayoutCategory, LayoutFloor, LayoutIcon, LayoutImage, LayoutRow,
    LayoutSection, LayoutShape, LayoutTable, LayoutText, LayoutZone, Rgb, RowKind, Seat, SeatIndex, dense,
    wide,
};
use crate::seat_map::document::*;

impl Layout {
    /// Lays the document out. Documents that [`validate`](crate::seat_map::validate()) without errors are laid out
    /// completely; of others it makes what can be drawn, within the limits: nothing here panics or grows without bound.
    pub fn compile(map: &SeatMap) -> Self {
        let rows = map.sections.iter().flat_map(|section| &section.rows);
        let places = rows.fold(0, |sum: u32, row| sum.saturating_add(row.count.min(ROW_PLACES_MAX)));
        let places = wide(places).min(SEATS_MAX);
        let mut layout = Self {
            name: map.name.clone(),
            categories: map.categories.iter().take(CATEGORIES_MAX).map(LayoutCategory::from).collect(),
            floors: map.floors.iter().take(FLOORS_MAX).map(LayoutFloor::from).collect(),
            zones: map.zones.iter().take(ZONES_MAX).map(LayoutZone::from).collect(),
            sections: Vec::with_capacity(map.sections.len().min(SECTIONS_MAX)),
            seats: Vec::with_capacity(places),
            spans: Vec::with_capacity(places),
            focal_point: map.focal_point.map(hundredths),
            ..Self::default()
        };
        if layout.floors.is_empty() {
            layout.floors.push(LayoutFloor { key: String::new(), name: String::new() });
        }
        for section in map.sections.iter().take(SECTIONS_MAX) {
            layout.add_section(section);
        }
        for (area, index) in map.ga_areas.iter().take(AREAS_MAX).zip(0_u16..) {
            layout.ga_areas.push(LayoutArea {
                index,
                key: area.key.clone(),
                name: area.name.clone(),
                category: layout.category_index(&area.category),
                capacity: area.capacity,
                outline: outline(&area.points),
                floor: layout.floor(&area.floor),
                zone: layout.zone(&area.zone),
                entrance: area.entrance.clone(),
                view: area.view.clone(),
                occupancy: area.sold,
            });
        }
        layout.add_drawing(map);
        let layout = layout.finish();
        // Servers compile, and would rather do it now than on the first request.
        layout.by_label();
        layout.distances();
        layout
    }

    fn add_section(&mut self, section: &Section) {
        let index = u16::try_from(self.sections.len()).expect("compile takes SECTIONS_MAX at most");
        let first = self.row_count();
        for (row, label) in section.rows.iter().zip(section.row_labels()) {
            let course = row.course();
            let group = Group {
                section,
                index,
                label: &label,
                shown: row.shown.as_ref(),
                view: row.view.as_ref(),
                kind: RowKind::Row,
                category: &row.category,
                count: row.count.min(ROW_PLACES_MAX),
                numbering: &row.numbering,
                rules: &row.seats,
            };
            self.add_group(&group, |place| course.place(place), |place| place == 0);
        }
        for table in &section.tables {
            let group = Group {
                section,
                index,
                label: &table.label,
                shown: table.shown.as_ref(),
                view: table.view.as_ref(),
                kind: kind_of(table),
                category: &table.category,
                count: table.count().min(ROW_PLACES_MAX),
                numbering: &table.numbering,
                rules: &table.seats,
            };
            self.add_group(&group, |place| table.place(place), |place| table.shape.starts_side(place));
        }
        for booth in &section.booths {
            self.add_booth(section, index, booth);
        }
        self.sections.push(LayoutSection {
            key: section.key.clone(),
            name: section.name.clone(),
            floor: self.floor(&section.floor),
            zone: self.zone(&section.zone),
            entrance: section.entrance.clone(),
            outline: outline(&section.outline),
            view: section.view.clone(),
            rows: first..self.row_count(),
        });
    }

    /// The places of a row or the chairs of a table.
    fn add_group(
        &mut self,
        group: &Group<'_>,
        place_at: impl Fn(u32) -> Point,
        starts_side: impl Fn(u32) -> bool,
    ) {
        if self.rows.len() == ROWS_MAX {
            return;
        }
        let (first, row) = (self.seat_count(), self.row_count());
        let places = group.count;
        let mut rules: Vec<&SeatRule> = group.rules.iter().collect();
        rules.sort_by_key(|rule| rule.position);
        rules.dedup_by_key(|rule| rule.position);
        let left_out = rules.iter().filter(|rule| rule.skip && (1..=places).contains(&rule.position)).count();
        let taking_part = places - dense(left_out);
        let category = self.category_index(group.category);
        let prefix = format!("{}-{}-", clipped(&group.section.key), clipped(group.label));
        let number_prefix = clipped(&group.numbering.prefix);
        let mut rules = rules.into_iter().skip_while(|rule| rule.position == 0).peekable();
        let (mut nth, mut after_gap, mut ends) = (0, true, (false, false));
        for place in 0..places {
            let rule = rules.next_if(|rule| rule.position == place + 1);
            if rule.is_some_and(|rule| rule.skip) {
                after_gap = true;
                continue;
            }
            if self.seats.len() == SEATS_MAX {
                break;
            }
            ends = (ends.0 || place == 0, place + 1 == places);
            self.labels.push_str(&prefix);
            let number = dense(self.labels.len());
            match rule.and_then(|rule| rule.label.as_deref()) {
                Some(label) => self.labels.push_str(clipped(label)),
                None if group.numbering.letters => {
                    self.labels.push_str(number_prefix);
                    self.labels.push_str(&group.numbering.text(nth, taking_part));
                }
                None => {
                    self.labels.push_str(number_prefix);
                    push_number(&mut self.labels, group.numbering.number(nth, taking_part));
                }
            }
            self.spans.push(LabelSpan { number, end: dense(self.labels.len()) });
            let index = SeatIndex(self.seat_count());
            if let Some(shown) = rule.and_then(|rule| rule.shown.as_ref()) {
                self.shown.push((index, shown.clone()));
            }
            if let Some(view) = rule.and_then(|rule| rule.view.as_ref()) {
                self.views.push((index, view.clone()));
            }
            let (x, y) = hundredths(place_at(place));
            let own = rule.and_then(|rule| rule.category.as_deref());
            self.seats.push(Seat {
                index,
                section: group.index,
                row,
                category: own.map_or(category, |key| self.category_index(key)),
                x,
                y,
                traits: rule.map_or(Traits::NONE, |rule| rule.traits.iter().copied().collect()),
                starts_run: after_gap || starts_side(place),
            });
            nth += 1;
            after_gap = false;
        }
        let round = matches!(group.kind, RowKind::Table { shape: LayoutTable::Round { .. }, .. });
        self.rows.push(LayoutRow {
            section: group.index,
            label: group.label.to_owned(),
            shown: group.shown.cloned(),
            view: group.view.cloned(),
            kind: group.kind,
            // Two at a table are neighbours once.
            ring: round && places > 2 && ends == (true, true),
            seats: first..self.seat_count(),
        });
    }

    fn add_booth(&mut self, section: &Section, index: u16, booth: &Booth) {
        if self.rows.len() == ROWS_MAX || self.seats.len() == SEATS_MAX {
            return;
        }
        let (seat, row) = (self.seat_count(), self.row_count());
        self.labels.push_str(clipped(&section.key));
        self.labels.push('-');
        let number = dense(self.labels.len());
        self.labels.push_str(clipped(&booth.label));
        self.spans.push(LabelSpan { number, end: dense(self.labels.len()) });
        if let Some(shown) = &booth.shown {
            self.shown.push((SeatIndex(seat), shown.clone()));
        }
        let centre = hundredths(booth.centre);
        self.seats.push(Seat {
            index: SeatIndex(seat),
            section: index,
            row,
            category: self.category_index(&booth.category),
            x: centre.0,
            y: centre.1,
            traits: Traits::NONE,
            starts_run: true,
        });
        let (width, height) = (size(booth.width), size(booth.height));
        self.rows.push(LayoutRow {
            section: index,
            label: booth.label.clone(),
            shown: booth.shown.clone(),
            view: booth.view.clone(),
            kind: RowKind::Booth { centre, width, height, rotation: angle(booth.rotation) },
            ring: false,
            seats: seat..seat + 1,
        });
    }

    fn add_drawing(&mut self, map: &SeatMap) {
        for shape in map.shapes.iter().take(SHAPES_MAX) {
            self.shapes.push(LayoutShape {
                kind: shape.kind,
                points: outline(&shape.points),
                rotation: angle(shape.rotation),
                fill: shape.fill.as_deref().and_then(rgb),
                stroke: shape.stroke.as_deref().and_then(rgb),
                stroke_width: size(shape.stroke_width),
                floor: self.floor(&shape.floor),
            });
        }
        for text in map.texts.iter().take(TEXTS_MAX) {
            let (x, y) = hundredths(text.at);
            self.texts.push(LayoutText {
                x,
                y,
                text: text.text.clone(),
                size: size(text.size),
                rotation: angle(text.rotation),
                color: text.color.as_deref().and_then(rgb),
                floor: self.floor(&text.floor),
            });
        }
        for icon in map.icons.iter().take(ICONS_MAX) {
            let (x, y) = hundredths(icon.at);
            let floor = self.floor(&icon.floor);
            self.icons.push(LayoutIcon { x, y, kind: icon.kind, size: size(icon.size), floor });
        }
        let images = map.images.iter().filter(|image| image.role == ImageRole::Background);
        for image in images.take(IMAGES_MAX) {
            let (x, y) = hundredths(image.at);
            self.images.push(LayoutImage {
                href: image.href.clone(),
                x,
                y,
                width: size(image.width),
                height: size(image.height),
                rotation: angle(image.rotation),
                opacity: (image.opacity.clamp(0.0, 1.0) * 100.0).round() as u8,
                floor: self.floor(&image.floor),
            });
        }
    }

    fn row_count(&self) -> u32 {
        dense(self.rows.len())
    }

    fn floor(&self, key: &Option<String>) -> Option<u16> {
        self.floor_index(key.as_deref()?)
    }

    fn zone(&self, key: &Option<String>) -> Option<u16> {
        self.zone_index(key.as_deref()?)
    }
}

/// What rows and tables have in common.
struct Group<'a> {
    section: &'a Section,
    index: u16,
    label: &'a str,
    shown: Option<&'a String>,
    view: Option<&'a String>,
    kind: RowKind,
    category: &'a str,
    count: u32,
    numbering: &'a Numbering,
    rules: &'a [SeatRule],
}

impl From<&Category> for LayoutCategory {
    fn from(category: &Category) -> Self {
        Self { key: category.key.clone(), name: category.name.clone(), color: category.color.clone() }
    }
}

impl From<&Floor> for LayoutFloor {
    fn from(floor: &Floor) -> Self {
        Self { key: floor.key.clone(), name: floor.name.clone() }
    }
}

impl From<&Zone> for LayoutZone {
    fn from(zone: &Zone) -> Self {
        Self { key: zone.key.clone(), name: zone.name.clone() }
    }
}

fn kind_of(table: &Table) -> RowKind {
    let shape = match table.shape {
        TableShape::Round { radius, .. } => LayoutTable::Round { radius: size(radius) },
        TableShape::Rectangle { width, height, .. } => {
            LayoutTable::Rectangle { width: size(width), height: size(height) }
        }
    };
    let (centre, rotation) = (hundredths(table.centre), angle(table.rotation));
    RowKind::Table { shape, centre, rotation, whole: table.sold == TableSale::Whole }
}

/// The number in digits; the formatting machinery of the standard library takes a good part of the time of a layout.
fn push_number(text: &mut String, number: u64) {
    if number > 9 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

fn outline(points: &[Point]) -> Vec<(i32, i32)> {
    points.iter().take(OUTLINE_POINTS_MAX).copied().map(hundredths).collect()
}

/// Coordinates beyond the limit end up on it: distances stay inside `u32`. NaN is 0.
fn hundredths(point: Point) -> (i32, i32) {
    let whole = |value: f64| (value.clamp(-COORDINATE_MAX, COORDINATE_MAX) * 100.0).round() as i32;
    (whole(point.x), whole(point.y))
}

fn size(value: f64) -> u32 {
    (value.clamp(0.0, COORDINATE_MAX) * 100.0).round() as u32
}

/// Degrees, of any number of turns, as hundredths of one turn.
fn angle(degrees: f64) -> u32 {
    ((degrees % 360.0 * 100.0).round() as i32).rem_euclid(36_000).unsigned_abs()
}

/// `#rrggbb`
fn rgb(text: &str) -> Option<Rgb> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let value = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some([value(0)?, value(2)?, value(4)?])
}

/// A text as it stands in technical labels.
pub(in crate::seat_map) fn clipped(text: &str) -> &str {
    text.char_indices().nth(LABEL_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}
