//! To CSV.

use super::{Column, is_formula};
use crate::seat_map::{
    Layout, LayoutCategory, NAME_CHARS_MAX, Occupancy, SeatIndex, SeatMap, URL_CHARS_MAX,
    exchange::{
        Export, losses,
        notes::{NoteCode, Notes},
        own_view,
        rules::clipped,
    },
};

pub(in crate::seat_map::exchange) fn export(map: &SeatMap) -> Export {
    let layout = Layout::compile(map);
    let mut notes = Notes::default();
    losses::tables(map, &mut notes);
    losses::drawing(map, &mut notes);
    losses::outlines(map, &mut notes);
    losses::views(map, &mut notes);
    let keys_are_names = map.floors.iter().all(|floor| floor.key == floor.name)
        && map.zones.iter().all(|zone| zone.key == zone.name);
    notes.add_if(!keys_are_names, NoteCode::Texts, "floors");
    for (area, index) in map.ga_areas.iter().zip(0_usize..) {
        let lost = area.sold != Occupancy::Places;
        notes.add_if(lost, NoteCode::Texts, &format!("ga_areas[{index}].sold"));
    }
    let mut table =
        Table { layout: &layout, lines: ::csv::Writer::from_writer(Vec::new()), told: Vec::new() };
    table.write(Column::ALL.iter().map(|column| column.as_str().to_owned()).collect());
    if let Some((x, y)) = layout.focal_point() {
        let mut line = Line::of("focal_point");
        line.set(Column::X, hundredths(x));
        line.set(Column::Y, hundredths(y));
        table.write(line.0);
    }
    for seat in layout.seats() {
        table.seat(seat.index);
    }
    for area in 0..layout.ga_areas().len() {
        table.area(area);
    }
    let bytes = table.lines.into_inner().expect("a vector takes everything");
    let text = String::from_utf8(bytes).expect("only texts were written");
    Export { text, notes: notes.done() }
}

struct Table<'a> {
    layout: &'a Layout,
    lines: ::csv::Writer<Vec<u8>>,
    /// Categories whose name and colour stand somewhere already.
    told: Vec<Option<u16>>,
}

struct Line(Vec<String>);

impl Line {
    fn of(kind: &str) -> Self {
        let mut line = Self(vec![String::new(); Column::ALL.len()]);
        line.set(Column::Kind, kind.to_owned());
        line
    }

    fn set(&mut self, column: Column, value: String) {
        self.0[column as usize] = value;
    }

    fn text(&mut self, column: Column, text: &str) {
        let long = if column == Column::View { URL_CHARS_MAX } else { NAME_CHARS_MAX };
        let text = clipped(text, long);
        let marked = is_formula(text);
        self.set(column, if marked { format!("'{text}") } else { text.to_owned() });
    }
}

impl Table<'_> {
    fn write(&mut self, line: Vec<String>) {
        self.lines.write_record(line).expect("a vector takes everything");
    }

    fn seat(&mut self, index: SeatIndex) {
        let layout = self.layout;
        let (Some(seat), Some(section), Some(row)) =
            (layout.seat(index), layout.section_of(index), layout.row_of(index))
        else {
            return;
        };
        let mut line = Line::of("seat");
        line.text(Column::Section, &section.key);
        line.text(Column::SectionName, &section.name);
        line.text(Column::Entrance, section.entrance.as_deref().unwrap_or_default());
        self.floor_and_zone(&mut line, section.floor, section.zone);
        line.text(Column::Row, &row.label);
        line.text(Column::RowShown, row.shown.as_deref().unwrap_or_default());
        line.text(Column::Seat, layout.number(index));
        if layout.shown_number(index) != layout.number(index) {
            line.text(Column::SeatShown, layout.shown_number(index));
        }
        self.category(&mut line, seat.category);
        line.set(Column::X, hundredths(seat.x));
        line.set(Column::Y, hundredths(seat.y));
        line.set(Column::Traits, seat.traits.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" "));
        line.text(Column::View, own_view(layout, index).unwrap_or_default());
        self.write(line.0);
    }

    fn area(&mut self, index: usize) {
        let area = &self.layout.ga_areas()[index];
        let mut line = Line::of("area");
        line.text(Column::Section, &area.key);
        line.text(Column::SectionName, &area.name);
        line.text(Column::Entrance, area.entrance.as_deref().unwrap_or_default());
        self.floor_and_zone(&mut line, area.floor, area.zone);
        self.category(&mut line, area.category);
        line.text(Column::View, area.view.as_deref().unwrap_or_default());
        line.set(Column::Capacity, area.capacity.to_string());
        let points = area.outline.iter().map(|&(x, y)| format!("{} {}", hundredths(x), hundredths(y)));
        line.set(Column::Points, points.collect::<Vec<_>>().join("; "));
        self.write(line.0);
    }

    fn floor_and_zone(&self, line: &mut Line, floor: Option<u16>, zone: Option<u16>) {
        if let Some(floor) = floor.and_then(|index| self.layout.floors().get(usize::from(index))) {
            line.text(Column::Floor, &floor.key);
        }
        if let Some(zone) = zone.and_then(|index| self.layout.zones().get(usize::from(index))) {
            line.text(Column::Zone, &zone.key);
        }
    }

    fn category(&mut self, line: &mut Line, index: Option<u16>) {
        let category = index.and_then(|index| self.layout.categories().get(usize::from(index)));
        let Some(LayoutCategory { key, name, color }) = category else { return };
        line.text(Column::Category, key);
        if !self.told.contains(&index) {
            self.told.push(index);
            line.text(Column::CategoryName, name);
            line.text(Column::CategoryColor, color);
        }
    }
}

fn hundredths(value: i32) -> String {
    (f64::from(value) / 100.0).to_string()
}
