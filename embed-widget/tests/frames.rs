//! Frames paint what has changed, and that is the same as painting everything.

mod support;

use eventflow_core::seat_map::{Diff, Layout, SeatIndex, SeatStatus, stadium_on_one_floor};
use eventflow_embed_widget::picker::PointerKind::{Down, Leave, Move, Up};
use proptest::prelude::*;
use support::{House, json};

/// What somebody may do to a picker.
#[derive(Debug, Clone)]
enum Act {
    Pan(i32, i32),
    Zoom(f64, f64, f64),
    Take(u32, u8),
    Pick(u32),
    Hover(f64, f64),
    Focus(u32),
    Leave,
    Filter(u8),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (-200..200_i32, -150..150_i32).prop_map(|(x, y)| Act::Pan(x, y)),
        2 => (0.5..2.5_f64, 0.0..640.0_f64, 0.0..400.0_f64).prop_map(|(f, x, y)| Act::Zoom(f, x, y)),
        2 => (0..70_u32, 0..4_u8).prop_map(|(seat, status)| Act::Take(seat, status)),
        2 => (0..70_u32).prop_map(Act::Pick),
        2 => (0.0..640.0_f64, 0.0..400.0_f64).prop_map(|(x, y)| Act::Hover(x, y)),
        1 => (0..70_u32).prop_map(Act::Focus),
        1 => Just(Act::Leave),
        1 => (0..16_u8).prop_map(Act::Filter),
    ];
    prop::collection::vec(act, 1..12)
}

fn act(house: &mut House, act: &Act) {
    let seats = house.layout.seat_count();
    match *act {
        Act::Pan(x, y) => house.picker.pan_by(f64::from(x), f64::from(y)),
        Act::Zoom(factor, x, y) => house.picker.zoom_by(factor, x, y, false),
        Act::Take(seat, status) => {
            let change = (SeatIndex(seat % seats), SeatStatus::ALL[usize::from(status)]);
            let base = house.picker.revision() as u64;
            house.picker.apply_diff(&Diff::new(base, base + 1, [change], [(0, seat)]).encode());
        }
        Act::Pick(seat) => drop(house.picker.toggle(seat % seats, 1)),
        Act::Hover(x, y) => drop(house.hover(x, y)),
        Act::Focus(seat) => {
            house.picker.show_focus(true);
            house.picker.focus((seat % seats) as i32);
        }
        Act::Leave => drop(house.pointer(Leave, 1, 0.0, 0.0, false)),
        Act::Filter(bits) => {
            house.picker.set_categories(&[bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3])
        }
    }
}

fn differing(a: &[u8], b: &[u8]) -> usize {
    a.chunks(4).zip(b.chunks(4)).filter(|(a, b)| a != b).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn moved_and_mended_frames_are_as_if_painted_anew(acts in acts()) {
        let mut house = House::open();
        house.paint();
        for step in &acts {
            act(&mut house, step);
            house.paint();
        }
        let mended = house.pixels();
        let whole = house.whole();
        prop_assert_eq!(differing(&mended, &whole), 0);
    }

    #[test]
    fn what_is_not_in_the_dirty_rectangles_has_not_changed(acts in acts()) {
        let mut house = House::open();
        house.paint();
        for step in &acts {
            let before = house.pixels();
            act(&mut house, step);
            let flags = house.frame();
            let (after, dirty) = (house.pixels(), house.picker.dirty());
            prop_assert_eq!(flags & 1 == 1, !dirty.is_empty());
            for (at, (a, b)) in before.chunks(4).zip(after.chunks(4)).enumerate() {
                let (x, y) = ((at % 640) as i32, (at / 640) as i32);
                let covered = dirty.chunks(4).any(|r| (r[0]..r[0] + r[2]).contains(&x) && (r[1]..r[1] + r[3]).contains(&y));
                prop_assert!(a == b || covered, "{x} {y} after {step:?}");
            }
        }
    }
}

#[test]
fn nothing_is_painted_when_nothing_has_changed() {
    let mut house = House::open();
    assert_eq!(house.paint() & 1, 1);
    assert_eq!((house.frame(), house.picker.dirty().len()), (0, 0));
}

