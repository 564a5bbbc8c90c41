use proptest::prelude::*;

use super::{
    super::{
        Category, GaArea, Occupancy, SeatRule, Table, TableSale, TableShape, drawings::Drawing, samples,
    },
    *,
};

/// What the pick of a drawing breaks, with the labels of the seats.
fn broken(lines: &[&str], rules: &Rules) -> Vec<(Rule, Vec<String>)> {
    let drawing = Drawing::of(lines);
    let violations = check(&drawing.layout, &|seat| drawing.is_free(seat), &drawing.picked, rules);
    let labels = |violation: &Violation| -> Vec<String> {
        violation.seats.iter().map(|&seat| drawing.layout.label(seat)[2..].to_owned()).collect()
    };
    violations.iter().map(|violation| (violation.rule, labels(violation))).collect()
}

fn orphans(mode: Orphans, lines: &[&str]) -> Vec<String> {
    let found = broken(lines, &Rules { orphans: mode, ..Rules::NONE });
    assert!(found.iter().all(|(rule, _)| *rule == Rule::Orphan), "{found:?}");
    found.into_iter().flat_map(|(_, labels)| labels).collect()
}

fn both(lines: &[&str]) -> [Vec<String>; 2] {
    [Orphans::Lenient, Orphans::Strict].map(|mode| orphans(mode, lines))
}

const FINE: [String; 0] = [];

#[test]
fn a_single_seat_that_a_move_avoids_is_refused_in_both_modes() {
    for (row, left) in [(".pp...", "1-1"), ("...pp.", "1-6"), ("x.pp..x", "1-2"), (".._.pp...", "1-3")] {
        assert_eq!(both(&[row]), [[left], [left]], "{row}");
    }
    // Of two single seats both are named.
    assert_eq!(both(&[".pp."]), [["1-1", "1-4"], ["1-1", "1-4"]]);
    assert_eq!(both(&["..p.pp"]), [["1-4"], ["1-4"]]);
    for row in ["pp....", "..pp..", "pppppp", "x.xpp..", "..pp", ".x.pp"] {
        assert_eq!(both(&[row])[0], FINE, "{row}");
    }
    assert_eq!(orphans(Orphans::Off, &[".pp..."]), FINE);
}

#[test]
fn at_the_end_of_a_sale_a_single_seat_may_be_left() {
    // Three seats left and two asked for: there is no better way.
    assert_eq!(both(&["xpp.x"]), [FINE, FINE]);
    assert_eq!(both(&["xpp.x", "x...x", "xx.xx"]), [FINE, FINE]);
    // Another gap has room: who is strict sends the buyer there.
    assert_eq!(both(&["xpp.x", "x..xx"]), [vec![], vec!["1-4".to_owned()]]);
    assert_eq!(both(&["xpp.x", "....x"]), [vec![], vec!["1-4".to_owned()]]);
    // One of two: as well as one of three, which leaves a pair.
    assert_eq!(both(&["xp.xx", "x..xx"]), [FINE, FINE]);
    assert_eq!(both(&["xp.xx", "x...x"]), [vec![], vec!["1-3".to_owned()]]);
    // Taking both ends of three leaves as many as any other pair does.
    assert_eq!(both(&["xp.px"]), [FINE, FINE]);
    // What is picked elsewhere is no way out.
    assert_eq!(both(&["xpp.x", "xppxx"]), [FINE, FINE]);
    // The middle of three leaves two single seats, an end none.
    assert_eq!(both(&["x.p.x"]), [["1-2", "1-4"], ["1-2", "1-4"]]);
}

