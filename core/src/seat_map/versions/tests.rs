use proptest::prelude::*;

use super::{
    super::{
        GaArea, Numbering, Occupancy, Point, Scheme, SeatMap, SeatRule, SeatTrait, Table, TableSale,
        TableShape, samples, stadium,
    },
    *,
};

fn compare(before: &SeatMap, after: &SeatMap) -> VersionDiff {
    diff(&Layout::compile(before), &Layout::compile(after))
}

/// The differences that a change makes to a hall of three rows of six, as `label word`.
fn after(change: impl FnOnce(&mut SeatMap)) -> Vec<String> {
    let before = samples::hall(3, 6);
    let mut after = before.clone();
    change(&mut after);
    words(&compare(&before, &after))
}

fn words(diff: &VersionDiff) -> Vec<String> {
    let word = |changed: &ChangedSeat| match &changed.change {
        SeatChange::Dropped => "dropped".to_owned(),
        SeatChange::Renumbered { to } => format!("renumbered {}", to.as_deref().unwrap_or("-")),
        SeatChange::Shown { from, to } => format!("shown {from} as {to}"),
        SeatChange::Moved { .. } => "moved".to_owned(),
        SeatChange::Recategorised { to, .. } => format!("recategorised {}", to.as_deref().unwrap_or("-")),
        SeatChange::Traits { .. } => "traits".to_owned(),
        SeatChange::Occupancy => "occupancy".to_owned(),
    };
    diff.seats.iter().map(|changed| format!("{} {}", changed.label, word(changed))).collect()
}

fn each_point(map: &mut SeatMap, change: impl Fn(Point) -> Point) {
    for row in &mut map.sections[0].rows {
        (row.start, row.end) = (change(row.start), change(row.end));
    }
}

#[test]
fn the_same_map_is_no_difference_and_indexes_may_change() {
    assert_eq!(after(|_| ()), [""; 0]);
    assert_eq!(after(|map| map.sections[0].rows.rotate_left(1)), [""; 0]);
    let longer = samples::hall(4, 6);
    let diff = compare(&samples::hall(3, 6), &longer);
    assert_eq!((diff.seats.len(), diff.added.len()), (0, 6));
    assert_eq!(diff.added[0], SeatIndex(18));
}

#[test]
fn seats_that_are_gone_are_dropped() {
    let map = |map: &mut SeatMap| {
        map.sections[0].rows[1].seats =
            vec![SeatRule { label: Some("6".into()), ..samples::rule(6) }, samples::skip(1)]
    };
    // Positions keep their places, and their numbers fall by one.
    let found = after(map);
    assert_eq!(found[0], "P-2-1 renumbered -");
    assert_eq!(found[1], "P-2-1 moved");
    assert_eq!(found[2], "P-2-2 renumbered P-2-1");
    let found = after(|map| {
        map.sections[0].rows.remove(2);
    });
    assert_eq!(found, (1..=6).map(|seat| format!("P-3-{seat} dropped")).collect::<Vec<_>>());
}

#[test]
fn another_label_in_the_place_is_a_renumbered_seat() {
    let label = |map: &mut SeatMap| map.sections[0].rows[0].label = "A".into();
    assert_eq!(after(label)[..2], ["P-1-1 renumbered P-A-1", "P-1-2 renumbered P-A-2"]);
    let turned = |map: &mut SeatMap| {
        map.sections[0].rows[0].numbering = Numbering { descending: true, ..Numbering::default() };
    };
    let found = after(turned);
    assert_eq!(found.iter().filter(|text| text.contains("renumbered")).count(), 6);
    assert_eq!(found[0], "P-1-1 renumbered P-1-6");
    // All rows at once look like a mirror image, which is no way to redraw a section.
    let found = after(|map| map.sections[0].rows.iter_mut().for_each(|row| row.numbering.descending = true));
    assert_eq!(found.iter().filter(|text| text.contains("renumbered")).count(), 18);
    // Drawn from the other end and counted from the other end: nothing happens to anybody.
    let redrawn = |map: &mut SeatMap| {
        for row in &mut map.sections[0].rows {
            (row.start, row.end) = (row.end, row.start);
            row.numbering.descending = true;
        }
    };
    assert_eq!(after(redrawn), [""; 0]);
}

