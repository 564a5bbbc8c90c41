use proptest::prelude::*;

use super::*;
use crate::seat_map::{
    Layout, Occupancy, Point, Seat, SeatMap, SeatTrait, ShapeKind, is_publishable, samples, stadium, validate,
};

const EVERYTHING: &str = include_str!("../../../testdata/seat-map-everything.json");

/// Label, displayed number, displayed row and category of a seat: what every format carries besides its place.
type Texts = (String, String, String, Option<String>);

fn seats(map: &SeatMap) -> Vec<(Texts, (i32, i32))> {
    let layout = Layout::compile(map);
    let seat = |seat: &Seat| {
        let category = seat.category.map(|index| layout.categories()[usize::from(index)].key.clone());
        let (label, shown) = (layout.label(seat.index), layout.shown_number(seat.index));
        let texts = (label.to_owned(), shown.to_owned(), layout.shown_row(seat.row).to_owned(), category);
        (texts, (seat.x, seat.y))
    };
    layout.seats().iter().map(seat).collect()
}

fn there_and_back(format: Format, map: &SeatMap) -> Import {
    let file = export(format, map);
    let mut last = None;
    let back = import(format, file.text.as_bytes(), &mut |progress| last = Some(progress)).unwrap();
    let last = last.unwrap();
    assert_eq!(last.total, Some(last.done));
    back
}

/// Seats are where they were, and everything about them is the same. `reach` is in hundredths.
fn assert_same_seats(before: &SeatMap, after: &SeatMap, reach: u32) {
    let (before, after) = (seats(before), seats(after));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.0, after.0);
        let (a, b) = (before.1, after.1);
        assert!(a.0.abs_diff(b.0) <= reach && a.1.abs_diff(b.1) <= reach, "{before:?} {after:?}");
    }
}

fn read(format: Format, text: &str) -> Result<Import> {
    import(format, text.as_bytes(), &mut |_| {})
}

fn codes(notes: &[Note]) -> Vec<NoteCode> {
    notes.iter().map(|note| note.code).collect()
}

/// The map of [`EVERYTHING`] without what becomes rows, as no format has tables and booths.
fn everything() -> SeatMap {
    let mut map = SeatMap::from_json(EVERYTHING).unwrap();
    for section in &mut map.sections {
        section.tables.clear();
        section.booths.clear();
    }
    map
}

proptest! {
    #[test]
    fn exports_come_back(map in samples::maps()) {
        for format in Format::ALL {
            let mut after = there_and_back(format, &map).map;
            if format == Format::Pretix {
                move_back(&map, &mut after);
            }
            assert_same_seats(&map, &after, 2);
        }
    }
}

/// Undoes what was moved, as the first seat says.
fn move_back(before: &SeatMap, after: &mut SeatMap) {
    let first = |map: &SeatMap| seats(map)[0].1;
    let (from, to) = (first(after), first(before));
    let way = (f64::from(to.0 - from.0) / 100.0, f64::from(to.1 - from.1) / 100.0);
    for row in after.sections.iter_mut().flat_map(|section| &mut section.rows) {
        for point in [&mut row.start, &mut row.end] {
            *point = Point { x: point.x + way.0, y: point.y + way.1 };
        }
    }
}

#[test]
fn a_stadium_comes_back_as_rows() {
    let mut map = stadium(5_000);
    // The formats have neither tables nor booths.
    map.sections.retain(|section| section.tables.is_empty() && section.booths.is_empty());
    for format in Format::ALL {
        let back = there_and_back(format, &map);
        let mut after = back.map.clone();
        move_back(&map, &mut after);
        assert_same_seats(&map, &after, 3);
        assert!(back.notes.iter().all(|note| note.code != NoteCode::RowSplit), "{:?}", back.notes);
        assert!(is_publishable(&validate(&after)));
    }
}

