use std::rc::Rc;

use super::{super::ImportErrorCode, *};
use crate::seat_map::{AREAS_MAX, SECTIONS_MAX, exchange::NoteCode};

fn drawing(elements: &str) -> Result<read::Drawing> {
    read::drawing(&format!("<svg>{elements}</svg>"), &mut |_| {})
}

/// A path of so many lines.
fn lines(count: usize) -> String {
    "M0 0L9 9".repeat(count)
}

#[test]
fn areas_of_one_path_share_what_it_says_and_are_counted_at_once() {
    let long = "1".repeat(100_000);
    let path = |count: usize| {
        let d = lines(count);
        format!("<path data-area='x' data-capacity='1' d='{d}' points='{long}'/>")
    };
    let drawn = drawing(&path(AREAS_MAX)).unwrap();
    assert_eq!(drawn.areas.len(), AREAS_MAX);
    let (_, attributes) = &drawn.areas[0];
    assert!(drawn.areas.iter().all(|(_, of)| Rc::ptr_eq(of, attributes)));
    assert_eq!((attributes.get("d"), attributes.get("points")), (None, None));
    let notes = drawn.notes.done();
    assert_eq!((notes[0].code, notes[0].object.as_str()), (NoteCode::Ignored, "points"));

    let rectangle = "<rect data-area='x' width='9' height='9'/>";
    for more in [path(AREAS_MAX + 1), path(AREAS_MAX) + rectangle, rectangle.repeat(AREAS_MAX + 1)] {
        assert_eq!(drawing(&more).unwrap_err().code, ImportErrorCode::TooMany);
    }
}

#[test]
fn outlines_are_counted_and_their_keys_are_as_long_as_those_of_sections() {
    let key = "k".repeat(7_900);
    let d = lines(SECTIONS_MAX + 1);
    let drawn = drawing(&format!("<path data-outline='{key}' d='{d}'/>")).unwrap();
    assert_eq!(drawn.outlines.len(), SECTIONS_MAX);
    assert!(drawn.outlines.iter().all(|(key, _)| key.len() == 40));
    assert_eq!(drawn.notes.done()[0].code, NoteCode::Drawing);
    let seats = "<g data-section='{key}' data-row='1'><circle r='1'/><circle cx='9' r='1'/></g>";
    let outline = "<polygon data-outline='{key}' points='0,0 9,0 9,9'/>";
    let svg = format!("<svg>{seats}{outline}</svg>").replace("{key}", &key);
    assert_eq!(import(&svg, &mut |_| {}).unwrap().map.sections[0].outline.len(), 3);
}

#[test]
fn what_a_group_says_for_many_is_clipped() {
    let long = "v".repeat(8_000);
    // Every seat of the row lies elsewhere: hardly two of them follow a rule.
    let scattered = |count: u32| {
        let circle =
            |n: u32| format!("<circle cx='{}' cy='{}' r='1'/>", n * n % 997 * 50, n * 7_919 % 1_009 * 50);
        (0..count).map(circle).collect::<String>()
    };
    let names = ["section-name", "floor", "zone", "entrance", "section-view", "row-view", "row-shown"];
    let said: String = names.iter().map(|name| format!(" data-{name}='{long}'")).collect();
    let map = |seats: &str, said: &str| {
        import(&format!("<svg><g data-row='1'{said}>{seats}</g></svg>"), &mut |_| {})
    };
    let hall = map(&scattered(100), &said).unwrap().map;
    let section = &hall.sections[0];
    assert!(section.rows.len() > 20, "{}", section.rows.len());
    let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    assert!(section.rows.iter().all(|row| (len(&row.view), len(&row.shown)) == (2_001, 200)));
    assert_eq!((section.name.len(), len(&section.floor), len(&section.zone)), (201, 201, 201));
    assert_eq!((len(&section.entrance), len(&section.view), hall.floors[0].key.len()), (201, 2_001, 201));
    // Nor do shorter ones add up without end.
    let view = format!(" data-row-view='{}'", "🎭".repeat(2_000));
    assert_eq!(map(&scattered(24_000), &view).unwrap_err().code, ImportErrorCode::TooMany);
}
