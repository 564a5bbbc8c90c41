//! Pictograms as strokes on a grid of 48 by 48: a few bytes each, sharp at every size.

use eventflow_core::seat_map::IconKind;

use crate::lean::{Index, hash};
use eventflow_raster::{Color, Layer, Shape, Sprite, draw_layers};

/// Pixels of drawn icons that are kept.
const PIXELS_MAX: usize = 1 << 20;

/// What is shown: an icon of the plan, or a trait of a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Icon {
    Plan(IconKind),
    Companion,
    RestrictedView,
    Hearing,
}

/// A line of this width through these points, all in grid units; one point is a dot.
type Stroke = (u8, &'static [(u8, u8)]);

#[derive(Debug, Default)]
pub struct Icons {
    /// Where each picture begins.
    drawn: Index,
    pixels: Vec<u32>,
}

impl Icons {
    /// An icon of `size` pixels in `ink`, on a rounded plate when there is a colour for one.
    pub fn get(&mut self, icon: Icon, size: u16, ink: u32, plate: Option<u32>) -> Sprite<'_> {
        let [a, b] = size.to_le_bytes();
        let colors = ink.to_le_bytes().into_iter().chain(plate.unwrap_or(u32::MAX).to_le_bytes());
        let key = hash([icon.number(), a, b].into_iter().chain(colors));
        let side = usize::from(size) | 1;
        let start = match self.drawn.get(key) {
            Some(start) => start as usize,
            None => {
                if self.pixels.len() > PIXELS_MAX {
                    self.drawn.clear();
                    self.pixels.clear();
                }
                let start = self.pixels.len();
                self.pixels.resize(start + side * side, 0);
                let layers = layers(icon, f32::from(size), ink, plate);
                draw_layers(&mut self.pixels[start..], side as i32, 0.5, 0.5, &layers);
                self.drawn.insert(key, start as u32);
                start
            }
        };
        Sprite { size: side as i32, pixels: &self.pixels[start..start + side * side] }
    }
}

impl Icon {
    fn number(self) -> u8 {
        match self {
            Self::Plan(kind) => kind as u8,
            Self::Companion => 253,
            Self::RestrictedView => 254,
            Self::Hearing => 255,
        }
    }
}

fn layers(icon: Icon, size: f32, ink: u32, plate: Option<u32>) -> Vec<Layer> {
    let mut layers = Vec::new();
    if let Some(plate) = plate {
        let shape = Shape::Square { radius: size / 2.0 - 0.5, corner: size * 0.24 };
        layers.push(Layer { shape, color: Color::rgb(plate) });
    }
    let scale = if plate.is_some() { size * 0.70 / 48.0 } else { size / 48.0 };
    let at = |(x, y): (u8, u8)| ((f32::from(x) - 24.0) * scale, (f32::from(y) - 24.0) * scale);
    for &(width, points) in strokes(icon) {
        let width = (f32::from(width) * scale).max(1.0);
        let mut draw = |from, to| {
            layers.push(Layer {
                shape: Shape::Stroke { from: at(from), to: at(to), width },
                color: Color::rgb(ink),
            });
        };
        match *points {
            [only] => draw(only, only),
            _ => points.windows(2).for_each(|pair| draw(pair[0], pair[1])),
        }
    }
    layers
}

fn strokes(icon: Icon) -> &'static [Stroke] {
    match icon {
        Icon::Companion => {
            &[(13, &[(24, 11)]), (5, &[(12, 42), (12, 32), (16, 26), (24, 24), (32, 26), (36, 32), (36, 42)])]
        }
        Icon::RestrictedView => &[
            (4, &[(4, 24), (12, 15), (24, 11), (36, 15), (44, 24), (36, 33), (24, 37), (12, 33), (4, 24)]),
            (11, &[(24, 24)]),
            (5, &[(8, 42), (40, 6)]),
        ],
        Icon::Hearing => &[
            (5, &[(14, 20), (15, 12), (24, 6), (33, 11), (34, 20), (28, 28), (26, 36), (20, 41), (14, 37)]),
            (4, &[(21, 20), (24, 15), (28, 20), (24, 25)]),
        ],
        Icon::Plan(kind) => plan(kind),
    }
}

