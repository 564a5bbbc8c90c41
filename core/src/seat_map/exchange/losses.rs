//! What several formats cannot express.

use super::notes::{NoteCode, Notes};
use crate::seat_map::{Layout, SeatMap};

pub(super) fn floors(map: &SeatMap, notes: &mut Notes) {
    notes.add_if(map.floors.len() > 1, NoteCode::Floors, "floors");
}

pub(super) fn zones(map: &SeatMap, notes: &mut Notes) {
    notes.add_if(!map.zones.is_empty(), NoteCode::Zones, "zones");
}

pub(super) fn tables(map: &SeatMap, notes: &mut Notes) {
    for (section, index) in map.sections.iter().zip(0_usize..) {
        let some = !section.tables.is_empty() || !section.booths.is_empty();
        notes.add_if(some, NoteCode::Tables, &format!("sections[{index}]"));
    }
}

pub(super) fn traits(layout: &Layout, notes: &mut Notes) {
    for seat in layout.seats().iter().filter(|seat| !seat.traits.is_empty()) {
        notes.add(NoteCode::Traits, || layout.label(seat.index).to_owned());
    }
}

/// Entrances, views and outlines.
pub(super) fn texts(map: &SeatMap, notes: &mut Notes) {
    for (section, index) in map.sections.iter().zip(0_usize..) {
        let rows =
            section.rows.iter().any(|row| row.view.is_some() || row.seats.iter().any(|s| s.view.is_some()));
        let some =
            section.entrance.is_some() || section.view.is_some() || !section.outline.is_empty() || rows;
        notes.add_if(some, NoteCode::Texts, &format!("sections[{index}]"));
    }
}

pub(super) fn drawing(map: &SeatMap, notes: &mut Notes) {
    let first = [
        (map.shapes.is_empty(), "shapes[0]"),
        (map.texts.is_empty(), "texts[0]"),
        (map.icons.is_empty(), "icons[0]"),
        (map.images.is_empty(), "images[0]"),
    ];
    if let Some((_, object)) = first.into_iter().find(|(empty, _)| !empty) {
        notes.add_if(true, NoteCode::Drawing, object);
    }
}

pub(super) fn outlines(map: &SeatMap, notes: &mut Notes) {
    for (section, index) in map.sections.iter().zip(0_usize..) {
        notes.add_if(!section.outline.is_empty(), NoteCode::Drawing, &format!("sections[{index}].outline"));
    }
}

/// Views of whole rows and sections.
pub(super) fn views(map: &SeatMap, notes: &mut Notes) {
    for (section, index) in map.sections.iter().zip(0_usize..) {
        let some = section.view.is_some() || section.rows.iter().any(|row| row.view.is_some());
        notes.add_if(some, NoteCode::Texts, &format!("sections[{index}]"));
    }
}
