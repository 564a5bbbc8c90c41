//! Seats as lines of a table, for spreadsheets.
//!
//! The first line names the columns, in any order; names are read without regard to case, spaces and hyphens. `row` and
//! `seat` are needed; everything else may be missing.
//!
//! | column | also read as | what |
//! |---|---|---|
//! | `kind` | `type`, `art` | `seat` unless said; `area` is a standing area; `focal_point` only has a place |
//! | `section` | `block`, `sektor`, `bereich`, `sektion` | key of the section or area; without one, all is one section |
//! | `section_name` | `block_name`, `bereich_name` | its name |
//! | `floor` | `level`, `etage`, `ebene` | key of its floor |
//! | `zone` | `stand`, `tribüne` | key of its zone |
//! | `entrance` | `gate`, `eingang` | where people enter |
//! | `row` | `reihe` | label of the row |
//! | `row_shown` | `row_label` | displayed instead |
//! | `seat` | `number`, `seat_number`, `platz`, `sitz`, `nummer` | number of the seat |
//! | `seat_shown` | `seat_label` | displayed instead |
//! | `category` | `price_category`, `kategorie`, `preiskategorie` | key of the category |
//! | `category_name`, `category_color` | `kategorie_name`, `color`, `farbe` | needed once for each category |
//! | `x`, `y` | `pos_x`, `pos_y` | plan units, y downwards; when no seat has them, rows are drawn one behind the other |
//! | `traits` | `features`, `merkmale` | words such as `wheelchair aisle` |
//! | `view` | `view_url` | address of a picture of the view |
//! | `capacity` | `kapazität`, `plätze` | people in a standing area |
//! | `points` | `outline` | its corners: `0 0; 100 0; 100 50` |
//!
//! Commas, semicolons and tabs separate. Texts that a spreadsheet would run as a formula are written with an apostrophe
//! before them, which is taken away again.

mod read;
mod write;

pub(super) use read::import;
pub(super) use write::export;

macro_rules! columns {
    ($($name:ident = $word:literal $(| $alias:literal)*;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Column { $($name),* }

        impl Column {
            const ALL: &[Column] = &[$(Column::$name),*];
            const fn as_str(self) -> &'static str { match self { $(Self::$name => $word),* } }
            /// The column of this name: lower case, spaces and hyphens as underscores.
            fn of(name: &str) -> Option<Self> {
                match name { $($word $(| $alias)* => Some(Self::$name),)* _ => None }
            }
        }
    };
}

columns! {
    Kind = "kind" | "type" | "art";
    Section = "section" | "block" | "sektor" | "bereich" | "sektion";
    SectionName = "section_name" | "block_name" | "bereich_name";
    Floor = "floor" | "level" | "etage" | "ebene";
    Zone = "zone" | "stand" | "tribüne";
    Entrance = "entrance" | "gate" | "eingang";
    Row = "row" | "reihe";
    RowShown = "row_shown" | "row_label";
    Seat = "seat" | "number" | "seat_number" | "platz" | "sitz" | "nummer";
    SeatShown = "seat_shown" | "seat_label";
    Category = "category" | "price_category" | "kategorie" | "preiskategorie";
    CategoryName = "category_name" | "kategorie_name";
    CategoryColor = "category_color" | "color" | "colour" | "farbe";
    X = "x" | "pos_x";
    Y = "y" | "pos_y";
    Traits = "traits" | "features" | "merkmale";
    View = "view" | "view_url";
    Capacity = "capacity" | "kapazität" | "plätze";
    Points = "points" | "outline";
}

/// What makes a spreadsheet take a text for a formula, also in full width, and the mark against it.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\''];

/// Whether a spreadsheet may run a text: it may leave out blanks at its beginning, and what has no width.
fn is_formula(text: &str) -> bool {
    let is_blank = |c: char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}');
    text.starts_with(FORMULA) || text.trim_start_matches(is_blank).starts_with(FORMULA)
}
