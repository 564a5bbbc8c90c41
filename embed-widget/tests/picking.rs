//! Picking as buyers do it: mouse, finger, keys, parties, tables, filters, and others who are faster.

mod support;

use eventflow_core::seat_map::SeatStatus::{Blocked, Free, Held, Sold};
use eventflow_embed_widget::picker::{
    Direction, Picker,
    PointerKind::{Down, Move, Up},
};
use serde_json::{Value, json as value};
use support::{House, json};

fn toggle(house: &mut House, label: &str, party: u32) -> Value {
    let seat = house.seat(label);
    json(&house.picker.toggle(seat, party))
}

#[test]
fn a_click_on_a_seat_means_the_seat_and_a_second_pick_gives_it_back() {
    let mut house = House::open();
    house.picker.zoom_to_section(0);
    let (x, y) = house.place("P-B-4");
    assert_eq!(house.hover(x, y), value!({"hover": {"seat": house.seat("P-B-4")}}));
    assert_eq!(house.click(x + 2.0, y - 2.0), value!({"click": {"seat": house.seat("P-B-4")}}));
    let added = toggle(&mut house, "P-B-4", 1);
    assert_eq!(added, value!({"added": [house.seat("P-B-4")], "removed": [], "refused": null}));
    let removed = toggle(&mut house, "P-B-4", 1);
    assert_eq!(removed, value!({"added": [], "removed": [house.seat("P-B-4")], "refused": null}));
}

#[test]
fn a_drag_is_no_click_and_a_pinch_zooms_around_its_middle() {
    let mut house = House::open();
    house.picker.zoom_to_section(0);
    let (x, y) = house.place("P-B-4");
    house.pointer(Down, 1, x, y, false);
    assert_eq!(house.pointer(Move, 1, x + 40.0, y, false), value!({"drag": true}));
    assert_eq!(house.pointer(Up, 1, x + 40.0, y, false), Value::Null);
    assert!((house.place("P-B-4").0 - x - 40.0).abs() <= 1.0);

    let (x, y) = house.place("P-C-5");
    let zoom = house.picker.zoom()[0];
    house.pointer(Down, 1, x - 20.0, y, true);
    house.pointer(Down, 2, x + 20.0, y, true);
    house.pointer(Move, 1, x - 30.0, y, true);
    house.pointer(Move, 2, x + 30.0, y, true);
    assert!((house.picker.zoom()[0] / zoom - 1.5).abs() < 0.01);
    let after = house.place("P-C-5");
    assert!((after.0 - x).abs() < 2.5 && (after.1 - y).abs() < 1.5, "{after:?}");
    assert_eq!(house.pointer(Up, 1, x, y, true), Value::Null);
    assert_eq!(house.pointer(Up, 2, x, y, true), Value::Null);
}

#[test]
fn a_finger_reaches_farther_than_a_mouse() {
    let mut house = House::open();
    house.picker.zoom_to_section(0);
    let (x, y) = house.place("P-A-9");
    let seat = value!({"click": {"seat": house.seat("P-A-9")}});
    assert_ne!(house.click(x + 16.0, y - 12.0), seat);
    house.pointer(Down, 1, x + 16.0, y - 12.0, true);
    assert_eq!(house.pointer(Up, 1, x + 16.0, y - 12.0, true), seat);
}

#[test]
fn from_afar_a_click_means_the_section_a_booth_or_an_area() {
    let mut house = House::open();
    house.picker.resize(200.0, 120.0, 1.0);
    house.picker.fit();
    assert!(!house.picker.seats_pickable());
    let (x, y) = house.place("P-C-6");
    assert_eq!(house.click(x, y), value!({"click": {"section": 0}}));
    let area = json(&house.picker.area(0));
    let (x, y) = (area["x"].as_f64().unwrap(), area["y"].as_f64().unwrap());
    assert_eq!(house.click(x, y), value!({"click": {"area": 0}}));
    let (x, y) = house.place("T-X1");
    assert_eq!(house.click(x, y), value!({"click": {"seat": house.seat("T-X1")}}));
    assert_eq!(house.click(1.0, 1.0), value!({"click": {}}));
}

#[test]
fn whole_tables_go_together_and_their_top_means_the_table() {
    let mut house = House::open();
    house.picker.zoom_to_section(1);
    let picked = toggle(&mut house, "T-1-3", 1);
    assert_eq!(picked["added"].as_array().unwrap().len(), 6);
    let given_back = toggle(&mut house, "T-1-5", 1);
    assert_eq!((given_back["removed"].as_array().unwrap().len(), house.picker.selected().len()), (6, 0));
    house.becomes(&["T-1-2"], Held);
    let refused = toggle(&mut house, "T-1-3", 1);
    assert_eq!(refused["refused"], value!({"code": "taken", "seats": [house.seat("T-1-2")]}));
    // By chair.
    assert_eq!(toggle(&mut house, "T-2-1", 1)["added"], value!([house.seat("T-2-1")]));
}

