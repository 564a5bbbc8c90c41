use proptest::prelude::*;

use super::*;
use crate::seat_map::{Layout, Seat, SeatMap, is_publishable, samples, stadium, validate};

/// What every format carries: label, displayed texts, category and place of each seat, in order.
fn seats(map: &SeatMap) -> Vec<(String, String, String, Option<String>, (i32, i32))> {
    let layout = Layout::compile(map);
    let seat = |seat: &Seat| {
        let row = layout.row_of(seat.index).map(|row| layout.shown_row(seat.row).to_owned() + &row.label);
        let category = seat.category.map(|index| layout.categories()[usize::from(index)].key.clone());
        let texts = (layout.label(seat.index).to_owned(), layout.shown_number(seat.index).to_owned());
        (texts.0, texts.1, row.unwrap_or_default(), category, (seat.x, seat.y))
    };
    layout.seats().iter().map(seat).collect()
}

fn there_and_back(format: Format, map: &SeatMap) -> Import {
    let file = export(format, map);
    let mut last = None;
    let back = import(format, file.text.as_bytes(), &mut |progress| last = Some(progress)).unwrap();
    let last = last.unwrap();
    assert_eq!(last.total, Some(last.done));
    back
}

/// Seats are where they were, and everything about them is the same. `reach` is in hundredths.
fn assert_same_seats(before: &SeatMap, after: &SeatMap, reach: u32) {
    let (before, after) = (seats(before), seats(after));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        let texts = |seat: &(String, String, String, Option<String>, (i32, i32))| {
            (seat.0.clone(), seat.1.clone(), seat.2.clone(), seat.3.clone())
        };
        assert_eq!(texts(before), texts(after));
        let (a, b) = (before.4, after.4);
        assert!(a.0.abs_diff(b.0) <= reach && a.1.abs_diff(b.1) <= reach, "{before:?} {after:?}");
    }
}

proptest! {
    #[test]
    fn exports_come_back(map in samples::maps()) {
        for format in Format::ALL {
            let back = there_and_back(format, &map);
            let moved = (Some(&back.map), format == Format::Pretix);
            let mut after = back.map.clone();
            if moved.1 {
                move_back(&map, &mut after);
            }
            assert_same_seats(&map, &after, 2);
        }
    }
}

/// Undoes what was moved, as the first seat says.
fn move_back(before: &SeatMap, after: &mut SeatMap) {
    let first = |map: &SeatMap| seats(map)[0].4;
    let (from, to) = (first(after), first(before));
    let way = (f64::from(to.0 - from.0) / 100.0, f64::from(to.1 - from.1) / 100.0);
    for row in after.sections.iter_mut().flat_map(|section| &mut section.rows) {
        for point in [&mut row.start, &mut row.end] {
            *point = crate::seat_map::Point { x: point.x + way.0, y: point.y + way.1 };
        }
    }
}

#[test]
fn a_stadium_comes_back_as_rows() {
    let mut map = stadium(5_000);
    // The formats have neither tables nor booths.
    map.sections.retain(|section| section.tables.is_empty() && section.booths.is_empty());
    for format in Format::ALL {
        let back = there_and_back(format, &map);
        let mut after = back.map.clone();
        move_back(&map, &mut after);
        assert_same_seats(&map, &after, 3);
        assert!(back.notes.iter().all(|note| note.code != NoteCode::RowSplit), "{:?}", back.notes);
        assert!(is_publishable(&validate(&after)));
    }
}
