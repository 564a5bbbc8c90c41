//! From marks in groups to sections and rows of seats.

use std::collections::HashMap;

use super::{
    attributes::Attributes,
    names,
    read::{Drawing, Group, Mark},
};
use crate::seat_map::{
    AREAS_MAX, CATEGORIES_MAX, Category, Floor, GaArea, LABEL_CHARS_MAX, NAME_CHARS_MAX, Point, ROWS_MAX,
    SEATS_MAX, SECTIONS_MAX, SHAPES_MAX, SeatMap, SeatTrait, Section, URL_CHARS_MAX, Zone,
    exchange::{
        IMPORT_BYTES_MAX, Import, ImportError, ImportErrorCode, Result, UNNAMED, colors,
        notes::{NoteCode, Notes},
        rules::{self, Names, Place},
    },
};

/// The category of seats without a colour.
const STANDARD: &str = "standard";
/// Rectangles of one size differ by less than this part of it.
const SAME_SIZE: f64 = 0.02;

pub(super) fn map(drawing: Drawing) -> Result<Import> {
    let chosen = seats(&drawing);
    let Drawing { name, focal_point, groups, marks, shapes, texts, areas, outlines, notes } = drawing;
    let title = groups.first().map(|drawing| drawing.title.trim()).unwrap_or_default();
    let name = [name.trim(), title, UNNAMED]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default()
        .to_owned();
    let mut map = SeatMap { name, focal_point, texts, ..SeatMap::default() };
    map.texts.retain_mut(|text| {
        text.text = text.text.split_whitespace().collect::<Vec<_>>().join(" ");
        !text.text.is_empty()
    });
    let mut groups_of_seats: Vec<(usize, Vec<Mark>)> = Vec::new();
    let mut place_of: HashMap<usize, usize> = HashMap::new();
    for (mark, is_seat) in marks.into_iter().zip(chosen) {
        if !is_seat {
            map.shapes.push(mark.shape);
            continue;
        }
        let group = mark.group;
        let place = *place_of.entry(group).or_insert_with(|| {
            groups_of_seats.push((group, Vec::new()));
            groups_of_seats.len() - 1
        });
        groups_of_seats[place].1.push(mark);
    }
    map.shapes.extend(shapes);
    let mut builder = Builder { map, groups, notes, ..Builder::default() };
    builder.limit("shapes", builder.map.shapes.len(), SHAPES_MAX)?;
    builder.categories()?;
    let seats = groups_of_seats.iter().map(|(_, marks)| marks.len()).sum();
    builder.limit("seats", seats, SEATS_MAX)?;
    for (group, marks) in groups_of_seats {
        builder.group(group, marks)?;
    }
    for (key, outline) in outlines {
        if let Some(&section) = builder.sections.get(&key) {
            builder.map.sections[section].outline = outline;
        }
    }
    for (points, attributes) in areas {
        builder.area(points, &attributes)?;
    }
    if seats == 0 && builder.map.ga_areas.is_empty() {
        let message =
            "Nothing in the drawing looks like a seat: no circle, no group called “seats”, no data-seat.";
        return Err(ImportError::new(ImportErrorCode::Empty, "", message));
    }
    Ok(Import { map: builder.map, notes: builder.notes.done() })
}

