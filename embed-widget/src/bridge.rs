//! Everything that JavaScript sees of the engine: one class, `SeatPicker`.
//!
//! **Conventions.** Positions and sizes from and to JavaScript are CSS pixels relative to the top left of the canvas,
//! except where "device pixels" is said. Times are milliseconds of `performance.now()`; the engine has no clock. Seats,
//! rows, sections, areas, floors, categories and zones are the dense indexes of the published map. Colours are
//! `0xRRGGBB`. Where a signed number is returned, -1 says "none". JSON comes as text: `JSON.parse` it.
//!
//! **Seat states** (`st`, `status`): 0 free, 1 held by somebody, 2 sold, 3 blocked. A seat of our own hold is told apart
//! by `mine`, not by its state.
//!
//! **Traits** are bits in the order `accessible, wheelchair, companion, restricted_view, hearing_impaired,
//! sign_language, cart_service, plus_size, vertigo, limited_legroom, semi_ambulatory, lift_up_armrests, aisle`.
//!
//! **A frame.** Call [`render`](SeatPicker::render) once per animation frame while it answers with bit 2 or after any
//! other call. When it answers with bit 1, put the rectangles of [`dirty`](SeatPicker::dirty) from the frame buffer to
//! the canvas with `putImageData`. Views of the wasm memory die whenever it grows: make them anew for each frame.
//!
//! **Texts** are drawn by the browser, which knows fonts, scripts and directions: see
//! [`needs_texts`](SeatPicker::needs_texts).

use wasm_bindgen::prelude::*;

use crate::{
    keyboard::Direction,
    picker::{Picker, Pointer, PointerKind},
};

#[wasm_bindgen]
pub struct SeatPicker {
    picker: Picker,
}

/// The plan, and what is in it.
#[wasm_bindgen]
impl SeatPicker {
    /// Opens a plan (`GET /v1/events/{id}/plan`). All seats are free until a snapshot comes.
    ///
    /// Throws the string `"plan_malformed"`.
    #[wasm_bindgen(constructor)]
    pub fn new(plan: &[u8]) -> Result<SeatPicker, String> {
        Picker::open(plan).map(|picker| Self { picker }).ok_or_else(|| "plan_malformed".into())
    }

    /// ```json
    /// {"name":"…","seats":0,"has_focal":true,"traits":0,   // traits that any seat has
    ///  "floors":[{"key":"…","name":"…"}],             // bottom to top; empty = one unnamed floor
    ///  "zones":[{"key":"…","name":"…"}],
    ///  "categories":[{"key":"…","name":"…","color":"#rrggbb","seats":0}],
    ///  "sections":[{"i":0,"key":"…","name":"…","floor":0,"zone":-1,"entrance":null,"seats":0,
    ///               "rows":0,"categories":[0,1]}],    // categories that its seats have
    ///  "areas":[{"i":0,"key":"…","name":"…","category":0,"capacity":0,"floor":0,"zone":-1,"entrance":null,
    ///            "sold":"place","min":1,"max":0,      // sold: place | whole | group (parties of min..=max); max 0 = no limit
    ///            "shown":true}]}                   // the plan has an outline of it
    /// ```
    pub fn meta(&self) -> String {
        self.picker.meta()
    }

    /// The rows, tables and booths of a section, in document order:
    /// `[{"row":0,"kind":"row|table|booth","label":"…","shown":"…","first":0,"count":0,"whole":false,"free":0}]`.
    /// `first` is the first seat; seats are contiguous. `free` counts the seats that can be picked now.
    pub fn section_rows(&self, section: u32) -> String {
        self.picker.section_rows(section)
    }

    /// The seats of a row in the order in which people sit:
    /// `[{"i":0,"n":"12","cat":0,"traits":0,"st":0,"sel":false,"mine":false,"on":true}]`. `on`: can be picked now (free or
    /// ours, and not filtered out). `cat` is -1 without a category.
    pub fn row_seats(&self, row: u32) -> String {
        self.picker.row_seats(row)
    }

