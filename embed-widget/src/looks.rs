//! What a seat looks like: its category, its state and its kind, and the shapes that show them. State is told by shape
//! as well as by colour.

use crate::theme::Theme;
use eventflow_raster::{Color, Layer, Shape, mix, readable_on};

/// Sizes of seats relative to the usual one: sections whose seats stand closer have smaller ones.
pub const SIZES: [f64; 8] = [0.4, 0.5, 0.62, 0.75, 0.88, 1.0, 1.2, 1.45];
pub const USUAL_SIZE: u16 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum State {
    Free = 0,
    Held = 1,
    Sold = 2,
    Blocked = 3,
    /// Free, but not what the buyer looks for.
    Filtered = 4,
    Selected = 5,
    /// In our own hold.
    Mine = 6,
}

const STATES: u16 = 7;

/// A size, category, state and kind in one number, dense enough to index a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub size: u16,
    /// Position among the categories; one beyond the last is a seat without.
    pub category: u16,
    pub state: State,
    /// A place for a wheelchair.
    pub square: bool,
}

impl Look {
    /// How many codes there are with so many categories.
    pub fn count(categories: usize) -> usize {
        SIZES.len() * (categories + 1) * usize::from(STATES) * 2
    }

    pub fn code(self, categories: usize) -> u16 {
        let sized = self.size * (categories as u16 + 1) + self.category;
        (sized * STATES + self.state as u16) * 2 + u16::from(self.square)
    }

    pub fn of(code: u16, categories: usize) -> Self {
        let state = [
            State::Free,
            State::Held,
            State::Sold,
            State::Blocked,
            State::Filtered,
            State::Selected,
            State::Mine,
        ][usize::from(code / 2 % STATES)];
        let sized = code / 2 / STATES;
        let categories = categories as u16 + 1;
        Self { size: sized / categories, category: sized % categories, state, square: code % 2 == 1 }
    }
}

/// The layers of a seat of `radius` pixels, and how far they reach from its middle.
#[derive(Debug, Default)]
pub struct Picture {
    pub layers: Vec<Layer>,
    pub reach: f32,
}

impl Picture {
    /// `fine`: pixels to a CSS pixel, so that lines are as strong on every screen.
    pub fn of(look: Look, color: u32, theme: &Theme, radius: f32, fine: f32) -> Self {
        let mut picture = Self::default();
        let square = look.square;
        let body = |radius: f32| match square {
            true => Shape::Square { radius: radius * 0.94, corner: radius * 0.3 },
            false => Shape::Disc { radius },
        };
        let line = |radius: f32, width: f32| match square {
            true => Shape::Frame { radius: radius * 0.94, corner: radius * 0.3, width },
            false => Shape::Ring { radius, width },
        };
        let small = radius < 2.6 * fine;
        let thin = (radius * 0.14).max(0.9 * fine);
        let quiet = mix(theme.unavailable, theme.section, 64);
        match look.state {
            State::Free => {
                let edge = theme.edge(color);
                if edge == color || small {
                    picture.add(body(radius), edge);
                } else {
                    picture.add(body(radius), edge);
                    picture.add(body(radius - thin), color);
                }
            }
            State::Filtered if small => picture.add(body(radius * 0.7), mix(color, theme.section, 184)),
            State::Filtered => picture.add(line(radius * 0.88, thin), mix(color, theme.section, 150)),
            State::Held | State::Sold | State::Blocked if small => {
                let share = if look.state == State::Held { 0.75 } else { 0.6 };
                picture.add(
                    body(radius * share),
                    if look.state == State::Blocked { quiet } else { theme.unavailable },
                );
            }
            State::Held => {
                picture.add(line(radius * 0.82, thin), theme.unavailable);
                picture.add(body(radius * 0.28), theme.unavailable);
            }
            State::Sold => {
                let arm = radius * 0.42;
                let width = (radius * 0.2).max(1.2 * fine);
                for (x, y) in [(arm, arm), (arm, -arm)] {
                    picture.add(Shape::Stroke { from: (-x, -y), to: (x, y), width }, theme.unavailable);
                }
            }
            State::Blocked => {
                let arm = radius * 0.4;
                let width = (radius * 0.2).max(1.2 * fine);
                picture.add(Shape::Stroke { from: (-arm, 0.0), to: (arm, 0.0), width }, quiet);
            }
            State::Selected | State::Mine => picture.own(look.state, body, line, theme, radius, fine),
        }
        picture
    }

