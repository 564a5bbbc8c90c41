//! Everything that JavaScript sees of the engine: one picker, and its operations by number. `ts/picker.ts` gives them their
//! names and types back. One door costs a fraction of what fifty exported functions weigh in the download.
//!
//! **Conventions.** Positions and sizes from and to JavaScript are CSS pixels relative to the top left of the canvas,
//! except where "device pixels" is said. Times are milliseconds of `performance.now()`; the engine has no clock. Seats,
//! rows, sections, areas, floors, categories and zones are the dense indexes of the published map. Colours are
//! `0xRRGGBB`. Where a signed number is returned, -1 says "none". JSON comes as text: `JSON.parse` it.
//!
//! **Lists and texts** do not fit into numbers. What an operation is given besides numbers is written to the room that
//! [`give`] makes; when it answers with a list or a text, [`call`] returns the number of bytes, which begin at [`answer`].
//!
//! **Seat states** (`st`, `status`): 0 free, 1 held by somebody, 2 sold, 3 blocked. A seat of our own hold is told apart
//! by `mine`, not by its state.
//!
//! **Traits** are bits in the order `accessible, wheelchair, companion, restricted_view, hearing_impaired,
//! sign_language, cart_service, plus_size, vertigo, limited_legroom, semi_ambulatory, lift_up_armrests, aisle`.
//!
//! **A frame.** Call `render` once per animation frame while it answers with bit 2 or after any other call. When it
//! answers with bit 1, put the rectangles of `dirty` from the frame buffer to the canvas with `putImageData`. Views of
//! the wasm memory die whenever it grows: make them anew for each frame.
//!
//! **Texts** are drawn by the browser, which knows fonts, scripts and directions: see `needs_texts`.

use eventflow_core::lean::Gather;
use std::cell::RefCell;

use wasm_bindgen::prelude::*;

use crate::picker::{Direction, Picker, Pointer, PointerKind};

/// An instance of the module has one picker, which ends with it; a page with two makes two instances.
struct Bridge {
    picker: Option<&'static mut Picker>,
    given: Vec<u8>,
    answer: Vec<u8>,
}

thread_local! {
    static BRIDGE: RefCell<Bridge> =
        const { RefCell::new(Bridge { picker: None, given: Vec::new(), answer: Vec::new() }) };
}

/// Room for what the next [`call`] is given: as many bytes from this address on.
#[wasm_bindgen]
pub fn give(bytes: usize) -> *mut u8 {
    BRIDGE.with_borrow_mut(|bridge| {
        bridge.given.clear();
        bridge.given.resize(bytes, 0);
        bridge.given.as_mut_ptr()
    })
}

/// Where the list or text begins that the last [`call`] has answered.
#[wasm_bindgen]
pub fn answer() -> *const u8 {
    BRIDGE.with_borrow(|bridge| bridge.answer.as_ptr())
}

/// Carries out an operation; those that need fewer numbers leave the others aside. Answers a number: its own, 1 or 0 for
/// yes or no, or that of the bytes at [`answer`].
#[wasm_bindgen]
pub fn call(operation: u32, a: f64, b: f64, c: f64, d: f64, e: f64) -> f64 {
    BRIDGE.with_borrow_mut(|bridge| {
        let given = std::mem::take(&mut bridge.given);
        if operation == OPEN {
            bridge.picker = Picker::open(&given).map(|picker| Box::leak(Box::new(picker)));
            return f64::from(u8::from(bridge.picker.is_some()));
        }
        let Some(picker) = &mut bridge.picker else { return -1.0 };
        match run(picker, operation, [a, b, c, d, e], &given) {
            Answer::Nothing => 0.0,
            Answer::Number(number) => number,
            Answer::Bytes(bytes) => {
                bridge.answer = bytes;
                bridge.answer.len() as f64
            }
        }
    })
}