    /// `{"i":0,"label":"P-1-12","section":0,"section_name":"…","row":0,"row_label":"…","number":"12","category":0,
    /// "traits":["aisle"],"st":0,"sel":false,"mine":false,"on":true,"floor":0,"kind":"row|table|booth","whole":false,
    /// "view":null,"entrance":null,"x":0.0,"y":0.0,"r":0.0}`: `x`, `y` and the radius `r` are where the seat is on the
    /// screen now. `""` for a seat that the map does not have.
    pub fn seat(&self, seat: u32) -> String {
        self.picker.seat(seat)
    }

    /// `{"i":0,"key":"…","name":"…","category":0,"capacity":0,"left":0,"floor":0,"view":null,
    /// "entrance":null,"on":true,"x":0.0,"y":0.0}`: `x`, `y` is
    /// the middle of the area on the screen. `""` for an area that the map does not have.
    pub fn area(&self, area: u32) -> String {
        self.picker.area(area)
    }

    /// The seat with this technical label, or -1.
    pub fn find(&self, label: &str) -> i32 {
        self.picker.find(label)
    }

    /// The images that lie under the seats:
    /// `[{"href":"https://…","x":0.0,"y":0.0,"width":0.0,"height":0.0,"rotation":0.0,"opacity":100,"floor":-1}]` in plan
    /// units (rotation in degrees around the middle, opacity in percent, floor -1 = every floor), to be put under the canvas with the transform of [`view`](Self::view). The pixels of the canvas are
    /// transparent where nothing is drawn when the floor has images, opaque otherwise.
    pub fn images(&self) -> String {
        self.picker.images()
    }
}

/// Availability.
#[wasm_bindgen]
impl SeatPicker {
    /// Takes over a whole state (`EFA1`). 0 done, 2 malformed or of another map; then nothing has changed.
    pub fn apply_snapshot(&mut self, bytes: &[u8]) -> u32 {
        self.picker.apply_snapshot(bytes)
    }

    /// Takes over changes (`EFD1`). 0 done, 1 a revision is missing (ask for a snapshot), 2 malformed; with 1 and 2
    /// nothing has changed. Changes that are already known are 0.
    pub fn apply_diff(&mut self, bytes: &[u8]) -> u32 {
        self.picker.apply_diff(bytes)
    }

    /// Seats that were selected and that somebody else took since the last call. They are no longer selected, and the
    /// map shows the loss.
    pub fn take_lost(&mut self) -> Vec<u32> {
        self.picker.take_lost()
    }

    /// The seats of our own hold: shown as ours, not as held, and never lost. Replaces those of the last call.
    pub fn mine(&mut self, seats: &[u32]) {
        self.picker.set_mine(seats);
    }

    /// `[free, total]` of a section: seats that can be picked now, and all.
    pub fn availability(&self, section: u32) -> Vec<u32> {
        self.picker.availability(section)
    }

    /// `[free, total]` of each category, one pair after the other, filters left aside; standing places count as free
    /// places of their category.
    pub fn category_availability(&self) -> Vec<u32> {
        self.picker.category_availability()
    }
}

/// Filters, rules and looks.
#[wasm_bindgen]
impl SeatPicker {
    /// One byte for each category, 0 = switched off: its seats are dimmed and cannot be picked. Missing ones are on.
    pub fn set_categories(&mut self, enabled: &[u8]) {
        self.picker.set_categories(enabled);
    }

    /// Only seats with all traits of `required` and none of `excluded` can be picked; the others are dimmed.
    pub fn set_traits_filter(&mut self, required: u16, excluded: u16) {
        self.picker.set_traits_filter(required, excluded);
    }

    /// The seat rules of the event. `orphans`: 0 off, 1 lenient, 2 strict. `max` 0 = no limit; `min` and `max` count
    /// seats and standing places.
    pub fn set_rules(&mut self, orphans: u8, adjacent: bool, companions: bool, min: u32, max: u32) {
        self.picker.set_rules(orphans, adjacent, companions, min, max);
    }

    /// Colours, in this order; missing ones keep their value:
    /// 0 background, 1 section fill, 2 section outline, 3 text, 4 muted text, 5 selection, 6 mark on the selection,
    /// 7 focus ring, 8 unavailable seat, 9 fill of shapes and tables, 10 outline of shapes, 11 lost seat.
    /// Light or dark follows from the background. The defaults are a light theme.
    pub fn set_theme(&mut self, colors: &[u32]) {
        self.picker.set_theme(colors);
    }

