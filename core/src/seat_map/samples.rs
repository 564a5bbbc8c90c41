//! Maps for the tests of this module.

use proptest::prelude::*;

use super::*;

pub fn row(label: &str, y: f64, count: u32) -> Row {
    Row {
        label: label.into(),
        category: "a".into(),
        start: Point { x: 0.0, y },
        end: Point { x: f64::from(count.max(1) - 1) * 50.0, y },
        count,
        ..Row::default()
    }
}

pub fn rule(position: u32) -> SeatRule {
    SeatRule { position, ..SeatRule::default() }
}

pub fn skip(position: u32) -> SeatRule {
    SeatRule { skip: true, ..rule(position) }
}

pub fn with_trait(position: u32, seat_trait: SeatTrait) -> SeatRule {
    SeatRule { traits: vec![seat_trait], ..rule(position) }
}

pub fn map_of(rows: Vec<Row>) -> SeatMap {
    SeatMap {
        name: "Test hall".into(),
        categories: vec![Category { key: "a".into(), name: "A".into(), color: "#aa0000".into() }],
        focal_point: Some(Point { x: 0.0, y: -500.0 }),
        sections: vec![Section { key: "P".into(), name: "Stalls".into(), rows, ..Section::default() }],
        ..SeatMap::default()
    }
}

/// One section of `rows` straight rows with `seats` seats each, all of one category, the focal point before the middle.
pub fn hall(rows: u32, seats: u32) -> SeatMap {
    let mut map = map_of((1..=rows).map(|n| row(&n.to_string(), f64::from(n) * 90.0, seats)).collect());
    map.focal_point = Some(Point { x: f64::from(seats.max(1) - 1) * 25.0, y: -500.0 });
    map
}

prop_compose! {
    fn rules(count: u32)(
        places in prop::collection::btree_map(1..=count, (0..6_u8, 0..1_usize << 13), 0..=(count as usize).min(6)),
    ) -> Vec<SeatRule> {
        places.into_iter().map(|(position, (kind, traits))| match kind {
            0 | 1 if position > 1 => skip(position),
            2 => SeatRule { label: Some(format!("X{position}")), ..rule(position) },
            3 => SeatRule { category: Some("b".into()), ..rule(position) },
            4 => with_trait(position, SeatTrait::Wheelchair),
            _ => SeatRule {
                traits: SeatTrait::ALL.iter().copied().enumerate().filter(|(bit, _)| traits >> bit & 1 == 1)
                    .map(|(_, seat_trait)| seat_trait).collect(),
                ..rule(position)
            },
        }).collect()
    }
}

prop_compose! {
    fn rows()(count in 1..14_u32)(
        count in Just(count),
        seats in rules(count),
        x in -9_000..9_000_i32, y in -9_000..9_000_i32, width in 500..3_000_i32, bend in -40..40_i32,
        scheme in prop::sample::select(vec![Scheme::Sequential, Scheme::Odd, Scheme::Even, Scheme::CentreOut]),
        descending in any::<bool>(),
    ) -> Row {
        let (x, y, width) = (f64::from(x) / 4.0, f64::from(y) / 4.0, f64::from(width));
        Row {
            category: "a".into(),
            start: Point { x, y },
            end: Point { x: x + width, y: y + 3.3 },
            curve: width * f64::from(bend) / 100.0,
            count,
            numbering: Numbering { scheme, descending, ..Numbering::default() },
            seats,
            ..Row::default()
        }
    }
}

prop_compose! {
    /// Maps without errors, of a few rows with left-out places, traits, two categories and every numbering.
    pub fn maps()(
        sections in prop::collection::vec(prop::collection::vec(rows(), 1..5), 1..4),
        focal in prop::option::of((-5_000..5_000_i32, -5_000..5_000_i32)),
    ) -> SeatMap {
        let mut map = map_of(Vec::new());
        map.categories.push(Category { key: "b".into(), name: "B".into(), color: "#00bb00".into() });
        map.focal_point = focal.map(|(x, y)| Point { x: f64::from(x) / 3.0, y: f64::from(y) / 3.0 });
        map.sections = sections.into_iter().enumerate().map(|(s, mut rows)| {
            for (r, row) in rows.iter_mut().enumerate() {
                row.label = (r + 1).to_string();
            }
            Section { key: format!("S{s}"), name: format!("Section {s}"), rows, ..Section::default() }
        }).collect();
        map
    }
}

fn point() -> impl Strategy<Value = Point> {
    (-90_000..90_000_i32, -90_000..90_000_i32)
        .prop_map(|(x, y)| Point { x: f64::from(x) / 8.0, y: f64::from(y) / 8.0 })
}

