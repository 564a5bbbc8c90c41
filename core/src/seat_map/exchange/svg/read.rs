//! From the text to groups, marks, shapes and texts: a reader that never sees more than one element at a time, and
//! refuses what could refer elsewhere.

use std::{rc::Rc, str::FromStr};

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};
use svgtypes::Transform;

use super::{
    attributes::{Attributes, length},
    geometry,
};
use crate::seat_map::{
    AREAS_MAX, LABEL_CHARS_MAX, OUTLINE_POINTS_MAX, POINTS_MAX, Point, SEATS_MAX, SECTIONS_MAX, SHAPES_MAX,
    Shape, ShapeKind, TEXTS_MAX, TextLabel,
    exchange::{
        ImportError, ImportErrorCode, PROGRESS_EVERY, Progress, Result, colors,
        notes::{NoteCode, Notes},
        rules::{clipped, rounded},
    },
};

/// Elements of one drawing: five for each seat of the largest map.
const ELEMENTS_MAX: u64 = 1_000_000;
/// Elements around each other. Drawing programs nest layers and groups, ten at most.
const DEPTH_MAX: usize = 64;
/// Attributes of one element; drawing programs write some twenty.
const ATTRIBUTES_MAX: usize = 100;
/// Bytes of an attribute's value, but for those that draw: what a group says may be repeated for each of its seats.
const VALUE_BYTES_MAX: usize = 8_000;
/// Bytes of a property that things in a group have from it.
const PROPERTY_BYTES_MAX: usize = 100;
/// Height of a text that does not say it.
const TEXT_SIZE: f64 = 16.0;
/// Subtrees that draw nothing where they stand.
const NOT_DRAWN: [&str; 14] = [
    "defs",
    "symbol",
    "clipPath",
    "mask",
    "pattern",
    "marker",
    "linearGradient",
    "radialGradient",
    "filter",
    "style",
    "script",
    "metadata",
    "foreignObject",
    "namedview",
];

/// What a drawing consists of.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    pub(super) name: String,
    pub(super) focal_point: Option<Point>,
    /// The first is the drawing itself.
    pub(super) groups: Vec<Group>,
    pub(super) marks: Vec<Mark>,
    pub(super) shapes: Vec<Shape>,
    pub(super) texts: Vec<TextLabel>,
    /// Standing areas: outline and attributes, which all areas of one path have in common.
    pub(super) areas: Vec<(Vec<Point>, Rc<Attributes>)>,
    /// Outlines of sections, by key.
    pub(super) outlines: Vec<(String, Vec<Point>)>,
    pub(super) notes: Notes,
}

#[derive(Debug, Default)]
pub(super) struct Group {
    /// An earlier one.
    pub(super) parent: Option<usize>,
    pub(super) attributes: Attributes,
    pub(super) title: String,
}

/// A circle, ellipse or rectangle that may be a seat.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) group: usize,
    pub(super) at: Point,
    /// Width and height as drawn; a circle is round.
    pub(super) size: (f64, f64),
    pub(super) round: bool,
    pub(super) fill: Option<String>,
    pub(super) attributes: Attributes,
    pub(super) title: String,
    /// What it is if it is no seat.
    pub(super) shape: Shape,
}

/// What an open element passes on to those in it.
#[derive(Clone)]
struct Frame {
    group: usize,
    transform: Transform,
    fill: Option<String>,
    stroke: Option<String>,
    stroke_width: Option<String>,
    font_size: Option<String>,
    role: Role,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Group,
    Mark(usize),
    Title,
    /// Index into the texts.
    Text(usize),
    /// Nothing in it is looked at.
    Skipped,
    Other,
}

struct Parser<'a> {
    drawing: Drawing,
    frames: Vec<Frame>,
    text: &'a str,
    elements: u64,
    points: usize,
}