    /// The word at the focal point ("Stage"), already translated; empty = none. Not shown where the plan itself has an
    /// icon of a stage or screen.
    pub fn set_stage_label(&mut self, label: &str) {
        self.picker.set_stage_label(label);
    }

    /// No inertia, no animated zoom, no pop: `prefers-reduced-motion`.
    pub fn reduce_motion(&mut self, reduce: bool) {
        self.picker.reduce_motion(reduce);
    }
}

/// The camera.
#[wasm_bindgen]
impl SeatPicker {
    /// The size of the canvas and the device pixels to one CSS pixel. The first call fits the plan in. Afterwards the
    /// canvas must have [`frame_width`](Self::frame_width) by [`frame_height`](Self::frame_height) device pixels.
    pub fn resize(&mut self, css_width: f64, css_height: f64, dpr: f64) {
        self.picker.resize(css_width, css_height, dpr);
    }

    /// Shows another floor and fits it in.
    pub fn set_floor(&mut self, floor: u32) {
        self.picker.set_floor(floor);
    }
    pub fn floor(&self) -> u32 {
        self.picker.floor()
    }

    /// Shows the whole floor.
    pub fn fit(&mut self) {
        self.picker.fit();
    }

    /// Zooms by a factor around a point; `animate` for buttons and keys.
    pub fn zoom_by(&mut self, factor: f64, x: f64, y: f64, animate: bool) {
        self.picker.zoom_by(factor, x, y, animate);
    }

    pub fn pan_by(&mut self, dx: f64, dy: f64) {
        self.picker.pan_by(dx, dy);
    }

    /// Zooms to a section, on its floor, so that its seats can be picked.
    pub fn zoom_to_section(&mut self, section: u32) {
        self.picker.zoom_to_section(section);
    }
    /// Zooms to seats, on the floor of the first.
    pub fn zoom_to_seats(&mut self, seats: &[u32]) {
        self.picker.zoom_to_seats(seats);
    }

    /// The zoom relative to the one that fits the floor in: `[now, least, most]`.
    pub fn zoom(&self) -> Vec<f64> {
        self.picker.zoom().to_vec()
    }

    /// `[scale, x, y]`: the plan point (px, py) in plan units is at CSS pixel (px·scale + x, py·scale + y).
    pub fn view(&self) -> Vec<f64> {
        self.picker.view().to_vec()
    }
}

/// The frame.
#[wasm_bindgen]
impl SeatPicker {
    /// Paints what has changed. Bits: 1 pixels have changed, 2 call again next frame (something moves), 4 the minimap
    /// has changed, 8 texts are wanted ([`needs_texts`](Self::needs_texts)), 16 the view has moved (tooltips, images).
    pub fn render(&mut self, now_ms: f64) -> u32 {
        self.picker.render(now_ms)
    }

    /// Where the frame is in the wasm memory: RGBA, straight alpha, [`frame_len`](Self::frame_len) bytes.
    pub fn frame_ptr(&self) -> *const u8 {
        self.picker.frame().as_ptr().cast()
    }
    pub fn frame_len(&self) -> usize {
        self.picker.frame().len() * 4
    }
    /// Device pixels.
    pub fn frame_width(&self) -> u32 {
        self.picker.frame_width()
    }
    /// Device pixels.
    pub fn frame_height(&self) -> u32 {
        self.picker.frame_height()
    }
    /// The rectangles that the last [`render`](Self::render) changed, in device pixels: `[x, y, w, h, …]`.
    pub fn dirty(&self) -> Vec<i32> {
        self.picker.dirty()
    }

    /// The size of the minimap, in device pixels; 0 by 0 switches it off (the default).
    pub fn minimap_resize(&mut self, width: u32, height: u32) {
        self.picker.minimap_resize(width, height);
    }
    /// RGBA, opaque, `width * height * 4` bytes.
    pub fn minimap_ptr(&self) -> *const u8 {
        self.picker.minimap().as_ptr().cast()
    }
    pub fn minimap_len(&self) -> usize {
        self.picker.minimap().len() * 4
    }
    /// Brings the place at this point of the minimap (0 to 1 in both directions) to the middle of the view.
    pub fn minimap_to(&mut self, x: f64, y: f64) {
        self.picker.minimap_to(x, y);
    }