fn outline() -> impl Strategy<Value = Vec<Point>> {
    (point(), 10..2_000_i32, prop::sample::select(vec![0, 3, 4, 7])).prop_map(|(centre, radius, corners)| {
        let corner = |nth: i32| {
            let (sin, cos) = (std::f64::consts::TAU * f64::from(nth) / f64::from(corners)).sin_cos();
            let at = |middle: f64, part: f64| ((middle + f64::from(radius) * part) * 100.0).round() / 100.0;
            Point { x: at(centre.x, cos), y: at(centre.y, sin) }
        };
        (0..corners).map(corner).collect()
    })
}

fn maybe(words: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop::sample::select(words).prop_map(Into::into))
}

fn view() -> impl Strategy<Value = Option<String>> {
    maybe(&["https://images.example/a.jpg", "https://images.example/b/ü.jpg?w=1#c"])
}

fn shown() -> impl Strategy<Value = Option<String>> {
    maybe(&["AA", "7 bis", "Été", "12"])
}

fn floor() -> impl Strategy<Value = Option<String>> {
    maybe(&["F0", "F1"])
}

fn numbering() -> impl Strategy<Value = Numbering> {
    let schemes = vec![Scheme::Sequential, Scheme::Odd, Scheme::Even, Scheme::CentreOut];
    let prefix = prop::sample::select(vec!["", "N", "Süd "]);
    (prop::sample::select(schemes), prop::option::of(1..50_u32), any::<(bool, bool)>(), prefix).prop_map(
        |(scheme, start, (descending, letters), prefix)| Numbering {
            scheme,
            start: start.map(|start| match scheme {
                Scheme::Odd => start * 2 - 1,
                Scheme::Even => start * 2,
                _ => start,
            }),
            descending,
            prefix: prefix.trim().into(),
            letters,
            skip: if letters && start.is_some() { "IO".into() } else { String::new() },
        },
    )
}

prop_compose! {
    fn tables()(
        centre in point(),
        (round, chairs, sides) in (any::<bool>(), 1..12_u32, [0..6_u32, 0..3, 0..6, 1..3]),
        size in 30..300_i32, rotation in -360..=360_i32, whole in any::<bool>(),
        numbering in numbering(), shown in shown(), view in view(),
    )(
        seats in rules(if round { chairs } else { sides.iter().sum() }),
        centre in Just(centre), round in Just(round), chairs in Just(chairs), sides in Just(sides), size in Just(size),
        rotation in Just(rotation), whole in Just(whole), numbering in Just(numbering), shown in Just(shown),
        view in Just(view),
    ) -> Table {
        let size = f64::from(size);
        Table {
            label: String::new(),
            shown,
            category: "a".into(),
            centre,
            shape: if round {
                TableShape::Round { radius: size, chairs }
            } else {
                TableShape::Rectangle { width: size * 2.0, height: size, sides }
            },
            rotation: f64::from(rotation),
            sold: if whole { TableSale::Whole } else { TableSale::Seats },
            numbering,
            seats,
            view,
        }
    }
}

prop_compose! {
    fn booths()(
        centre in point(), width in 1..500_i32, height in 1..500_i32, rotation in -360..=360_i32, shown in shown(),
        view in view(),
    ) -> Booth {
        Booth {
            label: String::new(),
            shown,
            category: "b".into(),
            centre,
            width: f64::from(width),
            height: f64::from(height),
            rotation: f64::from(rotation),
            view,
        }
    }
}

prop_compose! {
    fn sections()(
        rows in prop::collection::vec((rows(), numbering(), prop::option::of(20..80_u32), shown(), view()), 1..5),
        named_by_rule in any::<bool>(),
        labels in (any::<(bool, bool)>(), 1..30_u32, 1..3_u32),
        tables in prop::collection::vec(tables(), 0..3),
        booths in prop::collection::vec(booths(), 0..3),
        outline in outline(), floor in floor(), zone in maybe(&["Z0", "Z1"]), entrance in maybe(&["Gate A"]),
        view in view(),
    ) -> Section {
        let ((letters, descending), start, step) = labels;
        let rule = RowLabels {
            style: if letters { LabelStyle::Letters } else { LabelStyle::Numbers },
            start,
            descending,
            step,
            skip: if letters { "I".into() } else { String::new() },
        };
        let name = |kind: &str, nth: usize| format!("{kind}{nth}");
        let row = |(nth, (row, numbering, spacing, shown, view)): (usize, (Row, Numbering, Option<u32>, _, _))| Row {
            label: if named_by_rule { String::new() } else { name("R", nth) },
            numbering,
            spacing: spacing.map(|spacing| f64::from(spacing) / 4.0),
            shown,
            view,
            ..row
        };
        Section {
            floor,
            zone,
            entrance,
            outline,
            view,
            row_labels: named_by_rule.then_some(rule),
            rows: rows.into_iter().enumerate().map(row).collect(),
            tables: tables.into_iter().enumerate().map(|(nth, t)| Table { label: name("T", nth), ..t }).collect(),
            booths: booths.into_iter().enumerate().map(|(nth, b)| Booth { label: name("B", nth), ..b }).collect(),
            ..Section::default()
        }
    }
}