#[test]
fn the_way_out_lies_in_the_same_section_and_category() {
    let mut map = samples::map_of(vec![samples::row("1", 0.0, 3), samples::row("2", 90.0, 4)]);
    map.categories.push(Category { key: "b".into(), name: "B".into(), color: "#00bb00".into() });
    let rules = Rules { orphans: Orphans::Strict, ..Rules::NONE };
    let picked = [SeatIndex(0), SeatIndex(1)];
    let judged =
        |map: &crate::seat_map::SeatMap| check(&Layout::compile(map), &|_| true, &picked[..], &rules).len();
    assert_eq!(judged(&map), 1);
    map.sections[0].rows[1].category = "b".into();
    assert_eq!(judged(&map), 0, "the other row costs something else");
    map.sections[0].rows[1].category = "a".into();
    let mut back = map.sections[0].clone();
    back.key = "B".into();
    back.rows.remove(0);
    map.sections[0].rows.truncate(1);
    map.sections.push(back);
    assert_eq!(judged(&map), 0, "the other row is in another section");
    // A gap of two categories: the seats beside cost something else.
    let mut map = samples::map_of(vec![samples::row("1", 0.0, 4)]);
    map.categories.push(Category { key: "b".into(), name: "B".into(), color: "#00bb00".into() });
    map.sections[0].rows[0].seats = vec![SeatRule { category: Some("b".into()), ..samples::rule(1) }];
    let layout = Layout::compile(&map);
    let judged = |seats: &[u32]| {
        let seats: Vec<_> = seats.iter().copied().map(SeatIndex).collect();
        check(&layout, &|_| true, &seats, &Rules::default()).len()
    };
    assert_eq!((judged(&[1, 2, 3]), judged(&[1, 2]), judged(&[2, 3])), (0, 1, 0));
}

#[test]
fn reserved_places_are_neither_orphans_nor_company() {
    assert_eq!(both(&["w.pp.."]), [["1-2"], ["1-2"]]);
    assert_eq!(both(&["wpp..."]), [FINE, FINE]);
    assert_eq!(both(&["wWw..."]), [FINE, FINE]);
}

#[test]
fn a_pick_may_have_to_be_side_by_side() {
    let rules = Rules { adjacent: true, ..Rules::NONE };
    for fine in [&["ppp.."][..], &["pp_pp"], &["p...."], &["WC...", "...."], &["W....", "C...."]] {
        assert_eq!(broken(fine, &rules), [], "{fine:?}");
    }
    let apart =
        |labels: &[&str]| vec![(Rule::Adjacent, labels.iter().map(|&label| label.to_owned()).collect())];
    assert_eq!(broken(&["pp.p."], &rules), apart(&["1-4"]));
    assert_eq!(broken(&["ppxp."], &rules), apart(&["1-4"]));
    assert_eq!(broken(&["p....", "pp..."], &rules), apart(&["1-1"]));
    assert_eq!(broken(&["p....", "p...."], &rules), apart(&["2-1"]));
    assert_eq!(broken(&["p...p", "pp..p"], &rules), apart(&["1-1", "1-5", "2-5"]));
}

#[test]
fn companions_come_with_a_wheelchair_near_them() {
    let rules = Rules { companions: true, ..Rules::NONE };
    for fine in [
        &["WC..wc"][..],
        &["W...wC"],
        &["W.....", "......C"],
        &["W....."],
        // A second companion, while everybody else still finds one.
        &["WCCwcc"],
        &["xCCWxc"],
    ] {
        assert_eq!(broken(fine, &rules), [], "{fine:?}");
    }
    let refused =
        |labels: &[&str]| vec![(Rule::Companion, labels.iter().map(|&label| label.to_owned()).collect())];
    assert_eq!(broken(&["wC.pp."], &rules), refused(&["1-2"]));
    assert_eq!(broken(&["W.....", "......", "....C."], &rules), refused(&["3-5"]));
    // Two wheelchairs, two companions: one for each.
    assert_eq!(broken(&["WCwC.."], &rules), refused(&["1-4"]));
    assert_eq!(broken(&["WCwCwc"], &rules), refused(&["1-4"]));
    assert_eq!(broken(&["WCwCcc"], &rules), []);
}

#[test]
fn counts_are_kept_with_places_of_areas() {
    let drawing = Drawing::of(&["pp..."]);
    let rules = Rules { min: 3, max: 5, ..Rules::NONE };
    let judge = |areas: &[(u16, u32)]| {
        let picked = Picked { seats: &drawing.picked, areas };
        let violations = check(&drawing.layout, &|seat| drawing.is_free(seat), picked, &rules);
        violations.iter().map(|violation| (violation.rule, violation.limit)).collect::<Vec<_>>()
    };
    assert_eq!(judge(&[]), [(Rule::MinPlaces, 3)]);
    assert_eq!(judge(&[(0, 1)]), []);
    assert_eq!(judge(&[(0, 4)]), [(Rule::MaxPlaces, 5)]);
    assert_eq!(judge(&[(0, u32::MAX)]), [(Rule::MaxPlaces, 5)]);
    assert_eq!(check(&drawing.layout, &|_| true, Picked::default(), &rules), [], "nothing is no violation");
}

