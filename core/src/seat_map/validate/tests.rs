use proptest::prelude::*;

use std::collections::HashSet;

use super::{
    super::{document::*, samples},
    *,
};

/// The findings after a change to a flawless map of three rows.
fn after(change: impl FnOnce(&mut SeatMap)) -> Vec<(&'static str, String)> {
    let mut map = samples::hall(3, 6);
    assert_eq!(validate(&map), []);
    change(&mut map);
    let findings = validate(&map);
    assert_eq!(is_publishable(&findings), findings.iter().all(|f| f.severity == Severity::Warning));
    findings.into_iter().map(|finding| (finding.code.as_str(), finding.object)).collect()
}

fn found(code: &'static str, object: &str) -> Vec<(&'static str, String)> {
    vec![(code, object.to_string())]
}

fn area(key: &str) -> GaArea {
    GaArea { key: key.into(), name: "Floor".into(), category: "a".into(), capacity: 100, ..GaArea::default() }
}

#[test]
fn texts() {
    assert_eq!(after(|m| m.name.clear()), found("missing_text", "name"));
    assert_eq!(after(|m| m.name = "x".repeat(201)), found("text_too_long", "name"));
    assert_eq!(after(|m| m.name = "ü".repeat(200)), []);
    assert_eq!(after(|m| m.name = "a\u{7}".into()), found("invalid_text", "name"));
    assert_eq!(after(|m| m.sections[0].key = " ".into())[0], ("missing_text", "sections[0].key".into()));
    assert_eq!(after(|m| m.sections[0].rows[1].label.clear()), found("missing_text", "sections[0].rows[1]"));
    let long = |m: &mut SeatMap| m.sections[0].rows[1].label = "x".repeat(41);
    assert_eq!(after(long), found("text_too_long", "sections[0].rows[1]"));
    let seat = |m: &mut SeatMap| {
        m.sections[0].rows[0].seats = vec![SeatRule { label: Some(String::new()), ..samples::rule(1) }];
    };
    assert_eq!(after(seat), found("missing_text", "sections[0].rows[0].seats[0]"));
}

#[test]
fn categories() {
    let extra = |key: &str| Category { key: key.into(), name: "X".into(), color: "#ABCDEF".into() };
    assert_eq!(after(|m| m.categories.push(extra("a"))), found("duplicate_category", "categories[1]"));
    assert_eq!(after(|m| m.categories.push(extra("b"))), found("unused_category", "categories[1]"));
    for color in ["red", "#12345", "#1234567", "#12345g", "123456#"] {
        let findings = after(|m| m.categories[0].color = color.into());
        assert_eq!(findings, found("invalid_color", "categories[0].color"));
    }
    assert_eq!(
        after(|m| m.sections[0].rows[2].category = "b".into()),
        found("unknown_category", "sections[0].rows[2]")
    );
    let seat = |m: &mut SeatMap| {
        m.sections[0].rows[0].seats = vec![SeatRule { category: Some("z".into()), ..samples::rule(1) }];
    };
    assert_eq!(after(seat), found("unknown_category", "sections[0].rows[0].seats[0]"));
}

#[test]
fn duplicates() {
    assert_eq!(
        after(|m| m.sections[0].rows[2].label = "1".into()),
        [
            ("duplicate_row", "sections[0].rows[2]".to_string()),
            ("duplicate_seat", "sections[0].rows[2]".to_string()),
            ("duplicate_seat", "sections[0].rows[2]".to_string()),
            ("duplicate_seat", "sections[0].rows[2]".to_string()),
            ("duplicate_seat", "sections[0].rows[2]".to_string()),
            ("duplicate_seat", "sections[0].rows[2]".to_string()),
            ("duplicate_seat", "sections[0].rows[2]".to_string()),
        ]
    );
    let seat = |m: &mut SeatMap| {
        m.sections[0].rows[0].seats = vec![SeatRule { label: Some("4".into()), ..samples::rule(1) }];
    };
    assert_eq!(after(seat), found("duplicate_seat", "sections[0].rows[0]"));
    let section = |m: &mut SeatMap| {
        let mut copy = m.sections[0].clone();
        copy.rows.truncate(1);
        copy.rows[0].label = "9".into();
        copy.rows[0].start.y = 9_000.0;
        copy.rows[0].end.y = 9_000.0;
        m.sections.push(copy);
    };
    assert_eq!(after(section), found("duplicate_section", "sections[1]"));
    assert_eq!(after(|m| m.ga_areas = vec![area("f"), area("f")]), found("duplicate_area", "ga_areas[1]"));
}

