//! To SVG.

use std::fmt::Write;

use quick_xml::escape::escape;

use crate::seat_map::{
    Bounds, LABEL_CHARS_MAX, Layout, LayoutSection, LayoutText, NAME_CHARS_MAX, RowKind, SeatIndex, SeatMap,
    SeatTrait, Shape, ShapeKind, Traits,
    exchange::{
        Export, losses,
        notes::{NoteCode, Notes},
        own_view,
        rules::{clipped, rounded},
    },
    layout::wide,
};

/// What a seat is as wide as, in parts of the distance of neighbours, and when there are none.
const SEAT_SHARE: f64 = 0.4;
const SEAT_RADIUS: f64 = 20.0;
/// Room around the plan, in seats.
const MARGIN: f64 = 4.0;

pub(in crate::seat_map::exchange) fn export(map: &SeatMap) -> Export {
    let layout = Layout::compile(map);
    let mut notes = Notes::default();
    losses::floors(map, &mut notes);
    losses::tables(map, &mut notes);
    let lost = if map.icons.is_empty() { &map.images.is_empty() } else { &false };
    notes.add_if(!lost, NoteCode::Drawing, if map.icons.is_empty() { "images[0]" } else { "icons[0]" });
    let mut svg = Svg { layout: &layout, text: String::new(), radius: radius(&layout) };
    svg.open(map);
    svg.categories();
    map.shapes.iter().for_each(|shape| svg.shape(shape));
    svg.areas();
    layout.sections().iter().for_each(|section| svg.section(section));
    svg.texts(map);
    svg.text.push_str("</svg>\n");
    Export { text: svg.text, notes: notes.done() }
}

struct Svg<'a> {
    layout: &'a Layout,
    text: String,
    radius: f64,
}