    /// Texts that the last frames wanted to draw and that have no bitmap yet, most wanted first, at most 256:
    /// `[{"id":7,"size":13,"weight":500,"rotation":0,"text":"Stalls left"}]`. `size` is the font size in device pixels,
    /// `rotation` is in degrees clockwise. Texts are asked for once; `[]` = nothing to do.
    pub fn needs_texts(&mut self) -> String {
        self.picker.needs_texts()
    }

    /// The bitmaps of texts: for each text six numbers in `metrics`, `[id, width, height, left, top, 0]`, where `left`
    /// and `top` lead from the middle of the text (half its width, 0.36 of the font size above the baseline) to the top
    /// left of the bitmap, all in device pixels, so both are negative as a rule; and in `coverage` the alpha bytes of
    /// the bitmaps, row by row, one bitmap after the other. Empty texts come as width and height 0.
    pub fn add_texts(&mut self, metrics: &[i32], coverage: &[u8]) {
        self.picker.add_texts(metrics, coverage);
    }

    /// Forgets all bitmaps of texts: the font has changed or has only now been loaded.
    pub fn reset_texts(&mut self) {
        self.picker.reset_texts();
    }
}

/// Pointers.
#[wasm_bindgen]
impl SeatPicker {
    /// A pointer event. `kind`: 0 down, 1 move, 2 up, 3 cancel, 4 leave. `shift`: a drag selects (marquee) instead of
    /// moving the map. `buttons`: as in the event; a press without the primary button is left alone. `touch`: the finger hides what it points at; the nearest seat within a finger's width is meant.
    ///
    /// Answers `""` or JSON with one of
    /// `{"click":{"seat":0}}`, `{"click":{"area":0}}`, `{"click":{"section":0}}` (seats too small to be meant one by one),
    /// `{"click":{}}` (ground), `{"hover":{"seat":0}}` and so on when what is under the pointer has changed,
    /// `{"marquee":[x0,y0,x1,y1]}` when a marquee ends (hand it to [`marquee`](Self::marquee)), `{"drag":true}` when a
    /// drag begins.
    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of one event; an object would cost a glue class"
    )]
    pub fn pointer(
        &mut self,
        kind: u8,
        id: i32,
        x: f64,
        y: f64,
        time_ms: f64,
        buttons: u32,
        shift: bool,
        touch: bool,
    ) -> String {
        let kind = match kind {
            0 => PointerKind::Down,
            1 => PointerKind::Move,
            2 => PointerKind::Up,
            4 => PointerKind::Leave,
            _ => PointerKind::Cancel,
        };
        self.picker.pointer(Pointer { kind, id, x, y, time_ms, buttons, shift, touch })
    }

    /// The wheel, in CSS pixels (lines times 16): zooms around the cursor; with `ctrl` a trackpad's pinch. A wheel
    /// with `shift` or a horizontal one moves the map.
    pub fn wheel(&mut self, x: f64, y: f64, dx: f64, dy: f64, ctrl: bool) {
        self.picker.wheel(x, y, dx, dy, ctrl);
    }

    /// A drag without shift selects as well (the marquee button).
    pub fn set_marquee_mode(&mut self, on: bool) {
        self.picker.set_marquee_mode(on);
    }

    /// The seat under the pointer, or -1.
    pub fn hover(&self) -> i32 {
        self.picker.hover()
    }

    /// What is at a point: `{"seat":0}`, `{"area":0}`, `{"section":0}` or `{}`.
    pub fn hit(&self, x: f64, y: f64) -> String {
        self.picker.hit_json(x, y)
    }
}

