//! What an exchange could not carry over.

use serde::Serialize;

/// Kinds of notes are few; of each kind one note stands for all of its cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    pub code: NoteCode,
    /// How often.
    pub count: u64,
    /// The first place: a path in the document or the upload, or a line.
    pub object: String,
    pub message: &'static str,
}

macro_rules! note_codes {
    ($($name:ident = $code:literal, $message:literal;)*) => {
        /// What kind of note it is. Codes are stable: editors translate them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        pub enum NoteCode { $(#[serde(rename = $code)] $name),* }

        impl NoteCode {
            pub const ALL: &[NoteCode] = &[$(NoteCode::$name),*];
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $code),* } }
            /// For people, in English.
            pub const fn message(self) -> &'static str { match self { $(Self::$name => $message),* } }
        }
    };
}

note_codes! {
    Ignored = "ignored", "The upload has something that a seat map does not have; it is left out.";
    SeatIdentity = "seat_identity", "The seat's id in the upload is not made of section, row and number; our label is.";
    SeatText = "seat_text", "Texts that describe single seats of a row are left out.";
    RowSplit = "row_split", "The seats are on no line or arc with equal steps: the row is split into pieces that are.";
    Renamed = "renamed", "A name was missing, too long or used twice; the map has another one.";
    Color = "color", "A colour is left out or simplified.";
    Positions = "positions", "The upload says of no or not every seat where it is; the rows are drawn one behind the other.";
    Category = "category", "The upload does not say what category the seats have; they have one that stands for all.";
    Rows = "rows", "The upload does not say which seats form a row; those at one height do.";
    Floors = "floors", "The format has no floors: all floors lie on one plan.";
    Zones = "zones", "The format has no groups of sections.";
    Tables = "tables", "The format has no tables and booths: their places are written as rows.";
    Areas = "areas", "The format has no standing areas: what is sold there is not written.";
    Traits = "traits", "The format has no properties of seats such as places for wheelchairs.";
    Moved = "moved", "The format has nothing left of or above its corner: everything is moved, by the same way.";
    FocalPoint = "focal_point", "The format has no focal point.";
    Drawing = "drawing", "The format has no shapes, texts, icons or images, or not all of them.";
    Texts = "texts", "The format has no place for entrances, views, or names that differ from keys.";
}

/// Collects notes.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    pub(super) fn add(&mut self, code: NoteCode, object: impl FnOnce() -> String) {
        match self.0.iter_mut().find(|note| note.code == code) {
            Some(note) => note.count += 1,
            None => self.0.push(Note { code, count: 1, object: object(), message: code.message() }),
        }
    }

    pub(super) fn add_if(&mut self, condition: bool, code: NoteCode, object: &str) {
        if condition {
            self.add(code, || object.to_owned());
        }
    }

    pub(super) fn done(self) -> Vec<Note> {
        self.0
    }
}
