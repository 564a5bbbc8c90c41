//! An invented football ground of any size: three tiers around a pitch, straight stands and round corners. The same seats
//! each time.

use std::f64::consts::FRAC_PI_2;

use eventflow_core::seat_map::{
    Category, Point, Row, SeatMap, SeatRule, SeatTrait, Section, Shape, ShapeKind, TextLabel, Zone,
};

/// Plan units are centimetres: half the straight part of the long and the short stands, and the radius of the corners
/// in the first row.
const HALF_LONG: f64 = 4_800.0;
const HALF_SHORT: f64 = 3_000.0;
const FIRST_RADIUS: f64 = 1_200.0;
/// Between neighbours, between rows, between sections, between tiers.
const PITCH: f64 = 50.0;
const DEPTH: f64 = 85.0;
const AISLE: f64 = 130.0;
const GANGWAY: f64 = 500.0;
const TIER_ROWS: u32 = 32;
const TIERS: [(&str, &str); 4] =
    [("U", "Unterrang"), ("M", "Mittelrang"), ("O", "Oberrang"), ("D", "Dachrang")];
/// Sections of a long stand, a short stand and a corner.
const LONG_SECTIONS: u32 = 9;
const SHORT_SECTIONS: u32 = 6;
const CORNER_SECTIONS: u32 = 3;
const STANDS: [(&str, &str); 4] =
    [("nord", "Nordkurve"), ("ost", "Osttribüne"), ("sued", "Südkurve"), ("west", "Haupttribüne")];
const CATEGORIES: [(&str, &str, &str); 5] = [
    ("k1", "Kategorie 1", "#8e3b46"),
    ("k2", "Kategorie 2", "#c9772b"),
    ("k3", "Kategorie 3", "#3f7d58"),
    ("k4", "Kategorie 4", "#2f6690"),
    ("k5", "Kategorie 5", "#6d597a"),
];

/// One quarter turn of the ground: where a stand or a corner lies.
enum Part {
    /// From one point to the other, rows going outwards along the normal.
    Straight { from: (f64, f64), to: (f64, f64), normal: (f64, f64) },
    /// Around a centre, between two angles, clockwise on a screen.
    Corner { centre: (f64, f64), from: f64, to: f64 },
}

/// A ground with exactly so many seats.
pub fn stadium(seats: u32) -> SeatMap {
    let mut sections = Vec::new();
    let mut left = seats;
    for (tier, (key, name)) in TIERS.iter().enumerate() {
        if left > 0 {
            build_tier(tier, key, name, &mut left, &mut sections);
        }
    }
    assert_eq!(left, 0, "the ground is too small");
    SeatMap {
        name: "Stadion am Lindenhain (Lindenhain Ground)".into(),
        categories: CATEGORIES
            .iter()
            .map(|(key, name, color)| Category {
                key: (*key).into(),
                name: (*name).into(),
                color: (*color).into(),
            })
            .collect(),
        focal_point: Some(Point { x: 0.0, y: 0.0 }),
        zones: STANDS.iter().map(|(key, name)| Zone { key: (*key).into(), name: (*name).into() }).collect(),
        sections,
        shapes: pitch(),
        texts: vec![TextLabel {
            at: Point { x: 0.0, y: -1_400.0 },
            text: "Spielfeld".into(),
            size: 700.0,
            color: Some("#ffffff".into()),
            ..TextLabel::default()
        }],
        ..SeatMap::default()
    }
}

/// Rows are filled from the pitch outwards, each all around, until there are enough seats.
fn build_tier(tier: usize, key: &str, name: &str, left: &mut u32, sections: &mut Vec<Section>) {
    let mut built: Vec<Section> = Vec::new();
    for number in 1..=TIER_ROWS {
        let rows_inside = f64::from(number - 1) + tier as f64 * f64::from(TIER_ROWS);
        let reach = rows_inside * DEPTH + tier as f64 * GANGWAY;
        let mut place = 0;
        for (stand, part) in parts() {
            let pieces = match part {
                Part::Straight { .. } if stand % 2 == 1 => LONG_SECTIONS,
                Part::Straight { .. } => SHORT_SECTIONS,
                Part::Corner { .. } => CORNER_SECTIONS,
            };
            for piece in 0..pieces {
                if number == 1 {
                    built.push(section(key, name, place, stand));
                }
                if let Some(row) = row(&part, piece, pieces, reach, number, tier, stand, *left) {
                    *left -= row.count;
                    built[place].rows.push(row);
                }
                place += 1;
            }
        }
    }
    built.retain(|section| !section.rows.is_empty());
    sections.extend(built);
}

fn section(key: &str, tier: &str, place: usize, stand: usize) -> Section {
    let (zone, _) = STANDS[stand];
    Section {
        key: format!("{key}{:02}", place + 1),
        name: format!("{tier} {}", place + 1),
        zone: Some(zone.into()),
        entrance: Some(format!("Tor {}", place / 4 + 1)),
        ..Section::default()
    }
}

