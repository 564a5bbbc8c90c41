//! Seat maps from and for other programs: pretix seating plans, CSV and SVG.
//!
//! [`import`] makes a document out of an upload, [`export`] a file out of a document. Both say in [`Note`]s what the other
//! side cannot express. What is wrong with the result as a seat map, [`validate`](super::validate()) says.
//!
//! Uploads are foreign. They are judged by size before they are read; nothing in them refers to anything outside, entities
//! are not expanded, nesting and numbers of things are bounded; what does not fit is an [`ImportError`] that names the
//! place. Large files tell their [`Progress`].

mod colors;
mod csv;
mod losses;
mod notes;
mod pretix;
mod rules;
mod svg;

use serde::Serialize;

use super::{Layout, SeatIndex, SeatMap};
pub use notes::{Note, NoteCode};

/// Bytes of an upload. A plan of 100,000 seats is 15 MB of pretix JSON, the most talkative of the formats.
pub const IMPORT_BYTES_MAX: usize = 32 << 20;

/// The formats of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Pretix,
    Csv,
    Svg,
}

impl Format {
    pub const ALL: [Format; 3] = [Self::Pretix, Self::Csv, Self::Svg];

    /// The word in addresses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pretix => "pretix",
            Self::Csv => "csv",
            Self::Svg => "svg",
        }
    }

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pretix => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Svg => "image/svg+xml",
        }
    }
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Seats, lines or elements that are done.
    pub done: u64,
    /// Of how many, once that is known.
    pub total: Option<u64>,
}

/// How often [`Progress`] is told: after so many things.
const PROGRESS_EVERY: u64 = 1_000;

/// The name of a map that comes without one.
const UNNAMED: &str = "Seat map";

/// What an upload became.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub map: SeatMap,
    pub notes: Vec<Note>,
}

/// A file, and what it does not say about the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    pub text: String,
    pub notes: Vec<Note>,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// Why an upload is refused. Codes are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        pub enum ImportErrorCode { $($(#[$doc])* #[serde(rename = $code)] $name),* }

        impl ImportErrorCode {
            pub const ALL: &[ImportErrorCode] = &[$(ImportErrorCode::$name),*];
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $code),* } }
        }
    };
}

error_codes! {
    /// More bytes than [`IMPORT_BYTES_MAX`].
    TooLarge = "import_too_large";
    /// Not UTF-8, or not the format that it should be.
    Malformed = "import_malformed";
    /// A document type, an entity or something else that can refer elsewhere.
    Unsafe = "import_unsafe";
    /// Nested deeper than any plan.
    TooDeep = "import_too_deep";
    /// More of something than a map may have.
    TooMany = "import_too_many";
    /// A column or a field is missing.
    Missing = "import_missing";
    /// A value that means nothing.
    InvalidValue = "import_invalid_value";
    /// Nothing in it is a seat or a standing area.
    Empty = "import_empty";
}

/// An upload that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct ImportError {
    pub code: ImportErrorCode,
    pub message: String,
    /// Where, as `line 3, column 7` or `zones[0].rows[2]`; empty for the whole upload.
    pub location: String,
}

impl ImportError {
    fn new(code: ImportErrorCode, location: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), location: location.into() }
    }
}

type Result<T> = std::result::Result<T, ImportError>;

/// Reads an upload. `progress` is called now and then, and with everything done at the end.
pub fn import(format: Format, bytes: &[u8], progress: &mut dyn FnMut(Progress)) -> Result<Import> {
    if bytes.len() > IMPORT_BYTES_MAX {
        let message = format!("{} bytes; at most {IMPORT_BYTES_MAX} are read.", bytes.len());
        return Err(ImportError::new(ImportErrorCode::TooLarge, "", message));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
        ImportError::new(ImportErrorCode::Malformed, format!("line {line}"), "The text is not UTF-8.")
    })?;
    // Spreadsheets put a mark before their texts.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        Format::Pretix => pretix::import(text, progress),
        Format::Csv => csv::import(text, progress),
        Format::Svg => svg::import(text, progress),
    }
}

/// Writes a map for another program. Drafts with errors are written as far as they can be drawn.
pub fn export(format: Format, map: &SeatMap) -> Export {
    match format {
        Format::Pretix => pretix::export(map),
        Format::Csv => csv::export(map),
        Format::Svg => svg::export(map),
    }
}

/// The view that a seat has for itself. Those of rows and sections are not repeated for each of their seats.
fn own_view(layout: &Layout, seat: SeatIndex) -> Option<&str> {
    let at = layout.views.binary_search_by_key(&seat, |&(seat, _)| seat).ok()?;
    Some(&layout.views[at].1)
}

#[cfg(test)]
mod tests;