#[test]
fn the_same_label_from_different_sections_is_found() {
    let hyphens = |m: &mut SeatMap| {
        let mut other = m.sections[0].clone();
        other.key = "P-1".into();
        other.rows.truncate(1);
        other.rows[0].label = "2".into();
        other.rows[0].count = 1;
        other.rows[0].start.y = 9_000.0;
        m.sections.push(other);
        m.sections[0].rows[0].label = "1-2".into();
    };
    assert_eq!(after(hyphens), found("duplicate_seat", "sections[1].rows[0]"));
}

#[test]
fn geometry() {
    let first = found("invalid_coordinate", "sections[0].rows[0]");
    assert_eq!(after(|m| m.sections[0].rows[0].start.x = f64::INFINITY)[0], first[0]);
    assert_eq!(after(|m| m.sections[0].rows[0].end.y = -1_000_001.0)[0], first[0]);
    assert_eq!(after(|m| m.sections[0].rows[0].curve = 126.0), found("invalid_curve", "sections[0].rows[0]"));
    assert_eq!(after(|m| m.sections[0].rows[0].curve = f64::NAN)[0].0, "invalid_curve");
    assert_eq!(after(|m| m.sections[0].rows[0].curve = -20.0), []);
    assert_eq!(after(|m| m.focal_point = None), found("missing_focal_point", "focal_point"));
    assert_eq!(
        after(|m| m.focal_point = Some(Point { x: 0.0, y: 2e6 })),
        found("invalid_coordinate", "focal_point")
    );
}

#[test]
fn overlaps_are_found_at_every_scale() {
    let shift = |scale: f64, dy: f64| {
        move |m: &mut SeatMap| {
            for row in &mut m.sections[0].rows {
                for point in [&mut row.start, &mut row.end] {
                    *point = Point { x: point.x * scale, y: point.y * scale };
                }
            }
            let y = m.sections[0].rows[0].start.y + dy * scale;
            m.sections[0].rows[1].start = Point { x: 5.0 * scale, y };
            m.sections[0].rows[1].end = Point { x: 255.0 * scale, y };
        }
    };
    for scale in [0.02, 1.0, 100.0] {
        let overlap = found("overlapping_seats", "sections[0].rows[1]");
        assert_eq!(after(shift(scale, 0.0)), overlap);
        assert_eq!(after(shift(scale, -20.0)), overlap);
        assert_eq!(after(shift(scale, 30.0)), []);
    }
    let all_on_one_point = |m: &mut SeatMap| m.sections[0].rows[0].end = m.sections[0].rows[0].start;
    assert_eq!(after(all_on_one_point), found("overlapping_seats", "sections[0].rows[0]"));
}

#[test]
fn emptiness() {
    assert_eq!(after(|m| m.sections[0].rows.clear())[0], ("empty_section", "sections[0]".into()));
    assert_eq!(after(|m| m.sections[0].rows[0].count = 0)[0], ("empty_row", "sections[0].rows[0]".into()));
    let skipped = |m: &mut SeatMap| m.sections[0].rows[0].seats = (1..=6).map(samples::skip).collect();
    assert_eq!(after(skipped), found("empty_row", "sections[0].rows[0]"));
    assert_eq!(after(|m| m.sections.clear())[0], ("empty_map", String::new()));
    let standing_only = |m: &mut SeatMap| {
        m.sections.clear();
        m.focal_point = None;
        m.ga_areas = vec![area("f")];
    };
    assert_eq!(after(standing_only), []);
}