#[test]
fn one_seat_is_a_small_part_of_a_frame() {
    let mut house = House::open();
    house.picker.zoom_by(2.0, 200.0, 200.0, false);
    house.paint();
    house.becomes(&["P-B-4"], SeatStatus::Sold);
    house.frame();
    let area: i32 = house.picker.dirty().chunks(4).map(|rect| rect[2] * rect[3]).sum();
    assert!(area > 0 && area < 640 * 400 / 10, "{area}");
}

#[test]
fn a_burst_is_shown_by_the_next_frame() {
    let mut house = House::of(Layout::compile(&stadium_on_one_floor(10_000)));
    house.paint();
    let before = house.pixels();
    let changes = (0..1_000).map(|nth| (SeatIndex(nth * 10), SeatStatus::Sold));
    assert_eq!(house.picker.apply_diff(&Diff::new(1, 2, changes, []).encode()), 0);
    let flags = house.frame();
    assert_eq!(flags & 1, 1);
    // But for the counts of the blocks, whose texts are new.
    house.paint();
    let after = house.pixels();
    assert!(differing(&before, &after) > 1_000);
    assert_eq!(differing(&after, &house.whole()), 0);
}

#[test]
fn flings_and_flights_come_to_rest_inside_the_plan() {
    let mut house = House::open();
    house.picker.reduce_motion(false);
    house.picker.zoom_by(3.0, 320.0, 200.0, false);
    house.paint();
    for at in 0..6 {
        house.pointer(if at > 0 { Move } else { Down }, 1, 400.0 + f64::from(at) * 25.0, 200.0, false);
    }
    house.pointer(Up, 1, 525.0, 200.0, false);
    let before = house.picker.view();
    assert_eq!(house.frame() & 2, 2, "a fling goes on");
    house.paint();
    assert!(house.picker.view()[1] > before[1] + 10.0);
    house.picker.zoom_to_section(1);
    house.paint();
    assert!(house.picker.seats_pickable());
    let facts = json(&house.picker.seat(house.seat("T-1-1")));
    assert!((0.0..640.0).contains(&facts["x"].as_f64().unwrap()));
    house.picker.fit();
    house.paint();
    assert!((house.picker.zoom()[0] - 1.0).abs() < 1e-9);
}

#[test]
fn images_below_leave_the_ground_clear() {
    let mut map = eventflow_core::seat_map::SeatMap::from_json(
        &std::fs::read_to_string(support::folder().join("house.json")).unwrap(),
    )
    .unwrap();
    map.images.push(eventflow_core::seat_map::Image {
        href: "https://example.org/plan.png".into(),
        width: 100.0,
        height: 50.0,
        floor: Some("0".into()),
        ..Default::default()
    });
    let mut house = House::of(Layout::compile(&map));
    house.paint();
    assert_eq!(house.pixels()[3], 0);
    assert_eq!(json(&house.picker.images())[0]["width"], 100.0);
    house.picker.set_floor(1);
    house.paint();
    assert_eq!(house.pixels()[3], 255);
}

#[test]
fn the_minimap_leads_to_where_one_points() {
    let mut house = House::open();
    house.picker.minimap_resize(120, 80);
    house.picker.zoom_by(4.0, 320.0, 200.0, false);
    assert_eq!(house.paint() & 4, 4);
    assert_eq!(house.picker.minimap().len(), 120 * 80);
    house.picker.minimap_to(0.1, 0.3);
    let left = house.place("P-A-1").0;
    house.picker.minimap_to(0.9, 0.3);
    assert!(house.place("P-A-1").0 < left - 300.0);
}

#[test]
fn the_minimap_shows_the_whole_floor_with_a_margin() {
    const MARGIN: usize = 4;
    let mut house = House::open();
    house.picker.minimap_resize(120, 84);
    for floor in 0..2 {
        house.picker.set_floor(floor);
        house.picker.zoom_by(4.0, 320.0, 200.0, false);
        house.paint();
        let pixels = house.minimap_pixels();
        let is_blank = |x: usize, y: usize| pixels[(y * 120 + x) * 4..][..3] == [0xff; 3];
        for (x, y) in (0..84).flat_map(|y| (0..120).map(move |x| (x, y))) {
            let inner = (MARGIN..120 - MARGIN).contains(&x) && (MARGIN..84 - MARGIN).contains(&y);
            assert!(inner || is_blank(x, y), "{x}, {y} of floor {floor}");
        }
        assert!((0..84).any(|y| !is_blank(60, y)), "floor {floor} is drawn");
    }
}
