//! Colours of others as `#rrggbb`.

use super::notes::{NoteCode, Notes};

/// Told apart by most people, for categories that come without a colour.
const CATEGORIES: [&str; 8] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a6fc0", "#7f7f7f"];

pub(super) fn of_category(index: usize) -> &'static str {
    CATEGORIES[index % CATEGORIES.len()]
}

/// A colour as CSS writes it. `None` for nothing to see, and with a note for what is no plain colour.
pub(super) fn read(text: &str, object: &str, notes: &mut Notes) -> Option<String> {
    let text = text.trim();
    if matches!(text, "" | "none" | "transparent") {
        return None;
    }
    let Ok(color) = text.parse::<svgtypes::Color>() else {
        notes.add(NoteCode::Color, || object.to_owned());
        return None;
    };
    if color.alpha == 0 {
        return None;
    }
    notes.add_if(color.alpha < u8::MAX, NoteCode::Color, object);
    Some(format!("#{:02x}{:02x}{:02x}", color.red, color.green, color.blue))
}
