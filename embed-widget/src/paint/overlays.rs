//! Above everything: what the pointer and the keyboard are at, what has just happened, and the marquee.

use super::Painter;
use crate::geometry::Spot;
use eventflow_raster::{Color, Layer, Rect, Shape, Sprite, Surface, draw_layers};

/// A ring around a seat or a booth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    Hover,
    Focus,
    /// The cause of a violation.
    Cause,
    /// Just picked: `0` to `1`.
    Pop(f64),
    /// Just lost to somebody else: `0` to `1`.
    Lost(f64),
}

#[derive(Debug, Default, Clone, PartialEq)]
pub struct Overlays {
    /// Marks, where they are, and the radius of what they are around in hundredths.
    pub marks: Vec<(Mark, Spot, f64)>,
    /// Device pixels.
    pub marquee: Option<Rect>,
}

impl Painter<'_> {
    pub(super) fn overlays(&self, surface: &mut impl Surface) {
        for &(mark, spot, radius) in &self.overlays.marks {
            let rect = self.mark_rect(spot, radius);
            if !rect.and(surface.clip()).is_empty() {
                self.mark(surface, mark, spot, radius);
            }
        }
        if let Some(rect) = self.overlays.marquee {
            surface.fill(rect, Color::rgb(self.theme.focus).faded(36));
            let corners = [(rect.x0, rect.y0), (rect.x1, rect.y0), (rect.x1, rect.y1), (rect.x0, rect.y1)];
            let corners = corners.map(|(x, y)| (x << 8, y << 8));
            surface.outline(&corners, self.line_width(1.5), Color::rgb(self.theme.focus));
        }
    }

    /// The pixels that a mark may touch.
    pub fn mark_rect(&self, spot: Spot, radius: f64) -> Rect {
        let (x, y) = self.projection.pixel(spot);
        let reach = self.mark_radius(radius) * 2.0 + 8.0 * self.dpr;
        Rect::around(f64::from(x), f64::from(y), reach.min(300.0))
    }

    fn mark_radius(&self, radius: f64) -> f64 {
        (self.projection.length(radius) / 256.0).max(2.5 * self.dpr)
    }

    fn mark(&self, surface: &mut impl Surface, mark: Mark, spot: Spot, radius: f64) {
        let (radius, fine) = (self.mark_radius(radius) as f32, self.dpr as f32);
        let ring = |outside: f32, width: f32, rgb: u32, strength: u32| Layer {
            shape: Shape::Ring { radius: radius + outside * fine, width: width * fine },
            color: Color::rgb(rgb).faded(strength),
        };
        let theme = self.theme;
        let mut layers = Vec::with_capacity(4);
        match mark {
            Mark::Hover => layers.push(ring(3.0, 1.5, theme.text, 256)),
            Mark::Focus => {
                layers.push(ring(6.0, 5.0, theme.background, 256));
                layers.push(ring(5.2, 3.0, theme.focus, 256));
            }
            Mark::Cause => {
                layers.push(ring(3.4, 2.4, theme.background, 256));
                layers.push(ring(2.6, 2.0, theme.lost, 256));
            }
            Mark::Pop(at) => {
                let grown = at as f32 * radius * 0.7 / fine;
                layers.push(ring(grown + 1.0, 2.0, theme.selection, (256.0 * (1.0 - at)) as u32));
            }
            Mark::Lost(at) => {
                let strength = (256.0 * (1.0 - at * at)) as u32;
                layers.push(ring(2.0 + 6.0 * at as f32, 2.5, theme.lost, strength));
                let arm = radius * 0.55;
                for (x, y) in [(arm, arm), (arm, -arm)] {
                    let shape =
                        Shape::Stroke { from: (-x, -y), to: (x, y), width: (radius * 0.28).max(1.5 * fine) };
                    layers.push(Layer { shape, color: Color::rgb(theme.lost).faded(strength) });
                }
            }
        }
        let reach = (radius * 1.8 + 8.0 * fine).ceil().min(300.0) as i32;
        let size = 2 * reach + 1;
        let mut pixels = vec![0; (size * size) as usize];
        let (x, y) = self.projection.point(spot);
        let part = |at: i32| (at & 255) as f32 / 256.0;
        draw_layers(&mut pixels, size, part(x), part(y), &layers);
        surface.sprite(x >> 8, y >> 8, Sprite { size, pixels: &pixels });
    }
}