/// Which of the marks are seats.
fn seats(drawing: &Drawing) -> Vec<bool> {
    let said = |mark: &Mark| mark.attributes.get("data-seat").is_some() || mark.attributes.has_class("seat");
    if drawing.marks.iter().any(said) {
        return drawing.marks.iter().map(said).collect();
    }
    // Parents come before their children.
    let mut in_seats: Vec<bool> = Vec::with_capacity(drawing.groups.len());
    for group in &drawing.groups {
        let own = group.attributes.name().is_some_and(|name| name.eq_ignore_ascii_case("seats"));
        in_seats.push(own || group.parent.is_some_and(|parent| in_seats[parent]));
    }
    if drawing.marks.iter().any(|mark| in_seats[mark.group]) {
        return drawing.marks.iter().map(|mark| in_seats[mark.group]).collect();
    }
    // A rectangle is a seat where all rectangles of its group are alike.
    let mut rectangles: HashMap<usize, (usize, bool, (f64, f64))> = HashMap::new();
    for mark in drawing.marks.iter().filter(|mark| !mark.round) {
        let (count, alike, size) = rectangles.entry(mark.group).or_insert((0, true, mark.size));
        *count += 1;
        let near = |a: f64, b: f64| (a - b).abs() <= SAME_SIZE * b;
        *alike &= near(mark.size.0, size.0) && near(mark.size.1, size.1);
    }
    let is_seat = |mark: &Mark| {
        mark.round || rectangles.get(&mark.group).is_some_and(|&(count, alike, _)| alike && count > 1)
    };
    drawing.marks.iter().map(is_seat).collect()
}

#[derive(Default)]
struct Builder {
    map: SeatMap,
    groups: Vec<Group>,
    notes: Notes,
    sections: HashMap<String, usize>,
    /// Of each section.
    labels: Vec<Names>,
    rows: usize,
    /// Bytes of views that rows in pieces say again.
    repeated: usize,
}

/// What a group says for many. What is too long stays too long by one character, for the findings to say so.
fn name(text: &str) -> String {
    rules::clipped(text, NAME_CHARS_MAX + 1).to_owned()
}

fn view(text: &str) -> String {
    rules::clipped(text, URL_CHARS_MAX + 1).to_owned()
}

impl Builder {
    fn limit(&self, what: &str, count: usize, most: usize) -> Result<()> {
        if count > most {
            let message = format!("{count} {what}; a seat map has at most {most}.");
            return Err(ImportError::new(ImportErrorCode::TooMany, "", message));
        }
        Ok(())
    }

    /// Categories that the file declares, as ours do.
    fn categories(&mut self) -> Result<()> {
        let groups = std::mem::take(&mut self.groups);
        for group in groups.iter().filter(|group| group.attributes.has_class("category")) {
            if let Some(key) = group.attributes.get("data-category") {
                let name = group.attributes.get("data-name").unwrap_or(key);
                let color = group.attributes.get("data-color").unwrap_or_default();
                self.category(key, name, color)?;
            }
        }
        self.groups = groups;
        Ok(())
    }

    /// The key of a category, which is made when it is new.
    fn category(&mut self, key: &str, name: &str, color: &str) -> Result<String> {
        if self.map.categories.iter().all(|known| known.key != key) {
            let index = self.map.categories.len();
            self.limit("categories", index + 1, CATEGORIES_MAX)?;
            let color = colors::read(color, key, &mut self.notes);
            let color = color.unwrap_or_else(|| colors::of_category(index).to_owned());
            self.map.categories.push(Category { key: key.to_owned(), name: name.to_owned(), color });
        }
        Ok(key.to_owned())
    }

    /// What the group or the nearest group around it says.
    fn said(&self, from: usize, name: &str) -> Option<&str> {
        let group = self.groups.get(from)?;
        group.attributes.get(name).or_else(|| self.said(group.parent?, name))
    }

    fn name_of(&self, group: usize) -> Option<&str> {
        let group = &self.groups[group];
        let title = Some(group.title.trim()).filter(|title| !title.is_empty());
        let name = group.attributes.name().or(title);
        name.filter(|name| !name.eq_ignore_ascii_case("seats"))
    }

    /// The name of the nearest group around this one that has one; the drawing itself is no section.
    fn named_around(&self, group: usize) -> Option<&str> {
        let around = self.groups[group].parent.filter(|&parent| parent > 0)?;
        self.name_of(around).or_else(|| self.named_around(around))
    }