/// A round table of six chairs and one of four that is sold as a whole, a lounge and a box for a party of two to five.
fn restaurant() -> Layout {
    let table = |label: &str, chairs, sold| Table {
        label: label.into(),
        category: "a".into(),
        shape: TableShape::Round { radius: 80.0, chairs },
        sold,
        ..Table::default()
    };
    let area = |key: &str, sold| GaArea {
        key: key.into(),
        name: key.to_uppercase(),
        category: "a".into(),
        capacity: 20,
        sold,
        ..GaArea::default()
    };
    let mut map = samples::map_of(Vec::new());
    map.sections[0].tables = vec![table("T1", 6, TableSale::Seats), table("T2", 4, TableSale::Whole)];
    map.ga_areas = vec![
        area("lounge", Occupancy::Whole),
        area("box", Occupancy::Group { min: 2, max: 5 }),
        area("floor", Occupancy::Places),
    ];
    Layout::compile(&map)
}

#[test]
fn round_tables_are_rings_and_some_are_sold_as_a_whole() {
    let layout = restaurant();
    let judge = |picked: &[u32], rules: &Rules| {
        let picked: Vec<_> = picked.iter().copied().map(SeatIndex).collect();
        let violations = check(&layout, &|_| true, &picked, rules).into_iter();
        violations
            .map(|violation| (violation.rule, violation.seats.iter().map(|seat| seat.0).collect()))
            .collect::<Vec<(Rule, Vec<u32>)>>()
    };
    let strict = Rules { orphans: Orphans::Strict, adjacent: true, ..Rules::default() };
    assert_eq!(judge(&[5, 0], &strict), [], "the first and the last chair are neighbours");
    assert_eq!(judge(&[0, 2], &strict), [(Rule::Orphan, vec![1])]);
    assert_eq!(judge(&[0, 2, 4], &strict), [(Rule::Orphan, vec![1, 3, 5])]);
    assert_eq!(judge(&[0, 1, 2, 3, 4], &strict), [], "five of six: no better way at this table");
    assert_eq!(judge(&[6, 7, 8, 9], &strict), []);
    assert_eq!(judge(&[7, 8], &Rules::NONE), [(Rule::WholeTable, vec![6, 9])]);
    assert_eq!(judge(&[5, 7], &Rules { adjacent: true, ..Rules::NONE })[1], (Rule::Adjacent, vec![7]));
}

#[test]
fn areas_are_sold_in_their_amounts() {
    let layout = restaurant();
    let judge = |areas: &[(u16, u32)]| {
        let picked = Picked { seats: &[], areas };
        let violations = check(&layout, &|_| true, picked, &Rules::NONE).into_iter();
        violations.map(|violation| (violation.rule, violation.area, violation.limit)).collect::<Vec<_>>()
    };
    assert_eq!(judge(&[(0, 20), (1, 2), (2, 7)]), []);
    assert_eq!(judge(&[(0, 19)]), [(Rule::WholeArea, Some(0), 20)]);
    assert_eq!(judge(&[(1, 1)]), [(Rule::GroupMin, Some(1), 2)]);
    assert_eq!(judge(&[(1, 6), (0, 1)]), [(Rule::GroupMax, Some(1), 5), (Rule::WholeArea, Some(0), 20)]);
    assert_eq!(judge(&[(1, 5)]), []);
    let picked = Picked { seats: &[], areas: &[(1, 1)] };
    let sentence = check(&layout, &|_| true, picked, &Rules::NONE)[0].sentence(&layout);
    assert_eq!(sentence, "BOX is for one party of at least 2.");
}

