//! How long it takes to rank the best seats and to judge a pick, in a house of 100,000 seats.
//!
//! `cargo run --release -p eventflow-core --example seat_choice`

use std::time::{Duration, Instant};

use eventflow_core::seat_map::{
    Layout, Orphans, Request, Rules, SeatIndex, SeatMap, SeatStatus, Statuses, check, rank,
};

const SECTIONS: u32 = 40;
const ROWS: u32 = 50;
const ROW: u32 = 50;
/// Candidates that the server asks for.
const LIMIT: usize = 6;
const RUNS: usize = 200;

/// Sections side by side in four rings around a focal point, an aisle in the middle of each row.
fn stadium() -> Layout {
    let rows = |section: u32| -> Vec<_> {
        (0..ROWS)
            .map(|row| {
                let (x, y) = (f64::from(section % 10) * 3_000.0, f64::from(section / 10 * ROWS + row) * 90.0);
                serde_json::json!({
                    "label": (row + 1).to_string(), "category": if section < 20 { "a" } else { "b" },
                    "count": ROW + 1, "start": { "x": x, "y": y }, "end": { "x": x + 2_550.0, "y": y },
                    "seats": [{ "position": 26, "skip": true }, { "position": 1, "traits": ["wheelchair"] },
                        { "position": 2, "traits": ["companion"] }],
                })
            })
            .collect()
    };
    let sections = (0..SECTIONS).map(|section| {
        serde_json::json!({ "key": format!("S{section}"), "name": format!("Section {section}"), "rows": rows(section) })
    });
    let document = serde_json::json!({
        "format": "eventflow.seat-map/1", "name": "Stadium",
        "categories": [
            { "key": "a", "name": "A", "color": "#aa0000" }, { "key": "b", "name": "B", "color": "#00aa00" },
        ],
        "focal_point": { "x": 15_000, "y": -1_000 },
        "sections": sections.collect::<Vec<_>>(),
    });
    let map: SeatMap = serde_json::from_value(document).expect("the document above is a seat map");
    Layout::compile(&map)
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn sold(layout: &Layout, share: impl Fn(SeatIndex, &mut Dice) -> bool) -> Statuses {
    let mut dice = Dice(7);
    let status = |seat: SeatIndex, dice: &mut Dice| {
        if share(seat, dice) { SeatStatus::Sold } else { SeatStatus::Free }
    };
    layout.seats().iter().map(|seat| status(seat.index, &mut dice)).collect()
}

fn houses(layout: &Layout) -> Vec<(&'static str, Statuses)> {
    vec![
        ("empty", sold(layout, |_, _| false)),
        ("half sold from the front", sold(layout, |seat, _| seat.0 < 50_000)),
        ("half sold, single seats", sold(layout, |seat, _| seat.0 % 2 == 0)),
        ("half sold at random", sold(layout, |_, dice| dice.roll(2) == 0)),
        ("nine of ten sold", sold(layout, |_, dice| dice.roll(10) > 0)),
        ("99 of 100 sold", sold(layout, |_, dice| dice.roll(100) > 0)),
    ]
}

/// Median, 99th percentile and slowest of many runs, in microseconds.
fn measure(mut run: impl FnMut(usize)) -> [f64; 3] {
    for n in 0..RUNS / 10 {
        run(n);
    }
    let mut took: Vec<Duration> = (0..RUNS)
        .map(|n| {
            let began = Instant::now();
            run(n);
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    [took[RUNS / 2], took[RUNS * 99 / 100], took[RUNS - 1]].map(|time| time.as_secs_f64() * 1e6)
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn print(house: &str, what: &str, [median, p99, slowest]: [f64; 3], note: &str) {
    println!("{house:<26} {what:<32} {median:>9.1} {p99:>9.1} {slowest:>9.1}  {note}");
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn main() {
    let layout = stadium();
    println!("{} seats; microseconds: median, 99th percentile, slowest of {RUNS}\n", layout.seat_count());
    for (house, statuses) in houses(&layout) {
        let free = |seat: SeatIndex| statuses.is_free(seat);
        for (what, request) in [
            ("best 1", Request { quantity: 1, ..Request::default() }),
            ("best 2", Request { quantity: 2, ..Request::default() }),
            ("best 4", Request { quantity: 4, ..Request::default() }),
            ("best 10", Request { quantity: 10, ..Request::default() }),
            ("best 4 of one category", Request { quantity: 4, categories: vec![1], ..Request::default() }),
            ("best 4 with a wheelchair", Request { quantity: 4, accessible: true, ..Request::default() }),
        ] {
            let found = rank(&layout, &free, &request, LIMIT);
            let note = found.first().map_or("none".into(), |best| format!("{:?}", best.why.quality));
            let took = measure(|_| {
                std::hint::black_box(rank(&layout, &free, &request, LIMIT));
            });
            print(house, what, took, &note);
        }
        let mut dice = Dice(11);
        let picks: Vec<Vec<SeatIndex>> = (0..RUNS)
            .map(|_| {
                let first = u32::try_from(dice.roll(u64::from(layout.seat_count() - 10))).unwrap_or(0);
                (first..first + 4).map(SeatIndex).collect()
            })
            .collect();
        for (what, orphans) in [("check 4, lenient", Orphans::Lenient), ("check 4, strict", Orphans::Strict)]
        {
            let rules = Rules { orphans, ..Rules::default() };
            let refused =
                picks.iter().filter(|pick| !check(&layout, &free, *pick, &rules).is_empty()).count();
            let took = measure(|n| {
                std::hint::black_box(check(&layout, &free, &picks[n], &rules));
            });
            print(house, what, took, &format!("{refused} refused"));
        }
    }
}
