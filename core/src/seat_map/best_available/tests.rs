use std::collections::HashSet;

use proptest::prelude::*;

use super::{
    super::{drawings::Drawing, samples},
    *,
};
use crate::seat_map::{Category, RowKind, SeatMap, Table, TableSale, TableShape, Zone};

fn ask(quantity: u32) -> Request {
    Request { quantity, ..Request::default() }
}

fn labels(layout: &Layout, candidates: &[Candidate]) -> Vec<Vec<String>> {
    let of = |c: &Candidate| c.seats.iter().map(|&s| layout.label(s)[2..].to_string()).collect();
    candidates.iter().map(of).collect()
}

fn best(lines: &[&str], request: &Request) -> (Vec<String>, Quality) {
    let drawing = Drawing::of(lines);
    let candidates = rank(&drawing.layout, &|seat| drawing.is_free(seat), request, 4);
    (labels(&drawing.layout, &candidates).remove(0), candidates[0].why.quality)
}

fn none(lines: &[&str], request: &Request) -> Vec<Candidate> {
    let drawing = Drawing::of(lines);
    rank(&drawing.layout, &|seat| drawing.is_free(seat), request, 4)
}

#[test]
fn the_middle_of_the_first_row_is_best_in_an_empty_house() {
    let layout = Layout::compile(&samples::hall(5, 10));
    let candidates = rank(&layout, &|_| true, &ask(2), 3);
    assert_eq!(labels(&layout, &candidates), [["1-5", "1-6"], ["1-3", "1-4"], ["1-7", "1-8"]]);
    assert!(candidates.windows(2).all(|pair| pair[0].why.score >= pair[1].why.score));
    let why = &candidates[0].why;
    assert_eq!((why.quality, why.pieces, why.orphans, why.reserved), (Quality::Together, 1, 0, 0));
}

#[test]
fn a_worse_row_is_better_than_an_orphan() {
    assert_eq!(best(&["x...x", "x..xx"], &ask(2)), (vec!["2-2".into(), "2-3".into()], Quality::Together));
    let only = best(&["x...x", "xxxxx"], &ask(2));
    assert_eq!(only, (vec!["1-2".into(), "1-3".into()], Quality::TogetherLeavingOrphans));
}

#[test]
fn gaps_and_taken_seats_are_not_adjacent() {
    assert_eq!(best(&["x._.x", "....."], &ask(2)).0, ["2-1", "2-2"]);
    assert_eq!(best(&["x.x.x", "xxx.."], &ask(2)).0, ["2-4", "2-5"]);
}

#[test]
fn without_neighbours_the_group_is_split_over_near_rows() {
    let split = best(&["..xxx", "xxxx.", "..xxx"], &ask(4));
    assert_eq!(split, (["1-1", "1-2", "3-1", "3-2"].map(String::from).to_vec(), Quality::Split));
    assert_eq!(best(&["xxx.x", "x.x.x", "xxxxx", ".xxxx"], &ask(2)).0, ["1-4", "2-4"]);
    assert_eq!(none(&["x.xx.", "xx.xx"], &ask(4)), []);
}

#[test]
fn reserved_places_are_given_when_asked_for_or_when_nothing_else_is_left() {
    let hall = ["wcwc..", "......"];
    assert_eq!(best(&hall, &ask(2)).0, ["1-5", "1-6"]);
    assert_eq!(best(&hall, &ask(4)).0, ["2-1", "2-2", "2-3", "2-4"]);
    let accessible = |quantity| Request { accessible: true, ..ask(quantity) };
    assert_eq!(best(&hall, &accessible(1)).0, ["1-1"]);
    assert_eq!(best(&hall, &accessible(2)).0, ["1-1", "1-2"]);
    // One wheelchair place is enough for the group; the other stays for somebody else.
    assert_eq!(best(&hall, &accessible(4)).0, ["1-3", "1-4", "1-5", "1-6"]);
    assert_eq!(best(&["wcxx", "xxx."], &ask(2)).0, ["1-1", "1-2"]);
    assert_eq!(none(&["xcx.", "...."], &accessible(2)), []);
    // A wheelchair place without free neighbours, and the nearest seat to it.
    assert_eq!(best(&["xwx.", "x..."], &accessible(2)).0, ["1-2", "2-2"]);
}