#[test]
fn csv_and_svg_keep_areas_traits_names_and_the_focal_point() {
    for format in [Format::Csv, Format::Svg] {
        let mut map = everything();
        if format == Format::Csv {
            // Views of sections and rows are not told.
            map.sections.iter_mut().for_each(|section| section.view = None);
            map.sections.iter_mut().flat_map(|section| &mut section.rows).for_each(|row| row.view = None);
        }
        let file = export(format, &map);
        let back = there_and_back(format, &map).map;
        assert_same_seats(&map, &back, 2);
        let (before, after) = (Layout::compile(&map), Layout::compile(&back));
        let traits = |layout: &Layout| layout.seats().iter().map(|seat| seat.traits).collect::<Vec<_>>();
        assert_eq!(traits(&before), traits(&after));
        let views = |layout: &Layout| {
            layout.seats().iter().map(|seat| layout.view(seat.index).map(str::to_owned)).collect::<Vec<_>>()
        };
        assert_eq!(views(&before), views(&after));
        assert_eq!(map.categories, back.categories);
        assert_eq!(map.focal_point, back.focal_point);
        for (before, after) in map.ga_areas.iter().zip(&back.ga_areas) {
            let mut before = before.clone();
            before.sold = Occupancy::Places;
            if format == Format::Svg {
                before.view = None;
            }
            assert_eq!(&before, after);
        }
        for (before, after) in map.sections.iter().zip(&back.sections) {
            assert_eq!((&before.key, &before.name), (&after.key, &after.name));
            assert_eq!((&before.floor, &before.zone), (&after.floor, &after.zone));
            assert_eq!(before.entrance, after.entrance);
            assert!(format == Format::Csv || before.outline == after.outline);
        }
        assert!(codes(&file.notes).contains(&NoteCode::Drawing));
    }
}

#[test]
fn svg_keeps_shapes_and_texts() {
    let mut map = everything();
    // Floors of drawings, and shapes that nobody sees, are not told.
    map.shapes.retain(|shape| shape.fill.is_some() || shape.stroke.is_some());
    map.shapes.iter_mut().for_each(|shape| shape.floor = None);
    map.texts.iter_mut().for_each(|text| text.floor = None);
    let back = there_and_back(Format::Svg, &map).map;
    assert_eq!(back.texts, map.texts);
    let (shapes, mut again) = (map.shapes, back.shapes);
    // A line without a width is one unit wide.
    for (shape, again) in shapes.iter().zip(&mut again) {
        assert_eq!((shape.kind, &shape.fill, &shape.stroke), (again.kind, &again.fill, &again.stroke));
        assert_eq!((shape.rotation, shape.points.len()), (again.rotation, again.points.len()));
        for (a, b) in shape.points.iter().zip(&again.points) {
            assert!((a.x - b.x).abs() < 0.01 && (a.y - b.y).abs() < 0.01, "{shape:?} {again:?}");
        }
    }
}

#[test]
fn tables_and_booths_become_rows_and_notes_say_so() {
    let map = SeatMap::from_json(EVERYTHING).unwrap();
    let places = Layout::compile(&map).seat_count();
    for format in Format::ALL {
        let file = export(format, &map);
        assert!(codes(&file.notes).contains(&NoteCode::Tables), "{:?}", file.notes);
        let back = read(format, &file.text).unwrap();
        assert_eq!(Layout::compile(&back.map).seat_count(), places);
    }
}