    /// The seats of one group: a row, or several.
    fn group(&mut self, group: usize, marks: Vec<Mark>) -> Result<()> {
        let attributes = &self.groups[group].attributes;
        let said = attributes.get("data-row").is_some() || attributes.has_class("row");
        let points: Vec<Point> = marks.iter().map(|mark| mark.at).collect();
        let is_row = said || (group > 0 && rules::is_one_row(&points));
        let own = self.name_of(group).filter(|_| group > 0).map(str::to_owned);
        let around = self.named_around(group).map(str::to_owned);
        let named = if is_row { around } else { own.clone().or(around) };
        let section = self.section(group, named)?;
        if is_row {
            let own = own.map(|name| names::row(&name).to_owned());
            let label = self.groups[group].attributes.get("data-row").map(str::to_owned).or(own);
            let shown = self.groups[group].attributes.get("data-row-shown").map(name);
            let view = self.groups[group].attributes.get("data-row-view").map(view);
            return self.row(section, label, (shown, view), marks);
        }
        self.notes.add(NoteCode::Rows, || own.unwrap_or_else(|| "svg".into()));
        for row in at_one_height(marks) {
            self.row(section, None, (None, None), row)?;
        }
        Ok(())
    }

    fn section(&mut self, group: usize, named: Option<String>) -> Result<usize> {
        let key = self.said(group, "data-section").map(str::to_owned);
        let key = key.or_else(|| named.as_deref().map(|name| names::section(name).to_owned()));
        let key: String = key.unwrap_or_else(|| "main".into()).chars().take(LABEL_CHARS_MAX).collect();
        if let Some(&section) = self.sections.get(&key) {
            return Ok(section);
        }
        let said = self.said(group, "data-section-name").or(named.as_deref());
        let section_name = said.map_or_else(|| key.clone(), name);
        let some = |attribute: &str| self.said(group, attribute).map(name);
        let (floor, zone, entrance) = (some("data-floor"), some("data-zone"), some("data-entrance"));
        let view = self.said(group, "data-section-view").map(view);
        self.floor_and_zone(floor.as_ref(), zone.as_ref());
        let index = self.map.sections.len();
        self.limit("sections", index + 1, SECTIONS_MAX)?;
        self.map.sections.push(Section {
            key: key.clone(),
            name: section_name,
            floor,
            zone,
            entrance,
            view,
            ..Section::default()
        });
        self.sections.insert(key, index);
        self.labels.push(Names::default());
        Ok(index)
    }

    fn floor_and_zone(&mut self, floor: Option<&String>, zone: Option<&String>) {
        if let Some(key) = floor.filter(|key| self.map.floors.iter().all(|floor| floor.key != **key)) {
            self.map.floors.push(Floor { key: key.clone(), name: key.clone() });
        }
        if let Some(key) = zone.filter(|key| self.map.zones.iter().all(|zone| zone.key != **key)) {
            self.map.zones.push(Zone { key: key.clone(), name: key.clone() });
        }
    }

    fn row(
        &mut self,
        section: usize,
        label: Option<String>,
        (shown, view): (Option<String>, Option<String>),
        marks: Vec<Mark>,
    ) -> Result<()> {
        self.rows += 1;
        self.limit("rows", self.rows, ROWS_MAX)?;
        let label = label.unwrap_or_else(|| (self.map.sections[section].rows.len() + 1).to_string());
        let label: String = label.chars().take(LABEL_CHARS_MAX).collect();
        let mut seats = Vec::with_capacity(marks.len());
        for mark in &marks {
            seats.push(self.seat(mark)?);
        }
        number(&mut seats, &mut self.notes, &label);
        let labels = &mut self.labels[section];
        let mut rows = rules::rows(&label, shown.as_deref(), &seats, labels, &mut self.notes, &label)?;
        // Pieces of all rows say together no more than a file could.
        self.repeated += view.as_ref().map_or(0, String::len) * (rows.len() - rows.len().min(1));
        if self.repeated > IMPORT_BYTES_MAX {
            let message = "Rows with a long view lie so that they are too many pieces.";
            return Err(ImportError::new(ImportErrorCode::TooMany, label, message));
        }
        rows.iter_mut().for_each(|row| row.view.clone_from(&view));
        self.map.sections[section].rows.extend(rows);
        Ok(())
    }