#[test]
fn as_many_wheelchairs_as_people_need_and_a_companion_for_each() {
    let wheelchairs = |wheelchairs, quantity| Request { wheelchairs, ..ask(quantity) };
    let hall = ["wcwc..", "......"];
    assert_eq!(best(&hall, &wheelchairs(1, 1)).0, ["1-1"]);
    assert_eq!(best(&hall, &wheelchairs(1, 2)).0, ["1-1", "1-2"]);
    assert_eq!(best(&hall, &wheelchairs(2, 4)).0, ["1-1", "1-2", "1-3", "1-4"]);
    assert_eq!(best(&hall, &wheelchairs(2, 3)).0, ["1-1", "1-2", "1-3"]);
    assert_eq!(none(&hall, &wheelchairs(3, 4)), []);
    assert_eq!(none(&hall, &wheelchairs(2, 1)), []);
    // Two places that are not side by side, with the nearest seats.
    let apart = (["1-1", "1-2", "2-4", "2-5"].map(String::from).to_vec(), Quality::Split);
    assert_eq!(best(&["wcxxx", "xxxwc"], &wheelchairs(2, 4)), apart);
    assert_eq!(none(&["wcxxx", "xxxwc"], &Request { together: true, ..wheelchairs(2, 4) }), []);
    // The second wheelchair's place is kept while the first piece is taken.
    let both = best(&["w....", "xxxxw"], &wheelchairs(2, 4)).0;
    assert!(both.contains(&"1-1".into()) && both.contains(&"2-5".into()) && both.len() == 4, "{both:?}");
}

#[test]
fn companions_seats_go_with_wheelchairs_where_the_event_says_so() {
    let rule = |request| Request { companions: true, ..request };
    assert_eq!(best(&["wcxx", "xxx."], &ask(2)).0, ["1-1", "1-2"]);
    assert_eq!(best(&["wcxx", "xxx."], &rule(ask(2))), (vec!["1-1".into(), "2-4".into()], Quality::Split));
    assert_eq!(none(&["xcxx", "xxx."], &rule(ask(2))), []);
    assert_eq!(best(&["wc..", "...."], &rule(Request { wheelchairs: 1, ..ask(2) })).0, ["1-1", "1-2"]);
}

#[test]
fn a_group_that_has_to_sit_together_is_not_split() {
    let together = Request { together: true, ..ask(4) };
    assert_eq!(none(&["..xxx", "xxxx.", "..xxx"], &together), []);
    assert_eq!(best(&["..xxx", "x....", "..xxx"], &together).0, ["2-2", "2-3", "2-4", "2-5"]);
}

fn table(label: &str, shape: TableShape, sold: TableSale) -> Table {
    Table { label: label.into(), category: "a".into(), shape, sold, ..Table::default() }
}

#[test]
fn tables_seat_people_all_around_and_some_are_sold_as_a_whole() {
    let mut map = samples::map_of(Vec::new());
    map.sections[0].tables = vec![
        table("T1", TableShape::Round { radius: 80.0, chairs: 6 }, TableSale::Seats),
        table(
            "T2",
            TableShape::Rectangle { width: 100.0, height: 50.0, sides: [2, 1, 2, 1] },
            TableSale::Seats,
        ),
        table("T3", TableShape::Round { radius: 80.0, chairs: 4 }, TableSale::Whole),
    ];
    let layout = Layout::compile(&map);
    let of = |free: &[u32], quantity| -> Vec<Vec<u32>> {
        let candidates = rank(&layout, &|seat| free.contains(&seat.0), &ask(quantity), 3);
        assert!(candidates.iter().all(|candidate| candidate.why.pieces == 1), "{candidates:?}");
        candidates.iter().map(|c| c.seats.iter().map(|seat| seat.0).collect()).collect()
    };
    // The last chair of a round table is beside the first.
    assert_eq!(of(&[4, 5, 0], 3), [[0, 4, 5]]);
    // Around the corner of the other one.
    assert_eq!(of(&[7, 8, 9], 3), [[7, 8, 9]]);
    // Who fills the table can have it; others cannot, and it is no part of a split.
    assert_eq!(of(&[12, 13, 14, 15], 4), [[12, 13, 14, 15]]);
    assert_eq!(of(&[12, 13, 14, 15], 3), Vec::<Vec<u32>>::new());
    assert_eq!(of(&[12, 13, 14], 3), Vec::<Vec<u32>>::new());
    assert_eq!(rank(&layout, &|seat| ![0, 2, 4, 6, 8, 10, 15].contains(&seat.0), &ask(7), 1), []);
}