/// Opens the plan that is given (`GET /v1/events/{id}/plan`); answers 0 when it is none. All seats are free until a
/// snapshot comes.
const OPEN: u32 = 0;

enum Answer {
    Nothing,
    Number(f64),
    Bytes(Vec<u8>),
}

/// The table of operations: number, name, and what to do with the picker, the numbers and the bytes that are given.
macro_rules! operations {
    ($picker:ident, [$a:ident, $b:ident, $c:ident, $d:ident, $e:ident], $given:ident;
     $($(#[doc = $doc:literal])* $code:literal $name:ident => $answer:expr;)*) => {
        fn run(
            $picker: &mut Picker,
            operation: u32,
            [$a, $b, $c, $d, $e]: [f64; 5],
            $given: &[u8],
        ) -> Answer {
            match operation {
                $($code => Answer::from($answer),)*
                _ => Answer::Nothing,
            }
        }

        #[cfg(test)]
        const NAMES: &[(u32, &str)] = &[(OPEN, "open"), $(($code, stringify!($name)),)*];
    };
}

operations! { picker, [a, b, c, d, e], given;

// The plan, and what is in it.

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
1 meta => picker.meta();
/// The rows, tables and booths of section `a`, in document order:
/// `[{"row":0,"kind":"row|table|booth","label":"…","shown":"…","first":0,"count":0,"whole":false,"free":0}]`.
/// `first` is the first seat; seats are contiguous. `free` counts the seats that can be picked now.
2 section_rows => picker.section_rows(a as u32);
/// The seats of row `a` in the order in which people sit:
/// `[{"i":0,"n":"12","cat":0,"traits":0,"st":0,"sel":false,"mine":false,"on":true}]`. `on`: can be picked now (free or
/// ours, and not filtered out). `cat` is -1 without a category.
3 row_seats => picker.row_seats(a as u32);
/// Of seat `a`: `{"i":0,"label":"P-1-12","section":0,"section_name":"…","row":0,"row_label":"…","number":"12",
/// "category":0,"traits":["aisle"],"st":0,"sel":false,"mine":false,"on":true,"floor":0,"kind":"row|table|booth",
/// "whole":false,"view":null,"entrance":null,"x":0.0,"y":0.0,"r":0.0}`: `x`, `y` and the radius `r` are where the seat
/// is on the screen now. `""` for a seat that the map does not have.
4 seat => picker.seat(a as u32);
/// Of area `a`: `{"i":0,"key":"…","name":"…","category":0,"capacity":0,"left":0,"floor":0,"view":null,"entrance":null,
/// "on":true,"x":0.0,"y":0.0}`: `x`, `y` is the middle of the area on the screen. `""` for an area that the map does not
/// have.
5 area => picker.area(a as u32);
/// The seat with the technical label that is given, or -1.
6 find => picker.find(text(given));
/// The images that lie under the seats:
/// `[{"href":"https://…","x":0.0,"y":0.0,"width":0.0,"height":0.0,"rotation":0.0,"opacity":100,"floor":-1}]` in plan
/// units (rotation in degrees around the middle, opacity in percent, floor -1 = every floor), to be put under the canvas
/// with the transform of `view`. The pixels of the canvas are transparent where nothing is drawn when the floor has
/// images, opaque otherwise.
7 images => picker.images();

// Availability.

/// Takes over a whole state (`EFA1`). 0 done, 2 malformed or of another map; then nothing has changed.
8 apply_snapshot => picker.apply_snapshot(given);
/// Takes over changes (`EFD1`). 0 done, 1 a revision is missing (ask for a snapshot), 2 malformed; with 1 and 2
/// nothing has changed. Changes that are already known are 0.
9 apply_diff => picker.apply_diff(given);
/// Seats that were selected and that somebody else took since the last call. They are no longer selected, and the
/// map shows the loss.
10 take_lost => picker.take_lost();
/// The seats of our own hold: shown as ours, not as held, and never lost. Replaces those of the last call.
11 mine => picker.set_mine(&numbers(given));
/// `[free, total]` of section `a`: seats that can be picked now, and all.
12 availability => picker.availability(a as u32);
/// `[free, total]` of each category, one pair after the other, filters left aside; standing places count as free
/// places of their category.
13 category_availability => picker.category_availability();

// Filters, rules and looks.

/// One byte for each category, 0 = switched off: its seats are dimmed and cannot be picked. Missing ones are on.
14 set_categories => picker.set_categories(given);
/// Only seats with all traits of `a` and none of `b` can be picked; the others are dimmed.
15 set_traits_filter => picker.set_traits_filter(a as u16, b as u16);
/// The seat rules of the event: `a` orphans, 0 off, 1 lenient, 2 strict; `b` adjacent; `c` companions; `d` least; `e` most,
/// 0 = no limit. The least and the most count seats and standing places.
16 set_rules => picker.set_rules(a as u8, b != 0.0, c != 0.0, d as u32, e as u32);
/// Colours, in this order; missing ones keep their value:
/// 0 background, 1 section fill, 2 section outline, 3 text, 4 muted text, 5 selection, 6 mark on the selection,
/// 7 focus ring, 8 unavailable seat, 9 fill of shapes and tables, 10 outline of shapes, 11 lost seat.
/// Light or dark follows from the background. The defaults are a light theme.
17 set_theme => picker.set_theme(&numbers(given));
/// The word at the focal point ("Stage"), already translated; empty = none. Not shown where the plan itself has an
/// icon of a stage or screen.
18 set_stage_label => picker.set_stage_label(text(given));
/// No inertia, no animated zoom, no pop: `prefers-reduced-motion`.
19 reduce_motion => picker.reduce_motion(a != 0.0);

// The camera.

/// The size of the canvas, `a` by `b`, and the device pixels to one CSS pixel. The first call fits the plan in. Afterwards
/// the canvas must have `frame_width` by `frame_height` device pixels.
20 resize => picker.resize(a, b, c);
/// Shows another floor and fits it in.
21 set_floor => picker.set_floor(a as u32);
22 floor => picker.floor();
/// Shows the whole floor.
23 fit => picker.fit();
/// Zooms by the factor `a` around (`b`, `c`); `d`: animated, for buttons and keys.
24 zoom_by => picker.zoom_by(a, b, c, d != 0.0);
25 pan_by => picker.pan_by(a, b);
/// Zooms to section `a`, on its floor, so that its seats can be picked.
26 zoom_to_section => picker.zoom_to_section(a as u32);
/// Zooms to seats, on the floor of the first.
27 zoom_to_seats => picker.zoom_to_seats(&numbers(given));
/// The zoom relative to the one that fits the floor in: `[now, least, most]`.
28 zoom => picker.zoom();
/// `[scale, x, y]`: the plan point (px, py) in plan units is at CSS pixel (px·scale + x, py·scale + y).
29 view => picker.view();

// The frame.

/// Paints at the time `a` what has changed. Bits: 1 pixels have changed, 2 call again next frame (something moves), 4 the
/// minimap has changed, 8 texts are wanted (`needs_texts`), 16 the view has moved (tooltips, images).
30 render => picker.render(a);
/// Where the frame is in the wasm memory: RGBA, straight alpha, `frame_width * frame_height * 4` bytes.
31 frame => picker.frame().as_ptr() as usize;
/// Device pixels.
32 frame_width => picker.frame_width();
/// Device pixels.
33 frame_height => picker.frame_height();
/// The rectangles that the last `render` changed, in device pixels: `[x, y, w, h, …]`, signed.
34 dirty => picker.dirty();
/// The size of the minimap, `a` by `b` device pixels; 0 by 0 switches it off (the default).
35 minimap_resize => picker.minimap_resize(a as u32, b as u32);
/// RGBA, opaque, `width * height * 4` bytes; 0 while there is none.
36 minimap => if picker.minimap().is_empty() { 0 } else { picker.minimap().as_ptr() as usize };
/// Brings the place (`a`, `b`) of the minimap (0 to 1 in both directions) to the middle of the view.
37 minimap_to => picker.minimap_to(a, b);
/// Texts that the last frames wanted to draw and that have no bitmap yet, most wanted first, at most 256:
/// `[{"id":7,"size":13,"weight":500,"rotation":0,"text":"Stalls left"}]`. `size` is the font size in device pixels,
/// `rotation` is in degrees clockwise. Texts are asked for once; `[]` = nothing to do.
38 needs_texts => picker.needs_texts();
/// The bitmaps of `a` texts: for each six signed numbers, `[id, width, height, left, top, 0]`, where `left` and `top` lead
/// from the middle of the text (half its width, 0.36 of the font size above the baseline) to the top left of the bitmap,
/// all in device pixels, so both are negative as a rule; behind the numbers of all texts the alpha bytes of the bitmaps,
/// row by row, one bitmap after the other. Empty texts come as width and height 0.
39 add_texts => {
    let (metrics, coverage) = given.split_at_checked(a as usize * 24).unwrap_or_default();
    picker.add_texts(&metrics.chunks_exact(4).map(|bytes| number(bytes) as i32).gather(), coverage);
};
/// Forgets all bitmaps of texts: the font has changed or has only now been loaded.
40 reset_texts => picker.reset_texts();

// Pointers.

/// An event of pointer `b` at (`c`, `d`) at the time `e`. `a` has the kind in its lowest three bits (0 down, 1 move, 2 up,
/// 3 cancel, 4 leave), then 8 for shift (a drag selects instead of moving the map), 16 for a finger, which hides what it
/// points at (the nearest seat within its width is meant), and from 32 on the buttons as in the event: a press without the
/// primary one is left alone.
///
/// Answers `""` or JSON with one of
/// `{"click":{"seat":0}}`, `{"click":{"area":0}}`, `{"click":{"section":0}}` (seats too small to be meant one by one),
/// `{"click":{}}` (ground), `{"hover":{"seat":0}}` and so on when what is under the pointer has changed,
/// `{"marquee":[x0,y0,x1,y1]}` when a marquee ends (hand it to `marquee`), `{"drag":true}` when a drag begins.
41 pointer => {
    let bits = a as u32;
    let kind = match bits & 7 {
        0 => PointerKind::Down,
        1 => PointerKind::Move,
        2 => PointerKind::Up,
        4 => PointerKind::Leave,
        _ => PointerKind::Cancel,
    };
    let (shift, touch, buttons) = (bits & 8 != 0, bits & 16 != 0, bits >> 5);
    picker.pointer(Pointer { kind, id: b as i32, x: c, y: d, time_ms: e, buttons, shift, touch })
};
/// The wheel at (`a`, `b`) by (`c`, `d`) in CSS pixels (lines times 16): zooms around the cursor; with `e`, the control
/// key, a trackpad's pinch. A horizontal one moves the map.
42 wheel => picker.wheel(a, b, c, d, e != 0.0);
/// A drag without shift selects as well (the marquee button).
43 set_marquee_mode => picker.set_marquee_mode(a != 0.0);
/// What is at a point: `{"seat":0}`, `{"area":0}`, `{"section":0}` or `{}`.
44 hit => picker.hit_json(a, b);

// The selection.

/// A pick or an unpick of seat `a`. A whole table goes together. A party of `b`, more than one, picks that many places
/// side by side, with this seat among them, instead of what was selected before; on a selected seat it gives all
/// back.
///
/// `{"added":[],"removed":[],"refused":null}`, or refused is `{"code":"…","seats":[]}` and nothing has changed:
/// `taken` (held or sold), `blocked`, `filtered` (category switched off or a trait missing), `max` (more than the
/// rules allow), `party` (no group of that size around this seat), `unknown`.
45 toggle => picker.toggle(a as u32, b as u32);
/// Selects what lies in a rectangle of the screen from (`a`, `b`) to (`c`, `d`), as far as it can be picked, in addition to
/// (`e`) or instead of the selection. Answers as `toggle`.
46 marquee => picker.marquee(a, b, c, d, e != 0.0);
/// Makes the seats that are given the selection, as far as they can be picked. Answers as `toggle`.
47 select => picker.select(&numbers(given));
48 clear => picker.clear();
/// In the order of picking.
49 selected => picker.selected();
/// What speaks against the selection as it is: `[{"rule":"orphan","seats":[3],"area":-1,"limit":0}]`; rules are
/// named as in the server's `seat_rules` refusal.
50 violations => picker.violations();
/// Seats to mark as the cause of something, until the next call.
51 highlight => picker.highlight(&numbers(given));
/// Standing places that are picked besides the seats, as pairs `[area, places, …]`: they count for the rules.
52 set_area_picks => picker.set_area_picks(&numbers(given));

// The keyboard.

/// Moves the focus: 0 left, 1 right, 2 up, 3 down, 4 start of the row (again: of the row before), 5 end of the row
/// (again: of the row after), 6 previous section, 7 next section. Only seats that can be picked or are selected get
/// the focus. Without a focus it goes to the seat nearest to the middle of the view. The map follows. Answers the
/// seat, or -1 when there is none.
53 move_focus => picker.move_focus(match a as u8 {
    0 => Direction::Left,
    1 => Direction::Right,
    2 => Direction::Up,
    3 => Direction::Down,
    4 => Direction::RowStart,
    5 => Direction::RowEnd,
    6 => Direction::PreviousSection,
    _ => Direction::NextSection,
});
/// Gives seat `a` the focus and brings it into view; -1 takes the focus away.
54 focus => picker.focus(a as i32);
55 focused => picker.focused();
/// Whether the focus ring is drawn: `:focus-visible` of the canvas.
56 show_focus => picker.show_focus(a != 0.0);
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn numbers(given: &[u8]) -> Vec<u32> {
    given.chunks_exact(4).map(number).gather()
}

fn text(given: &[u8]) -> &str {
    std::str::from_utf8(given).unwrap_or_default()
}

impl From<()> for Answer {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}
impl From<u32> for Answer {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}
impl From<i32> for Answer {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}
impl From<usize> for Answer {
    fn from(number: usize) -> Self {
        Self::Number(number as f64)
    }
}
impl From<String> for Answer {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}
impl From<Vec<u32>> for Answer {
    fn from(list: Vec<u32>) -> Self {
        let mut bytes = Vec::new();
        for number in list {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Self::Bytes(bytes)
    }
}
impl From<Vec<i32>> for Answer {
    fn from(list: Vec<i32>) -> Self {
        list.into_iter().map(i32::cast_unsigned).gather().into()
    }
}
impl From<[f64; 3]> for Answer {
    fn from(list: [f64; 3]) -> Self {
        Self::Bytes(list.map(f64::to_le_bytes).concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_number_the_operations_alike() {
        let theirs = include_str!("../ts/picker.ts");
        let (_, table) = theirs.split_once("enum Do {").expect("the table begins");
        let (table, _) = table.split_once('}').expect("the table ends");
        let theirs: Vec<(u32, &str)> = table
            .split_terminator(',')
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| line.split_once(" = ").expect("a name and a number"))
            .map(|(name, code)| (code.parse().expect("a number"), name))
            .collect();
        assert_eq!(NAMES, theirs);
    }

    #[test]
    fn an_instance_without_a_plan_does_nothing() {
        assert_eq!(call(1, 0.0, 0.0, 0.0, 0.0, 0.0), -1.0);
        assert!(!give(3).is_null());
        assert_eq!(call(OPEN, 0.0, 0.0, 0.0, 0.0, 0.0), 0.0);
    }
}