    fn seat(&mut self, mark: &Mark) -> Result<Place> {
        let own = |name: &str| mark.attributes.get(name);
        let title = Some(mark.title.trim()).filter(|title| !title.is_empty());
        let exact = own("data-seat").or_else(|| own("data-seat-number")).or_else(|| own("data-number"));
        let number = exact.or_else(|| mark.attributes.name().or(title).and_then(names::number));
        let category = match (own("data-category"), mark.fill.as_deref()) {
            (Some(key), fill) => self.category(key, key, fill.unwrap_or_default())?,
            (None, fill) => {
                self.notes.add(NoteCode::Category, || format!("at {}, {}", mark.at.x, mark.at.y));
                self.category(fill.unwrap_or(STANDARD), fill.unwrap_or(STANDARD), fill.unwrap_or_default())?
            }
        };
        let words = own("data-traits").unwrap_or_default().split_whitespace();
        let traits =
            words.filter_map(|word| SeatTrait::ALL.iter().copied().find(|known| known.as_str() == word));
        Ok(Place {
            at: mark.at,
            number: number.unwrap_or_default().to_owned(),
            shown: own("data-seat-shown").map(str::to_owned),
            category,
            traits: traits.collect(),
            view: own("data-view").map(str::to_owned),
        })
    }

    fn area(&mut self, points: Vec<Point>, attributes: &Attributes) -> Result<()> {
        let Some(key) = attributes.get("data-area") else { return Ok(()) };
        self.limit("standing areas", self.map.ga_areas.len() + 1, AREAS_MAX)?;
        let some = |attribute: &str| attributes.get(attribute).map(name);
        let Some(capacity) = attributes.get("data-capacity").and_then(|text| text.parse().ok()) else {
            let key = name(key);
            let message = format!("The standing area “{key}” needs data-capacity, a number of people.");
            return Err(ImportError::new(ImportErrorCode::InvalidValue, key, message));
        };
        let category = attributes.get("data-category").unwrap_or(STANDARD);
        let (floor, zone) = (some("data-floor"), some("data-zone"));
        self.floor_and_zone(floor.as_ref(), zone.as_ref());
        let area = GaArea {
            key: name(key),
            name: some("data-name").unwrap_or_else(|| name(key)),
            category: self.category(category, category, "")?,
            capacity,
            points,
            floor,
            zone,
            entrance: some("data-entrance"),
            ..GaArea::default()
        };
        self.map.ga_areas.push(area);
        Ok(())
    }
}

/// Seats without a number, and those of a row that has a number twice, are numbered as they come.
fn number(seats: &mut [Place], notes: &mut Notes, row: &str) {
    let mut numbers: Vec<&str> = seats.iter().map(|seat| seat.number.as_str()).collect();
    numbers.sort_unstable();
    let unique = numbers.windows(2).all(|pair| pair[0] != pair[1]);
    if unique && numbers.first().is_none_or(|first| !first.is_empty()) {
        return;
    }
    notes.add(NoteCode::Renamed, || row.to_owned());
    for (seat, number) in seats.iter_mut().zip(1_u32..) {
        seat.number = number.to_string();
    }
}

/// Rows from top to bottom, in each the seats from left to right.
fn at_one_height(mut marks: Vec<Mark>) -> Vec<Vec<Mark>> {
    marks.sort_by(|a, b| a.at.y.total_cmp(&b.at.y));
    let mut rows: Vec<Vec<Mark>> = Vec::new();
    for mark in marks {
        match rows.last_mut() {
            Some(row) if row.first().is_some_and(|first| mark.at.y - first.at.y < first.size.1 / 2.0) => {
                row.push(mark)
            }
            _ => rows.push(vec![mark]),
        }
    }
    for row in &mut rows {
        row.sort_by(|a, b| a.at.x.total_cmp(&b.at.x));
    }
    rows
}