    fn own(
        &mut self,
        state: State,
        body: impl Fn(f32) -> Shape,
        line: impl Fn(f32, f32) -> Shape,
        theme: &Theme,
        radius: f32,
        fine: f32,
    ) {
        let large = (radius * 1.1).max(2.0 * fine);
        if state == State::Mine && radius >= 3.0 * fine {
            let width = (radius * 0.16).max(fine);
            self.add(line(large * 1.08, width), theme.selection);
            self.add(body(large - 1.6 * width), theme.selection);
        } else {
            self.add(body(large + fine * 0.8), theme.section);
            self.add(body(large), theme.selection);
        }
        if radius >= 3.5 * fine {
            let width = (radius * 0.24).max(1.2 * fine);
            for (from, to) in [((-0.42, 0.04), (-0.12, 0.34)), ((-0.12, 0.34), (0.44, -0.32))] {
                let at = |(x, y): (f32, f32)| (x * radius, y * radius);
                self.add(Shape::Stroke { from: at(from), to: at(to), width }, theme.mark);
            }
        }
    }

    fn add(&mut self, shape: Shape, rgb: u32) {
        let reach = match shape {
            Shape::Disc { radius } | Shape::Ring { radius, .. } => radius,
            Shape::Square { radius, .. } | Shape::Frame { radius, .. } => radius,
            Shape::Stroke { from, to, width } => {
                from.0.abs().max(from.1.abs()).max(to.0.abs()).max(to.1.abs()) + width / 2.0
            }
        };
        self.reach = self.reach.max(reach);
        self.layers.push(Layer { shape, color: Color::rgb(rgb) });
    }
}

/// The colour of a number on a seat; `None` where the state leaves no room for one.
pub fn ink(state: State, color: u32, theme: &Theme) -> Option<u32> {
    match state {
        State::Free => Some(readable_on(color)),
        State::Filtered => Some(theme.muted),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_back_to_looks() {
        for categories in [0, 1, 7, 100] {
            for code in 0..Look::count(categories) as u16 {
                let look = Look::of(code, categories);
                assert_eq!(look.code(categories), code);
                assert!(usize::from(look.category) <= categories && usize::from(look.size) < SIZES.len());
            }
        }
    }

    #[test]
    fn states_differ_in_shape_and_not_only_in_colour() {
        let theme = Theme::default();
        let states = [
            State::Free,
            State::Held,
            State::Sold,
            State::Blocked,
            State::Filtered,
            State::Selected,
            State::Mine,
        ];
        let outline = |state| {
            let look = Look { size: USUAL_SIZE, category: 0, state, square: false };
            let picture = Picture::of(look, 0x2b_6cb0, &theme, 9.0, 1.0);
            let mut pixels = vec![0; 31 * 31];
            eventflow_raster::draw_layers(&mut pixels, 31, 0.5, 0.5, &picture.layers);
            // Where something other than the ground is seen.
            let light =
                |pixel: u32| pixel >> 24 > 128 && pixel & 0xff_ffff != Color::rgb(theme.mark).0 & 0xff_ffff;
            pixels.iter().map(|&pixel| light(pixel)).collect::<Vec<_>>()
        };
        for (at, &state) in states.iter().enumerate() {
            for &other in &states[at + 1..] {
                let differing = outline(state).iter().zip(outline(other)).filter(|(a, b)| **a != *b).count();
                assert!(differing >= 12, "{state:?} and {other:?}: {differing}");
            }
        }
    }
}
