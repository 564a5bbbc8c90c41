//! Plans through the public interface: every field, sizes, time, bytes that are no plans.

use std::{io::Write, time::Instant};

use eventflow_core::seat_map::*;
use flate2::{Compression, write::GzEncoder};

const EVERYTHING: &str = include_str!("../testdata/seat-map-everything.json");
const HALL: &str = include_str!("../../examples/demo-venue/seat-map.json");

fn layout(text: &str) -> Layout {
    Layout::compile(&SeatMap::from_json(text).expect("the file is a seat map"))
}

fn gzip_len(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything").len()
}

fn row(label: String, start: (f64, f64), end: (f64, f64), curve: f64, count: u32) -> Row {
    let point = |(x, y): (f64, f64)| Point { x, y };
    let thousandth = |value: f64| (value * 1000.0).round() / 1000.0;
    let (start, end) = (point(start), point(end));
    let on_grid = |point: Point| Point { x: thousandth(point.x), y: thousandth(point.y) };
    Row {
        label,
        category: "a".into(),
        start: on_grid(start),
        end: on_grid(end),
        curve: thousandth(curve),
        count,
        ..Row::default()
    }
}

fn map_of(sections: Vec<Section>) -> SeatMap {
    let category = |key: &str| Category { key: key.into(), name: key.into(), color: "#123456".into() };
    SeatMap {
        name: "Large".into(),
        categories: vec![category("a"), category("b")],
        focal_point: Some(Point { x: 0.0, y: 0.0 }),
        sections,
        ..SeatMap::default()
    }
}

fn section(number: usize, rows: Vec<Row>) -> Section {
    Section { key: format!("{number}"), name: format!("Block {number}"), rows, ..Section::default() }
}

/// Numbers that look like chance and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(limit)) as u32
    }
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * f64::from(self.below(1_000_000)) / 1e6
    }
}

/// Halls where no row is like another: lengths, angles, curves, gaps, numbering, prefixes, traits and categories vary.
fn irregular(seats: u32) -> SeatMap {
    let mut chance = Chance(7);
    let mut left = seats;
    let mut sections = Vec::new();
    while left > 0 {
        let (x, y, angle) = (chance.between(-9e4, 9e4), chance.between(-9e4, 9e4), chance.between(0.0, 6.2));
        let scheme =
            [Scheme::Sequential, Scheme::Odd, Scheme::Even, Scheme::CentreOut][chance.below(4) as usize];
        let mut rows = Vec::new();
        for n in 0..30_u32 {
            let count = (20 + chance.below(25)).min(left);
            if count < 2 {
                left = 0;
                break;
            }
            left -= count;
            let length = f64::from(count - 1) * chance.between(48.0, 55.0);
            let (along, down) = (chance.between(-60.0, 60.0), f64::from(n) * 90.0 + chance.between(0.0, 9.0));
            let turned = |along: f64| {
                (x + along * angle.cos() - down * angle.sin(), y + along * angle.sin() + down * angle.cos())
            };
            let curve = length * chance.between(0.0, 0.12);
            let mut row = row((n + 1).to_string(), turned(along), turned(along + length), curve, count);
            row.numbering = Numbering { scheme, descending: chance.below(2) == 0, ..Numbering::default() };
            for position in 1..=count {
                let rule = SeatRule { position, ..SeatRule::default() };
                match chance.below(40) {
                    0 if position > 1 && position < count => row.seats.push(SeatRule { skip: true, ..rule }),
                    1 => row.seats.push(SeatRule { category: Some("b".into()), ..rule }),
                    2 => row.seats.push(SeatRule { traits: vec![SeatTrait::RestrictedView], ..rule }),
                    3 if chance.below(8) == 0 => {
                        row.seats.push(SeatRule { label: Some(format!("K{position}")), ..rule });
                    }
                    _ => {}
                }
            }
            rows.push(row);
        }
        sections.push(section(sections.len() + 1, rows));
    }
    map_of(sections)
}

#[test]
fn every_field_survives_the_round_trip() {
    for text in [EVERYTHING, HALL] {
        let layout = layout(text);
        assert_eq!(Layout::from_plan(&layout.to_plan()), Ok(layout));
    }
    let empty = Layout::compile(&SeatMap::default());
    assert_eq!(Layout::from_plan(&empty.to_plan()), Ok(empty));
}

#[test]
fn drafts_with_errors_survive_the_round_trip() {
    let mut map = SeatMap::from_json(EVERYTHING).unwrap();
    let rows = &mut map.sections[0].rows;
    rows[0].count = u32::MAX;
    rows[0].end.x = f64::NAN;
    rows[1].count = 0;
    rows[1].category = "nowhere".into();
    rows[2].start = Point { x: -1e300, y: f64::INFINITY };
    rows[2].numbering.prefix = "0".repeat(100);
    rows[3].label = "ü".repeat(5_000);
    rows[3].seats =
        (1..=7).map(|n| SeatRule { position: n, label: Some("007".into()), ..SeatRule::default() }).collect();
    map.sections[0].key.clear();
    map.sections[1].floor = Some("nowhere".into());
    map.sections[1].rows[0].end = map.sections[1].rows[0].start;
    map.ga_areas[0].category.clear();
    let layout = Layout::compile(&map);
    assert_eq!(Layout::from_plan(&layout.to_plan()), Ok(layout));
}

#[test]
fn a_hundred_thousand_seats_are_small() {
    for (name, map, most) in
        [("stadium", stadium(100_000), 60_000), ("irregular", irregular(103_000), 120_000)]
    {
        let layout = Layout::compile(&map);
        assert!(layout.seat_count() >= 99_990, "{name} has {} seats", layout.seat_count());
        let plan = layout.to_plan();
        let started = Instant::now();
        let again = Layout::from_plan(&plan);
        let took = started.elapsed();
        assert_eq!(again.as_ref(), Ok(&layout));
        let gzip = gzip_len(&plan);
        // Shown by `--nocapture`; only the size is judged, since the clock depends on the machine.
        let text = format!("{name}: {} bytes, gzip {gzip}, read in {took:?}\n", plan.len());
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        assert!(gzip <= most, "{text}");
    }
}

#[test]
fn whatever_the_bytes_nothing_panics_or_grows() {
    let plan = layout(EVERYTHING).to_plan();
    for end in 0..plan.len() {
        assert!(Layout::from_plan(&plan[..end]).is_err(), "{end} bytes");
    }
    assert_eq!(Layout::from_plan(&[&plan[..], &[0]].concat()), Err(PlanError::Trailing));
    assert_eq!(Layout::from_plan(b"EFP2"), Err(PlanError::Magic));
    let (mut read, mut refused) = (0, 0);
    let mut chance = Chance(1);
    for at in 0..plan.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, plan[at] ^ 1, chance.below(256) as u8] {
            let mut bytes = plan.clone();
            bytes[at] = value;
            let len = plan.len() as u32;
            if chance.below(3) == 0 {
                bytes[chance.below(len) as usize] = chance.below(256) as u8;
            }
            match Layout::from_plan(&bytes) {
                Ok(layout) => {
                    assert_eq!(Layout::from_plan(&layout.to_plan()), Ok(layout));
                    read += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
}
