//! Every look at the present zoom, drawn when it is first needed.

use eventflow_raster::{PHASES, Place, Projection, Sheet, Surface, draw_layers};

use crate::{
    looks::{Look, Picture, SIZES},
    theme::Theme,
};

/// From this radius on two places across and down a pixel are enough, which saves drawing large pictures.
const COARSE_RADIUS: f32 = 5.0;

#[derive(Debug, Default)]
pub struct Sprites {
    radius: f32,
    fine: f32,
    sheet: Sheet,
}

impl Sprites {
    /// Forgets the pictures unless they are of this size.
    pub fn size(&mut self, radius: f32, fine: f32, categories: usize) {
        let looks = Look::count(categories);
        if (self.radius, self.fine) != (radius, fine) || self.sheet.looks() != looks {
            (self.radius, self.fine) = (radius, fine);
            self.sheet.reset(looks);
        }
    }

    pub fn forget(&mut self) {
        self.radius = 0.0;
    }

    pub fn paint(
        &mut self,
        surface: &mut impl Surface,
        mut places: &[Place],
        projection: Projection,
        colors: &[u32],
        theme: &Theme,
    ) {
        while let Some(missing) = surface.places(places, projection, &self.sheet) {
            places = &places[missing..];
            if let Some(place) = places.first() {
                self.draw(place.look, Sheet::phase(projection.point((place.x, place.y))), colors, theme);
            }
        }
    }

    fn draw(&mut self, code: u16, phase: usize, colors: &[u32], theme: &Theme) {
        let look = Look::of(code, colors.len());
        let radius = self.radius * SIZES[usize::from(look.size)] as f32;
        let color = colors.get(usize::from(look.category)).copied().unwrap_or(theme.muted);
        let picture = Picture::of(look, color, theme, radius, self.fine);
        let coarse = radius >= COARSE_RADIUS;
        let at = |part: usize| match coarse {
            true => 0.25 + 0.5 * (part >> 1) as f32,
            false => 0.125 + 0.25 * part as f32,
        };
        let half = (picture.reach + 0.375).ceil().clamp(0.0, 127.0) as usize;
        let size = 2 * half + 1;
        // Phases that look the same share the picture.
        let group = |phase: usize| if coarse { (phase >> 1 & 1, phase >> 3) } else { (phase, 0) };
        let phases = (0..PHASES).filter(|&other| group(other) == group(phase));
        let pixels = self.sheet.add(code, phases, size);
        draw_layers(pixels, size as i32, at(phase & 3), at(phase >> 2), &picture.layers);
    }
}
