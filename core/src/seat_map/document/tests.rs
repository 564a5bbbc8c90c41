use proptest::prelude::*;

use super::{super::samples, *};

fn numbers(scheme: Scheme, start: Option<u32>, descending: bool, count: u32) -> Vec<u64> {
    let numbering = Numbering { scheme, start, descending, ..Numbering::default() };
    (0..count).map(|nth| numbering.number(nth, count)).collect()
}

#[test]
fn numbering_schemes() {
    assert_eq!(numbers(Scheme::Sequential, None, false, 4), [1, 2, 3, 4]);
    assert_eq!(numbers(Scheme::Sequential, Some(11), true, 4), [14, 13, 12, 11]);
    assert_eq!(numbers(Scheme::Odd, None, false, 4), [1, 3, 5, 7]);
    assert_eq!(numbers(Scheme::Odd, Some(21), true, 3), [25, 23, 21]);
    assert_eq!(numbers(Scheme::Even, None, false, 4), [2, 4, 6, 8]);
    assert_eq!(numbers(Scheme::Even, None, true, 4), [8, 6, 4, 2]);
    assert_eq!(numbers(Scheme::CentreOut, None, false, 5), [5, 3, 1, 2, 4]);
    assert_eq!(numbers(Scheme::CentreOut, None, false, 6), [5, 3, 1, 2, 4, 6]);
    assert_eq!(numbers(Scheme::CentreOut, None, true, 6), [6, 4, 2, 1, 3, 5]);
    assert_eq!(numbers(Scheme::CentreOut, Some(101), false, 3), [103, 101, 102]);
    assert_eq!(numbers(Scheme::CentreOut, None, false, 1), [1]);
}

fn row(end: Point, curve: f64, count: u32) -> Row {
    Row {
        label: "1".into(),
        category: "a".into(),
        start: Point { x: 0.0, y: 0.0 },
        end,
        curve,
        count,
        ..Row::default()
    }
}

fn near(a: Point, b: (f64, f64)) -> bool {
    (a.x - b.0).hypot(a.y - b.1) < 1e-6
}

#[test]
fn places_of_straight_curved_and_single_rows() {
    let straight = row(Point { x: 30.0, y: 40.0 }, 0.0, 6);
    assert!(near(straight.place(0), (0.0, 0.0)) && near(straight.place(5), (30.0, 40.0)));
    assert!(near(straight.place(1), (6.0, 8.0)));
    assert!(near(row(Point { x: 30.0, y: 40.0 }, 0.0, 1).place(0), (15.0, 20.0)));

    // A half circle over (0,0)-(100,0): its middle is `curve` above the line, which is up on a screen.
    let up = row(Point { x: 100.0, y: 0.0 }, 50.0, 3);
    assert!(near(up.place(0), (0.0, 0.0)) && near(up.place(1), (50.0, -50.0)));
    assert!(near(up.place(2), (100.0, 0.0)));
    let down = row(Point { x: 100.0, y: 0.0 }, -20.0, 3);
    assert!(near(down.place(1), (50.0, 20.0)) && near(down.place(2), (100.0, 0.0)));
    // A curve of nearly nothing is nearly straight.
    assert!(near(row(Point { x: 100.0, y: 0.0 }, 1e-9, 5).place(1), (25.0, 0.0)));
}

#[test]
fn unknown_fields_formats_and_traits_are_refused() {
    let text = r#"{"format":"eventflow.seat-map/1","name":"n","categories":[]}"#;
    assert!(SeatMap::from_json(text).is_ok());
    assert!(SeatMap::from_json(&text.replace("map/1", "map/2")).is_err());
    assert!(SeatMap::from_json(&text.replace("\"name\"", "\"colour\":1,\"name\"")).is_err());
    assert!(serde_json::from_str::<SeatRule>(r#"{"position":1,"traits":["cosy"]}"#).is_err());
}

#[test]
fn traits_are_thirteen_words_and_a_set() {
    assert_eq!(SeatTrait::ALL.len(), 13);
    for &seat_trait in SeatTrait::ALL {
        let word = serde_json::to_string(&seat_trait).unwrap();
        assert_eq!(word, format!("\"{}\"", seat_trait.as_str()));
    }
    let set: Traits = [SeatTrait::Aisle, SeatTrait::Wheelchair, SeatTrait::Aisle].into_iter().collect();
    assert_eq!(set.iter().collect::<Vec<_>>(), [SeatTrait::Wheelchair, SeatTrait::Aisle]);
    assert!(set.contains(SeatTrait::Aisle) && !set.contains(SeatTrait::Vertigo));
    assert_eq!(Traits::from_bits(u16::MAX).iter().count(), 13);
}

#[test]
fn the_canonical_text_leaves_defaults_out() {
    let row = row(Point { x: 1.0, y: 2.5 }, 0.0, 2);
    assert_eq!(
        serde_json::to_string(&row).unwrap(),
        r#"{"label":"1","category":"a","start":{"x":0,"y":0},"end":{"x":1,"y":2.5},"count":2}"#
    );
}

proptest! {
    #[test]
    fn steps_on_an_arc_are_equal(
        x in -500.0..500.0_f64, y in 10.0..500.0_f64, bend in -0.5..0.5_f64, count in 3..60_u32,
    ) {
        let chord = x.hypot(y);
        let row = row(Point { x, y }, bend * chord, count);
        let step = |i: u32| {
            let (a, b) = (row.place(i), row.place(i + 1));
            (a.x - b.x).hypot(a.y - b.y)
        };
        for i in 1..count - 1 {
            prop_assert!((step(i) - step(0)).abs() < 1e-6, "{} {}", step(i), step(0));
        }
        prop_assert!(near(row.place(0), (0.0, 0.0)) && near(row.place(count - 1), (x, y)));
    }

    #[test]
    fn numbers_are_distinct_whatever_the_scheme(
        scheme in prop::sample::select(vec![Scheme::Sequential, Scheme::Odd, Scheme::Even, Scheme::CentreOut]),
        descending: bool, count in 1..200_u32,
    ) {
        let mut all = numbers(scheme, None, descending, count);
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), count as usize);
    }

    #[test]
    fn canonical_texts_are_stable(map in samples::maps()) {
        let text = map.to_json();
        let again = SeatMap::from_json(&text).unwrap();
        prop_assert_eq!(again.to_json(), text);
    }
}
