//! SVG drawings: seats are circles, ellipses or rectangles in groups.
//!
//! A file that [`export`] wrote says with `data-` attributes what everything is. In other drawings
//!
//! - seats are what has `data-seat` or the class `seat`; or else what lies in a group called `seats`; or else every circle
//!   and ellipse, and rectangles of one size that share a group;
//! - a group of seats that lie on one line or arc, or that has `data-row` or the class `row`, is a row; in other groups
//!   the seats at one height are;
//! - the section of a row is the next named group around it, or the one with `data-section`;
//! - names are `data-section`, `data-row`, `data-seat` and the like, or else `inkscape:label`, `aria-label`, a `title`, an
//!   `id` that a person chose; of a seat's name, what follows the last separator is its number;
//! - `data-category`, or else the colour of a seat, is its category.
//!
//! Everything else that can be drawn with shapes and texts becomes that. User units of the drawing are plan units.

mod assemble;
mod attributes;
mod geometry;
mod names;
mod read;
mod write;

use super::{Import, Progress, Result};
pub(super) use write::export;

pub(super) fn import(text: &str, progress: &mut dyn FnMut(Progress)) -> Result<Import> {
    assemble::map(read::drawing(text, progress)?)
}

#[cfg(test)]
mod tests;