#[test]
fn a_pretix_plan_of_somebody_else() {
    let seat = |guid: &str, number: u32, x: f64| {
        format!(
            r#"{{"seat_guid":"{guid}","seat_number":"{number}","uuid":"u","radius":10,
                "position":{{"x":{x},"y":0}},"category":"Parkett"}}"#
        )
    };
    // The third seat is missing, and pixels are whole.
    let row: Vec<String> =
        [(1, 0.0), (2, 25.0), (4, 76.0), (5, 100.0)].map(|(n, x)| seat(&format!("z1-3-{n}"), n, x)).into();
    let text = format!(
        r##"{{"name":"Saal","size":{{"width":800,"height":600}},
          "categories":[{{"name":"Parkett","color":"#7f4a91"}},{{"name":"Rang"}}],
          "zones":[{{"name":"Parkett","zone_id":"z1","uuid":"x","position":{{"x":100,"y":50}},
            "rows":[{{"row_number":"3","row_label":"Reihe 3","seat_label":"Platz %s","row_number_position":"both",
                     "position":{{"x":10,"y":20}},"seats":[{}]}}],
            "areas":[{{"shape":"rectangle","color":"rgb(1,2,3)","border_color":"","rotation":90,
                      "position":{{"x":0,"y":0}},"rectangle":{{"width":40,"height":10}},
                      "text":{{"text":"Bühne","position":{{"x":20,"y":5}}}}}}]}}]}}"##,
        row.join(",")
    );
    let Import { map, notes } = read(Format::Pretix, &text).unwrap();
    assert_eq!(map.name, "Saal");
    let layout = Layout::compile(&map);
    assert_eq!(
        layout.seats().iter().map(|seat| layout.label(seat.index)).collect::<Vec<_>>(),
        ["z1-3-1", "z1-3-2", "z1-3-4", "z1-3-5"]
    );
    let row = &map.sections[0].rows[0];
    assert_eq!((map.sections[0].name.as_str(), row.shown.as_deref()), ("Parkett", Some("Reihe 3")));
    assert_eq!((row.count, row.seats[0].position, row.seats[0].skip), (5, 3, true));
    for (seat, x) in layout.seats().iter().zip([110.0, 135.0, 186.0, 210.0]) {
        assert!(
            (f64::from(seat.x) / 100.0 - x).abs() <= 25.0 * 0.05 && (seat.y - 7_000).abs() <= 125,
            "{seat:?}"
        );
    }
    // Turned around its corner by a right angle, it lies left of it.
    let shape = &map.shapes[0];
    assert_eq!(
        (shape.kind, shape.rotation, shape.fill.as_deref()),
        (ShapeKind::Rectangle, 90.0, Some("#010203"))
    );
    assert_eq!(shape.points, [Point { x: 75.0, y: 65.0 }, Point { x: 115.0, y: 75.0 }]);
    assert_eq!((map.texts[0].text.as_str(), map.texts[0].at), ("Bühne", Point { x: 95.0, y: 70.0 }));
    let ignored: Vec<&str> =
        notes.iter().filter(|note| note.code == NoteCode::Ignored).map(|n| n.object.as_str()).collect();
    assert_eq!(ignored, ["zones.0.uuid"]);
    assert!(codes(&notes).contains(&NoteCode::SeatText));
}

#[test]
fn a_table_of_somebody_else() {
    let text = "\u{feff}Block;Reihe;Platz;Kategorie;X;Y;Merkmale\n\
        A;1;1;Gelb;0;0;aisle\nA;1;2;Gelb;52,5;0;\nA;1;3;Rot;105;0;wheelchair companion\n";
    let Import { map, notes } = read(Format::Csv, text).unwrap();
    let layout = Layout::compile(&map);
    assert_eq!(layout.label(crate::seat_map::SeatIndex(2)), "A-1-3");
    assert_eq!(layout.seats()[1].x, 5_250);
    assert!(layout.seats()[2].traits.contains(SeatTrait::Companion));
    assert_eq!(
        map.categories.iter().map(|category| category.key.as_str()).collect::<Vec<_>>(),
        ["Gelb", "Rot"]
    );
    assert_eq!(notes, []);

    let Import { map, notes } = read(Format::Csv, "row,seat\n1,1\n1,2\n2,1\n").unwrap();
    assert_eq!(codes(&notes), [NoteCode::Category, NoteCode::Positions]);
    assert_eq!(notes[0].count, 3);
    assert!(is_publishable(&validate(&map)), "{:?}", validate(&map));
}

