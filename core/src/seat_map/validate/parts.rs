//! The checks of everything but sections: categories, floors, zones, areas, the drawing, and the document as a whole.

use std::collections::HashSet;

use super::{
    FindingCode, outlines,
    report::{Keys, Place, Report},
    sections::seats_of,
};
use crate::seat_map::document::*;

const WHOLE: Place<'static> = Place::WHOLE;

pub(super) fn check(report: &mut Report, map: &SeatMap, keys: &Keys<'_>) {
    report.text(WHOLE.field("name"), &map.name, NAME_CHARS_MAX);
    check_categories(report, map);
    check_floors_and_zones(report, map);
    check_areas(report, map, keys);
    check_drawing(report, map, keys);
}

pub(super) fn check_whole(report: &mut Report, map: &SeatMap) {
    let sections = || map.sections.iter();
    let rows: usize = sections()
        .map(|section| section.rows.len() + section.tables.len() + section.booths.len())
        .fold(0, usize::saturating_add);
    let places = sections().flat_map(|section| {
        let rows = section.rows.iter().map(|row| seats_of(row.count, &row.seats));
        let tables = section.tables.iter().map(|table| seats_of(table.count(), &table.seats));
        rows.chain(tables).chain(section.booths.iter().map(|_| 1))
    });
    let places = places.fold(0, u64::saturating_add);
    let outlines = sections().map(|section| section.outline.len());
    let points = outlines
        .chain(map.ga_areas.iter().map(|area| area.points.len()))
        .chain(map.shapes.iter().map(|shape| shape.points.len()))
        .fold(0, usize::saturating_add);
    report.at_most(WHOLE.field("sections"), "sections", map.sections.len(), SECTIONS_MAX);
    report.at_most(WHOLE.field("sections"), "rows, tables and booths", rows, ROWS_MAX);
    let places = usize::try_from(places).unwrap_or(usize::MAX);
    report.at_most(WHOLE.field("sections"), "seats", places, SEATS_MAX);
    report.at_most(WHOLE, "points of outlines and shapes", points, POINTS_MAX);
    if map.sections.is_empty() && map.ga_areas.is_empty() {
        report.add(FindingCode::EmptyMap, WHOLE, "The map has neither seats nor standing areas.");
    }
    match map.focal_point {
        Some(point) => report.point(WHOLE.field("focal_point"), point),
        None if map.sections.is_empty() => {}
        None => report.add(
            FindingCode::MissingFocalPoint,
            WHOLE.field("focal_point"),
            "Without a focal point the best available seats are the first of the document.",
        ),
    }
}

fn check_categories(report: &mut Report, map: &SeatMap) {
    report.at_most(WHOLE.field("categories"), "categories", map.categories.len(), CATEGORIES_MAX);
    let used = used_categories(map);
    let mut keys = HashSet::new();
    for (index, category) in map.categories.iter().enumerate() {
        let place = WHOLE.item("categories", index);
        report.text(place.field("key"), &category.key, LABEL_CHARS_MAX);
        report.text(place.field("name"), &category.name, NAME_CHARS_MAX);
        report.color(place.field("color"), &category.color);
        if !keys.insert(category.key.as_str()) {
            let message = format!("The key “{}” is used by another category.", category.key);
            report.add(FindingCode::DuplicateCategory, place, message);
        } else if !used.contains(category.key.as_str()) {
            let message = format!("No seat and no area is of the category “{}”.", category.name);
            report.add(FindingCode::UnusedCategory, place, message);
        }
    }
}

fn used_categories(map: &SeatMap) -> HashSet<&str> {
    let mut used: HashSet<&str> = map.ga_areas.iter().map(|area| area.category.as_str()).collect();
    for section in &map.sections {
        let rows = section.rows.iter().map(|row| (row.category.as_str(), row.seats.as_slice()));
        let tables = section.tables.iter().map(|table| (table.category.as_str(), table.seats.as_slice()));
        for (category, rules) in rows.chain(tables) {
            used.insert(category);
            used.extend(rules.iter().filter(|rule| !rule.skip).filter_map(|rule| rule.category.as_deref()));
        }
        used.extend(section.booths.iter().map(|booth| booth.category.as_str()));
    }
    used
}