fn plan(kind: IconKind) -> &'static [Stroke] {
    match kind {
        IconKind::Information => &[(8, &[(24, 10)]), (7, &[(24, 22), (24, 40)])],
        IconKind::Stage => &[
            (5, &[(6, 40), (42, 40)]),
            (5, &[(10, 40), (10, 8), (38, 8), (38, 40)]),
            (4, &[(10, 8), (20, 18), (10, 28)]),
            (4, &[(38, 8), (28, 18), (38, 28)]),
        ],
        IconKind::Screen => &[(5, &[(5, 9), (43, 9), (43, 33), (5, 33), (5, 9)]), (5, &[(16, 42), (32, 42)])],
        IconKind::Bar => &[
            (5, &[(8, 8), (40, 8), (24, 25), (8, 8)]),
            (5, &[(24, 25), (24, 42)]),
            (5, &[(15, 42), (33, 42)]),
        ],
        IconKind::Food => &[
            (4, &[(10, 6), (10, 18), (15, 22), (20, 18), (20, 6)]),
            (4, &[(15, 6), (15, 42)]),
            (5, &[(34, 42), (34, 6), (40, 14), (40, 24), (34, 26)]),
        ],
        IconKind::Toilet => &[
            (8, &[(13, 8)]),
            (6, &[(13, 18), (13, 28)]),
            (4, &[(10, 28), (10, 42)]),
            (4, &[(16, 28), (16, 42)]),
            (3, &[(24, 5), (24, 43)]),
            (8, &[(35, 8)]),
            (5, &[(35, 18), (29, 32), (41, 32), (35, 18)]),
            (4, &[(33, 32), (33, 42)]),
            (4, &[(37, 32), (37, 42)]),
        ],
        IconKind::Exit => &[
            (5, &[(26, 7), (8, 7), (8, 41), (26, 41)]),
            (5, &[(20, 24), (42, 24)]),
            (5, &[(33, 14), (42, 24), (33, 34)]),
        ],
        IconKind::Entrance => &[
            (5, &[(22, 7), (40, 7), (40, 41), (22, 41)]),
            (5, &[(6, 24), (28, 24)]),
            (5, &[(19, 14), (28, 24), (19, 34)]),
        ],
        IconKind::Stairs => {
            &[(5, &[(5, 41), (14, 41), (14, 31), (23, 31), (23, 21), (32, 21), (32, 11), (43, 11)])]
        }
        IconKind::Lift => &[
            (4, &[(8, 5), (40, 5), (40, 43), (8, 43), (8, 5)]),
            (5, &[(15, 21), (24, 12), (33, 21)]),
            (5, &[(15, 28), (24, 37), (33, 28)]),
        ],
        IconKind::FirstAid => &[(12, &[(24, 10), (24, 38)]), (12, &[(10, 24), (38, 24)])],
        IconKind::Cloakroom => &[
            (4, &[(18, 12), (20, 7), (25, 6), (29, 10), (27, 15), (24, 18), (24, 22)]),
            (4, &[(24, 22), (43, 36), (5, 36), (24, 22)]),
        ],
        IconKind::Parking => &[(6, &[(14, 42), (14, 7), (27, 7), (34, 11), (34, 21), (27, 25), (14, 25)])],
        IconKind::Wheelchair => &[
            (8, &[(20, 7)]),
            (5, &[(20, 15), (20, 27), (31, 27), (36, 39), (41, 37)]),
            (5, &[(20, 20), (29, 20)]),
            (4, &[(14, 22), (9, 28), (9, 36), (15, 42), (23, 42), (28, 38)]),
        ],
        IconKind::Smoking => &[
            (7, &[(5, 38), (32, 38)]),
            (4, &[(38, 36), (38, 40)]),
            (4, &[(43, 36), (43, 40)]),
            (4, &[(36, 28), (37, 22), (30, 18), (31, 10)]),
            (4, &[(43, 28), (43, 19), (38, 14), (39, 7)]),
        ],
    }
}
