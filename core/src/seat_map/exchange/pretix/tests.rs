//! Plans that both sides can express come back as they were.

use proptest::prelude::*;

use super::{schema::*, *};

fn position(x: i32, y: i32) -> Position {
    Position { x: f64::from(x), y: f64::from(y) }
}

prop_compose! {
    /// A straight row with gaps, seats of two categories, and a number of its own for some.
    fn rows(zone: &'static str)(
        x in 0..500_i32, y in 0..500_i32, pitch in 20..40_i32, slope in -5..5_i32, shown in any::<bool>(),
        kinds in prop::collection::vec((0..8_u8, any::<bool>()), 1..12),
    ) -> Row {
        let mut seats = Vec::new();
        for (at, (kind, second)) in (0..).zip(kinds) {
            // Gaps are inside, and every row has two neighbours that say how far seats are apart.
            if kind == 0 && at > 1 {
                continue;
            }
            let number = if kind == 1 { format!("K{at}") } else { (seats.len() + 1).to_string() };
            seats.push(Seat {
                seat_guid: format!("{zone}-ROW-{number}"),
                seat_number: if kind == 2 { format!("{number}*") } else { number },
                position: position(x + pitch * at, y + slope * at),
                category: if second { "b".into() } else { "a".into() },
            });
        }
        let row_label = shown.then(|| "Row".to_owned());
        Row { row_number: "ROW".into(), row_label, seats, ..Row::default() }
    }
}

prop_compose! {
    fn areas()(kind in 0..4_u8, x in 0..500_i32, y in 0..500_i32, half in (1..50_i32, 1..50_i32), right in 0..4_u8) -> Area {
        let (w, h) = half;
        let area = Area {
            color: Some("#102030".into()),
            border_color: None,
            rotation: f64::from(right) * 90.0,
            position: position(x, y),
            ..Area::default()
        };
        match kind {
            0 => Area {
                shape: Some("rectangle".into()),
                rectangle: Some(Rectangle { width: f64::from(2 * w), height: f64::from(2 * h) }),
                ..area
            },
            1 => Area { shape: Some("ellipse".into()), ellipse: Some(Ellipse { radius: position(w, h) }), ..area },
            2 => {
                let points = vec![position(-w, -h), position(w, -h), position(0, h)];
                Area { shape: Some("polygon".into()), polygon: Some(Polygon { points }), ..area }
            }
            _ => {
                let text = Text { text: "Bar".into(), size: Some(12.0), color: Some("#00ff00".into()), position: position(0, 0) };
                Area { shape: Some("text".into()), color: None, text: Some(text), ..area }
            }
        }
    }
}

prop_compose! {
    fn plans()(
        first in prop::collection::vec(rows("P"), 1..4),
        second in prop::collection::vec(rows("Q-1"), 0..3),
        mut areas in prop::collection::vec(areas(), 0..4),
    ) -> Plan {
        let zone = |id: &str, mut rows: Vec<Row>| {
            for (row, number) in rows.iter_mut().zip(1_u32..) {
                row.row_number = number.to_string();
                for seat in &mut row.seats {
                    seat.seat_guid = seat.seat_guid.replace("ROW", &number.to_string());
                }
            }
            Zone { name: Some(format!("Zone {id}")), zone_id: Some(id.into()), rows, ..Zone::default() }
        };
        let mut zones = vec![zone("P", first)];
        if !second.is_empty() {
            zones.push(zone("Q-1", second));
        }
        // Shapes come before texts, and all in a zone of their own.
        areas.sort_by_key(|area| area.text.is_some());
        if !areas.is_empty() {
            zones.push(Zone { name: Some("Plan".into()), areas, ..Zone::default() });
        }
        let category = |name: &str| Category { name: name.into(), color: Some("#aa0000".into()) };
        Plan { name: "Saal".into(), size: Size::default(), categories: vec![category("a"), category("b")], zones }
    }
}

proptest! {
    #[test]
    fn plans_within_the_overlap_are_not_changed(plan in plans()) {
        let text = serde_json::to_string(&plan).unwrap();
        let imported = import(&text, &mut |_| {}).unwrap();
        prop_assert!(imported.notes.is_empty(), "{:?}", imported.notes);
        let mut again: Plan = serde_json::from_str(&export(&imported.map).text).unwrap();
        // The size follows from what is on the plan, and so does a shift of what turns beyond its corner.
        again.size = plan.size;
        let shift = again.zones[0].position;
        for zone in &mut again.zones {
            prop_assert_eq!(zone.position, shift);
            zone.position = Position::default();
        }
        prop_assert_eq!(again, plan);
    }
}