fn check_floors_and_zones(report: &mut Report, map: &SeatMap) {
    report.at_most(WHOLE.field("floors"), "floors", map.floors.len(), FLOORS_MAX);
    report.at_most(WHOLE.field("zones"), "zones", map.zones.len(), ZONES_MAX);
    let of_sections = map.sections.iter().map(|section| (section.floor.as_deref(), section.zone.as_deref()));
    let of_areas = map.ga_areas.iter().map(|area| (area.floor.as_deref(), area.zone.as_deref()));
    let lowest = map.floors.first().map(|floor| floor.key.as_str());
    let (mut floors_used, mut zones_used) = (HashSet::new(), HashSet::new());
    for (floor, zone) in of_sections.chain(of_areas) {
        floors_used.extend(floor.or(lowest));
        zones_used.extend(zone);
    }
    let mut keys = HashSet::new();
    for (index, floor) in map.floors.iter().enumerate() {
        let place = WHOLE.item("floors", index);
        report.text(place.field("key"), &floor.key, LABEL_CHARS_MAX);
        report.text(place.field("name"), &floor.name, NAME_CHARS_MAX);
        if !keys.insert(floor.key.as_str()) {
            let message = format!("The key “{}” is used by another floor.", floor.key);
            report.add(FindingCode::DuplicateFloor, place, message);
        } else if !floors_used.contains(floor.key.as_str()) {
            let message = format!("There are no places on the floor “{}”.", floor.name);
            report.add(FindingCode::EmptyFloor, place, message);
        }
    }
    let mut keys = HashSet::new();
    for (index, zone) in map.zones.iter().enumerate() {
        let place = WHOLE.item("zones", index);
        report.text(place.field("key"), &zone.key, LABEL_CHARS_MAX);
        report.text(place.field("name"), &zone.name, NAME_CHARS_MAX);
        if !keys.insert(zone.key.as_str()) {
            let message = format!("The key “{}” is used by another zone.", zone.key);
            report.add(FindingCode::DuplicateZone, place, message);
        } else if !zones_used.contains(zone.key.as_str()) {
            let message = format!("No section and no area belongs to the zone “{}”.", zone.name);
            report.add(FindingCode::EmptyZone, place, message);
        }
    }
}

fn check_areas(report: &mut Report, map: &SeatMap, keys: &Keys<'_>) {
    report.at_most(WHOLE.field("ga_areas"), "standing areas", map.ga_areas.len(), AREAS_MAX);
    let mut area_keys = HashSet::new();
    for (index, area) in map.ga_areas.iter().enumerate() {
        let place = WHOLE.item("ga_areas", index);
        report.text(place.field("key"), &area.key, LABEL_CHARS_MAX);
        report.text(place.field("name"), &area.name, NAME_CHARS_MAX);
        report.category(place, &area.category, keys);
        report.floor(place.field("floor"), area.floor.as_ref(), keys);
        report.zone(place.field("zone"), area.zone.as_ref(), keys);
        report.shown(place.field("entrance"), area.entrance.as_ref(), NAME_CHARS_MAX);
        report.url(place.field("view"), area.view.as_ref());
        if !(1..=AREA_CAPACITY_MAX).contains(&area.capacity) {
            let message = format!("The capacity lies between 1 and {AREA_CAPACITY_MAX}.");
            report.add(FindingCode::InvalidCapacity, place.field("capacity"), message);
        }
        if let Occupancy::Group { min, max } = area.sold
            && !(1 <= min && min <= max && max <= area.capacity)
        {
            let message = "A party has at least one person, and at most as many as the area holds.";
            report.add(FindingCode::InvalidOccupancy, place.field("sold"), message);
        }
        outlines::check(report, place.field("points"), &area.points);
        if !area_keys.insert(area.key.as_str()) {
            let message = format!("The key “{}” is used by another area.", area.key);
            report.add(FindingCode::DuplicateArea, place, message);
        }
    }
}