#[test]
fn numbering_and_positions() {
    let numbering = |scheme, start| {
        move |m: &mut SeatMap| {
            m.sections[0].rows[0].numbering = Numbering { scheme, start: Some(start), ..Numbering::default() }
        }
    };
    let wrong = found("invalid_numbering", "sections[0].rows[0].numbering");
    assert_eq!(after(numbering(Scheme::Odd, 2)), wrong);
    assert_eq!(after(numbering(Scheme::Even, 1)), wrong);
    assert_eq!(after(numbering(Scheme::Sequential, 100_001)), wrong);
    assert_eq!(after(numbering(Scheme::Odd, 11)), []);
    for positions in [vec![0], vec![7], vec![3, 3]] {
        let at = format!("sections[0].rows[0].seats[{}]", positions.len() - 1);
        let seats = |m: &mut SeatMap| {
            m.sections[0].rows[0].seats = positions.iter().copied().map(samples::rule).collect();
        };
        assert_eq!(after(seats), found("invalid_position", &at));
    }
}

#[test]
fn areas() {
    for capacity in [0, 1_000_001] {
        let findings = after(|m| m.ga_areas = vec![GaArea { capacity, ..area("f") }]);
        assert_eq!(findings, found("invalid_capacity", "ga_areas[0].capacity"));
    }
    let line = |m: &mut SeatMap| {
        m.ga_areas = vec![GaArea { points: vec![Point { x: 0.0, y: 0.0 }; 2], ..area("f") }];
    };
    assert_eq!(after(line), found("invalid_outline", "ga_areas[0].points"));
    let unknown = |m: &mut SeatMap| m.ga_areas = vec![GaArea { category: "z".into(), ..area("f") }];
    assert_eq!(after(unknown), found("unknown_category", "ga_areas[0]"));
}

#[test]
fn companions_need_a_wheelchair_place_in_their_row() {
    let companion = samples::with_trait(2, SeatTrait::Companion);
    let alone = |m: &mut SeatMap| m.sections[0].rows[1].seats = vec![companion.clone()];
    assert_eq!(after(alone), found("companion_alone", "sections[0].rows[1]"));
    let both = |m: &mut SeatMap| {
        m.sections[0].rows[1].seats = vec![samples::with_trait(1, SeatTrait::Wheelchair), companion.clone()];
    };
    assert_eq!(after(both), []);
}

#[test]
fn limits() {
    assert_eq!(after(|m| m.sections[0].rows[0].count = 2_001), found("too_many", "sections[0].rows[0]"));
    assert_eq!(after(|m| m.sections[0].rows[0].count = u32::MAX)[0].0, "too_many");
    let rows = |m: &mut SeatMap| m.sections[0].rows = vec![samples::row("1", 0.0, 2_000); 101];
    let findings = after(rows);
    assert!(findings.contains(&("too_many", "sections".to_string())));
    assert!(findings.iter().all(|(code, _)| ["too_many", "duplicate_row"].contains(code)));
    let many = |m: &mut SeatMap| m.sections[0].rows = vec![samples::row("1", 0.0, 1); 20_001];
    assert_eq!(after(many).len(), FINDINGS_MAX);
}

#[test]
fn codes_are_unique() {
    let codes: HashSet<_> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes.len(), FindingCode::ALL.len());
}

#[test]
fn floors_and_zones() {
    let floor = |key: &str| Floor { key: key.into(), name: key.into() };
    let zone = |key: &str| Zone { key: key.into(), name: key.into() };
    // One floor is where everything is.
    assert_eq!(after(|m| m.floors = vec![floor("a")]), []);
    assert_eq!(
        after(|m| m.floors = vec![floor("a"), floor("b")]),
        [("empty_floor", "floors[1]".into()), ("missing_floor", "sections[0].floor".into())]
    );
    let on = |key: &'static str| move |m: &mut SeatMap| m.sections[0].floor = Some(key.into());
    assert_eq!(after(on("a")), found("unknown_floor", "sections[0].floor"));
    let twice = |m: &mut SeatMap| {
        m.floors = vec![floor("a"), floor("a")];
        on("a")(m);
    };
    assert_eq!(after(twice), found("duplicate_floor", "floors[1]"));
    assert_eq!(after(|m| m.zones = vec![zone("z")]), found("empty_zone", "zones[0]"));
    let member = |m: &mut SeatMap| {
        m.zones = vec![zone("z"), zone("z")];
        m.sections[0].zone = Some("z".into());
    };
    assert_eq!(after(member), found("duplicate_zone", "zones[1]"));
    assert_eq!(after(|m| m.sections[0].zone = Some("z".into())), found("unknown_zone", "sections[0].zone"));
    let icon = |m: &mut SeatMap| {
        m.icons = vec![Icon { size: 1.0, floor: Some("cellar".into()), ..Icon::default() }];
    };
    assert_eq!(after(icon), found("unknown_floor", "icons[0].floor"));
}

