//! From CSV.

use std::collections::HashMap;

use super::{Column, is_formula};
use crate::seat_map::{
    AREAS_MAX, CATEGORIES_MAX, Category, FLOORS_MAX, Floor, GaArea, OUTLINE_POINTS_MAX, Point, ROWS_MAX,
    SEATS_MAX, SECTIONS_MAX, SeatMap, SeatTrait, Section, ZONES_MAX, Zone,
    exchange::{
        Import, ImportError, ImportErrorCode, PROGRESS_EVERY, Progress, Result, UNNAMED, colors,
        notes::{NoteCode, Notes},
        rules::{self, Names, Place, rounded, rounded_point},
    },
};

/// Columns of one table; most of them are unknown then.
const COLUMNS_MAX: usize = 100;
/// The category of seats that have none.
const STANDARD: &str = "standard";
/// Distances of plans that nobody drew: of seats in a row, of rows, and of sections.
const PITCH: f64 = 50.0;
const ROW_PITCH: f64 = 90.0;
const SECTION_GAP: f64 = 200.0;

pub(in crate::seat_map::exchange) fn import(
    text: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<Import> {
    let mut notes = Notes::default();
    let mut lines = ::csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .trim(::csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = lines.headers().map_err(|error| malformed(&error))?;
    let columns = Columns::of(header, &mut notes)?;
    let total = text.lines().count().saturating_sub(1);
    let total = u64::try_from(total).unwrap_or(u64::MAX);
    let mut reader = Reader { notes, ..Reader::default() };
    reader.map.name = UNNAMED.to_owned();
    let mut record = ::csv::StringRecord::new();
    let mut done = 0;
    while lines.read_record(&mut record).map_err(|error| malformed(&error))? {
        let line = record.position().map_or(0, ::csv::Position::line);
        reader.line(&Cells { record: &record, line, columns: &columns })?;
        done += 1;
        if done % PROGRESS_EVERY == 0 {
            progress(Progress { done, total: Some(total.max(done)) });
        }
    }
    progress(Progress { done, total: Some(done) });
    reader.finish()
}

/// The separator that the first line has most of.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |delimiter: u8| header.bytes().filter(|&byte| byte == delimiter).count();
    // Of equals the last: commas are what CSV is named after.
    [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

fn malformed(error: &::csv::Error) -> ImportError {
    let line = error.position().map_or(1, ::csv::Position::line);
    let message = match error.kind() {
        ::csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("The line has {len} cells; the first line names {expected_len} columns.")
        }
        _ => "The table cannot be read here.".to_owned(),
    };
    ImportError::new(ImportErrorCode::Malformed, format!("line {line}"), message)
}

/// Where each column is, by its position in [`Column::ALL`].
#[derive(Default)]
struct Columns([Option<usize>; Column::ALL.len()]);

impl Columns {
    fn of(header: &::csv::StringRecord, notes: &mut Notes) -> Result<Self> {
        let error = |code, message: String| Err(ImportError::new(code, "line 1", message));
        if header.len() > COLUMNS_MAX {
            return error(ImportErrorCode::TooMany, format!("At most {COLUMNS_MAX} columns are read."));
        }
        let mut columns = Self::default();
        for (name, at) in header.iter().zip(0..) {
            let plain = name.to_lowercase().replace([' ', '-'], "_");
            let Some(column) = Column::of(&plain) else {
                notes.add(NoteCode::Ignored, || name.chars().take(40).collect());
                continue;
            };
            if columns.0[column as usize].replace(at).is_some() {
                return error(
                    ImportErrorCode::InvalidValue,
                    format!("Two columns are “{}”.", column.as_str()),
                );
            }
        }
        let has = |column: Column| columns.0[column as usize].is_some();
        let areas_only = has(Column::Capacity) && has(Column::Section);
        for column in [Column::Row, Column::Seat] {
            if !has(column) && !areas_only {
                let message =
                    format!("There is no column “{}”; the first line names the columns.", column.as_str());
                return error(ImportErrorCode::Missing, message);
            }
        }
        Ok(columns)
    }
}

struct Cells<'a> {
    record: &'a ::csv::StringRecord,
    line: u64,
    columns: &'a Columns,
}

impl<'a> Cells<'a> {
    /// The text of a cell without the mark against formulas; empty when it is missing.
    fn text(&self, column: Column) -> &'a str {
        let at = self.columns.0[column as usize];
        let text = at.and_then(|at| self.record.get(at)).unwrap_or_default();
        text.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(text)
    }

    fn some(&self, column: Column) -> Option<String> {
        Some(self.text(column)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn needed(&self, column: Column) -> Result<&'a str> {
        match self.text(column) {
            "" => Err(self.error(ImportErrorCode::Missing, format!("The {} is missing.", column.as_str()))),
            text => Ok(text),
        }
    }

    fn number(&self, column: Column) -> Result<Option<f64>> {
        let at = self.columns.0[column as usize];
        match at.and_then(|at| self.record.get(at)).unwrap_or_default() {
            "" => Ok(None),
            text => match text.replace(',', ".").parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Some(rounded(value))),
                _ => Err(self.invalid(column)),
            },
        }
    }

    fn invalid(&self, column: Column) -> ImportError {
        let text: String = self.text(column).chars().take(40).collect();
        self.error(ImportErrorCode::InvalidValue, format!("“{text}” is no {}.", column.as_str()))
    }

    fn error(&self, code: ImportErrorCode, message: String) -> ImportError {
        ImportError::new(code, format!("line {}", self.line), message)
    }

    fn at_most(&self, what: &str, count: usize, most: usize) -> Result<()> {
        if count > most {
            let message = format!("More than {most} {what}.");
            return Err(self.error(ImportErrorCode::TooMany, message));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Reader {
    notes: Notes,
    map: SeatMap,
    /// Sections by key, and rows by section and label.
    section_of: HashMap<String, usize>,
    row_of: HashMap<(usize, String), usize>,
    rows: Vec<RowLines>,
    category_of: HashMap<String, usize>,
    seats: usize,
    /// The first line with a place, and the first without.
    placed: Option<u64>,
    unplaced: Option<u64>,
}

struct RowLines {
    section: usize,
    label: String,
    shown: Option<String>,
    line: u64,
    seats: Vec<Place>,
}

impl Reader {
    fn line(&mut self, cells: &Cells<'_>) -> Result<()> {
        match cells.text(Column::Kind) {
            "" | "seat" => self.seat(cells),
            "area" => self.area(cells),
            "focal_point" => {
                let (x, y) = (cells.number(Column::X)?, cells.number(Column::Y)?);
                self.map.focal_point = x.zip(y).map(|(x, y)| Point { x, y });
                Ok(())
            }
            _ => Err(cells.invalid(Column::Kind)),
        }
    }

    fn seat(&mut self, cells: &Cells<'_>) -> Result<()> {
        self.seats += 1;
        cells.at_most("seats", self.seats, SEATS_MAX)?;
        let section = self.section(cells)?;
        let (label, number) = (cells.needed(Column::Row)?, cells.needed(Column::Seat)?);
        let category = self.category(cells)?;
        let (x, y) = (cells.number(Column::X)?, cells.number(Column::Y)?);
        let at = x.zip(y).map(|(x, y)| Point { x, y });
        let seen = if at.is_some() { &mut self.placed } else { &mut self.unplaced };
        seen.get_or_insert(cells.line);
        let words = cells.text(Column::Traits).split([' ', ';', ',', '|']).filter(|word| !word.is_empty());
        let traits = words.map(|word| {
            let known = SeatTrait::ALL.iter().copied().find(|known| known.as_str() == word);
            known.ok_or_else(|| cells.invalid(Column::Traits))
        });
        let place = Place {
            at: at.unwrap_or_default(),
            number: number.to_owned(),
            shown: cells.some(Column::SeatShown),
            category,
            traits: traits.collect::<Result<_>>()?,
            view: cells.some(Column::View),
        };
        let row = *self.row_of.entry((section, label.to_owned())).or_insert_with(|| {
            let shown = cells.some(Column::RowShown);
            self.rows.push(RowLines {
                section,
                label: label.to_owned(),
                shown,
                line: cells.line,
                seats: Vec::new(),
            });
            self.rows.len() - 1
        });
        cells.at_most("rows", self.rows.len(), ROWS_MAX)?;
        self.rows[row].seats.push(place);
        Ok(())
    }

    fn section(&mut self, cells: &Cells<'_>) -> Result<usize> {
        let key = match cells.text(Column::Section) {
            "" => "main",
            key => key,
        };
        if let Some(&section) = self.section_of.get(key) {
            return Ok(section);
        }
        let (floor, zone) = self.floor_and_zone(cells)?;
        self.section_of.insert(key.to_owned(), self.map.sections.len());
        self.map.sections.push(Section {
            key: key.to_owned(),
            name: cells.some(Column::SectionName).unwrap_or_else(|| key.to_owned()),
            floor,
            zone,
            entrance: cells.some(Column::Entrance),
            ..Section::default()
        });
        cells.at_most("sections", self.map.sections.len(), SECTIONS_MAX)?;
        Ok(self.map.sections.len() - 1)
    }

    fn floor_and_zone(&mut self, cells: &Cells<'_>) -> Result<(Option<String>, Option<String>)> {
        let (floor, zone) = (cells.some(Column::Floor), cells.some(Column::Zone));
        if let Some(key) = floor.as_ref().filter(|key| self.map.floors.iter().all(|floor| floor.key != **key))
        {
            self.map.floors.push(Floor { key: key.clone(), name: key.clone() });
            cells.at_most("floors", self.map.floors.len(), FLOORS_MAX)?;
        }
        if let Some(key) = zone.as_ref().filter(|key| self.map.zones.iter().all(|zone| zone.key != **key)) {
            self.map.zones.push(Zone { key: key.clone(), name: key.clone() });
            cells.at_most("zones", self.map.zones.len(), ZONES_MAX)?;
        }
        Ok((floor, zone))
    }

    fn category(&mut self, cells: &Cells<'_>) -> Result<String> {
        let key = match cells.text(Column::Category) {
            "" => {
                self.notes.add(NoteCode::Category, || format!("line {}", cells.line));
                STANDARD
            }
            key => key,
        };
        let at = match self.category_of.get(key) {
            Some(&at) => at,
            None => {
                let at = self.map.categories.len();
                cells.at_most("categories", at + 1, CATEGORIES_MAX)?;
                let (name, color) = (key.to_owned(), colors::of_category(at).to_owned());
                self.map.categories.push(Category { key: name.clone(), name, color });
                self.category_of.insert(key.to_owned(), at);
                at
            }
        };
        let category = &mut self.map.categories[at];
        if let Some(name) = cells.some(Column::CategoryName) {
            category.name = name;
        }
        let object = format!("line {}", cells.line);
        if let Some(color) = colors::read(cells.text(Column::CategoryColor), &object, &mut self.notes) {
            category.color = color;
        }
        Ok(category.key.clone())
    }

    fn area(&mut self, cells: &Cells<'_>) -> Result<()> {
        cells.at_most("standing areas", self.map.ga_areas.len() + 1, AREAS_MAX)?;
        let key = cells.needed(Column::Section)?.to_owned();
        let capacity =
            cells.needed(Column::Capacity)?.parse().map_err(|_| cells.invalid(Column::Capacity))?;
        let (floor, zone) = self.floor_and_zone(cells)?;
        let corners = cells.text(Column::Points).split(';').map(str::trim).filter(|text| !text.is_empty());
        let corner = |text: &str| {
            let (x, y) = text.split_once(' ')?;
            let (x, y) = (x.parse::<f64>().ok()?, y.trim().parse::<f64>().ok()?);
            (x.is_finite() && y.is_finite()).then(|| rounded_point(Point { x, y }))
        };
        let points: Option<Vec<Point>> = corners.take(OUTLINE_POINTS_MAX + 1).map(corner).collect();
        let area = GaArea {
            name: cells.some(Column::SectionName).unwrap_or_else(|| key.clone()),
            key,
            category: self.category(cells)?,
            capacity,
            points: points.ok_or_else(|| cells.invalid(Column::Points))?,
            floor,
            zone,
            entrance: cells.some(Column::Entrance),
            view: cells.some(Column::View),
            ..GaArea::default()
        };
        self.map.ga_areas.push(area);
        Ok(())
    }

    fn finish(mut self) -> Result<Import> {
        if self.rows.is_empty() && self.map.ga_areas.is_empty() {
            let message = "No line is a seat or a standing area.";
            return Err(ImportError::new(ImportErrorCode::Empty, "", message));
        }
        match (self.placed, self.unplaced) {
            (Some(_), Some(line)) => {
                let message = "Other seats have a place, this one has none: x or y is missing.";
                return Err(ImportError::new(ImportErrorCode::Missing, format!("line {line}"), message));
            }
            (None, Some(line)) => {
                self.notes.add(NoteCode::Positions, || format!("line {line}"));
                self.draw();
            }
            _ => {}
        }
        let mut labels: Vec<Names> = self.map.sections.iter().map(|_| Names::default()).collect();
        for row in &self.rows {
            let object = format!("line {}", row.line);
            let names = &mut labels[row.section];
            let rows =
                rules::rows(&row.label, row.shown.as_deref(), &row.seats, names, &mut self.notes, &object)?;
            self.map.sections[row.section].rows.extend(rows);
        }
        Ok(Import { map: self.map, notes: self.notes.done() })
    }

    /// Sections side by side, in each its rows one behind the other, all in the order of the lines.
    fn draw(&mut self) {
        let mut widths = vec![0_usize; self.map.sections.len()];
        for row in &self.rows {
            widths[row.section] = widths[row.section].max(row.seats.len());
        }
        let mut left = 0.0;
        let lefts: Vec<f64> = widths
            .iter()
            .map(|&width| {
                let here = left;
                left += width as f64 * PITCH + SECTION_GAP;
                here
            })
            .collect();
        let mut tops = vec![0.0; widths.len()];
        for row in &mut self.rows {
            let top = tops[row.section];
            tops[row.section] += ROW_PITCH;
            for (seat, nth) in row.seats.iter_mut().zip(0_u32..) {
                seat.at = Point { x: lefts[row.section] + f64::from(nth) * PITCH, y: top };
            }
        }
    }
}