#[test]
fn seats_are_ranked_as_what_they_are_sold_as() {
    let layout = Layout::compile(&two_categories());
    let request = Request { categories: vec![1], ..ask(2) };
    // The event sells two seats of the first row in the other category.
    let sold_as = |seat: SeatIndex| if seat.0 < 2 { Some(1) } else { layout.seat(seat).unwrap().category };
    let best = rank_sold_as(&layout, &|_| true, &sold_as, &request, 2);
    assert!(best.iter().any(|candidate| candidate.seats == [SeatIndex(0), SeatIndex(1)]), "{best:?}");
    let apart = rank_sold_as(&layout, &|seat| (1..3).contains(&seat.0), &sold_as, &ask(2), 1);
    assert_eq!(apart[0].why.quality, Quality::Split, "neighbours that cost differently are no group");
}

fn two_categories() -> SeatMap {
    let mut map = samples::hall(4, 6);
    map.categories.push(Category { key: "b".into(), name: "B".into(), color: "#00bb00".into() });
    let mut back = map.sections[0].clone();
    back.key = "B".into();
    back.rows.drain(..2);
    map.sections[0].rows.truncate(2);
    map.sections.push(back);
    map.sections[0].rows[1].category = "b".into();
    map
}

#[test]
fn filters_by_category_and_section() {
    let mut map = two_categories();
    map.zones = vec![Zone { key: "back".into(), name: "Back".into() }];
    map.sections[1].zone = Some("back".into());
    let layout = Layout::compile(&map);
    let first =
        |request: Request| layout.label(rank(&layout, &|_| true, &request, 1)[0].seats[0]).to_string();
    assert_eq!(first(ask(2)), "P-1-3");
    assert_eq!(first(Request { categories: vec![1], ..ask(2) }), "P-2-3");
    assert_eq!(first(Request { sections: vec![1], ..ask(2) }), "B-3-3");
    assert_eq!(first(Request { zones: vec![0], ..ask(2) }), "B-3-3");
    let none = Request { categories: vec![1], sections: vec![1], ..ask(2) };
    assert_eq!(rank(&layout, &|_| true, &none, 1), []);
}

#[test]
fn a_group_has_one_category() {
    let mut map = samples::hall(1, 4);
    map.categories = two_categories().categories;
    map.sections[0].rows[0].seats =
        vec![crate::seat_map::SeatRule { category: Some("b".into()), ..samples::rule(1) }];
    let layout = Layout::compile(&map);
    let candidates = rank(&layout, &|seat| seat.0 < 3, &ask(2), 5);
    assert_eq!(labels(&layout, &candidates), [["1-2", "1-3"]]);
}

#[test]
fn spread_turns_the_candidates() {
    let layout = Layout::compile(&samples::hall(5, 10));
    let of = |spread| rank(&layout, &|_| true, &Request { spread, ..ask(2) }, 8);
    let straight = of(0);
    assert_eq!(straight.len(), 8);
    for spread in 0..20 {
        let mut turned = straight.clone();
        turned.rotate_left(spread as usize % 8);
        assert_eq!(of(spread), turned);
    }
}

#[test]
fn senseless_requests_have_no_candidates() {
    let layout = Layout::compile(&samples::hall(2, 3));
    assert_eq!(rank(&layout, &|_| true, &ask(0), 5), []);
    assert_eq!(rank(&layout, &|_| true, &ask(101), 5), []);
    assert_eq!(rank(&layout, &|_| true, &ask(7), 5), []);
    assert_eq!(rank(&layout, &|_| true, &ask(2), 0), []);
    assert_eq!(rank(&layout, &|_| false, &ask(1), 5), []);
    assert_eq!(rank(&layout, &|_| true, &ask(6), usize::MAX).len(), 1);
}