impl Svg<'_> {
    fn open(&mut self, map: &SeatMap) {
        let floors = (0..).zip(self.layout.floors()).filter_map(|(floor, _)| self.layout.bounds(floor));
        let texts = self.layout.texts().iter().map(around);
        let bounds = floors.chain(texts).reduce(|a, b| a.with(b));
        let Bounds { left, top, right, bottom } =
            bounds.unwrap_or(Bounds { left: 0, top: 0, right: 0, bottom: 0 });
        let edge = |value: i32, sign: f64| rounded(f64::from(value) / 100.0 + sign * MARGIN * self.radius);
        let (left, top) = (edge(left, -1.0), edge(top, -1.0));
        let (width, height) = (rounded(edge(right, 1.0) - left), rounded(edge(bottom, 1.0) - top));
        self.text.push_str("<svg xmlns=\"http://www.w3.org/2000/svg\"");
        self.attribute("viewBox", &format!("{left} {top} {width} {height}"));
        self.attribute("data-name", &map.name);
        if let Some((x, y)) = self.layout.focal_point() {
            self.attribute("data-focal-point", &format!("{} {}", hundredths(x), hundredths(y)));
        }
        self.text.push_str(">\n");
        self.element("title", &map.name);
    }

    fn categories(&mut self) {
        for category in self.layout.categories() {
            self.text.push_str("<g class=\"category\"");
            self.attribute("data-category", &category.key);
            self.attribute("data-name", &category.name);
            self.attribute("data-color", &category.color);
            self.text.push_str("/>\n");
        }
    }

    fn shape(&mut self, shape: &Shape) {
        let (Some(first), Some(last)) = (shape.points.first(), shape.points.last()) else { return };
        let (left, right) = (first.x.min(last.x), first.x.max(last.x));
        let (top, bottom) = (first.y.min(last.y), first.y.max(last.y));
        let (width, height) = (rounded(right - left), rounded(bottom - top));
        match shape.kind {
            ShapeKind::Rectangle => {
                self.text.push_str("<rect");
                self.numbers(&[("x", left), ("y", top), ("width", width), ("height", height)]);
            }
            ShapeKind::Ellipse => {
                self.text.push_str("<ellipse");
                let (rx, ry) = (rounded(width / 2.0), rounded(height / 2.0));
                self.numbers(&[
                    ("cx", rounded(left + rx)),
                    ("cy", rounded(top + ry)),
                    ("rx", rx),
                    ("ry", ry),
                ]);
            }
            ShapeKind::Polygon | ShapeKind::Polyline => {
                self.text.push_str(if shape.kind == ShapeKind::Polygon { "<polygon" } else { "<polyline" });
                let points: Vec<String> = shape
                    .points
                    .iter()
                    .map(|point| format!("{},{}", rounded(point.x), rounded(point.y)))
                    .collect();
                self.attribute("points", &points.join(" "));
            }
        }
        self.attribute("fill", shape.fill.as_deref().unwrap_or("none"));
        if let Some(stroke) = &shape.stroke {
            self.attribute("stroke", stroke);
            self.numbers(&[("stroke-width", rounded(shape.stroke_width))]);
        }
        if shape.rotation != 0.0 {
            let middle = |of: fn(&crate::seat_map::Point) -> f64| {
                let (low, high) = shape
                    .points
                    .iter()
                    .map(of)
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                        (low.min(value), high.max(value))
                    });
                rounded((low + high) / 2.0)
            };
            let turn = format!(
                "rotate({} {} {})",
                rounded(shape.rotation),
                middle(|point| point.x),
                middle(|point| point.y)
            );
            self.attribute("transform", &turn);
        }
        self.text.push_str("/>\n");
    }

    fn areas(&mut self) {
        let layout = self.layout;
        for area in layout.ga_areas() {
            self.text.push_str("<polygon");
            self.attribute("data-area", &area.key);
            self.attribute("data-name", &area.name);
            self.attribute("data-capacity", &area.capacity.to_string());
            self.outline(&area.outline);
            self.category(area.category);
            self.floor_and_zone(area.floor, area.zone, area.entrance.as_deref());
            self.attribute("fill-opacity", "0.3");
            self.text.push('>');
            self.element("title", &area.name);
            self.text.push_str("</polygon>\n");
        }
    }

    fn section(&mut self, section: &LayoutSection) {
        self.text.push_str("<g class=\"section\"");
        self.attribute("data-section", &section.key);
        self.attribute("data-section-name", &section.name);
        if let Some(view) = &section.view {
            self.attribute("data-section-view", view);
        }
        self.floor_and_zone(section.floor, section.zone, section.entrance.as_deref());
        self.text.push_str(">\n");
        if !section.outline.is_empty() {
            self.text.push_str("<polygon");
            self.attribute("data-outline", &section.key);
            self.outline(&section.outline);
            self.text.push_str(" fill=\"none\" stroke=\"#808080\"/>\n");
        }
        for row in &self.layout.rows()[wide(section.rows.start)..wide(section.rows.end)] {
            self.text.push_str("<g class=\"row\"");
            self.attribute("data-row", &row.label);
            if let Some(shown) = &row.shown {
                self.attribute("data-row-shown", shown);
            }
            if let Some(view) = &row.view {
                self.attribute("data-row-view", view);
            }
            self.text.push_str(">\n");
            let round = !matches!(row.kind, RowKind::Booth { .. });
            for seat in row.seats.clone() {
                self.seat(SeatIndex(seat), section, round);
            }
            self.text.push_str("</g>\n");
        }
        self.text.push_str("</g>\n");
    }

    fn seat(&mut self, index: SeatIndex, section: &LayoutSection, round: bool) {
        let layout = self.layout;
        let Some(seat) = layout.seat(index) else { return };
        let (x, y, radius) = (hundredths(seat.x), hundredths(seat.y), self.radius);
        if round {
            self.text.push_str("<circle");
            self.numbers(&[("cx", x), ("cy", y), ("r", radius)]);
        } else {
            self.text.push_str("<rect");
            let side = 2.0 * radius;
            self.numbers(&[
                ("x", rounded(x - radius)),
                ("y", rounded(y - radius)),
                ("width", side),
                ("height", side),
            ]);
        }
        self.attribute("data-seat", layout.number(index));
        let shown = layout.shown_number(index);
        if shown != layout.number(index) {
            self.attribute("data-seat-shown", shown);
        }
        self.category(seat.category);
        if seat.traits != Traits::NONE {
            let words: Vec<&str> = seat.traits.iter().map(SeatTrait::as_str).collect();
            self.attribute("data-traits", &words.join(" "));
        }
        if let Some(view) = own_view(layout, index) {
            self.attribute("data-view", view);
        }
        self.text.push('>');
        let short = |text| clipped(text, NAME_CHARS_MAX);
        let row = short(layout.shown_row(seat.row));
        self.element("title", &format!("{}, {row}, {}", short(&section.name), short(shown)));
        self.text.push_str(if round { "</circle>\n" } else { "</rect>\n" });
    }

    fn texts(&mut self, map: &SeatMap) {
        for text in &map.texts {
            self.text.push_str("<text text-anchor=\"middle\" dominant-baseline=\"central\"");
            let (x, y) = (rounded(text.at.x), rounded(text.at.y));
            self.numbers(&[("x", x), ("y", y), ("font-size", rounded(text.size))]);
            if let Some(color) = &text.color {
                self.attribute("fill", color);
            }
            if text.rotation != 0.0 {
                self.attribute("transform", &format!("rotate({} {x} {y})", rounded(text.rotation)));
            }
            self.text.push('>');
            self.text.push_str(&escape(plain(&text.text)));
            self.text.push_str("</text>\n");
        }
    }

    fn category(&mut self, index: Option<u16>) {
        let layout = self.layout;
        let Some(category) = index.and_then(|index| layout.categories().get(usize::from(index))) else {
            return;
        };
        self.attribute("data-category", clipped(&category.key, NAME_CHARS_MAX));
        self.attribute("fill", clipped(&category.color, LABEL_CHARS_MAX));
    }

    fn floor_and_zone(&mut self, floor: Option<u16>, zone: Option<u16>, entrance: Option<&str>) {
        let layout = self.layout;
        let floor =
            floor.and_then(|index| layout.floors().get(usize::from(index))).map(|floor| floor.key.as_str());
        let zone =
            zone.and_then(|index| layout.zones().get(usize::from(index))).map(|zone| zone.key.as_str());
        for (name, value) in [("data-floor", floor), ("data-zone", zone), ("data-entrance", entrance)] {
            if let Some(value) = value {
                self.attribute(name, value);
            }
        }
    }

    fn outline(&mut self, points: &[(i32, i32)]) {
        let points = points.iter().map(|&(x, y)| format!("{},{}", hundredths(x), hundredths(y)));
        self.attribute("points", &points.collect::<Vec<_>>().join(" "));
    }

    fn numbers(&mut self, attributes: &[(&str, f64)]) {
        for (name, value) in attributes {
            write!(self.text, " {name}=\"{value}\"").expect("writing to a string cannot fail");
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        write!(self.text, " {name}=\"{}\"", escape(plain(value))).expect("writing to a string cannot fail");
    }

    fn element(&mut self, name: &str, text: &str) {
        write!(self.text, "<{name}>{}</{name}>", escape(plain(text)))
            .expect("writing to a string cannot fail");
    }
}

/// The box that a text needs however it is turned: letters are about as wide as half their height.
fn around(text: &LayoutText) -> Bounds {
    let letters = u32::try_from(text.text.chars().count()).unwrap_or(u32::MAX);
    let reach = (text.size / 2).saturating_mul(letters.max(2)) / 2;
    Bounds {
        left: text.x.saturating_sub_unsigned(reach),
        top: text.y.saturating_sub_unsigned(reach),
        right: text.x.saturating_add_unsigned(reach),
        bottom: text.y.saturating_add_unsigned(reach),
    }
}

/// Without what XML cannot say.
fn plain(text: &str) -> String {
    text.chars().filter(|&c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
}

fn radius(layout: &Layout) -> f64 {
    match layout.pitch() {
        0 => SEAT_RADIUS,
        pitch => rounded(f64::from(pitch) / 100.0 * SEAT_SHARE),
    }
}

fn hundredths(value: i32) -> f64 {
    f64::from(value) / 100.0
}