/// Clockwise from the north-west corner; each part with the number of its stand in [`STANDS`].
fn parts() -> Vec<(usize, Part)> {
    let (w, h, r) = (HALF_LONG, HALF_SHORT, FIRST_RADIUS);
    let corner =
        |x: f64, y: f64, turn: f64| Part::Corner { centre: (x, y), from: turn, to: turn + FRAC_PI_2 };
    let straight = |from, to, normal| Part::Straight { from, to, normal };
    vec![
        // The long stands are in the north and the south of a screen, the curves behind the goals left and right.
        (0, corner(-w, -h, 2.0 * FRAC_PI_2)),
        (1, straight((-w, -h - r), (w, -h - r), (0.0, -1.0))),
        (2, corner(w, -h, 3.0 * FRAC_PI_2)),
        (2, straight((w + r, -h), (w + r, h), (1.0, 0.0))),
        (2, corner(w, h, 0.0)),
        (3, straight((w, h + r), (-w, h + r), (0.0, 1.0))),
        (0, corner(-w, h, FRAC_PI_2)),
        (0, straight((-w - r, h), (-w - r, -h), (-1.0, 0.0))),
    ]
}

#[expect(clippy::too_many_arguments, reason = "one call, from the loops that have these at hand")]
fn row(
    part: &Part,
    piece: u32,
    pieces: u32,
    reach: f64,
    number: u32,
    tier: usize,
    stand: usize,
    left: u32,
) -> Option<Row> {
    let (begin, end) = (f64::from(piece) / f64::from(pieces), f64::from(piece + 1) / f64::from(pieces));
    let (start, stop, curve, length) = match *part {
        Part::Straight { from, to, normal } => {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let whole = dx.hypot(dy);
            let gap = AISLE / 2.0 / whole;
            let at = |t: f64| Point {
                x: from.0 + dx * t + normal.0 * reach,
                y: from.1 + dy * t + normal.1 * reach,
            };
            (at(begin + gap), at(end - gap), 0.0, whole * (end - begin) - AISLE)
        }
        Part::Corner { centre, from, to } => {
            let radius = FIRST_RADIUS + reach;
            let gap = AISLE / 2.0 / radius;
            let (a, b) = (from + (to - from) * begin + gap, from + (to - from) * end - gap);
            let at =
                |angle: f64| Point { x: centre.0 + radius * angle.cos(), y: centre.1 + radius * angle.sin() };
            (at(a), at(b), radius * (1.0 - ((b - a) / 2.0).cos()), radius * (b - a))
        }
    };
    let count = ((length / PITCH) as u32 + 1).min(left);
    (count > 0).then(|| Row {
        label: number.to_string(),
        category: CATEGORIES[category(tier, stand, number)].0.into(),
        start,
        end: stop,
        curve,
        spacing: Some(PITCH),
        count,
        seats: if tier == 0 && number == 1 { accessible(count) } else { Vec::new() },
        ..Row::default()
    })
}

/// Near and along the pitch is best.
fn category(tier: usize, stand: usize, row: u32) -> usize {
    let behind_goal = usize::from(stand.is_multiple_of(2));
    let back = usize::from(row > TIER_ROWS / 2);
    (tier + behind_goal + back).min(CATEGORIES.len() - 1)
}

/// A wheelchair place with its companion's seat at either end of the first row.
fn accessible(count: u32) -> Vec<SeatRule> {
    let with = |position, seat_trait| SeatRule { position, traits: vec![seat_trait], ..SeatRule::default() };
    match count {
        0..4 => Vec::new(),
        _ => vec![
            with(1, SeatTrait::Wheelchair),
            with(2, SeatTrait::Companion),
            with(count - 1, SeatTrait::Companion),
            with(count, SeatTrait::Wheelchair),
        ],
    }
}

fn pitch() -> Vec<Shape> {
    let shape = |kind, x: f64, y: f64, fill: Option<&str>| Shape {
        kind,
        points: vec![Point { x: -x, y: -y }, Point { x, y }],
        fill: fill.map(str::to_owned),
        stroke: Some("#ffffff".into()),
        stroke_width: 20.0,
        ..Shape::default()
    };
    vec![
        Shape { stroke: None, ..shape(ShapeKind::Rectangle, 5_700.0, 3_850.0, Some("#5c8f5a")) },
        shape(ShapeKind::Rectangle, 5_250.0, 3_400.0, None),
        shape(ShapeKind::Ellipse, 915.0, 915.0, None),
        Shape {
            points: vec![Point { x: 0.0, y: -3_400.0 }, Point { x: 0.0, y: 3_400.0 }],
            ..shape(ShapeKind::Polyline, 0.0, 0.0, None)
        },
    ]
}
