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
fn letters_count_without_a_zero_and_without_what_is_left_out() {
    let text = |number: u32, skip: &str| {
        let numbering =
            Numbering { letters: true, start: Some(number), skip: skip.into(), ..Numbering::default() };
        numbering.text(0, 1)
    };
    assert_eq!(
        [1, 2, 26, 27, 52, 53, 702, 703].map(|n| text(n, "")),
        ["A", "B", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
    );
    assert_eq!([8, 9, 14, 24, 25].map(|n| text(n, "IO")), ["H", "J", "P", "Z", "AA"]);
    assert_eq!([1, 2, 3, 5].map(|n| text(n, "CDEFGHIJKLMNOPQRSTUVWXYZ")), ["A", "B", "AA", "BA"]);
    // What no flawless document has does not hang either.
    assert_eq!((text(0, ""), text(7, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")), (String::new(), String::new()));
    assert_eq!(text(u32::MAX, "BCDEFGHIJKLMNOPQRSTUVWXYZ"), "A");
    let odd = Numbering { scheme: Scheme::Odd, letters: true, ..Numbering::default() };
    assert_eq!([0, 1, 2].map(|nth| odd.text(nth, 3)), ["A", "C", "E"]);
}

#[test]
fn rows_without_a_label_take_the_next_of_the_rule() {
    let labels = |rule: RowLabels, own: &[&str]| -> Vec<String> {
        let rows = own.iter().map(|&label| Row { label: label.into(), ..Row::default() }).collect();
        let section = Section { row_labels: Some(rule), rows, ..Section::default() };
        section.row_labels().map(Into::into).collect()
    };
    assert_eq!(labels(RowLabels::default(), &["", "", ""]), ["1", "2", "3"]);
    assert_eq!(labels(RowLabels::default(), &["", "VIP", ""]), ["1", "VIP", "2"]);
    let falling = RowLabels { start: 11, step: 2, descending: true, ..RowLabels::default() };
    assert_eq!(labels(falling, &["", "", ""]), ["15", "13", "11"]);
    let letters =
        RowLabels { style: LabelStyle::Letters, start: 8, skip: "IO".into(), ..RowLabels::default() };
    assert_eq!(labels(letters, &["", "", ""]), ["H", "J", "K"]);
    let unnamed = Section { rows: vec![Row::default()], ..Section::default() };
    assert_eq!(unnamed.row_labels().collect::<Vec<_>>(), [""]);
}

#[test]
fn rows_at_a_pitch_lie_in_the_middle_of_their_line() {
    let spaced =
        |count, spacing| Row { spacing: Some(spacing), ..row(Point { x: 100.0, y: 0.0 }, 0.0, count) };
    assert!(near(spaced(3, 20.0).place(0), (30.0, 0.0)) && near(spaced(3, 20.0).place(2), (70.0, 0.0)));
    assert!(near(spaced(1, 20.0).place(0), (50.0, 0.0)));
    assert!(near(spaced(2, 200.0).place(0), (-50.0, 0.0)));
    // Half a circle of radius 50 is 157 long: a quarter of it to each side of the top.
    let arc =
        Row { spacing: Some(50.0 * std::f64::consts::FRAC_PI_4), ..row(Point { x: 100.0, y: 0.0 }, 50.0, 3) };
    let half = 50.0 * std::f64::consts::FRAC_1_SQRT_2;
    assert!(near(arc.place(1), (50.0, -50.0)) && near(arc.place(0), (50.0 - half, -half)));
    let nowhere = Row { spacing: Some(20.0), ..row(Point { x: 0.0, y: 0.0 }, 0.0, 2) };
    assert!(near(nowhere.place(1), (0.0, 0.0)));
}

#[test]
fn chairs_are_counted_clockwise_from_the_top() {
    let table =
        |shape, rotation| Table { centre: Point { x: 10.0, y: 20.0 }, shape, rotation, ..Table::default() };
    let round = table(TableShape::Round { radius: 5.0, chairs: 4 }, 0.0);
    assert_eq!(round.count(), 4);
    let expected = [(10.0, 15.0), (15.0, 20.0), (10.0, 25.0), (5.0, 20.0)];
    assert!((0..4).zip(expected).all(|(chair, place)| near(round.place(chair), place)));
    let turned = table(TableShape::Round { radius: 5.0, chairs: 4 }, 90.0);
    assert!(near(turned.place(0), (15.0, 20.0)));

    let shape = TableShape::Rectangle { width: 8.0, height: 4.0, sides: [2, 1, 2, 0] };
    let long = table(shape, 0.0);
    assert_eq!(long.count(), 5);
    let expected = [(8.0, 18.0), (12.0, 18.0), (14.0, 20.0), (12.0, 22.0), (8.0, 22.0)];
    assert!((0..5).zip(expected).all(|(chair, place)| near(long.place(chair), place)));
    assert_eq!(
        (0..5).map(|chair| shape.starts_side(chair)).collect::<Vec<_>>(),
        [true, false, true, true, false]
    );
    assert!(near(table(shape, 180.0).place(2), (6.0, 20.0)));
}

#[test]
fn unknown_members_of_choices_are_refused() {
    let sold = |text: &str| serde_json::from_str::<Occupancy>(text);
    assert_eq!(sold(r#"{"kind":"whole"}"#).unwrap(), Occupancy::Whole);
    assert_eq!(sold(r#"{"kind":"group","min":2,"max":4}"#).unwrap(), Occupancy::Group { min: 2, max: 4 });
    for wrong in [
        r#"{"kind":"group","min":2}"#,
        r#"{"kind":"group","min":2,"max":4,"of":1}"#,
        r#"{"kind":"half"}"#,
        r#"{"kind":"whole","of":1}"#,
        "{}",
    ] {
        assert!(sold(wrong).is_err(), "{wrong}");
    }
    assert!(
        serde_json::from_str::<TableShape>(r#"{"kind":"round","radius":1,"chairs":2,"sides":[1,1,1,1]}"#)
            .is_err()
    );
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

    #[test]
    fn texts_of_documents_with_everything_are_stable(map in samples::documents()) {
        let text = map.to_json();
        let again = SeatMap::from_json(&text).unwrap();
        prop_assert_eq!(again.to_json(), text);
    }

    #[test]
    fn letters_are_distinct(skip in prop::sample::subsequence(('A'..='Z').collect::<Vec<_>>(), 0..=24), many in 1..900_u32) {
        let rule = RowLabels { style: LabelStyle::Letters, skip: skip.into_iter().collect(), ..RowLabels::default() };
        let mut labels: Vec<String> = (0..many).map(|nth| rule.label(nth, many)).collect();
        prop_assert!(labels.is_sorted_by_key(|label| (label.len(), label.clone())));
        prop_assert!(labels.iter().all(|label| !label.is_empty() && !label.contains(|c| rule.skip.contains(c))));
        labels.dedup();
        prop_assert_eq!(labels.len(), many as usize);
    }

    #[test]
    fn neighbours_at_a_pitch_are_that_far_apart(
        x in -500.0..500.0_f64, y in 50.0..500.0_f64, bend in -0.5..0.5_f64, count in 2..40_u32, share in 0.05..1.0_f64,
    ) {
        let chord = x.hypot(y);
        let spacing = share * chord / f64::from(count - 1);
        let row = Row { spacing: Some(spacing), ..row(Point { x, y }, bend * chord, count) };
        let apart = |a: Point, b: Point| (a.x - b.x).hypot(a.y - b.y);
        for nth in 0..count - 1 {
            // The chord of a short arc is a little shorter than the arc.
            let step = apart(row.place(nth), row.place(nth + 1));
            prop_assert!(step <= spacing + 1e-6 && step >= spacing * 0.63, "{} {}", step, spacing);
        }
        let (first, last) = (row.place(0), row.place(count - 1));
        prop_assert!((apart(first, row.start) - apart(last, row.end)).abs() < 1e-6);
    }

    #[test]
    fn chairs_are_on_the_line_of_their_table(
        radius in 1.0..500.0_f64, chairs in 1..40_u32, rotation in -360.0..360.0_f64, sides: [u8; 4],
    ) {
        let centre = Point { x: 7.0, y: -3.0 };
        let round = Table { centre, shape: TableShape::Round { radius, chairs }, rotation, ..Table::default() };
        for chair in 0..chairs {
            let place = round.place(chair);
            prop_assert!(((place.x - 7.0).hypot(place.y + 3.0) - radius).abs() < 1e-6);
        }
        let sides = sides.map(|chairs| u32::from(chairs % 9));
        let shape = TableShape::Rectangle { width: 2.0 * radius, height: radius, sides };
        let table = Table { centre, shape, ..Table::default() };
        for chair in 0..table.count() {
            let (x, y) = (table.place(chair).x - 7.0, table.place(chair).y + 3.0);
            let at_edge = (x.abs() - radius).abs() < 1e-6 || (y.abs() - radius / 2.0).abs() < 1e-6;
            prop_assert!(at_edge && x.abs() <= radius + 1e-6 && y.abs() <= radius / 2.0 + 1e-6);
        }
    }
}