#[test]
fn formulas_do_not_run_in_spreadsheets() {
    let mut map = samples::hall(1, 2);
    map.sections[0].name = "=HYPERLINK(\"x\")".into();
    map.sections[0].key = "'q".into();
    let file = export(Format::Csv, &map);
    assert!(file.text.contains("'=HYPERLINK") && file.text.contains("''q"));
    let back = read(Format::Csv, &file.text).unwrap().map;
    assert_eq!((back.sections[0].name.as_str(), back.sections[0].key.as_str()), ("=HYPERLINK(\"x\")", "'q"));
    for name in ["＝1+1", "\u{3000}=1+1", "\u{feff}@x"] {
        map.sections[0].name = name.into();
        let text = export(Format::Csv, &map).text;
        assert!(text.contains(&format!("'{name}")), "{text}");
    }
}

#[test]
fn a_drawing_of_somebody_else() {
    let text = r##"<?xml version="1.0"?>
        <!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
        <svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape">
          <title>Kleines Haus</title><defs><circle r="5"/></defs>
          <rect id="stage" x="0" y="-100" width="300" height="60" fill="#333"/><text x="150" y="-70">St&#228;ge &amp; <tspan>pit</tspan></text>
          <g id="layer1" inkscape:label="Block Parkett" transform="translate(10 20)">
            <g id="Row_A" fill="gold"><circle cx="0" cy="0" r="8"/><circle cx="20" cy="0" r="8"/><circle cx="40" cy="0" r="8"/></g>
            <g id="Row_B" style="fill:#ff0000" transform="scale(2)">
              <rect id="B-7" x="-4" y="11" width="8" height="8"/><rect id="B-8" x="6" y="11" width="8" height="8"/>
            </g>
          </g>
          <g id="Balkon">
            <circle cx="0" cy="300" r="8"/><circle cx="0" cy="330" r="8"/><circle cx="20" cy="330" r="8"/><circle cx="20" cy="300" r="8"/>
          </g>
        </svg>"##;
    let Import { map, notes } = read(Format::Svg, text).unwrap();
    assert_eq!(map.name, "Kleines Haus");
    let expected = [
        ("Parkett-A-1", "#ffd700", (1_000, 2_000)),
        ("Parkett-A-2", "#ffd700", (3_000, 2_000)),
        ("Parkett-A-3", "#ffd700", (5_000, 2_000)),
        ("Parkett-B-7", "#ff0000", (1_000, 5_000)),
        ("Parkett-B-8", "#ff0000", (3_000, 5_000)),
        ("Balkon-1-1", "#000000", (0, 30_000)),
        ("Balkon-1-2", "#000000", (2_000, 30_000)),
        ("Balkon-2-1", "#000000", (0, 33_000)),
        ("Balkon-2-2", "#000000", (2_000, 33_000)),
    ];
    let found = seats(&map);
    let found: Vec<_> =
        found.iter().map(|(t, at)| (t.0.as_str(), t.3.as_deref().unwrap_or(""), *at)).collect();
    assert_eq!(found, expected);
    assert_eq!(map.shapes[0].points, [Point { x: 0.0, y: -100.0 }, Point { x: 300.0, y: -40.0 }]);
    assert_eq!(map.texts[0].text, "Stäge & pit");
    let codes = codes(&notes);
    assert!(codes.contains(&NoteCode::Category) && codes.contains(&NoteCode::Rows), "{notes:?}");
}

#[test]
fn rows_that_follow_no_rule_become_pieces_that_keep_every_seat() {
    // An aisle as wide as one and a half seats, then a bend.
    let xy =
        [(0.0, 0.0), (50.0, 0.0), (100.0, 0.0), (175.0, 0.0), (225.0, 0.0), (225.0, 50.0), (225.0, 100.0)];
    let lines = xy.iter().zip(1..).map(|((x, y), n)| format!("5,{n},{x},{y}\n"));
    let Import { map, notes } =
        read(Format::Csv, &format!("row,seat,x,y\n{}", lines.collect::<String>())).unwrap();
    assert_eq!(codes(&notes), [NoteCode::Category, NoteCode::RowSplit]);
    assert!(map.sections[0].rows.iter().all(|row| row.shown.as_deref().unwrap_or(&row.label) == "5"));
    let found = seats(&map);
    for ((texts, at), (x, y)) in found.iter().zip(xy) {
        assert!(
            (f64::from(at.0) - x * 100.0).abs() <= 250.0 && (f64::from(at.1) - y * 100.0).abs() <= 250.0,
            "{texts:?}"
        );
    }
    assert_eq!(
        found.iter().map(|(texts, _)| texts.1.as_str()).collect::<Vec<_>>(),
        ["1", "2", "3", "4", "5", "6", "7"]
    );
    assert!(is_publishable(&validate(&map)));
}