pub(super) fn drawing(text: &str, progress: &mut dyn FnMut(Progress)) -> Result<Drawing> {
    let mut reader = Reader::from_str(text);
    let mut parser = Parser { drawing: Drawing::default(), frames: Vec::new(), text, elements: 0, points: 0 };
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|error| {
            parser.error(
                ImportErrorCode::Malformed,
                reader.error_position(),
                format!("This is no well-formed XML: {error}."),
            )
        })?;
        match event {
            Event::Start(element) => parser.open(&element, at)?,
            Event::Empty(element) => {
                parser.open(&element, at)?;
                parser.close();
            }
            Event::End(_) => parser.close(),
            Event::Text(text) => parser.content(&text.xml10_content()),
            Event::CData(text) => parser.content(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let name = entity.xml10_content();
                let character =
                    if entity.is_char_ref() { entity.resolve_char_ref().ok().flatten() } else { None };
                match (character, resolve_predefined_entity(&name)) {
                    (Some(character), _) => parser.content(character.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => parser.content(text),
                    (None, None) => return Err(parser.entity(at)),
                }
            }
            Event::DocType(declaration) if declaration.xml10_content().contains(['[', '<']) => {
                let message =
                    "Declarations of entities and the like are not read; save the file as plain SVG.";
                return Err(parser.error(ImportErrorCode::Unsafe, at, message));
            }
            Event::Eof => break,
            Event::DocType(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        if parser.elements.is_multiple_of(PROGRESS_EVERY) && parser.elements > 0 {
            progress(Progress { done: parser.elements, total: None });
        }
    }
    if !parser.frames.is_empty() {
        return Err(parser.error(
            ImportErrorCode::Malformed,
            reader.buffer_position(),
            "The file ends within an element.",
        ));
    }
    if parser.drawing.groups.is_empty() {
        return Err(ImportError::new(ImportErrorCode::Malformed, "", "The file has no svg element."));
    }
    progress(Progress { done: parser.elements, total: Some(parser.elements) });
    Ok(parser.drawing)
}

impl Parser<'_> {
    fn error(&self, code: ImportErrorCode, at: u64, message: impl Into<String>) -> ImportError {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(self.text.len());
        let before = &self.text.as_bytes()[..at];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
        ImportError::new(code, format!("line {line}, column {column}"), message)
    }

    fn entity(&self, at: u64) -> ImportError {
        self.error(ImportErrorCode::Unsafe, at, "The file uses an entity; only those of XML itself are read.")
    }

    fn open(&mut self, element: &BytesStart<'_>, at: u64) -> Result<()> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            let message = format!("The file has more than {ELEMENTS_MAX} elements.");
            return Err(self.error(ImportErrorCode::TooMany, at, message));
        }
        if self.frames.len() == DEPTH_MAX {
            let message = format!("Elements are nested deeper than {DEPTH_MAX}.");
            return Err(self.error(ImportErrorCode::TooDeep, at, message));
        }
        let name = element.local_name();
        let name: &str = name.as_ref();
        if self.frames.is_empty() {
            if name != "svg" || !self.drawing.groups.is_empty() {
                return Err(self.error(ImportErrorCode::Malformed, at, "The file is no SVG drawing."));
            }
            self.drawing.groups.push(Group::default());
        }
        let outer = self.frames.last().cloned().unwrap_or(Frame {
            group: 0,
            transform: Transform::default(),
            fill: None,
            stroke: None,
            stroke_width: None,
            font_size: None,
            role: Role::Other,
        });
        if outer.role == Role::Skipped || NOT_DRAWN.contains(&name) {
            self.frames.push(Frame { role: Role::Skipped, ..outer });
            return Ok(());
        }
        let attributes = self.attributes(name, element, at)?;
        if attributes.property("display") == Some("none") {
            self.frames.push(Frame { role: Role::Skipped, ..outer });
            return Ok(());
        }
        let own =
            attributes.get("transform").and_then(|text| Transform::from_str(text).ok()).unwrap_or_default();
        let property = |name: &str, outer: &Option<String>| {
            attributes
                .property(name)
                .filter(|own| own.len() <= PROPERTY_BYTES_MAX)
                .map(str::to_owned)
                .or_else(|| outer.clone())
        };
        let frame = Frame {
            group: outer.group,
            transform: geometry::combined(outer.transform, own),
            fill: property("fill", &outer.fill),
            stroke: property("stroke", &outer.stroke),
            stroke_width: property("stroke-width", &outer.stroke_width),
            font_size: property("font-size", &outer.font_size),
            role: outer.role,
        };
        self.element(name, attributes, frame, at)
    }

    fn element(&mut self, name: &str, attributes: Attributes, mut frame: Frame, at: u64) -> Result<()> {
        frame.role = match name {
            "svg" if self.frames.is_empty() => {
                self.drawing.name = attributes.get("data-name").unwrap_or_default().to_owned();
                let point = attributes.get("data-focal-point").and_then(|text| text.split_once(' '));
                let point = point.and_then(|(x, y)| Some(Point { x: length(x)?, y: length(y)? }));
                self.drawing.focal_point = point;
                self.drawing.groups[0].attributes = attributes;
                Role::Group
            }
            "g" | "svg" | "a" | "switch" => {
                self.drawing.groups.push(Group {
                    parent: Some(frame.group),
                    attributes,
                    title: String::new(),
                });
                frame.group = self.drawing.groups.len() - 1;
                Role::Group
            }
            "circle" | "ellipse" | "rect" => self.mark(name, attributes, &frame, at)?,
            "polygon" | "polyline" | "line" | "path" => {
                self.outlines(name, attributes, &frame, at)?;
                Role::Other
            }
            "text" => self.text(&attributes, &frame),
            "tspan" | "textPath" => frame.role,
            "title" => Role::Title,
            _ => {
                self.drawing
                    .notes
                    .add(NoteCode::Ignored, || format!("<{}>", name.chars().take(40).collect::<String>()));
                Role::Other
            }
        };
        self.frames.push(frame);
        Ok(())
    }

    fn attributes(&mut self, of: &str, element: &BytesStart<'_>, at: u64) -> Result<Attributes> {
        let mut attributes = Vec::new();
        // Looking for doubles would compare each with all others.
        for attribute in element.attributes().with_checks(false) {
            let malformed = |message: String| self.error(ImportErrorCode::Malformed, at, message);
            let attribute =
                attribute.map_err(|error| malformed(format!("This is no attribute: {error}.")))?;
            if attributes.len() == ATTRIBUTES_MAX {
                let message = format!("An element has more than {ATTRIBUTES_MAX} attributes.");
                return Err(self.error(ImportErrorCode::TooMany, at, message));
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| self.entity(at))?;
            let name = attribute.key.local_name();
            let name: &str = name.as_ref();
            let draws = matches!((of, name), ("path", "d") | ("polygon" | "polyline", "points"));
            if value.len() > VALUE_BYTES_MAX && !draws {
                self.drawing.notes.add(NoteCode::Ignored, || name.chars().take(40).collect());
                continue;
            }
            attributes.push((name.to_owned(), value.into_owned()));
        }
        Ok(Attributes(attributes))
    }

    /// The shape of an element, without a place.
    fn styled(&mut self, kind: ShapeKind, frame: &Frame) -> Shape {
        let mut color = |text: Option<&str>| colors::read(text?, "", &mut self.drawing.notes);
        // What says nothing is black.
        let fill = color(Some(frame.fill.as_deref().unwrap_or("#000000")));
        let stroke = color(frame.stroke.as_deref());
        let width = frame.stroke_width.as_deref().and_then(length).unwrap_or(1.0);
        let (scale, _) = geometry::scale_and_turn(frame.transform);
        let stroke_width = if stroke.is_some() { rounded(width * scale) } else { 0.0 };
        Shape { kind, fill, stroke, stroke_width, ..Shape::default() }
    }

    fn mark(&mut self, name: &str, attributes: Attributes, frame: &Frame, position: u64) -> Result<Role> {
        let number = |name: &str| attributes.number(name);
        let (corner, size) = match name {
            "rect" => ((number("x"), number("y")), (number("width"), number("height"))),
            _ => {
                let r = number("r");
                let (rx, ry) = if name == "circle" { (r, r) } else { (number("rx"), number("ry")) };
                ((number("cx") - rx, number("cy") - ry), (2.0 * rx, 2.0 * ry))
            }
        };
        if !(size.0 > 0.0 && size.1 > 0.0) {
            return Ok(Role::Other);
        }
        let transform = frame.transform;
        let round = name != "rect";
        let mut shape = self.styled(if round { ShapeKind::Ellipse } else { ShapeKind::Rectangle }, frame);
        if geometry::keeps_form(transform) {
            shape.points = geometry::box_of(transform, corner, size);
            shape.rotation = rounded(geometry::scale_and_turn(transform).1);
        } else {
            let at =
                |x: f64, y: f64| geometry::placed(transform, corner.0 + x * size.0, corner.1 + y * size.1);
            shape.kind = ShapeKind::Polygon;
            shape.points = match round {
                true => vec![
                    at(0.5, 0.0),
                    at(0.85, 0.15),
                    at(1.0, 0.5),
                    at(0.85, 0.85),
                    at(0.5, 1.0),
                    at(0.15, 0.85),
                    at(0.0, 0.5),
                    at(0.15, 0.15),
                ],
                false => vec![at(0.0, 0.0), at(1.0, 0.0), at(1.0, 1.0), at(0.0, 1.0)],
            };
        }
        if attributes.get("data-area").is_some() {
            let at =
                |x: f64, y: f64| geometry::placed(transform, corner.0 + x * size.0, corner.1 + y * size.1);
            let outline = vec![at(0.0, 0.0), at(1.0, 0.0), at(1.0, 1.0), at(0.0, 1.0)];
            self.area(outline, &Rc::new(attributes), position)?;
            return Ok(Role::Other);
        }
        if self.drawing.marks.len() == SEATS_MAX + SHAPES_MAX {
            let message = format!("A seat map has at most {SEATS_MAX} seats.");
            return Err(self.error(ImportErrorCode::TooMany, position, message));
        }
        let fill = shape.fill.clone();
        let middle = geometry::placed(transform, corner.0 + size.0 / 2.0, corner.1 + size.1 / 2.0);
        let (group, title) = (frame.group, String::new());
        self.drawing.marks.push(Mark { group, at: middle, size, round, fill, attributes, title, shape });
        Ok(Role::Mark(self.drawing.marks.len() - 1))
    }

    fn area(&mut self, outline: Vec<Point>, attributes: &Rc<Attributes>, at: u64) -> Result<()> {
        if self.drawing.areas.len() == AREAS_MAX {
            let message = format!("A seat map has at most {AREAS_MAX} standing areas.");
            return Err(self.error(ImportErrorCode::TooMany, at, message));
        }
        self.drawing.areas.push((outline, attributes.clone()));
        Ok(())
    }

    fn outlines(&mut self, name: &str, mut attributes: Attributes, frame: &Frame, at: u64) -> Result<()> {
        let transform = frame.transform;
        let most = OUTLINE_POINTS_MAX + 1;
        let lines = match name {
            "path" => {
                geometry::path(&attributes.take("d"), transform, POINTS_MAX - self.points.min(POINTS_MAX))
            }
            "line" => {
                let at = |x: &str, y: &str| {
                    geometry::placed(transform, attributes.number(x), attributes.number(y))
                };
                vec![(vec![at("x1", "y1"), at("x2", "y2")], false)]
            }
            _ => vec![(geometry::points(&attributes.take("points"), transform, most), name == "polygon")],
        };
        let attributes = Rc::new(attributes);
        for (points, closed) in lines {
            self.points += points.len();
            if points.len() < 2 {
                continue;
            }
            let drawn = self.drawing.shapes.len() + self.drawing.areas.len();
            let is_outline = attributes.get("data-outline").is_some();
            let full = drawn >= SHAPES_MAX || (is_outline && self.drawing.outlines.len() == SECTIONS_MAX);
            if full || points.len() > OUTLINE_POINTS_MAX || self.points > POINTS_MAX {
                self.drawing.notes.add(NoteCode::Drawing, || format!("<{name}>"));
                continue;
            }
            if attributes.get("data-area").is_some() {
                self.area(points, &attributes, at)?;
                continue;
            }
            if let Some(key) = attributes.get("data-outline") {
                // Keys of sections are not longer.
                self.drawing.outlines.push((clipped(key, LABEL_CHARS_MAX).to_owned(), points));
                continue;
            }
            let kind = if closed && points.len() > 2 { ShapeKind::Polygon } else { ShapeKind::Polyline };
            let mut shape = self.styled(kind, frame);
            if kind == ShapeKind::Polyline {
                shape.fill = None;
            }
            if shape.fill.is_some() || shape.stroke.is_some() {
                self.drawing.shapes.push(Shape { points, ..shape });
            }
        }
        Ok(())
    }

    fn text(&mut self, attributes: &Attributes, frame: &Frame) -> Role {
        if self.drawing.texts.len() == TEXTS_MAX {
            self.drawing.notes.add(NoteCode::Drawing, || "<text>".into());
            return Role::Skipped;
        }
        let (scale, turn) = geometry::scale_and_turn(frame.transform);
        let size = frame.font_size.as_deref().and_then(length).unwrap_or(TEXT_SIZE);
        let color =
            frame.fill.as_deref().and_then(|fill| colors::read(fill, "<text>", &mut self.drawing.notes));
        self.drawing.texts.push(TextLabel {
            at: geometry::placed(frame.transform, attributes.number("x"), attributes.number("y")),
            text: String::new(),
            size: rounded(size * scale),
            rotation: rounded(turn),
            color,
            floor: None,
        });
        Role::Text(self.drawing.texts.len() - 1)
    }

    fn close(&mut self) {
        self.frames.pop();
    }

    /// Text of a title or a text.
    fn content(&mut self, text: &str) {
        let Some((frame, outer)) = self.frames.split_last() else { return };
        let into = match (frame.role, outer.last().map(|outer| outer.role)) {
            (Role::Text(index), _) => &mut self.drawing.texts[index].text,
            (Role::Title, Some(Role::Mark(index))) => &mut self.drawing.marks[index].title,
            (Role::Title, Some(Role::Group)) => &mut self.drawing.groups[frame.group].title,
            _ => return,
        };
        into.push_str(text);
    }
}