#[test]
fn seats_without_a_category() {
    assert_eq!(
        after(|m| m.sections[0].rows[1].category.clear()),
        found("uncategorised", "sections[0].rows[1]")
    );
}

#[test]
fn rows_named_by_rule() {
    let rule = |rule: RowLabels| {
        move |m: &mut SeatMap| {
            m.sections[0].rows.iter_mut().for_each(|row| row.label.clear());
            m.sections[0].row_labels = Some(rule);
        }
    };
    let letters = || RowLabels { style: LabelStyle::Letters, skip: "IO".into(), ..RowLabels::default() };
    assert_eq!(after(rule(letters())), []);
    let wrong = found("invalid_numbering", "sections[0].row_labels");
    assert_eq!(after(rule(RowLabels { start: 0, ..letters() }))[0], wrong[0]);
    assert_eq!(after(rule(RowLabels { step: 0, ..RowLabels::default() }))[0], wrong[0]);
    let skip = found("invalid_numbering", "sections[0].row_labels.skip");
    for left_out in ["io", "II", "1", "ABCDEFGHIJKLMNOPQRSTUVWXY"] {
        assert_eq!(after(rule(RowLabels { skip: left_out.into(), ..letters() }))[0], skip[0], "{left_out}");
    }
    // Without letters there are none to leave out.
    assert_eq!(after(rule(RowLabels { skip: "I".into(), ..RowLabels::default() })), skip);
    // A row that has a name of its own takes none from the rule, but it may meet one.
    let meets = |m: &mut SeatMap| {
        rule(letters())(m);
        m.sections[0].rows[2].label = "B".into();
    };
    assert_eq!(after(meets)[0], ("duplicate_row", "sections[0].rows[2]".into()));
}

#[test]
fn spacing() {
    let spaced = |spacing: f64| move |m: &mut SeatMap| m.sections[0].rows[0].spacing = Some(spacing);
    assert_eq!(after(spaced(40.0)), []);
    assert_eq!(after(spaced(50.0)), []);
    assert_eq!(after(spaced(60.0)), found("row_overflows", "sections[0].rows[0]"));
    for wrong in [0.0, -50.0, f64::NAN, f64::INFINITY] {
        assert_eq!(after(spaced(wrong))[0], ("invalid_spacing", "sections[0].rows[0].spacing".into()));
    }
    let nowhere = |m: &mut SeatMap| {
        spaced(50.0)(m);
        m.sections[0].rows[0].end = m.sections[0].rows[0].start;
    };
    assert_eq!(after(nowhere)[0], ("invalid_spacing", "sections[0].rows[0].spacing".into()));
}

fn table(label: &str, shape: TableShape) -> Table {
    let centre = Point { x: 0.0, y: 900.0 };
    Table { label: label.into(), category: "a".into(), centre, shape, ..Table::default() }
}