#[test]
fn a_single_row_that_is_counted_from_its_other_end_is_renumbered() {
    let before = samples::hall(1, 6);
    let mut after = before.clone();
    after.sections[0].rows[0].numbering.descending = true;
    let found = words(&compare(&before, &after));
    assert_eq!(found.iter().filter(|text| text.contains("renumbered")).count(), 6);
}

#[test]
fn sections_may_be_moved_turned_and_scaled() {
    let only_moved = |found: Vec<String>| {
        assert!(!found.is_empty());
        assert!(found.iter().all(|text| text.ends_with(" moved")), "{found:?}");
    };
    only_moved(after(|map| each_point(map, |at| Point { x: at.x + 50.0, y: at.y })));
    only_moved(after(|map| each_point(map, |at| Point { x: at.x * 3.0, y: at.y * 3.0 })));
    only_moved(after(|map| {
        each_point(map, |at| Point { x: at.x * 0.8 - at.y * 0.6, y: at.x * 0.6 + at.y * 0.8 })
    }));
    // One row that goes one chair aside, while the others stay.
    let aside = after(|map| {
        let row = &mut map.sections[0].rows[1];
        (row.start.x, row.end.x) = (row.start.x + 50.0, row.end.x + 50.0);
    });
    assert_eq!(aside.iter().filter(|text| text.contains("renumbered")).count(), 6);
}

#[test]
fn what_people_read_categories_and_traits() {
    let found = after(|map| map.sections[0].rows[0].shown = Some("AA".into()));
    assert_eq!(found[0], "P-1-1 shown 1 1 as AA 1");
    let found = after(|map| {
        map.categories.push(super::super::Category { key: "b".into(), ..map.categories[0].clone() });
        map.sections[0].rows[0].seats = vec![
            SeatRule { category: Some("b".into()), ..samples::rule(2) },
            samples::with_trait(3, SeatTrait::Aisle),
            SeatRule { shown: Some("4a".into()), ..samples::rule(4) },
        ];
    });
    assert_eq!(found, ["P-1-2 recategorised b", "P-1-3 traits", "P-1-4 shown 1 4 as 1 4a"]);
}

#[test]
fn the_same_place_on_another_floor_is_another_place() {
    let mut before = samples::hall(1, 2);
    before.floors = ["a", "b"].map(|key| super::super::Floor { key: key.into(), name: key.into() }).into();
    let mut above = before.sections[0].clone();
    (above.key, above.floor) = ("U".into(), Some("b".into()));
    before.sections.push(above);
    let mut after = before.clone();
    after.sections.remove(0);
    assert_eq!(words(&compare(&before, &after)), ["P-1-1 dropped", "P-1-2 dropped"]);
    after.sections[0].floor = Some("a".into());
    let found = words(&compare(&before, &after));
    assert_eq!(found[0], "P-1-1 renumbered U-1-1");
}

#[test]
fn areas() {
    let mut before = samples::hall(1, 2);
    let area = |key: &str, capacity| super::super::GaArea {
        key: key.into(),
        category: "a".into(),
        capacity,
        ..Default::default()
    };
    before.ga_areas = vec![area("lawn", 100), area("pit", 50)];
    let mut after = before.clone();
    after.ga_areas = vec![area("lawn", 60), area("terrace", 10)];
    let diff = compare(&before, &after);
    let changed = |key: &str, change| ChangedArea { key: key.into(), change };
    let expected = [
        changed("lawn", AreaChange::Capacity { from: 100, to: 60 }),
        changed("pit", AreaChange::Dropped),
        changed("terrace", AreaChange::Added),
    ];
    assert_eq!(diff.areas, expected);
    let sold = |lawn: u32, pit: u32| safe(&diff, |_| false, |key| if key == "lawn" { lawn } else { pit });
    assert_eq!(sold(60, 0), Ok(()));
    assert_eq!(sold(61, 0).unwrap_err().areas, [(expected[0].clone(), 61)]);
    assert_eq!(sold(0, 1).unwrap_err().areas, [(expected[1].clone(), 1)]);
}

