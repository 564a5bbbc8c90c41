//! How much a document may hold. A reader refuses more, so that no document costs more than a known amount of work.

/// Seats of one map. The largest stadiums have about 130,000; 200,000 keep a layout below 20 MiB.
pub const SEATS_MAX: usize = 200_000;
/// Sections of one map: stadiums have some hundred blocks, theatres with a section for each box about a hundred.
pub const SECTIONS_MAX: usize = 2_000;
/// Rows, tables and booths of one map: ten seats in each row of the largest map.
pub const ROWS_MAX: usize = 20_000;
/// Places of one row, left-out ones included. Longer rows do not exist; a larger number is a slip of the keyboard.
pub const ROW_PLACES_MAX: u32 = 2_000;
/// Chairs of one table, or of one side of it. The longest banquet tables seat some hundred people.
pub const TABLE_CHAIRS_MAX: u32 = 200;
/// Categories of one map: more cannot be told apart by colour.
pub const CATEGORIES_MAX: usize = 100;
/// Floors of one map: no house that sells seats has more.
pub const FLOORS_MAX: usize = 50;
/// Zones of one map: more would be sections.
pub const ZONES_MAX: usize = 200;
/// Standing areas of one map.
pub const AREAS_MAX: usize = 500;
/// People in one standing area; the largest open-air concerts had about as many.
pub const AREA_CAPACITY_MAX: u32 = 1_000_000;
/// Corners of one outline or shape: enough for any drawn outline, and cheap to paint.
pub const OUTLINE_POINTS_MAX: usize = 500;
/// Shapes of one map, painted below the seats.
pub const SHAPES_MAX: usize = 5_000;
/// Corners of all shapes and outlines together: what a browser paints on every frame of a whole plan.
pub const POINTS_MAX: usize = 50_000;
/// Free texts of one map.
pub const TEXTS_MAX: usize = 2_000;
/// Icons of one map.
pub const ICONS_MAX: usize = 2_000;
/// Images of one map: each is a request of every visitor.
pub const IMAGES_MAX: usize = 20;
/// Characters of a key, of a row label, of a seat's number and of a prefix: they are printed on tickets.
pub const LABEL_CHARS_MAX: usize = 40;
/// Characters of a whole technical label, `<section>-<row>-<number>`.
pub const SEAT_LABEL_CHARS_MAX: usize = 3 * LABEL_CHARS_MAX + 2;
/// Characters of a name that people read, and of a free text.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of the address of an image.
pub const URL_CHARS_MAX: usize = 2_000;
/// Letters that a numbering leaves out: two must remain to count with.
pub const LETTERS_LEFT_OUT_MAX: usize = 24;
/// The largest coordinate, in both directions: 10 km in centimetres, and far inside `i32` in hundredths.
pub const COORDINATE_MAX: f64 = 1_000_000.0;
/// The largest first number of a row, and the largest first row.
pub const NUMBER_START_MAX: u32 = 100_000;
/// The largest step between row labels.
pub const NUMBER_STEP_MAX: u32 = 1_000;