#[test]
fn tables_and_booths() {
    let round = |chairs, radius| table("T", TableShape::Round { radius, chairs });
    let tables = |tables: Vec<Table>| move |m: &mut SeatMap| m.sections[0].tables = tables;
    assert_eq!(after(tables(vec![round(8, 80.0)])), []);
    let at = "sections[0].tables[0]";
    assert_eq!(after(tables(vec![round(0, 80.0)])), found("empty_row", at));
    assert_eq!(after(tables(vec![round(201, 8_000.0)])), found("too_many", at));
    assert_eq!(after(tables(vec![round(1, 0.0)]))[0].0, "invalid_size");
    let sides = TableShape::Rectangle { width: 300.0, height: f64::NAN, sides: [3, 1, 3, 1] };
    assert_eq!(after(tables(vec![table("T", sides)]))[0].0, "invalid_size");
    let turned = Table { rotation: 400.0, ..round(4, 80.0) };
    assert_eq!(after(tables(vec![turned])), found("invalid_rotation", "sections[0].tables[0].rotation"));
    let twin = Table { centre: Point { x: 900.0, y: 900.0 }, ..round(4, 80.0) };
    let twice = after(tables(vec![round(4, 80.0), twin]));
    assert_eq!(twice[0], ("duplicate_row", "sections[0].tables[1]".into()));
    assert_eq!(twice[1], ("duplicate_seat", "sections[0].tables[1]".into()));
    assert_eq!(
        after(tables(vec![Table { label: "1".into(), ..round(4, 80.0) }]))[0],
        ("duplicate_row", at.into())
    );

    let booth = |label: &str| Booth {
        label: label.into(),
        category: "a".into(),
        centre: Point { x: 0.0, y: 900.0 },
        width: 200.0,
        height: 100.0,
        ..Booth::default()
    };
    let booths = |booths: Vec<Booth>| move |m: &mut SeatMap| m.sections[0].booths = booths;
    assert_eq!(after(booths(vec![booth("B")])), []);
    assert_eq!(
        after(booths(vec![Booth { width: 0.0, ..booth("B") }])),
        found("invalid_size", "sections[0].booths[0].width")
    );
    assert_eq!(
        after(booths(vec![Booth { category: "z".into(), ..booth("B") }])),
        found("unknown_category", "sections[0].booths[0]")
    );
    assert_eq!(
        after(booths(vec![booth("B"), booth("C")])),
        found("overlapping_seats", "sections[0].booths[1]")
    );
    assert_eq!(after(booths(vec![booth("")]))[0], ("missing_text", "sections[0].booths[0]".into()));
    // Places of every kind count.
    let only_booths = |m: &mut SeatMap| {
        m.sections[0].rows.clear();
        booths(vec![booth("B")])(m);
    };
    assert_eq!(after(only_booths), []);
}

#[test]
fn addresses_of_pictures() {
    let view = |url: &'static str| move |m: &mut SeatMap| m.sections[0].view = Some(url.into());
    assert_eq!(after(view("https://images.example/a.jpg?w=1")), []);
    for url in
        ["http://images.example/a.jpg", "javascript:alert(1)", "https://", "https://u@h/", "https://a/ b", ""]
    {
        assert_eq!(after(view(url)), found("invalid_url", "sections[0].view"), "{url}");
    }
    let long =
        |m: &mut SeatMap| m.sections[0].rows[0].view = Some(format!("https://h/{}", "a".repeat(2_000)));
    assert_eq!(after(long), found("text_too_long", "sections[0].rows[0].view"));
}

#[test]
fn occupancy() {
    let sold = |sold| move |m: &mut SeatMap| m.ga_areas = vec![GaArea { sold, ..area("f") }];
    assert_eq!(after(sold(Occupancy::Whole)), []);
    assert_eq!(after(sold(Occupancy::Group { min: 2, max: 100 })), []);
    for (min, max) in [(0, 5), (6, 5), (1, 101)] {
        let findings = after(sold(Occupancy::Group { min, max }));
        assert_eq!(findings, found("invalid_occupancy", "ga_areas[0].sold"));
    }
}

#[test]
fn outlines() {
    let points = |points: &[(i32, i32)]| -> Vec<Point> {
        points.iter().map(|&(x, y)| Point { x: x.into(), y: y.into() }).collect()
    };
    let outline = |corners: &[(i32, i32)]| {
        let corners = points(corners);
        after(move |m| m.sections[0].outline = corners)
    };
    assert_eq!(outline(&[(0, 0), (9, 0), (9, 9), (0, 9)]), []);
    assert_eq!(outline(&[(0, 0), (9, 0)]), found("invalid_outline", "sections[0].outline"));
    assert_eq!(outline(&[(0, 0), (5, 5), (9, 9)]), found("invalid_outline", "sections[0].outline"));
    assert_eq!(outline(&[(4, 4); 5]), found("invalid_outline", "sections[0].outline"));
    assert_eq!(outline(&[(0, 0), (9, 9), (9, 0), (0, 9)]), found("crossed_outline", "sections[0].outline"));
    let shape = |kind, corners: &[(i32, i32)]| {
        let shape = Shape { kind, points: points(corners), ..Shape::default() };
        after(move |m| m.shapes = vec![shape])
    };
    assert_eq!(shape(ShapeKind::Ellipse, &[(0, 0), (9, 9)]), []);
    assert_eq!(shape(ShapeKind::Polyline, &[(0, 0), (9, 9)]), []);
    for (kind, count) in [(ShapeKind::Rectangle, 3), (ShapeKind::Polyline, 1), (ShapeKind::Polygon, 2)] {
        let corners: Vec<_> = (0..count).map(|n| (n, n * n)).collect();
        assert_eq!(shape(kind, &corners), found("invalid_outline", "shapes[0].points"));
    }
}