prop_compose! {
    fn areas()(
        capacity in 1..5_000_u32, points in outline(), floor in floor(), zone in maybe(&["Z0", "Z1"]),
        entrance in maybe(&["Gate B"]), view in view(), sold in 0..3_u8,
    ) -> GaArea {
        GaArea {
            name: "Standing".into(),
            category: "b".into(),
            capacity,
            points,
            floor,
            zone,
            entrance,
            view,
            sold: match sold {
                0 => Occupancy::Places,
                1 => Occupancy::Whole,
                _ => Occupancy::Group { min: 1, max: capacity },
            },
            ..GaArea::default()
        }
    }
}

prop_compose! {
    fn drawing()(
        outlines in prop::collection::vec((outline(), floor(), maybe(&["#102030"]), 0..300_i32), 0..4),
        texts in prop::collection::vec((point(), floor(), maybe(&["#a0B0c0"]), -360..=360_i32), 0..4),
        icons in prop::collection::vec((point(), floor(), prop::sample::select(IconKind::ALL)), 0..4),
        images in prop::collection::vec((point(), floor(), any::<bool>(), 0..=100_u8), 0..3),
    ) -> SeatMap {
        let shapes = outlines.into_iter().filter(|(points, ..)| points.len() > 2);
        let shape = |(points, floor, fill, width): (Vec<Point>, _, _, i32)| Shape {
            kind: if points.len() == 3 { ShapeKind::Polyline } else { ShapeKind::Polygon },
            points,
            rotation: f64::from(width),
            stroke: Some("#ffffff".into()),
            fill,
            stroke_width: f64::from(width) / 8.0,
            floor,
        };
        let text = |(at, floor, color, rotation): (Point, _, _, i32)| TextLabel {
            at,
            text: "Küche".into(),
            size: 12.5,
            rotation: f64::from(rotation),
            color,
            floor,
        };
        let image = |(at, floor, background, opacity): (Point, _, bool, u8)| Image {
            href: "https://images.example/plan.png".into(),
            role: if background { ImageRole::Background } else { ImageRole::Reference },
            at,
            width: 640.0,
            height: 480.5,
            opacity: f64::from(opacity) / 100.0,
            floor,
            ..Image::default()
        };
        SeatMap {
            shapes: shapes.map(shape).collect(),
            texts: texts.into_iter().map(text).collect(),
            icons: icons.into_iter().map(|(at, floor, kind)| Icon { at, kind, size: 30.0, floor }).collect(),
            images: images.into_iter().map(image).collect(),
            ..SeatMap::default()
        }
    }
}

prop_compose! {
    /// Maps without errors that have everything a document can have.
    pub fn documents()(
        sections in prop::collection::vec(sections(), 1..4),
        areas in prop::collection::vec(areas(), 0..3),
        drawing in drawing(),
        focal_point in prop::option::of(point()),
    ) -> SeatMap {
        let mut map = map_of(Vec::new());
        map.categories.push(Category { key: "b".into(), name: "B".into(), color: "#00bb00".into() });
        let name = |key: String| (key.clone(), key);
        let sections = sections.into_iter().enumerate().map(|(nth, section)| {
            let (key, name) = name(format!("S{nth}"));
            Section { key, name, ..section }
        });
        let areas = areas.into_iter().enumerate().map(|(nth, area)| GaArea { key: format!("A{nth}"), ..area });
        SeatMap {
            focal_point,
            floors: ["F0", "F1"].map(|key| Floor { key: key.into(), name: key.into() }).into(),
            zones: ["Z0", "Z1"].map(|key| Zone { key: key.into(), name: key.into() }).into(),
            sections: sections.collect(),
            ga_areas: areas.collect(),
            ..SeatMap { name: map.name, categories: map.categories, ..drawing }
        }
    }
}
