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