#[test]
fn a_safe_change_spares_what_is_sold() {
    let before = samples::hall(3, 6);
    let mut after = before.clone();
    after.sections[0].rows[0].count = 5;
    after.sections[0].rows[0].end.x -= 50.0;
    let diff = compare(&before, &after);
    assert_eq!(words(&diff), ["P-1-6 dropped"]);
    assert_eq!(safe(&diff, |seat| seat != SeatIndex(5), |_| 0), Ok(()));
    let refusals = safe(&diff, |seat| seat == SeatIndex(5), |_| 0).unwrap_err();
    assert_eq!((refusals.seats.len(), refusals.seats[0].label.as_str()), (1, "P-1-6"));
    // Everything else may happen to a sold seat.
    let mut gentle = before.clone();
    each_point(&mut gentle, |at| Point { x: at.x + 700.0, y: at.y });
    gentle.sections[0].rows[0].seats = vec![samples::with_trait(1, SeatTrait::Aisle)];
    assert_eq!(safe(&compare(&before, &gentle), |_| true, |_| 0), Ok(()));
    after.sections[0].rows[1].numbering = Numbering { scheme: Scheme::Odd, ..Numbering::default() };
    assert!(safe(&compare(&before, &after), |seat| seat == SeatIndex(7), |_| 0).is_err());
}

#[test]
fn what_is_sold_in_part_stays_for_sale_in_the_same_amounts() {
    let mut before = samples::hall(1, 2);
    before.sections[0].tables = vec![Table {
        label: "T".into(),
        category: "a".into(),
        centre: Point { x: 0.0, y: 900.0 },
        shape: TableShape::Round { radius: 80.0, chairs: 4 },
        ..Table::default()
    }];
    before.ga_areas =
        vec![GaArea { key: "box".into(), category: "a".into(), capacity: 8, ..GaArea::default() }];
    let mut after = before.clone();
    after.sections[0].tables[0].sold = TableSale::Whole;
    after.ga_areas[0].sold = Occupancy::Whole;
    for diff in [compare(&before, &after), compare(&after, &before)] {
        let table = (1..=4).map(|seat| format!("P-T-{seat} occupancy"));
        assert_eq!(words(&diff), table.collect::<Vec<_>>());
        // The row beside it may be sold.
        assert_eq!(safe(&diff, |seat| seat.0 < 2, |_| 0), Ok(()));
        let refusals = safe(&diff, |seat| seat == SeatIndex(3), |_| 0).unwrap_err();
        assert_eq!((refusals.seats.len(), refusals.seats[0].label.as_str()), (1, "P-T-2"));
        assert_eq!(safe(&diff, |_| false, |_| 1).unwrap_err().areas[0].0.change, AreaChange::Occupancy);
    }
}

#[test]
fn a_stadium_is_compared_with_a_larger_one() {
    let (small, large) = (Layout::compile(&stadium(30_000)), Layout::compile(&stadium(31_000)));
    let diff = diff(&small, &large);
    let kept = diff.successors.iter().flatten().count();
    assert_eq!(kept + diff.added.len(), large.seats().len());
}

proptest! {
    #[test]
    fn a_map_is_the_same_as_itself(map in samples::maps()) {
        let layout = Layout::compile(&map);
        let diff = diff(&layout, &layout);
        prop_assert_eq!((diff.seats, diff.added, diff.areas), (vec![], vec![], vec![]));
        for (seat, successor) in layout.seats().iter().zip(diff.successors) {
            prop_assert_eq!(Some(seat.index), successor);
        }
    }

    #[test]
    fn every_seat_is_kept_dropped_or_added(before in samples::maps(), after in samples::maps()) {
        let (older, newer) = (Layout::compile(&before), Layout::compile(&after));
        let diff = diff(&older, &newer);
        for (seat, successor) in older.seats().iter().zip(&diff.successors) {
            let gone = diff.seats.iter().any(|changed| {
                changed.seat == seat.index && changed.change.is_harmful()
            });
            match successor {
                Some(successor) => prop_assert_eq!(older.label(seat.index), newer.label(*successor)),
                None => prop_assert!(gone),
            }
        }
        let kept = diff.successors.iter().flatten().count();
        prop_assert_eq!(kept + diff.added.len(), newer.seats().len());
        prop_assert_eq!(safe(&diff, |_| false, |_| 0), Ok(()));
    }
}