#[test]
fn drawings() {
    let text = |text: TextLabel| after(move |m| m.texts = vec![text]);
    let label = || TextLabel { text: "Bar".into(), size: 30.0, ..TextLabel::default() };
    assert_eq!(text(label()), []);
    assert_eq!(text(TextLabel { text: String::new(), ..label() }), found("missing_text", "texts[0]"));
    assert_eq!(text(TextLabel { size: 0.0, ..label() }), found("invalid_size", "texts[0].size"));
    assert_eq!(
        text(TextLabel { color: Some("red".into()), ..label() }),
        found("invalid_color", "texts[0].color")
    );
    let image = |image: Image| after(move |m| m.images = vec![image]);
    let plan = || Image {
        href: "https://images.example/plan.png".into(),
        width: 9.0,
        height: 9.0,
        ..Image::default()
    };
    assert_eq!(image(plan()), []);
    assert_eq!(image(Image { opacity: 1.5, ..plan() }), found("invalid_size", "images[0].opacity"));
    assert_eq!(image(Image { href: "plan.png".into(), ..plan() }), found("invalid_url", "images[0].href"));
    let many = |m: &mut SeatMap| m.images = vec![plan(); 21];
    assert_eq!(after(many), found("too_many", "images"));
    let points = |m: &mut SeatMap| {
        let shape =
            Shape { kind: ShapeKind::Polyline, points: vec![Point::default(); 500], ..Shape::default() };
        m.shapes = vec![shape; 101];
    };
    assert_eq!(after(points), found("too_many", ""));
}

#[test]
fn companions_sit_beside_a_wheelchair_place() {
    let row = |places: &'static str| {
        after(move |m| {
            let traits = |(position, place)| match place {
                'w' => Some(samples::with_trait(position, SeatTrait::Wheelchair)),
                'c' => Some(samples::with_trait(position, SeatTrait::Companion)),
                '_' => Some(samples::skip(position)),
                _ => None,
            };
            m.sections[0].rows[1].seats = (1..).zip(places.chars()).filter_map(traits).collect();
        })
    };
    for fine in ["wc....", "cw....", "wcc...", "ccw...", "cwccwc", "w.w..."] {
        assert_eq!(row(fine), [], "{fine}");
    }
    for alone in ["w.c...", "w_c...", "wc...c", "cccccc", "c....."] {
        assert_eq!(row(alone), found("companion_alone", "sections[0].rows[1]"), "{alone}");
    }
    let ring = |m: &mut SeatMap| {
        let mut round = table("T", TableShape::Round { radius: 80.0, chairs: 6 });
        round.seats =
            vec![samples::with_trait(1, SeatTrait::Wheelchair), samples::with_trait(6, SeatTrait::Companion)];
        m.sections[0].tables = vec![round];
    };
    assert_eq!(after(ring), []);
}

proptest! {
    #[test]
    fn sample_maps_are_publishable(map in samples::maps()) {
        prop_assert!(is_publishable(&validate(&map)));
    }

    #[test]
    fn documents_with_everything_are_publishable(map in samples::documents()) {
        let (findings, layout) = examine(&map);
        prop_assert!(is_publishable(&findings), "{:?}", findings);
        prop_assert!(layout.seats().iter().all(|seat| seat.category.is_some()));
        prop_assert_eq!(layout, Layout::compile(&map));
    }
}
