//! Drawing on the CPU: everything is integers or correctly rounded floating point, so that a picture has the same
//! bytes on every machine.
//!
//! [`Surface`] is what the painter draws on; [`Canvas`] is the one in memory. Positions are 24.8 fixed point: 256 to a
//! pixel, and pixel 0 covers 0 to 255.
//!
//! A crate of its own because these loops are compiled for speed, while the rest of the widget is compiled for size.

mod canvas;
mod color;
mod plan;
mod polygon;
mod projection;
mod rect;
mod sheet;
mod sprite;

pub use canvas::Canvas;
pub use color::{Color, contrast, luminance, mix, readable_on, straight};
pub use plan::{Box2, Place, Spot};
pub use polygon::Filler;
pub use projection::Projection;
pub use rect::Rect;
pub use sheet::{PHASES, Sheet};
pub use sprite::{Layer, Shape, Sprite, draw_layers};

/// A point on the screen, 256 to a pixel.
pub type Fixed = (i32, i32);

/// Coverage of a rectangle of pixels, to be filled with one colour.
#[derive(Debug, Clone, Copy)]
pub struct Mask<'a> {
    pub width: i32,
    pub height: i32,
    pub coverage: &'a [u8],
}

/// What the painter draws on. Everything outside of the clip stays as it is.
pub trait Surface {
    fn clip(&self) -> Rect;
    /// A rectangle of whole pixels.
    fn fill(&mut self, rect: Rect, color: Color);
    /// A polygon, by the non-zero rule, with smooth edges.
    fn polygon(&mut self, corners: &[Fixed], color: Color);
    /// A line with round ends; `width` is 256 to a pixel.
    fn line(&mut self, from: Fixed, to: Fixed, width: i32, color: Color);
    /// A ready picture with its middle pixel at (x, y).
    fn sprite(&mut self, x: i32, y: i32, sprite: Sprite);
    /// The pictures of many places, until one has no picture yet: its position is answered.
    fn places(&mut self, places: &[Place], projection: Projection, sheet: &Sheet) -> Option<usize>;
    /// A coverage bitmap with its top left at (x, y).
    fn mask(&mut self, x: i32, y: i32, mask: Mask, color: Color);

    /// A closed outline.
    fn outline(&mut self, corners: &[Fixed], width: i32, color: Color) {
        let next = corners.iter().skip(1).chain(corners.first());
        for (&from, &to) in corners.iter().zip(next) {
            self.line(from, to, width, color);
        }
    }
}