/// The selection.
#[wasm_bindgen]
impl SeatPicker {
    /// A pick or an unpick of a seat. A whole table goes together. A `party` of more than one picks that many places
    /// side by side, with this seat among them, instead of what was selected before; on a selected seat it gives all
    /// back.
    ///
    /// `{"added":[],"removed":[],"refused":null}`, or refused is `{"code":"…","seats":[]}` and nothing has changed:
    /// `taken` (held or sold), `blocked`, `filtered` (category switched off or a trait missing), `max` (more than the
    /// rules allow), `party` (no group of that size around this seat), `unknown`.
    pub fn toggle(&mut self, seat: u32, party: u32) -> String {
        self.picker.toggle(seat, party)
    }

    /// Selects what lies in a rectangle of the screen, as far as it can be picked, in addition to or instead of the
    /// selection. Answers as [`toggle`](Self::toggle).
    pub fn marquee(&mut self, x0: f64, y0: f64, x1: f64, y1: f64, add: bool) -> String {
        self.picker.marquee(x0, y0, x1, y1, add)
    }

    /// Makes these seats the selection, as far as they can be picked. Answers as [`toggle`](Self::toggle).
    pub fn select(&mut self, seats: &[u32]) -> String {
        self.picker.select(seats)
    }

    pub fn clear(&mut self) {
        self.picker.clear();
    }

    /// In the order of picking.
    pub fn selected(&self) -> Vec<u32> {
        self.picker.selected()
    }

    /// Standing places that are picked besides the seats, as pairs `[area, places, …]`: they count for the rules.
    pub fn set_area_picks(&mut self, picks: &[u32]) {
        self.picker.set_area_picks(picks);
    }

    /// What speaks against the selection as it is: `[{"rule":"orphan","seats":[3],"area":-1,"limit":0}]`; rules are
    /// named as in the server's `seat_rules` refusal.
    pub fn violations(&self) -> String {
        self.picker.violations()
    }

    /// Seats to mark as the cause of something, until the next call.
    pub fn highlight(&mut self, seats: &[u32]) {
        self.picker.highlight(seats);
    }
}

/// The keyboard.
#[wasm_bindgen]
impl SeatPicker {
    /// Moves the focus: 0 left, 1 right, 2 up, 3 down, 4 start of the row (again: of the row before), 5 end of the row
    /// (again: of the row after), 6 previous section, 7 next section. Only seats that can be picked or are selected get
    /// the focus. Without a focus it goes to the seat nearest to the middle of the view. The map follows. Answers the
    /// seat, or -1 when there is none.
    pub fn move_focus(&mut self, direction: u8) -> i32 {
        let direction = match direction {
            0 => Direction::Left,
            1 => Direction::Right,
            2 => Direction::Up,
            3 => Direction::Down,
            4 => Direction::RowStart,
            5 => Direction::RowEnd,
            6 => Direction::PreviousSection,
            _ => Direction::NextSection,
        };
        self.picker.move_focus(direction)
    }

    /// Gives a seat the focus and brings it into view; -1 takes the focus away.
    pub fn focus(&mut self, seat: i32) {
        self.picker.focus(seat);
    }
    pub fn focused(&self) -> i32 {
        self.picker.focused()
    }
    /// Whether the focus ring is drawn: `:focus-visible` of the canvas.
    pub fn show_focus(&mut self, show: bool) {
        self.picker.show_focus(show);
    }
}

/// For Rust: tests and examples.
impl SeatPicker {
    /// The revision of the state; 0 before the first snapshot.
    pub fn revision(&self) -> f64 {
        self.picker.revision()
    }

    /// Places left in an area.
    pub fn area_left(&self, area: u32) -> u32 {
        self.picker.area_left(area)
    }

    /// Seats are large enough to be picked one by one; below that a click means the section.
    pub fn seats_pickable(&self) -> bool {
        self.picker.seats_pickable()
    }

    /// What [`frame_ptr`](Self::frame_ptr) leads to.
    pub fn pixels(&self) -> Vec<u8> {
        self.picker.frame().iter().flat_map(|pixel| pixel.to_le_bytes()).collect()
    }
    /// The next [`render`](Self::render) paints everything.
    pub fn reset_frame(&mut self) {
        self.picker.repaint();
    }
    pub fn minimap_pixels(&self) -> Vec<u8> {
        self.picker.minimap().iter().flat_map(|pixel| pixel.to_le_bytes()).collect()
    }
}
