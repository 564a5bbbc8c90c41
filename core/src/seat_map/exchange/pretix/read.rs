//! From pretix.

use super::{
    TEXT_SIZE,
    schema::{self, Area, Plan, Position, Zone},
};
use crate::seat_map::{
    CATEGORIES_MAX, Category, LABEL_CHARS_MAX, Point, ROWS_MAX, SEATS_MAX, SECTIONS_MAX, SHAPES_MAX, SeatMap,
    Section, Shape, ShapeKind, TEXTS_MAX, TextLabel,
    exchange::{
        Import, ImportError, ImportErrorCode, PROGRESS_EVERY, Progress, Result, colors,
        notes::{NoteCode, Notes},
        rules::{self, Names, Place, rounded, rounded_point},
    },
};

pub(in crate::seat_map::exchange) fn import(
    text: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<Import> {
    let mut notes = Notes::default();
    let plan = parse(text, &mut notes)?;
    let total = within_limits(&plan)?;
    let mut reader = Reader { map: SeatMap::default(), notes, done: 0, total, progress };
    reader.map.name = plan.name.trim().to_owned();
    reader.categories(&plan)?;
    let mut sections = Names::default();
    for (zone, index) in plan.zones.iter().zip(0_usize..) {
        reader.zone(zone, &format!("zones[{index}]"), &mut sections)?;
    }
    reader.tell();
    Ok(Import { map: reader.map, notes: reader.notes.done() })
}

/// What is ignored may nest as deeply as it likes: the JSON reader skips it without recursion.
fn parse(text: &str, notes: &mut Notes) -> Result<Plan> {
    let mut json = serde_json::Deserializer::from_str(text);
    let plan =
        serde_ignored::deserialize(&mut json, |path| notes.add(NoteCode::Ignored, || path.to_string()));
    let plan = plan.and_then(|plan| json.end().map(|()| plan));
    plan.map_err(|error| {
        let location = format!("line {}, column {}", error.line(), error.column());
        let message = error.to_string();
        // The place is said apart.
        let message = message.split(" at line ").next().unwrap_or_default();
        let message = format!("This is no pretix seating plan: {message}.");
        ImportError::new(ImportErrorCode::Malformed, location, message)
    })
}

/// How many seats there are.
fn within_limits(plan: &Plan) -> Result<u64> {
    let rows = || plan.zones.iter().flat_map(|zone| &zone.rows);
    let areas = plan.zones.iter().map(|zone| zone.areas.len()).sum();
    let seats = rows().map(|row| row.seats.len()).sum();
    let counts = [
        ("categories", plan.categories.len(), CATEGORIES_MAX),
        ("zones", plan.zones.len(), SECTIONS_MAX),
        ("rows", rows().count(), ROWS_MAX),
        ("seats", seats, SEATS_MAX),
        ("areas", areas, SHAPES_MAX.min(TEXTS_MAX)),
    ];
    if let Some((what, count, most)) = counts.into_iter().find(|(_, count, most)| count > most) {
        let message = format!("{count} {what}; a seat map has at most {most}.");
        return Err(ImportError::new(ImportErrorCode::TooMany, "", message));
    }
    if seats == 0 {
        return Err(ImportError::new(ImportErrorCode::Empty, "", "The plan has no seats."));
    }
    Ok(u64::try_from(seats).unwrap_or(u64::MAX))
}

struct Reader<'a> {
    map: SeatMap,
    notes: Notes,
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Reader<'_> {
    fn tell(&mut self) {
        (self.progress)(Progress { done: self.done, total: Some(self.total) });
    }

    fn categories(&mut self, plan: &Plan) -> Result<()> {
        for (category, index) in plan.categories.iter().zip(0_usize..) {
            let object = format!("categories[{index}]");
            if self.map.categories.iter().any(|known| known.key == category.name) {
                let message = format!("There is another category “{}”.", category.name);
                return Err(ImportError::new(ImportErrorCode::InvalidValue, object, message));
            }
            let color =
                category.color.as_deref().and_then(|text| colors::read(text, &object, &mut self.notes));
            let color = color.unwrap_or_else(|| colors::of_category(index).to_owned());
            let name = category.name.clone();
            self.map.categories.push(Category { key: name.clone(), name, color });
        }
        Ok(())
    }

    fn zone(&mut self, zone: &Zone, object: &str, sections: &mut Names) -> Result<()> {
        if !zone.rows.is_empty() {
            let name = zone.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
            let id = zone.zone_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
            let wanted = id.or(name).unwrap_or("Zone");
            let short: String = wanted.chars().take(LABEL_CHARS_MAX).collect();
            let key = sections.give(short.trim());
            self.notes.add_if(Some(key.as_str()) != id.or(name), NoteCode::Renamed, object);
            let name = name.unwrap_or(wanted).to_owned();
            let mut section = Section { key, name, ..Section::default() };
            let mut labels = Names::default();
            for (row, index) in zone.rows.iter().zip(0_usize..) {
                let object = format!("{object}.rows[{index}]");
                self.row(&mut section, &mut labels, zone.position, row, &object)?;
            }
            self.map.sections.push(section);
        }
        for (area, index) in zone.areas.iter().zip(0_usize..) {
            self.area(zone.position, area, &format!("{object}.areas[{index}]"));
        }
        Ok(())
    }

    fn row(
        &mut self,
        section: &mut Section,
        labels: &mut Names,
        zone: Position,
        row: &schema::Row,
        object: &str,
    ) -> Result<()> {
        let label = row.row_number.trim();
        self.notes.add_if(label.is_empty(), NoteCode::Renamed, object);
        let own = (section.rows.len() + 1).to_string();
        let label = if label.is_empty() { own.as_str() } else { label };
        let template = row.seat_label.as_deref().filter(|template| !["", "%s"].contains(template));
        self.notes.add_if(template.is_some(), NoteCode::SeatText, object);
        let prefix = format!("{}-{label}-", section.key);
        let mut seats = Vec::with_capacity(row.seats.len());
        for (seat, index) in row.seats.iter().zip(0_usize..) {
            if !self.map.categories.iter().any(|category| category.key == seat.category) {
                let message = format!("There is no category “{}”.", seat.category);
                let object = format!("{object}.seats[{index}]");
                return Err(ImportError::new(ImportErrorCode::InvalidValue, object, message));
            }
            let number = match seat.seat_guid.strip_prefix(&prefix) {
                Some(number) if !number.is_empty() => number,
                _ => {
                    self.notes.add(NoteCode::SeatIdentity, || format!("{object}.seats[{index}]"));
                    seat.seat_number.trim()
                }
            };
            let add = |own: f64, of_row: f64, of_zone: f64| own + of_row + of_zone;
            seats.push(Place {
                at: rounded_point(Point {
                    x: add(seat.position.x, row.position.x, zone.x),
                    y: add(seat.position.y, row.position.y, zone.y),
                }),
                number: number.to_owned(),
                shown: (number != seat.seat_number.trim() && !seat.seat_number.trim().is_empty())
                    .then(|| seat.seat_number.trim().to_owned()),
                category: seat.category.clone(),
                ..Place::default()
            });
            self.done += 1;
            if self.done.is_multiple_of(PROGRESS_EVERY) {
                self.tell();
            }
        }
        let shown =
            row.row_label.as_deref().map(str::trim).filter(|shown| !shown.is_empty() && *shown != label);
        section.rows.extend(rules::rows(label, shown, &seats, labels, &mut self.notes, object)?);
        Ok(())
    }

    fn area(&mut self, zone: Position, area: &Area, object: &str) {
        let at = Point { x: zone.x + area.position.x, y: zone.y + area.position.y };
        let turned = |point: Position| turned(at, point, area.rotation);
        if let Some((kind, points)) = outline(area) {
            let box_centre = centre(&points);
            // Here things turn around their middle.
            let moved = turned(box_centre);
            let back = |point: &Position| {
                rounded_point(Point {
                    x: moved.x + point.x - box_centre.x,
                    y: moved.y + point.y - box_centre.y,
                })
            };
            let mut color = |text: &Option<String>| colors::read(text.as_deref()?, object, &mut self.notes);
            let shape = Shape {
                kind,
                points: points.iter().map(back).collect(),
                rotation: rounded(area.rotation),
                fill: color(&area.color),
                stroke: color(&area.border_color),
                ..Shape::default()
            };
            self.map.shapes.push(shape);
        } else {
            self.notes.add_if(area.shape.as_deref() != Some("text"), NoteCode::Ignored, object);
        }
        if let Some(text) = area.text.as_ref().filter(|text| !text.text.trim().is_empty()) {
            let color = text.color.as_deref().and_then(|text| colors::read(text, object, &mut self.notes));
            self.map.texts.push(TextLabel {
                at: rounded_point(turned(text.position)),
                text: text.text.trim().to_owned(),
                size: rounded(text.size.unwrap_or(TEXT_SIZE)),
                rotation: rounded(area.rotation),
                color,
                floor: None,
            });
        }
    }
}

