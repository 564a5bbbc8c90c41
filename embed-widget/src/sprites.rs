//! Every look at the present zoom, drawn when it is first needed: one picture for each place within a pixel.

use crate::{
    looks::{Look, Picture, SIZES},
    theme::Theme,
};
use eventflow_raster::{Sprite, draw_layers};

/// Pictures to a look: four places across a pixel and four down.
const PHASES: usize = 16;
/// From this radius on two places across and down are enough, which saves drawing large pictures.
const COARSE_RADIUS: f32 = 5.0;

#[derive(Debug, Default)]
pub struct Sprites {
    radius: f32,
    fine: f32,
    /// For each look and phase: where its picture is, times 256, plus its size; 0 = not drawn yet.
    entries: Vec<u32>,
    pixels: Vec<u32>,
}

impl Sprites {
    /// Forgets the pictures unless they are of this size.
    pub fn size(&mut self, radius: f32, fine: f32, categories: usize) {
        let count = Look::count(categories) * PHASES;
        if (self.radius, self.fine) != (radius, fine) || self.entries.len() != count {
            (self.radius, self.fine) = (radius, fine);
            self.entries.clear();
            self.entries.resize(count, 0);
            self.pixels.clear();
        }
    }

    pub fn forget(&mut self) {
        self.radius = 0.0;
    }

    /// The picture of a look at a place, whose position is 256 to a pixel.
    pub fn get(&mut self, look: u16, x: i32, y: i32, colors: &[u32], theme: &Theme) -> Sprite<'_> {
        let phase = (x >> 6 & 3 | (y >> 6 & 3) << 2) as usize;
        let entry = self.entries.get(usize::from(look) * PHASES + phase).copied().unwrap_or(0);
        let entry = if entry == 0 { self.draw(look, phase, colors, theme) } else { entry };
        let (start, size) = ((entry >> 8) as usize, (entry & 255) as usize);
        Sprite { size: size as i32, pixels: &self.pixels[start..start + size * size] }
    }

    #[cold]
    fn draw(&mut self, code: u16, phase: usize, colors: &[u32], theme: &Theme) -> u32 {
        let categories = colors.len();
        let look = Look::of(code, categories);
        let radius = self.radius * SIZES[usize::from(look.size)] as f32;
        let color = colors.get(usize::from(look.category)).copied().unwrap_or(theme.muted);
        let picture = Picture::of(look, color, theme, radius, self.fine);
        let (x, y) = (phase & 3, phase >> 2);
        let at = |part: usize| match radius >= COARSE_RADIUS {
            true => 0.25 + 0.5 * (part >> 1) as f32,
            false => 0.125 + 0.25 * part as f32,
        };
        let half = (picture.reach + 0.375).ceil().clamp(0.0, 127.0) as usize;
        let size = 2 * half + 1;
        let start = self.pixels.len();
        self.pixels.resize(start + size * size, 0);
        draw_layers(&mut self.pixels[start..], size as i32, at(x), at(y), &picture.layers);
        let entry = (start as u32) << 8 | size as u32;
        // Phases that look the same share the picture.
        let shares =
            |other: usize| radius < COARSE_RADIUS || (other >> 1 & 1, other >> 3) == (x >> 1, y >> 1);
        for other in 0..PHASES {
            if other == phase || radius >= COARSE_RADIUS && shares(other) {
                self.entries[usize::from(code) * PHASES + other] = entry;
            }
        }
        entry
    }
}