#[test]
fn violations_are_sentences_with_labels() {
    let drawing = Drawing::of(&[".pp..."]);
    let violations = check(&drawing.layout, &|_| true, &drawing.picked, &Rules::default());
    let sentence = violations[0].sentence(&drawing.layout);
    assert_eq!(sentence, "This leaves single seats that nobody will buy: P-1-1. Choose seats beside them.");
    let mut codes: Vec<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Rule::ALL.len());
    for (mode, text) in Orphans::ALL {
        assert_eq!((mode.as_str(), Orphans::parse(text)), (text, Some(mode)));
    }
    assert_eq!(Orphans::parse("loose"), None);
}

fn bit(bits: u128, seat: SeatIndex) -> bool {
    bits >> (seat.0 % 128) & 1 == 1
}

proptest! {
    #[test]
    fn strict_refuses_what_lenient_does_and_both_only_orphans(map in samples::maps(), free: u128, pick: u128, few: u128) {
        let layout = Layout::compile(&map);
        let is_free = |seat| bit(free, seat);
        let seats = layout.seats().iter().map(|seat| seat.index);
        let picked: Vec<_> = seats.filter(|&seat| bit(free & pick & few, seat)).collect();
        let [off, lenient, strict] =
            Orphans::ALL.map(|(mode, _)| orphans::avoidable(&layout, &is_free, &picked, mode));
        let all = leaves_orphan(&layout, &is_free, &picked);
        prop_assert!(off.is_empty());
        prop_assert!(lenient.iter().all(|seat| strict.contains(seat)));
        prop_assert!(strict.iter().all(|seat| all.contains(seat)));
    }

    #[test]
    fn a_refused_pick_of_one_gap_has_a_better_one(map in samples::maps(), free: u128, start in 0..128_u32, count in 1..5_u32) {
        let layout = Layout::compile(&map);
        let is_free = |seat: SeatIndex| bit(free, seat) && seat.0 < layout.seat_count();
        let run = |start: u32| {
            let seats: Vec<SeatIndex> = (start..start + count).map(SeatIndex).collect();
            let together = seats.windows(2).all(|pair| layout.neighbours(pair[0]).1 == Some(pair[1]));
            (together && seats.iter().all(|&seat| is_free(seat))).then_some(seats)
        };
        let Some(picked) = run(start % layout.seat_count()) else { return Ok(()) };
        // A place for a wheelchair divides a row into gaps: a pick across it is not of one gap.
        let divides = |&seat: &SeatIndex| layout.seat(seat).is_some_and(|seat| seat.traits.intersects(RESERVED));
        if picked.iter().any(divides) {
            return Ok(());
        }
        let section = layout.seat(picked[0]).map(|seat| seat.section);
        let better = (0..layout.seat_count()).filter_map(run).any(|seats| {
            leaves_orphan(&layout, &is_free, &seats).is_empty()
                && layout.seat(seats[0]).map(|seat| seat.section) == section
        });
        if !orphans::avoidable(&layout, &is_free, &picked, Orphans::Strict).is_empty() {
            prop_assert!(better, "{picked:?}");
        }
    }

    #[test]
    fn the_whole_house_can_be_sold_by_the_rules(map in samples::maps(), order: u64, count in 1..4_usize) {
        // A buyer who is refused picks something else; in the end every seat is sold.
        let layout = Layout::compile(&map);
        let rules = Rules { orphans: Orphans::Strict, ..Rules::NONE };
        let mut sold = vec![false; layout.seats().len()];
        let mut seed = order | 1;
        let mut refused = 0;
        while sold.iter().any(|sold| !sold) && refused < 2_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let first = usize::try_from(seed >> 33).unwrap() % sold.len();
            let picked: Vec<_> = (first..sold.len().min(first + count)).filter(|&at| !sold[at])
                .map(|at| layout.seats()[at].index).collect();
            let free = |seat: SeatIndex| !sold[seat.position()];
            if picked.is_empty() || !check(&layout, &free, &picked, &rules).is_empty() {
                refused += 1;
                continue;
            }
            picked.iter().for_each(|seat| sold[seat.position()] = true);
            refused = 0;
        }
        prop_assert!(sold.iter().all(|&sold| sold), "{} left", sold.iter().filter(|&&sold| !sold).count());
    }
}