/// The corners of an area before the rotation, seen from its position.
fn outline(area: &Area) -> Option<(ShapeKind, Vec<Position>)> {
    let position = |x: f64, y: f64| Position { x, y };
    let around = |x: f64, y: f64| vec![position(-x, -y), position(x, y)];
    Some(match area.shape.as_deref()? {
        "rectangle" => {
            let size = area.rectangle?;
            (ShapeKind::Rectangle, vec![position(0.0, 0.0), position(size.width, size.height)])
        }
        "circle" => (ShapeKind::Ellipse, around(area.circle?.radius, area.circle?.radius)),
        "ellipse" => (ShapeKind::Ellipse, around(area.ellipse?.radius.x, area.ellipse?.radius.y)),
        "polygon" => {
            (ShapeKind::Polygon, area.polygon.clone().filter(|polygon| polygon.points.len() > 2)?.points)
        }
        _ => return None,
    })
}

/// The middle of the box around the points.
fn centre(points: &[Position]) -> Position {
    let middle = |of: fn(&Position) -> f64| {
        let (low, high) = points
            .iter()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        (low + high) / 2.0
    };
    Position { x: middle(|point| point.x), y: middle(|point| point.y) }
}

/// Where a point ends up that is turned around a place, from which it is seen.
fn turned(at: Point, point: Position, degrees: f64) -> Point {
    let (sin, cos) = degrees.to_radians().sin_cos();
    Point { x: at.x + point.x * cos - point.y * sin, y: at.y + point.x * sin + point.y * cos }
}