fn bit(bits: u128, seat: SeatIndex) -> bool {
    bits >> (seat.0 % 128) & 1 == 1
}

proptest! {
    #[test]
    fn candidates_are_free_distinct_and_as_good_as_they_say(
        map in samples::maps(), free: u128, quantity in 1..7_u32, accessible: bool, spread: u32,
        limit in 1..12_usize,
    ) {
        let layout = Layout::compile(&map);
        let is_free = |seat| bit(free, seat);
        let request = Request { accessible, spread, ..ask(quantity) };
        let candidates = rank(&layout, &is_free, &request, limit);
        prop_assert!(candidates.len() <= limit);
        let mut seen = HashSet::new();
        for candidate in &candidates {
            prop_assert_eq!(candidate.seats.len(), quantity as usize);
            let orphans = leaves_orphan(&layout, &is_free, &candidate.seats);
            prop_assert_eq!(orphans.len(), candidate.why.orphans as usize);
            for &seat in &candidate.seats {
                prop_assert!(is_free(seat) && seen.insert(seat));
            }
            let traits = |seat: SeatIndex| layout.seat(seat).unwrap().traits;
            if accessible {
                prop_assert!(candidate.seats.iter().any(|&s| traits(s).intersects(STEP_FREE)));
            }
            if candidate.why.quality != Quality::Split {
                let row = layout.row_of(candidate.seats[0]).unwrap();
                let is_table = matches!(row.kind, RowKind::Table { .. });
                for pair in candidate.seats.windows(2) {
                    prop_assert_eq!(layout.row_of(pair[1]), Some(row));
                    prop_assert!(is_table || layout.neighbours(pair[0]).1 == Some(pair[1]));
                }
            }
        }
        let ranks: Vec<_> = candidates.iter().map(|c| c.why.quality).collect();
        prop_assert!(ranks.is_sorted());
        prop_assert_eq!(&candidates, &rank(&layout, &is_free, &request, limit));
    }

    #[test]
    fn reserved_places_stay_while_others_are_left(map in samples::maps(), free: u128, quantity in 1..7_u32) {
        let layout = Layout::compile(&map);
        let standard = layout.seats().iter().filter(|s| bit(free, s.index) && !s.traits.intersects(RESERVED));
        let enough = standard.count() >= quantity as usize;
        let candidates = rank(&layout, &|seat| bit(free, seat), &ask(quantity), 5);
        prop_assert!(!enough || !candidates.is_empty());
        prop_assert!(!enough || candidates.iter().all(|c| c.why.reserved == 0));
    }

    #[test]
    fn pairs_sell_the_whole_house(map in samples::maps(), spread: u32) {
        let layout = Layout::compile(&map);
        let mut sold = HashSet::new();
        let request = Request { spread, ..ask(2) };
        while let Some(first) = rank(&layout, &|seat| !sold.contains(&seat), &request, 3).first() {
            for &seat in &first.seats {
                prop_assert!(sold.insert(seat));
            }
        }
        prop_assert_eq!(sold.len() as u32, layout.seat_count() / 2 * 2);
    }

    #[test]
    fn the_best_pair_is_not_farther_than_any_other_clean_pair(free: u128) {
        let layout = Layout::compile(&samples::hall(8, 16));
        let is_free = |seat| bit(free, seat);
        let total = |seats: &[SeatIndex]| seats.iter().map(|&seat| u64::from(layout.distance(seat))).sum::<u64>();
        let pairs = layout.seats().iter().filter_map(|seat| Some([seat.index, layout.neighbours(seat.index).1?]));
        let clean = pairs.filter(|pair| {
            pair.iter().all(|&seat| is_free(seat)) && leaves_orphan(&layout, &is_free, pair).is_empty()
        });
        let nearest = clean.map(|pair| total(&pair)).min();
        let candidates = rank(&layout, &is_free, &ask(2), 1);
        let first = candidates.first().filter(|c| c.why.quality == Quality::Together);
        prop_assert_eq!(first.map(|c| total(&c.seats)), nearest);
    }
}
