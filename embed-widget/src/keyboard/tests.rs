use std::collections::BTreeSet;

use eventflow_core::seat_map::{Format, Layout, SeatMap, stadium};
use proptest::prelude::*;

use super::*;

const ALL: [Direction; 8] = [
    Direction::Left,
    Direction::Right,
    Direction::Up,
    Direction::Down,
    Direction::RowStart,
    Direction::RowEnd,
    Direction::PreviousSection,
    Direction::NextSection,
];

/// Rows as (section, [(x, y)]).
fn layout_of(sections: &[Vec<Vec<(i32, i32)>>]) -> Layout {
    let mut text = String::new();
    for (number, rows) in sections.iter().enumerate() {
        // A row of one seat for each place, which are then rows of any form.
        let rows: Vec<String> = (1..)
            .zip(rows)
            .map(|(row, ends)| {
                let [(ax, ay), (bx, by)] = [ends[0], ends[1]];
                format!(
                    r#"{{"label":"{row}","category":"a","start":{{"x":{ax},"y":{ay}}},"end":{{"x":{bx},"y":{by}}},"curve":{},"count":{}}}"#,
                    ends[2].0, ends[2].1
                )
            })
            .collect();
        text += &format!(
            r#"{}{{"key":"S{number}","name":"S","rows":[{}]}}"#,
            if number > 0 { "," } else { "" },
            rows.join(",")
        );
    }
    let text = format!(
        r##"{{"format":"eventflow.seat-map/1","name":"n","categories":[{{"key":"a","name":"a","color":"#112233"}}],"sections":[{text}]}}"##
    );
    let map = SeatMap::from_json(&text).expect("a good document");
    assert_eq!(map.format, Format::V1);
    Layout::compile(&map)
}

fn hall() -> Layout {
    layout_of(&[(0..4).map(|row| vec![(0, row * 90), (450, row * 90), (0, 10)]).collect()])
}

fn go(layout: &Layout, from: u32, direction: Direction) -> Option<u32> {
    neighbour(layout, SeatIndex(from), direction, &|_| true, &|_| true).map(|seat| seat.0)
}

#[test]
fn arrows_move_as_the_hall_looks() {
    let hall = hall();
    assert_eq!(go(&hall, 12, Direction::Right), Some(13));
    assert_eq!(go(&hall, 12, Direction::Left), Some(11));
    assert_eq!((go(&hall, 12, Direction::Up), go(&hall, 12, Direction::Down)), (Some(2), Some(22)));
    assert_eq!((go(&hall, 12, Direction::RowStart), go(&hall, 12, Direction::RowEnd)), (Some(10), Some(19)));
    // Again: on to the next row.
    assert_eq!((go(&hall, 10, Direction::RowStart), go(&hall, 19, Direction::RowEnd)), (Some(0), Some(29)));
    assert_eq!((go(&hall, 0, Direction::Left), go(&hall, 0, Direction::Up)), (None, None));
    assert_eq!(go(&hall, 0, Direction::PreviousSection), None);
}

#[test]
fn taken_seats_are_stepped_over() {
    let hall = hall();
    let free = |seat: SeatIndex| !(13..=15).contains(&seat.0) && seat.0 != 22;
    let go =
        |from, direction| neighbour(&hall, SeatIndex(from), direction, &free, &|_| true).map(|seat| seat.0);
    assert_eq!(go(12, Direction::Right), Some(16));
    // Straight below is taken: the one two rows below is nearer in that direction than those aside are.
    assert_eq!(go(12, Direction::Down), Some(21));
}

#[test]
fn a_row_from_front_to_back_is_walked_with_up_and_down() {
    let side = layout_of(&[vec![vec![(0, 0), (0, 450), (0, 10)], vec![(90, 0), (90, 450), (0, 10)]]]);
    assert_eq!((go(&side, 3, Direction::Down), go(&side, 3, Direction::Up)), (Some(4), Some(2)));
    assert_eq!((go(&side, 3, Direction::Right), go(&side, 13, Direction::Left)), (Some(13), Some(3)));
}

fn all_reached(layout: &Layout, reachable: &impl Fn(SeatIndex) -> bool) -> Result<(), TestCaseError> {
    let wanted: BTreeSet<SeatIndex> =
        layout.seats().iter().map(|seat| seat.index).filter(|&s| reachable(s)).collect();
    let Some(&first) = wanted.first() else { return Ok(()) };
    let (mut reached, mut open) = (BTreeSet::from([first]), vec![first]);
    while let Some(seat) = open.pop() {
        for direction in ALL {
            if let Some(next) = neighbour(layout, seat, direction, reachable, &|_| true)
                && reached.insert(next)
            {
                prop_assert!(reachable(next) && next != seat);
                open.push(next);
            }
        }
    }
    prop_assert_eq!(reached, wanted);
    Ok(())
}

#[test]
fn every_seat_of_a_stadium_with_tables_and_boxes_is_reached() {
    let layout = Layout::compile(&stadium(6_000));
    all_reached(&layout, &|seat| seat.0 % 3 != 1).expect("all are reached");
}

proptest! {
    #[test]
    fn every_seat_is_reached_from_the_first(
        sections in prop::collection::vec(
            prop::collection::vec(
                ((-3_000..3_000_i32, -3_000..3_000_i32), (-2_000..2_000_i32, -2_000..2_000_i32), -300..300_i32, 1..12_i32),
                1..5,
            ),
            1..4,
        ),
        taken: u64,
    ) {
        let sections: Vec<_> = sections.iter().map(|rows| rows.iter().map(|&(start, size, curve, count)| {
            let end = (start.0 + size.0, start.1 + size.1);
            vec![start, end, (curve, count)]
        }).collect()).collect();
        let layout = layout_of(&sections);
        all_reached(&layout, &|seat| taken >> (seat.0 % 64) & 1 == 0)?;
    }
}
