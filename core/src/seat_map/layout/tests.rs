use proptest::prelude::*;

use super::{
    super::{document::*, samples},
    *,
};

fn numbers(layout: &Layout) -> Vec<&str> {
    layout.seats().iter().map(|seat| layout.number(seat.index)).collect()
}

#[test]
fn indexes_follow_the_document_and_labels_lead_back() {
    let layout = Layout::compile(&samples::hall(3, 4));
    assert_eq!(layout.seat_count(), 12);
    assert_eq!(layout.rows()[1].seats, 4..8);
    assert_eq!(layout.sections()[0].rows, 0..3);
    assert_eq!((layout.label(SeatIndex(5)), layout.number(SeatIndex(5))), ("P-2-2", "2"));
    assert_eq!(layout.row_label(SeatIndex(5)), "2");
    assert_eq!(layout.find("P-2-2"), Some(SeatIndex(5)));
    assert_eq!((layout.find("P-2-5"), layout.find("")), (None, None));
    assert_eq!((layout.label(SeatIndex(12)), layout.seat(SeatIndex(12))), ("", None));
    assert_eq!((layout.seats()[5].x, layout.seats()[5].y), (5_000, 18_000));
}

#[test]
fn left_out_places_take_no_number_and_break_the_neighbourhood() {
    let mut row = samples::row("1", 0.0, 6);
    row.seats = vec![samples::skip(4), SeatRule { label: Some("K".into()), ..samples::rule(6) }];
    let layout = Layout::compile(&samples::map_of(vec![row]));
    assert_eq!(numbers(&layout), ["1", "2", "3", "4", "K"]);
    let seat = SeatIndex;
    assert_eq!(layout.neighbours(seat(0)), (None, Some(seat(1))));
    assert_eq!(layout.neighbours(seat(2)), (Some(seat(1)), None));
    assert_eq!(layout.neighbours(seat(3)), (None, Some(seat(4))));
    assert_eq!(layout.neighbours(seat(4)), (Some(seat(3)), None));
    assert_eq!(layout.neighbours(seat(9)), (None, None));
    // The gap stays in the plan.
    assert_eq!(layout.seats()[3].x - layout.seats()[2].x, 10_000);
}

#[test]
fn neighbours_end_with_the_row() {
    let layout = Layout::compile(&samples::hall(2, 3));
    assert_eq!(layout.neighbours(SeatIndex(2)), (Some(SeatIndex(1)), None));
    assert_eq!(layout.neighbours(SeatIndex(3)), (None, Some(SeatIndex(4))));
}

#[test]
fn exceptions_change_category_traits_and_prefixes_show() {
    let mut map = samples::map_of(vec![samples::row("1", 0.0, 3)]);
    map.categories.push(Category { key: "b".into(), name: "B".into(), color: "#00bb00".into() });
    map.sections[0].rows[0].numbering.prefix = "N".into();
    map.sections[0].rows[0].seats = vec![
        samples::with_trait(3, SeatTrait::Wheelchair),
        SeatRule { category: Some("b".into()), ..samples::rule(1) },
    ];
    let layout = Layout::compile(&map);
    assert_eq!(layout.seats().iter().map(|s| s.category).collect::<Vec<_>>(), [Some(1), Some(0), Some(0)]);
    assert!(layout.seats()[2].traits.contains(SeatTrait::Wheelchair));
    assert_eq!(numbers(&layout), ["N1", "N2", "N3"]);
}

#[test]
fn drafts_with_errors_are_laid_out_within_the_limits() {
    let mut map = samples::hall(1, 5);
    map.sections[0].rows[0].count = u32::MAX;
    map.sections[0].rows[0].category = "nowhere".into();
    map.sections[0].rows[0].end.x = f64::NAN;
    map.sections[0].key = "ä".repeat(5_000);
    map.sections[0].rows[0].seats =
        vec![samples::skip(0), samples::skip(u32::MAX), samples::skip(7), samples::skip(7)];
    let layout = Layout::compile(&map);
    assert_eq!(layout.seat_count(), ROW_PLACES_MAX - 1);
    assert_eq!(layout.seats()[0].category, None);
    assert!(layout.label(SeatIndex(0)).chars().count() <= SEAT_LABEL_CHARS_MAX);
}

proptest! {
    #[test]
    fn labels_are_unique_and_found(map in samples::maps()) {
        let layout = Layout::compile(&map);
        prop_assert_eq!(layout.duplicate_labels(), vec![]);
        for seat in layout.seats() {
            prop_assert_eq!(layout.find(layout.label(seat.index)), Some(seat.index));
        }
        prop_assert_eq!(&layout, &Layout::compile(&map));
    }

    #[test]
    fn rows_partition_the_seats(map in samples::maps()) {
        let layout = Layout::compile(&map);
        let mut next = 0;
        for (row, index) in layout.rows().iter().zip(0_u32..) {
            prop_assert_eq!(row.seats.start, next);
            next = row.seats.end;
            for seat in row.seats.clone() {
                let seat = layout.seat(SeatIndex(seat)).unwrap();
                prop_assert_eq!((seat.row, seat.section), (index, row.section));
                if let (_, Some(after)) = layout.neighbours(seat.index) {
                    prop_assert_eq!(layout.neighbours(after).0, Some(seat.index));
                    prop_assert!(row.seats.contains(&after.0));
                }
            }
        }
        prop_assert_eq!(next, layout.seat_count());
    }

    #[test]
    fn a_change_of_the_last_row_leaves_the_indexes_before_it(map in samples::maps()) {
        let before = Layout::compile(&map);
        let mut map = map;
        let last = map.sections.last_mut().unwrap().rows.last_mut().unwrap();
        last.count += 3;
        last.curve = 0.0;
        let after = Layout::compile(&map);
        for seat in 0..before.rows().last().unwrap().seats.start {
            prop_assert_eq!(before.seat(SeatIndex(seat)), after.seat(SeatIndex(seat)));
            prop_assert_eq!(before.label(SeatIndex(seat)), after.label(SeatIndex(seat)));
        }
    }
}