#[test]
fn what_cannot_be_picked_is_refused_with_the_reason() {
    let mut house = House::open();
    house.becomes(&["P-A-3"], Sold);
    house.becomes(&["P-A-4"], Held);
    house.becomes(&["P-A-5"], Blocked);
    let code = |house: &mut House, label: &str| toggle(house, label, 1)["refused"]["code"].clone();
    for (label, expected) in [("P-A-3", "taken"), ("P-A-4", "taken"), ("P-A-5", "blocked")] {
        assert_eq!(code(&mut house, label), expected);
    }
    house.picker.set_categories(&[0, 1, 1, 1]);
    assert_eq!(code(&mut house, "P-A-6"), "filtered");
    house.picker.set_categories(&[]);
    house.picker.set_traits_filter(2, 0);
    assert_eq!(
        (code(&mut house, "P-A-6"), toggle(&mut house, "P-A-1", 1)["refused"].is_null()),
        ("filtered".into(), true)
    );
    assert_eq!(json(&house.picker.toggle(9_999, 1))["refused"]["code"], "unknown");
    house.picker.set_traits_filter(0, 0);
    house.picker.set_rules(0, false, false, 1, 2);
    toggle(&mut house, "P-C-1", 1);
    assert_eq!(code(&mut house, "P-C-2"), "max");
    assert_eq!(house.selected(), ["P-A-1", "P-C-1"]);
}

#[test]
fn a_party_gets_seats_side_by_side_around_the_click_that_break_no_rule() {
    let mut house = House::open();
    toggle(&mut house, "P-D-6", 3);
    assert_eq!(house.selected(), ["P-D-5", "P-D-6", "P-D-7"]);
    // The next click moves the party.
    let moved = toggle(&mut house, "P-C-6", 2);
    assert_eq!((house.selected().len(), moved["removed"].as_array().unwrap().len()), (2, 3));
    // Strict: 9 to 11 are around the click, but would leave the last of the row alone.
    house.picker.set_rules(2, false, false, 1, 0);
    house.picker.clear();
    toggle(&mut house, "P-D-10", 3);
    assert_eq!(house.selected(), ["P-D-8", "P-D-9", "P-D-10"]);
    assert_eq!(house.picker.violations(), "[]");
    // Not across the aisle, and not over a taken seat.
    house.becomes(&["P-B-2"], Sold);
    assert_eq!(toggle(&mut house, "P-B-4", 4)["refused"]["code"], "party");
    assert_eq!(house.selected().len(), 3);
    // A click on the party gives all of it back.
    toggle(&mut house, "P-D-9", 3);
    assert!(house.selected().is_empty());
}

#[test]
fn violations_name_the_rule_and_the_seats() {
    let mut house = House::open();
    house.picker.set_rules(2, false, true, 2, 0);
    house.picker.select(&house.seats(&["P-D-2"]));
    let violations = json(&house.picker.violations());
    assert_eq!(violations[0], value!({"rule": "min_places", "seats": [], "area": -1, "limit": 2}));
    assert_eq!(
        violations[1],
        value!({"rule": "orphan", "seats": [house.seat("P-D-1")], "area": -1, "limit": 0})
    );
    // A standing place beside it counts.
    house.picker.set_area_picks(&[0, 1]);
    assert_eq!(json(&house.picker.violations()).as_array().unwrap().len(), 1);
    house.picker.set_rules(0, false, false, 1, 2);
    assert_eq!(json(&house.picker.toggle(house.seat("P-D-5"), 1))["refused"]["code"], "max");
    house.picker.set_area_picks(&[0, 2]);
    assert_eq!(json(&house.picker.violations())[0]["rule"], "max_places");
    house.picker.set_area_picks(&[0, 0]);
    assert_eq!(json(&house.picker.violations()), value!([]));
    assert_eq!(json(&house.picker.toggle(house.seat("P-D-5"), 1))["refused"], Value::Null);
}

#[test]
fn a_marquee_selects_what_it_holds_as_far_as_it_may() {
    let mut house = House::open();
    house.becomes(&["P-D-2"], Sold);
    house.picker.set_marquee_mode(true);
    let (x0, y0) = house.place("P-D-1");
    let (x1, y1) = house.place("P-D-4");
    house.pointer(Down, 1, x0 - 3.0, y0.min(y1) - 3.0, false);
    house.pointer(Move, 1, x1 + 3.0, y0.max(y1) + 3.0, false);
    let event = house.pointer(Up, 1, x1 + 3.0, y0.max(y1) + 3.0, false);
    let at: Vec<f64> = event["marquee"].as_array().unwrap().iter().map(|at| at.as_f64().unwrap()).collect();
    house.picker.marquee(at[0], at[1], at[2], at[3], false);
    assert_eq!(house.selected(), ["P-D-1", "P-D-3", "P-D-4"]);
    house.picker.set_rules(0, false, false, 1, 4);
    let (x, y) = house.place("P-C-6");
    let (left, _) = house.place("P-C-5");
    let answer = json(&house.picker.marquee(left - 2.0, y - 5.0, x + 2.0, y + 5.0, true));
    assert_eq!(answer["refused"]["code"], "max");
    assert_eq!(house.selected().len(), 4);
}

