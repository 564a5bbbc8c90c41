//! To pretix.

use super::schema::{
    Area, Category, Ellipse, Plan, Polygon, Position, Rectangle, Row, Seat, Size, Text, Zone,
};
use crate::seat_map::{
    GaArea, Layout, LayoutRow, LayoutSection, NAME_CHARS_MAX, Point, RowKind, SeatIndex, SeatMap, Shape,
    ShapeKind, TextLabel,
    exchange::{
        Export, losses,
        notes::{NoteCode, Notes},
        rules::{clipped, rounded},
    },
    layout::wide,
};

/// Room around everything, so that no seat is cut by the edge.
const MARGIN: f64 = 50.0;
/// Height of the name of a standing area.
const AREA_TEXT: f64 = 16.0;

pub(in crate::seat_map::exchange) fn export(map: &SeatMap) -> Export {
    let layout = Layout::compile(map);
    let mut notes = Notes::default();
    losses::floors(map, &mut notes);
    losses::zones(map, &mut notes);
    losses::tables(map, &mut notes);
    losses::traits(&layout, &mut notes);
    losses::texts(map, &mut notes);
    notes.add_if(map.focal_point.is_some(), NoteCode::FocalPoint, "focal_point");
    notes.add_if(!map.ga_areas.is_empty(), NoteCode::Areas, "ga_areas[0]");
    let lost = !map.icons.is_empty() || !map.images.is_empty();
    notes.add_if(lost, NoteCode::Drawing, if map.icons.is_empty() { "images[0]" } else { "icons[0]" });
    let keys_are_names = map.categories.iter().all(|category| category.key == category.name);
    notes.add_if(!keys_are_names, NoteCode::Texts, "categories");

    let (origin, size) = frame(&layout);
    notes.add_if(origin != Position::default(), NoteCode::Moved, "");
    let mut zones: Vec<Zone> =
        layout.sections().iter().map(|section| zone(&layout, section, origin)).collect();
    let areas = areas(map, &mut notes);
    if !areas.is_empty() {
        zones.push(Zone { name: Some("Plan".into()), position: origin, areas, ..Zone::default() });
    }
    let category = |category: &crate::seat_map::Category| Category {
        name: category.key.clone(),
        color: Some(category.color.clone()),
    };
    let plan = Plan {
        name: map.name.clone(),
        size,
        categories: map.categories.iter().map(category).collect(),
        zones,
    };
    let text = serde_json::to_string(&plan).expect("a plan has no maps and no fallible serializers");
    Export { text, notes: notes.done() }
}

fn zone(layout: &Layout, section: &LayoutSection, position: Position) -> Zone {
    let rows = &layout.rows()[wide(section.rows.start)..wide(section.rows.end)];
    Zone {
        name: Some(section.name.clone()),
        zone_id: Some(section.key.clone()),
        position,
        rows: rows.iter().map(|row| write_row(layout, row)).collect(),
        ..Zone::default()
    }
}

fn write_row(layout: &Layout, row: &LayoutRow) -> Row {
    let seats = row.seats.clone().filter_map(|seat| layout.seat(SeatIndex(seat)));
    let seats = seats.map(|seat| Seat {
        seat_guid: match row.kind {
            // As if it were a row, so that the way back finds the same label.
            RowKind::Booth { .. } => format!("{}-{}", layout.label(seat.index), row.label),
            _ => layout.label(seat.index).to_owned(),
        },
        seat_number: clipped(layout.shown_number(seat.index), NAME_CHARS_MAX).to_owned(),
        position: hundredths((seat.x, seat.y)),
        category: seat.category.map_or_else(String::new, |index| {
            clipped(&layout.categories()[usize::from(index)].key, NAME_CHARS_MAX).to_owned()
        }),
    });
    Row {
        row_number: row.label.clone(),
        row_label: row.shown.clone(),
        seats: seats.collect(),
        ..Row::default()
    }
}

fn areas(map: &SeatMap, notes: &mut Notes) -> Vec<Area> {
    let mut areas: Vec<Area> = map.shapes.iter().filter_map(|shape| area_of_shape(shape, notes)).collect();
    areas.extend(map.ga_areas.iter().filter_map(area_of_area));
    areas.extend(map.texts.iter().map(area_of_text));
    areas
}

