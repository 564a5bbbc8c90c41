//! Small pictures made of a few shapes, each given by its distance to a pixel; drawn once and stamped many times.

use crate::Color;

/// A square picture in premultiplied colours. Its middle pixel is at `size / 2`.
#[derive(Debug, Clone, Copy)]
pub struct Sprite<'a> {
    pub size: i32,
    pub pixels: &'a [u32],
}

/// A shape around the middle of a sprite. Lengths are pixels.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Disc {
        radius: f32,
    },
    /// A circle line, `width` wide, with its outer edge at `radius`.
    Ring {
        radius: f32,
        width: f32,
    },
    /// A square with half the side `radius` and rounded corners.
    Square {
        radius: f32,
        corner: f32,
    },
    /// The line of such a square.
    Frame {
        radius: f32,
        corner: f32,
        width: f32,
    },
    /// A line with round ends.
    Stroke {
        from: (f32, f32),
        to: (f32, f32),
        width: f32,
    },
}

impl Shape {
    /// How far inside a point lies; negative outside.
    fn depth(self, x: f32, y: f32) -> f32 {
        match self {
            Self::Disc { radius } => radius - (x * x + y * y).sqrt(),
            Self::Ring { radius, width } => {
                width / 2.0 - ((x * x + y * y).sqrt() - (radius - width / 2.0)).abs()
            }
            Self::Square { radius, corner } => square(x, y, radius, corner),
            Self::Frame { radius, corner, width } => {
                width / 2.0 - (square(x, y, radius, corner) - width / 2.0).abs()
            }
            Self::Stroke { from, to, width } => {
                let (dx, dy) = (to.0 - from.0, to.1 - from.1);
                let (px, py) = (x - from.0, y - from.1);
                let length = dx * dx + dy * dy;
                let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
                let (ex, ey) = (px - along * dx, py - along * dy);
                width / 2.0 - (ex * ex + ey * ey).sqrt()
            }
        }
    }

    /// What the shape really covers, where that is so little that the depth at the middle of a pixel misleads.
    fn tiny_area(self) -> Option<f32> {
        let (radius, fill) = match self {
            Self::Disc { radius } => (radius, std::f32::consts::PI),
            Self::Square { radius, .. } => (radius, 4.0),
            _ => return None,
        };
        (radius < 1.6).then_some(radius * radius * fill)
    }
}

fn square(x: f32, y: f32, radius: f32, corner: f32) -> f32 {
    let (x, y) = (x.abs() - radius + corner, y.abs() - radius + corner);
    let (ox, oy) = (x.max(0.0), y.max(0.0));
    corner - (ox * ox + oy * oy).sqrt() - x.max(y).min(0.0)
}

/// A shape in a colour.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    pub shape: Shape,
    pub color: Color,
}

/// Draws layers one over the other into a square of `size` pixels that is clear; their middle lies `(dx, dy)` right of
/// and below the top left of the middle pixel.
pub fn draw_layers(pixels: &mut [u32], size: i32, dx: f32, dy: f32, layers: &[Layer]) {
    let middle = (size / 2) as f32;
    let coverage = |shape: Shape, at: usize| {
        let (x, y) = (at as i32 % size, at as i32 / size);
        let depth = shape.depth(x as f32 + 0.5 - middle - dx, y as f32 + 0.5 - middle - dy);
        (depth + 0.5).clamp(0.0, 1.0)
    };
    for layer in layers {
        let strength = layer.shape.tiny_area().map_or(1.0, |area| {
            let sum: f32 = (0..pixels.len()).map(|at| coverage(layer.shape, at)).sum();
            if sum > 0.0 { area / sum } else { 1.0 }
        });
        for (at, pixel) in pixels.iter_mut().enumerate() {
            let share = (coverage(layer.shape, at) * strength).min(1.0);
            if share > 0.0 {
                *pixel = layer.color.faded((share * 256.0) as u32).over(Color(*pixel)).0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(size: i32, dx: f32, dy: f32, shape: Shape) -> Vec<u32> {
        let mut pixels = vec![0; (size * size) as usize];
        draw_layers(&mut pixels, size, dx, dy, &[Layer { shape, color: Color::rgb(0xff_ffff) }]);
        pixels
    }

    fn covered(pixels: &[u32]) -> f64 {
        pixels.iter().map(|&pixel| f64::from(pixel >> 24) / 255.0).sum()
    }

    #[test]
    fn discs_cover_what_circles_do_at_every_size_and_phase() {
        for radius in [0.4, 0.9, 1.3, 2.0, 3.7, 9.5] {
            for phase in [(0.125, 0.125), (0.5, 0.5), (0.875, 0.375)] {
                let area = f64::from(radius * radius) * std::f64::consts::PI;
                let drawn = covered(&drawn(27, phase.0, phase.1, Shape::Disc { radius }));
                assert!((drawn - area).abs() / area < 0.06, "{radius} {phase:?}: {drawn} of {area}");
            }
        }
    }

    #[test]
    fn shapes_are_where_they_should_be() {
        let ring = drawn(21, 0.5, 0.5, Shape::Ring { radius: 8.0, width: 2.0 });
        assert_eq!((ring[10 * 21 + 10], ring[10 * 21 + 17] >> 24), (0, 255));
        let square = drawn(21, 0.5, 0.5, Shape::Square { radius: 6.0, corner: 2.0 });
        assert_eq!((square[10 * 21 + 15] >> 24, square[10 * 21 + 17], square[4 * 21 + 4] >> 24), (255, 0, 0));
        let frame = drawn(21, 0.5, 0.5, Shape::Frame { radius: 6.0, corner: 2.0, width: 2.0 });
        assert_eq!((frame[10 * 21 + 15] >> 24, frame[10 * 21 + 10]), (255, 0));
        let stroke = drawn(21, 0.5, 0.5, Shape::Stroke { from: (-5.0, 0.0), to: (5.0, 0.0), width: 3.0 });
        assert_eq!((stroke[10 * 21 + 6] >> 24, stroke[14 * 21 + 10]), (255, 0));
    }
}