#[test]
fn seats_that_somebody_else_takes_are_lost_but_never_our_own() {
    let mut house = House::open();
    house.picker.select(&house.seats(&["P-C-1", "P-C-2"]));
    assert_eq!(house.becomes(&["P-C-1"], Held), 0);
    assert_eq!(house.selected(), ["P-C-2"]);
    assert_eq!(house.picker.take_lost(), house.seats(&["P-C-1"]));
    assert!(house.picker.take_lost().is_empty());
    // The hold that we make ourselves comes back as held, too.
    house.picker.set_mine(&house.seats(&["P-C-2"]));
    house.becomes(&["P-C-2"], Held);
    assert!(house.picker.take_lost().is_empty());
    assert_eq!(house.selected(), ["P-C-2"]);
    let facts = json(&house.picker.seat(house.seat("P-C-2")));
    assert_eq!(
        (facts["mine"].clone(), facts["on"].clone(), facts["st"].clone()),
        (true.into(), true.into(), 1.into())
    );
    // It expires, and the seat is sold to somebody else.
    house.picker.set_mine(&[]);
    assert_eq!(house.picker.take_lost(), house.seats(&["P-C-2"]));
}

#[test]
fn gaps_and_nonsense_change_nothing() {
    let mut house = House::open();
    let before = house.picker.availability(0);
    house.state.revision += 1;
    assert_eq!(house.becomes(&["P-C-1"], Sold), 1);
    assert_eq!((house.picker.availability(0), house.picker.revision()), (before.clone(), 1.0));
    assert_eq!((house.picker.apply_diff(b"EFD1"), house.picker.apply_snapshot(b"EFA1")), (2, 2));
    let other = eventflow_core::seat_map::Snapshot::new(3, Vec::new());
    assert_eq!(house.picker.apply_snapshot(&other.encode()), 2);
    // A snapshot mends the gap, and what is known already is fine.
    house.state.statuses.set(eventflow_core::seat_map::SeatIndex(house.seat("P-C-1")), Sold);
    assert_eq!(house.picker.apply_snapshot(&house.state.encode()), 0);
    assert_eq!(house.picker.availability(0), [before[0] - 1, before[1]]);
    house.state.revision = 1;
    assert_eq!((house.becomes(&["P-C-2"], Free), house.picker.availability(0)[0]), (0, before[0] - 1));
    assert!(Picker::open(b"EFP1 or so").is_none());
}

#[test]
fn the_focus_moves_with_the_keys_and_the_map_follows() {
    let mut house = House::open();
    house.picker.zoom_by(3.0, 0.0, 0.0, false);
    house.picker.focus(house.seat("P-B-3") as i32);
    let (x, y) = house.place("P-B-3");
    assert!((0.0..640.0).contains(&x) && (0.0..400.0).contains(&y));
    let key = |house: &mut House, direction: Direction| {
        let seat = u32::try_from(house.picker.move_focus(direction)).unwrap();
        house.labels(&[seat])[0].to_owned()
    };
    assert_eq!(key(&mut house, Direction::Right), "P-B-4");
    assert_eq!(key(&mut house, Direction::Left), "P-B-3");
    assert_eq!(key(&mut house, Direction::RowEnd), "P-B-9");
    assert_eq!(key(&mut house, Direction::RowEnd), "P-C-11");
    assert_eq!(key(&mut house, Direction::NextSection), "T-1-1");
    let (x, y) = house.place("T-1-1");
    assert!((0.0..640.0).contains(&x) && (0.0..400.0).contains(&y), "{x} {y}");
    // The section after is on the other floor.
    assert_eq!((key(&mut house, Direction::NextSection).as_str(), house.picker.floor()), ("B-1-1", 1));
    assert_eq!(house.picker.move_focus(Direction::NextSection), house.seat("B-1-1") as i32);
}

#[test]
fn the_meta_data_says_what_there_is() {
    let house = House::open();
    let meta = json(&house.picker.meta());
    assert_eq!(meta["floors"], value!([{"key": "0", "name": "Stalls"}, {"key": "1", "name": "Balcony"}]));
    assert_eq!(meta["areas"][0]["capacity"], 300);
    assert_eq!(meta["sections"][1]["categories"], value!([0, 1]));
    assert_eq!(meta["sections"][2]["floor"], 1);
    let rows = json(&house.picker.section_rows(1));
    let kinds: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["kind"].as_str().unwrap(), row["whole"] == true))
        .collect();
    assert_eq!(kinds, [("table", true), ("table", false), ("booth", false), ("booth", false)]);
    let seats = json(&house.picker.row_seats(0));
    assert_eq!(
        (seats[0]["traits"].clone(), seats[0]["on"].clone(), seats[8]["n"].clone()),
        (3.into(), true.into(), "9".into())
    );
    let facts = json(&house.picker.seat(house.seat("P-A-1")));
    assert_eq!(facts["traits"], value!(["accessible", "wheelchair"]));
    assert_eq!(
        (house.picker.seat(9_999), house.picker.section_rows(99), house.picker.find("nowhere")),
        (String::new(), "[]".into(), -1)
    );
    assert_eq!(house.picker.category_availability()[6..], [300, 300]);
}