fn area_of_shape(shape: &Shape, notes: &mut Notes) -> Option<Area> {
    notes.add_if(shape.stroke_width != 0.0, NoteCode::Drawing, "shapes");
    if shape.kind == ShapeKind::Polyline || shape.points.len() < 2 {
        notes.add(NoteCode::Drawing, || "shapes".into());
        return None;
    }
    let (low, high) = corners(&shape.points);
    let centre = Point { x: (low.x + high.x) / 2.0, y: (low.y + high.y) / 2.0 };
    let radius = Position { x: rounded((high.x - low.x) / 2.0), y: rounded((high.y - low.y) / 2.0) };
    let area = Area {
        color: Some(shape.fill.clone().unwrap_or_else(|| "transparent".into())),
        border_color: shape.stroke.clone(),
        rotation: rounded(shape.rotation),
        position: position(centre),
        ..Area::default()
    };
    Some(match shape.kind {
        ShapeKind::Rectangle => {
            // A rectangle turns around its corner there.
            let (sin, cos) = shape.rotation.to_radians().sin_cos();
            let corner = Point {
                x: centre.x - radius.x * cos + radius.y * sin,
                y: centre.y - radius.x * sin - radius.y * cos,
            };
            let size = Rectangle { width: rounded(high.x - low.x), height: rounded(high.y - low.y) };
            Area {
                shape: Some("rectangle".into()),
                position: position(corner),
                rectangle: Some(size),
                ..area
            }
        }
        ShapeKind::Ellipse => {
            Area { shape: Some("ellipse".into()), ellipse: Some(Ellipse { radius }), ..area }
        }
        _ => polygon(&shape.points, area),
    })
}

fn area_of_area(area: &GaArea) -> Option<Area> {
    if area.points.len() < 3 {
        return None;
    }
    let (low, high) = corners(&area.points);
    let at = Position { x: rounded((low.x + high.x) / 2.0), y: rounded((low.y + high.y) / 2.0) };
    let text = Text { text: area.name.clone(), size: Some(AREA_TEXT), ..Text::default() };
    Some(polygon(&area.points, Area { position: at, text: Some(text), ..Area::default() }))
}

fn polygon(points: &[Point], area: Area) -> Area {
    let from_position = |point: &Point| Position {
        x: rounded(point.x - area.position.x),
        y: rounded(point.y - area.position.y),
    };
    let polygon = Polygon { points: points.iter().map(from_position).collect() };
    Area { shape: Some("polygon".into()), polygon: Some(polygon), ..area }
}

fn area_of_text(label: &TextLabel) -> Area {
    let text = Text {
        text: label.text.clone(),
        size: Some(rounded(label.size)),
        color: label.color.clone(),
        ..Text::default()
    };
    Area {
        shape: Some("text".into()),
        rotation: rounded(label.rotation),
        position: position(label.at),
        text: Some(text),
        ..Area::default()
    }
}

fn corners(points: &[Point]) -> (Point, Point) {
    let first = points.first().copied().unwrap_or_default();
    points.iter().fold((first, first), |(low, high), point| {
        (
            Point { x: low.x.min(point.x), y: low.y.min(point.y) },
            Point { x: high.x.max(point.x), y: high.y.max(point.y) },
        )
    })
}

fn position(point: Point) -> Position {
    Position { x: rounded(point.x), y: rounded(point.y) }
}

fn hundredths((x, y): (i32, i32)) -> Position {
    Position { x: f64::from(x) / 100.0, y: f64::from(y) / 100.0 }
}

/// Where the zero of the map lies on the plan, and how large the plan is. A plan begins at its corner: maps that reach
/// beyond are moved.
fn frame(layout: &Layout) -> (Position, Size) {
    let floors = (0..).zip(layout.floors()).filter_map(|(floor, _)| layout.bounds(floor));
    let Some(bounds) = floors.reduce(|a, b| a.with(b)) else { return Default::default() };
    let origin = |low: i32| if low < 0 { (f64::from(low) / -100.0 + MARGIN).ceil() } else { 0.0 };
    let origin = Position { x: origin(bounds.left), y: origin(bounds.top) };
    let far = |high: i32, origin: f64| (f64::from(high) / 100.0 + origin + MARGIN).ceil().max(1.0) as u32;
    let size = Size { width: far(bounds.right, origin.x), height: far(bounds.bottom, origin.y) };
    (origin, size)
}