fn check_drawing(report: &mut Report, map: &SeatMap, keys: &Keys<'_>) {
    report.at_most(WHOLE.field("shapes"), "shapes", map.shapes.len(), SHAPES_MAX);
    report.at_most(WHOLE.field("texts"), "texts", map.texts.len(), TEXTS_MAX);
    report.at_most(WHOLE.field("icons"), "icons", map.icons.len(), ICONS_MAX);
    report.at_most(WHOLE.field("images"), "images", map.images.len(), IMAGES_MAX);
    for (index, shape) in map.shapes.iter().enumerate() {
        check_shape(report, WHOLE.item("shapes", index), shape, keys);
    }
    for (index, text) in map.texts.iter().enumerate() {
        let place = WHOLE.item("texts", index);
        report.text(place, &text.text, NAME_CHARS_MAX);
        report.point(place, text.at);
        report.size(place.field("size"), text.size);
        report.rotation(place.field("rotation"), text.rotation);
        report.any_floor(place.field("floor"), text.floor.as_ref(), keys);
        if let Some(color) = &text.color {
            report.color(place.field("color"), color);
        }
    }
    for (index, icon) in map.icons.iter().enumerate() {
        let place = WHOLE.item("icons", index);
        report.point(place, icon.at);
        report.size(place.field("size"), icon.size);
        report.any_floor(place.field("floor"), icon.floor.as_ref(), keys);
    }
    for (index, image) in map.images.iter().enumerate() {
        let place = WHOLE.item("images", index);
        report.url(place.field("href"), Some(&image.href));
        report.point(place, image.at);
        report.size(place.field("width"), image.width);
        report.size(place.field("height"), image.height);
        report.rotation(place.field("rotation"), image.rotation);
        report.any_floor(place.field("floor"), image.floor.as_ref(), keys);
        if !(0.0..=1.0).contains(&image.opacity) {
            report.add(FindingCode::InvalidSize, place.field("opacity"), "Opacity lies between 0 and 1.");
        }
    }
}

fn check_shape(report: &mut Report, place: Place<'_>, shape: &Shape, keys: &Keys<'_>) {
    let count = shape.points.len();
    let fits = match shape.kind {
        ShapeKind::Rectangle | ShapeKind::Ellipse => count == 2,
        ShapeKind::Polygon => (3..=OUTLINE_POINTS_MAX).contains(&count),
        ShapeKind::Polyline => (2..=OUTLINE_POINTS_MAX).contains(&count),
    };
    if !fits {
        let message = format!(
            "A rectangle or an ellipse has 2 points, a polyline 2 to {OUTLINE_POINTS_MAX}, a polygon at least 3."
        );
        report.add(FindingCode::InvalidOutline, place.field("points"), message);
    }
    if shape.kind == ShapeKind::Polygon {
        outlines::polygon(report, place.field("points"), &shape.points);
    } else {
        let points = shape.points.iter().take(OUTLINE_POINTS_MAX);
        points.for_each(|&point| report.point(place.field("points"), point));
    }
    report.rotation(place.field("rotation"), shape.rotation);
    report.any_floor(place.field("floor"), shape.floor.as_ref(), keys);
    if !(0.0..=COORDINATE_MAX).contains(&shape.stroke_width) {
        let message = format!("The width of a line lies between 0 and {COORDINATE_MAX}.");
        report.add(FindingCode::InvalidSize, place.field("stroke_width"), message);
    }
    for (field, color) in [("fill", &shape.fill), ("stroke", &shape.stroke)] {
        if let Some(color) = color {
            report.color(place.field(field), color);
        }
    }
}
