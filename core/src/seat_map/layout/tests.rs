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

fn table(label: &str, shape: TableShape) -> Table {
    Table { label: label.into(), category: "a".into(), shape, ..Table::default() }
}

fn neighbours(layout: &Layout, seat: u32) -> (Option<u32>, Option<u32>) {
    let (before, after) = layout.neighbours(SeatIndex(seat));
    (before.map(|seat| seat.0), after.map(|seat| seat.0))
}

#[test]
fn rows_come_before_tables_and_tables_before_booths() {
    let mut map = samples::hall(1, 2);
    map.sections[0].booths =
        vec![Booth { label: "B1".into(), category: "a".into(), width: 3.0, height: 2.0, ..Booth::default() }];
    map.sections[0].tables = vec![Table {
        sold: TableSale::Whole,
        rotation: -90.0,
        ..table("T1", TableShape::Rectangle { width: 4.0, height: 2.0, sides: [1, 0, 1, 0] })
    }];
    let layout = Layout::compile(&map);
    let labels: Vec<_> = layout.seats().iter().map(|seat| layout.label(seat.index)).collect();
    assert_eq!(labels, ["P-1-1", "P-1-2", "P-T1-1", "P-T1-2", "P-B1"]);
    assert_eq!((layout.number(SeatIndex(4)), layout.row_label(SeatIndex(4))), ("B1", "B1"));
    assert_eq!(layout.find("P-B1"), Some(SeatIndex(4)));
    let shape = LayoutTable::Rectangle { width: 400, height: 200 };
    let expected = RowKind::Table { shape, centre: (0, 0), rotation: 27_000, whole: true };
    assert_eq!(layout.rows()[1].kind, expected);
    let booth = RowKind::Booth { centre: (0, 0), width: 300, height: 200, rotation: 0 };
    assert_eq!((layout.rows()[2].kind, &layout.rows()[2].seats), (booth, &(4..5)));
    assert_eq!(layout.sections()[0].rows, 0..3);
}

#[test]
fn everybody_at_a_round_table_has_two_neighbours() {
    let layout_of = |chairs, skipped: &[u32]| {
        let mut map = samples::hall(1, 2);
        let mut round = table("T", TableShape::Round { radius: 80.0, chairs });
        round.seats = skipped.iter().copied().map(samples::skip).collect();
        map.sections[0].tables = vec![round];
        Layout::compile(&map)
    };
    let ring = layout_of(5, &[]);
    assert!(ring.rows()[1].ring && !ring.rows()[0].ring);
    assert_eq!(neighbours(&ring, 2), (Some(6), Some(3)));
    assert_eq!(neighbours(&ring, 6), (Some(5), Some(2)));
    // A gap opens the ring there and nowhere else.
    let open = layout_of(5, &[3]);
    assert_eq!((neighbours(&open, 2), neighbours(&open, 3)), ((Some(5), Some(3)), (Some(2), None)));
    assert_eq!(neighbours(&open, 4), (None, Some(5)));
    let first = layout_of(5, &[1]);
    assert_eq!((neighbours(&first, 2).0, neighbours(&first, 5).1), (None, None));
    // Two are neighbours once.
    let pair = layout_of(2, &[]);
    assert_eq!((neighbours(&pair, 2), neighbours(&pair, 3)), ((None, Some(3)), (Some(2), None)));
    assert_eq!(neighbours(&layout_of(1, &[]), 2), (None, None));
}

#[test]
fn the_sides_of_a_table_are_runs() {
    let mut map = samples::map_of(Vec::new());
    map.sections[0].tables =
        vec![table("T", TableShape::Rectangle { width: 300.0, height: 100.0, sides: [2, 1, 2, 0] })];
    let layout = Layout::compile(&map);
    let starts: Vec<bool> = layout.seats().iter().map(|seat| seat.starts_run).collect();
    assert_eq!(starts, [true, false, true, true, false]);
    assert_eq!((neighbours(&layout, 1), neighbours(&layout, 2)), ((Some(0), None), (None, None)));
}

