//! The demo venue is what its README promises.

use std::{collections::HashSet, path::Path};

use eventflow_core::seat_map::{Layout, SeatIndex, SeatMap, SeatTrait, validate};
use serde_json::Value;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo-venue").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn map(file: &str) -> SeatMap {
    SeatMap::from_json(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn json(file: &str) -> Value {
    serde_json::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn both_maps_are_flawless_and_say_nothing_twice() {
    for file in ["seat-map.json", "seat-map-club.json"] {
        let map = map(file);
        assert_eq!(validate(&map), [], "{file}");
        // Nothing in the file is a default or lost: its values are those of the canonical text.
        assert_eq!(serde_json::from_str::<Value>(&map.to_json()).unwrap(), json(file), "{file}");
        assert_eq!(SeatMap::from_json(&map.to_json()).unwrap(), map, "{file}");
    }
}

#[test]
fn the_hall_has_the_promised_seats() {
    let layout = Layout::compile(&map("seat-map.json"));
    assert!((2_000..=2_200).contains(&layout.seat_count()), "{} seats", layout.seat_count());
    let used: HashSet<_> = layout.seats().iter().map(|seat| seat.category).collect();
    assert_eq!(used.len(), 5);
    let labels: HashSet<_> = layout.seats().iter().map(|seat| layout.label(seat.index)).collect();
    assert_eq!(labels.len(), layout.seats().len());
    assert_eq!(layout.find("PM-1-1").map(|seat| layout.number(seat)), Some("1"));

    let count = |t: SeatTrait| layout.seats().iter().filter(|seat| seat.traits.contains(t)).count();
    assert!(count(SeatTrait::Wheelchair) >= 10);
    assert_eq!(count(SeatTrait::Wheelchair), count(SeatTrait::Companion));
    assert!(count(SeatTrait::RestrictedView) >= 20);
    for seat in layout.seats().iter().filter(|seat| seat.traits.contains(SeatTrait::Wheelchair)) {
        let (before, after) = layout.neighbours(seat.index);
        let is_companion =
            |seat: SeatIndex| layout.seats()[seat.position()].traits.contains(SeatTrait::Companion);
        assert!([before, after].into_iter().flatten().any(is_companion), "{}", layout.label(seat.index));
    }
    let floor = &layout.ga_areas()[0];
    assert!(floor.capacity > 0 && !used.contains(&floor.category));
}

#[test]
fn the_sides_are_odd_and_even_and_the_centre_counts_outwards() {
    let layout = Layout::compile(&map("seat-map.json"));
    let numbers = |section: &str, row: usize| -> Vec<u32> {
        let section = &layout.sections()[usize::from(layout.section_index(section).unwrap())];
        let row = &layout.rows()[section.rows.clone().nth(row).unwrap() as usize];
        row.seats.clone().map(|seat| layout.number(SeatIndex(seat)).parse().unwrap()).collect()
    };
    assert!(numbers("PL", 0).iter().all(|n| n % 2 == 1) && numbers("PL", 0).is_sorted_by(|a, b| a > b));
    assert!(numbers("PR", 0).iter().all(|n| n % 2 == 0) && numbers("PR", 0).is_sorted());
    let centre = numbers("PM", 1);
    let middle = centre.len() / 2;
    assert_eq!(centre[middle - 1..=middle], [1, 2]);
}

#[test]
fn the_club_holds_five_hundred() {
    let layout = Layout::compile(&map("seat-map-club.json"));
    assert_eq!((layout.seat_count(), layout.ga_areas().len(), layout.ga_areas()[0].capacity), (0, 1, 500));
}

#[test]
fn events_fit_their_maps() {
    assert_eq!(json("venue.json")["time_zone"], "Europe/Berlin");
    let events = json("events.json");
    let events = events.as_array().unwrap();
    assert_eq!(events.len(), 2);
    for event in events {
        let layout = Layout::compile(&map(event["seat_map"].as_str().unwrap()));
        assert!(event["currency"].as_str().unwrap().parse::<eventflow_core::money::Currency>().is_ok());
        assert!(event["time_zone"].as_str().unwrap().parse::<chrono_tz::Tz>().is_ok());
        for field in ["starts_in_days", "duration_minutes", "max_per_buyer", "hold_ttl_secs"] {
            assert!(event[field].as_u64().unwrap() > 0, "{field}");
        }
        let tiers = event["price_tiers"].as_array().unwrap();
        let mut categories = HashSet::new();
        let mut areas = HashSet::new();
        for tier in tiers {
            assert!(tier["price_minor"].as_i64().unwrap() > tier["fee_minor"].as_i64().unwrap());
            assert_eq!(
                (tier["tax_rate_bps"].as_u64(), tier["tax_inclusive"].as_bool()),
                (Some(700), Some(true))
            );
            match (tier["category"].as_str(), tier["ga_area"].as_str()) {
                (Some(key), None) => {
                    categories.insert(Some(layout.category_index(key).unwrap()));
                }
                (None, Some(key)) => {
                    areas.insert(layout.area_index(key).unwrap());
                }
                other => panic!("a tier is for a category or for an area: {other:?}"),
            }
        }
        // Whatever can be chosen has a price.
        assert_eq!(categories, layout.seats().iter().map(|seat| seat.category).collect());
        assert_eq!(areas.len(), layout.ga_areas().len());
    }
    let adult_and_reduced = events[0]["price_tiers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|t| t["category"].is_string() && t["accompanied"].is_null());
    assert_eq!(adult_and_reduced.count(), 10);
}