#[test]
fn hostile_and_broken_uploads_are_refused_with_a_reason_and_a_place() {
    use ImportErrorCode::*;
    let deep_json = "[".repeat(200_000);
    let deep_field = format!(r#"{{"name":"x","other":{deep_json}"#);
    let deep_svg = "<svg>".to_owned() + &"<g>".repeat(100_000);
    let wide_svg = "<svg ".to_owned() + &(0..500).map(|n| format!("a{n}='' ")).collect::<String>() + "/>";
    let many_svg = "<svg>".to_owned() + &"<g/>".repeat(1_000_001) + "</svg>";
    let laughs = r#"<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><svg><text>&b;</text></svg>"#;
    let foreign = r#"<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg/>"#;
    let category = |extra: &str| {
        format!(
            r#"{{"name":"x","size":{{"width":1,"height":1}},"categories":[{{"name":"a"}}],"zones":[{extra}]}}"#
        )
    };
    let unknown = category(
        r#"{"position":{"x":0,"y":0},"rows":[{"row_number":"1","seats":[{"seat_guid":"ab","seat_number":"1","position":{"x":0,"y":0},"category":"b"}]}]}"#,
    );
    let many_categories: String =
        "row,seat,category\n".to_owned() + &(0..101).map(|n| format!("1,{n},c{n}\n")).collect::<String>();
    let cases: Vec<(Format, &str, ImportErrorCode, &str)> = vec![
        (Format::Pretix, "", Malformed, "line 1, column 0"),
        (Format::Pretix, "{\n\"name\": 1}", Malformed, "line 2, column 9"),
        (Format::Pretix, &deep_json, Malformed, "line 1, column 1"),
        (Format::Pretix, &deep_field, Malformed, "line 1, column 200020"),
        (Format::Pretix, &unknown, InvalidValue, "zones[0].rows[0].seats[0]"),
        (Format::Csv, "row,seat,x,y\n1,1,0,0\n1,2,,\n", Missing, "line 3"),
        (Format::Csv, "row,seat,x,y\n1,1,0,zero\n", InvalidValue, "line 2"),
        (Format::Csv, "row,seat,x,y\n1,1,0,inf\n", InvalidValue, "line 2"),
        (Format::Csv, "row,seat\n1,1\n1\n", Malformed, "line 3"),
        (Format::Csv, "row,seat,Reihe\n", InvalidValue, "line 1"),
        (Format::Csv, "row,chair\n1,1\n", Missing, "line 1"),
        (Format::Csv, "row,seat,traits\n1,1,cosy\n", InvalidValue, "line 2"),
        (Format::Csv, "row,seat\n\"\",1\n", Missing, "line 2"),
        (Format::Csv, "row,seat\n", Empty, ""),
        (Format::Csv, "", Missing, "line 1"),
        (Format::Csv, &many_categories, TooMany, "line 102"),
        (Format::Svg, "", Malformed, ""),
        (Format::Svg, "<svg/>", Empty, ""),
        (Format::Svg, "<html/>", Malformed, "line 1, column 1"),
        (Format::Svg, "<svg>\n<g></svg>", Malformed, "line 2, column 4"),
        (Format::Svg, "<svg><g>", Malformed, "line 1, column 9"),
        (Format::Svg, "<svg/><svg/>", Malformed, "line 1, column 7"),
        (Format::Svg, "<svg>\n&boom;</svg>", Unsafe, "line 2, column 1"),
        (Format::Svg, "<svg a='&boom;'/>", Unsafe, "line 1, column 1"),
        (Format::Svg, laughs, Unsafe, "line 1, column 1"),
        (Format::Svg, foreign, Unsafe, "line 1, column 1"),
        (Format::Svg, &deep_svg, TooDeep, "line 1, column 195"),
        (Format::Svg, &wide_svg, TooMany, "line 1, column 1"),
        (Format::Svg, &many_svg, TooMany, "line 1, column 4000002"),
    ];
    for (format, text, code, location) in cases {
        let error = read(format, text).unwrap_err();
        let start: String = text.chars().take(60).collect();
        assert_eq!((error.code, error.location.as_str()), (code, location), "{start}: {}", error.message);
        assert!(error.message.len() < 300, "{}", error.message);
    }
    let large = vec![b' '; IMPORT_BYTES_MAX + 1];
    assert_eq!(import(Format::Csv, &large, &mut |_| {}).unwrap_err().code, TooLarge);
    let latin = import(Format::Csv, b"row,seat\n\xfc,1\n", &mut |_| {}).unwrap_err();
    assert_eq!((latin.code, latin.location.as_str()), (Malformed, "line 2"));
}

#[test]
fn hostile_geometry_costs_no_more_than_it_should() {
    // Every seat somewhere else, all of one row; and rows that all have one name.
    let mut chance = 1_u64;
    let mut next = move || {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        chance >> 48
    };
    let scattered: String = (0..20_000).map(|n| format!("1,{n},{},{}\n", next(), next())).collect();
    let map = read(Format::Csv, &format!("row,seat,x,y\n{scattered}")).unwrap().map;
    assert_eq!(Layout::compile(&map).seat_count(), 20_000);
    let circles: String =
        (0..5_000).map(|n| format!("<g data-row='1'><circle cx='{n}' cy='{n}' r='1'/></g>")).collect();
    let map = read(Format::Svg, &format!("<svg>{circles}</svg>")).unwrap().map;
    assert_eq!(map.sections[0].rows.len(), 5_000);
    assert_eq!(map.sections[0].rows[4_999].label, "1.5000");
}

#[test]
fn long_texts_are_not_repeated_for_every_seat() {
    let long = "x".repeat(1_000_000);
    let mut map = samples::hall(20, 50);
    map.sections[0].name = long.clone();
    map.sections[0].view = Some(long.clone());
    map.categories[0].key = long.clone();
    map.sections[0].rows.iter_mut().for_each(|row| row.category = long.clone());
    for format in Format::ALL {
        let len = export(format, &map).text.len();
        assert!(len < 10_000_000, "{} bytes of {}", len, format.as_str());
    }
    let seats: String = (0..1_000).map(|n| format!("1,{n},{},{},\n", n * n, n % 7 * 1_000)).collect();
    let text = format!("row,seat,x,y,row_shown\n1,a,-9,-9,{long}\n{seats}");
    assert!(read(Format::Csv, &text).unwrap().map.to_json().len() < 10_000_000);
    let seats: String = (0..1_000).map(|n| format!("1,{n},{},0\n", n * 50)).collect();
    let text = format!("row,seat,x,y\n1,{long}1,-50,0\n{seats}");
    let prefix = &read(Format::Csv, &text).unwrap().map.sections[0].rows[0].numbering.prefix;
    assert_eq!(prefix, "", "no prefix of one seat is tried on all others");
    let groups = format!("<g fill='{long}'>") + &"<g><circle r='1'/></g>".repeat(1_000) + "</g>";
    assert!(read(Format::Svg, &format!("<svg>{groups}</svg>")).unwrap().map.to_json().len() < 10_000_000);
}

#[test]
fn codes_are_unique() {
    let mut errors: Vec<&str> = ImportErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let mut notes: Vec<&str> = NoteCode::ALL.iter().map(|code| code.as_str()).collect();
    for codes in [&mut errors, &mut notes] {
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