#[test]
fn views_are_inherited_and_shown_labels_do_not_change_the_technical_ones() {
    let mut map = samples::hall(2, 3);
    map.sections[0].view = Some("https://h/section".into());
    let row = &mut map.sections[0].rows[1];
    (row.view, row.shown) = (Some("https://h/row".into()), Some("Second".into()));
    row.seats = vec![SeatRule {
        view: Some("https://h/seat".into()),
        shown: Some("1 bis".into()),
        ..samples::rule(2)
    }];
    let layout = Layout::compile(&map);
    let view = |seat| layout.view(SeatIndex(seat));
    assert_eq!([0, 3, 4].map(view), ["https://h/section", "https://h/row", "https://h/seat"].map(Some));
    assert_eq!((layout.shown_number(SeatIndex(4)), layout.shown_number(SeatIndex(3))), ("1 bis", "1"));
    assert_eq!((layout.shown_row(1), layout.shown_row(0), layout.shown_row(9)), ("Second", "1", ""));
    assert_eq!((layout.label(SeatIndex(4)), layout.row_label(SeatIndex(4))), ("P-2-2", "2"));
    assert_eq!((view(9), layout.shown_number(SeatIndex(9))), (None, ""));
}

#[test]
fn floors_have_their_own_bounds() {
    let mut map = samples::hall(1, 3);
    map.focal_point = None;
    assert_eq!(Layout::compile(&map).floors().len(), 1);
    map.floors = ["a", "b", "c"].map(|key| Floor { key: key.into(), name: key.into() }).into();
    let mut above = map.sections[0].clone();
    (above.key, above.floor) = ("U".into(), Some("b".into()));
    above.rows[0].start.y = -500.0;
    above.rows[0].end.y = -500.0;
    above.zone = Some("z".into());
    map.zones = vec![Zone { key: "z".into(), name: "Z".into() }];
    map.sections.push(above);
    let layout = Layout::compile(&map);
    assert_eq!((layout.floor_of(SeatIndex(0)), layout.floor_of(SeatIndex(3))), (0, 1));
    assert_eq!((layout.sections()[0].floor, layout.sections()[1].zone), (None, Some(0)));
    let row = |y| Some(Bounds { left: 0, top: y, right: 10_000, bottom: y });
    assert_eq!([0, 1, 2].map(|floor| layout.bounds(floor)), [row(9_000), row(-50_000), None]);
    assert_eq!(layout.bounds(3), None);
    // What is on no floor is on every floor.
    map.icons = vec![Icon { at: Point { x: 0.0, y: 100.0 }, size: 20.0, ..Icon::default() }];
    let layout = Layout::compile(&map);
    assert_eq!(layout.bounds(2), Some(Bounds { left: -1_000, top: 9_000, right: 1_000, bottom: 11_000 }));
    assert_eq!(layout.pitch(), 5_000);
}

#[test]
fn drawings_are_laid_out_in_hundredths() {
    let mut map = samples::hall(1, 1);
    map.shapes = vec![Shape {
        kind: ShapeKind::Ellipse,
        points: vec![Point { x: 0.0, y: 0.005 }, Point { x: 1.5, y: 2.0 }],
        rotation: 725.5,
        fill: Some("#0a0BfF".into()),
        stroke: Some("red".into()),
        ..Shape::default()
    }];
    let image = |role| Image { href: "https://h/i.png".into(), role, opacity: 0.255, ..Image::default() };
    map.images = vec![image(ImageRole::Reference), image(ImageRole::Background)];
    let layout = Layout::compile(&map);
    let shape = &layout.shapes()[0];
    assert_eq!((&shape.points[..], shape.rotation), (&[(0, 1), (150, 200)][..], 550));
    assert_eq!((shape.fill, shape.stroke), (Some([0x0a, 0x0b, 0xff]), None));
    assert_eq!((layout.images().len(), layout.images()[0].opacity), (1, 26));
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

    #[test]
    fn everybody_is_a_neighbour_of_their_neighbours(map in samples::documents()) {
        let layout = Layout::compile(&map);
        prop_assert_eq!(layout.duplicate_labels(), vec![]);
        for seat in layout.seats() {
            let (before, after) = layout.neighbours(seat.index);
            for (neighbour, back) in [(before, 1), (after, 0)] {
                let Some(neighbour) = neighbour else { continue };
                prop_assert_eq!(layout.seats()[neighbour.position()].row, seat.row);
                let (first, second) = layout.neighbours(neighbour);
                prop_assert_eq!([first, second][back], Some(seat.index));
            }
            prop_assert_eq!(layout.find(layout.label(seat.index)), Some(seat.index));
            let floor = layout.bounds(layout.floor_of(seat.index)).unwrap();
            prop_assert!(floor.left <= seat.x && seat.x <= floor.right && floor.top <= seat.y && seat.y <= floor.bottom);
        }
    }
}
