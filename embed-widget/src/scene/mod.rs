//! The plan as it is painted: floor by floor, seats in a grid, everything else as polygons.

mod drawings;
mod grid;
mod labels;
mod outlines;
mod sizes;

use eventflow_core::lean::Gather;
use eventflow_core::seat_map::{Layout, LayoutRow, RowKind, Seat, SeatIndex};

pub use drawings::{Drawing, Solid};
pub use grid::{Grid, Place};

use crate::geometry::{Box2, Spot, centroid, inside};

/// The share of the distance between two seats that the radius of a seat is.
const RADIUS_SHARE: f64 = 0.42;
/// How far the outline of a section is from the middle of its outer seats, in the same measure.
const MARGIN_SHARE: f64 = 0.72;
/// The distance in hundredths when a plan has no two neighbours to tell it from.
const PITCH_DEFAULT: u32 = 5_000;

#[derive(Debug)]
pub struct Scene {
    pub floors: Vec<Floor>,
    /// Radius of a usual seat, in hundredths.
    pub radius: f64,
    /// Size class of the seats of each section: an index into [`SIZES`](crate::looks::SIZES).
    sizes: Vec<u16>,
    section_floors: Vec<u16>,
    /// Where each seat is in the grid of its floor; `u32::MAX` for booths, which are not in it.
    slots: Vec<u32>,
}

#[derive(Debug)]
pub struct Floor {
    pub bounds: Box2,
    pub grid: Grid,
    pub blocks: Vec<Block>,
    /// Indexes of the standing areas that the plan shows.
    pub areas: Vec<Area>,
    /// Tables and booths.
    pub solids: Vec<Solid>,
    /// Shapes of the plan.
    pub drawings: Vec<Drawing>,
    pub row_labels: Vec<RowLabel>,
}

/// A section as it is painted.
#[derive(Debug)]
pub struct Block {
    pub section: u16,
    pub outline: Vec<Spot>,
    pub bounds: Box2,
    /// A point inside, for its name.
    pub middle: Spot,
    pub seats: u32,
    /// The category of most of its seats.
    pub category: Option<u16>,
    /// Where its name may stand when its seats are to be seen: above or below them, over nothing else.
    pub beside: Option<Box2>,
}

#[derive(Debug)]
pub struct Area {
    pub area: u16,
    pub outline: Vec<Spot>,
    pub bounds: Box2,
    pub middle: Spot,
}

#[derive(Debug, Clone, Copy)]
pub struct RowLabel {
    pub row: u32,
    pub at: Spot,
    /// Away from the row, in hundredths.
    pub away: (i8, i8),
}

impl Scene {
    pub fn new(layout: &Layout) -> Self {
        let pitch = if layout.pitch() > 0 { layout.pitch() } else { PITCH_DEFAULT };
        let section_floors: Vec<u16> =
            layout.sections().iter().map(|section| section.floor.unwrap_or(0)).gather();
        let mut scene = Self {
            floors: Vec::new(),
            radius: (f64::from(pitch) * RADIUS_SHARE).max(1.0),
            sizes: Vec::new(),
            section_floors,
            slots: vec![u32::MAX; layout.seats().len()],
        };
        for floor in 0..layout.floors().len().max(1) {
            let floor = scene.floor(layout, floor as u16, f64::from(pitch));
            for (slot, place) in (0..).zip(floor.grid.places()) {
                scene.slots[place.seat as usize] = slot;
            }
            scene.floors.push(floor);
        }
        scene.sizes = sizes::of_sections(layout, &scene, f64::from(pitch));
        scene
    }

    pub fn floor_of(&self, section: u16) -> u16 {
        let floor = self.section_floors.get(usize::from(section)).copied().unwrap_or(0);
        if usize::from(floor) < self.floors.len() { floor } else { 0 }
    }
    pub fn size_of(&self, section: u16) -> u16 {
        self.sizes.get(usize::from(section)).copied().unwrap_or(crate::looks::USUAL_SIZE)
    }
    pub fn slot(&self, seat: SeatIndex) -> Option<usize> {
        self.slots.get(seat.position()).filter(|&&slot| slot != u32::MAX).map(|&slot| slot as usize)
    }

    fn floor(&self, layout: &Layout, index: u16, pitch: f64) -> Floor {
        let on_floor = |section: u16| self.section_floors.get(usize::from(section)) == Some(&index);
        let mut places = Vec::new();
        let mut blocks = Vec::new();
        let mut solids = Vec::new();
        let margin = pitch * MARGIN_SHARE;
        for (section, number) in layout.sections().iter().zip(0..) {
            if !on_floor(number) {
                continue;
            }
            let rows =
                layout.rows().get(section.rows.start as usize..section.rows.end as usize).unwrap_or(&[]);
            for (row, row_number) in rows.iter().zip(section.rows.start..) {
                solids.extend(Solid::of(row, row_number, pitch * RADIUS_SHARE));
                if !matches!(row.kind, RowKind::Booth { .. }) {
                    let place = |seat: &Seat| Place { x: seat.x, y: seat.y, seat: seat.index.0, look: 0 };
                    seats_of(layout, row).iter().for_each(|seat| places.push(place(seat)));
                }
            }
            blocks.extend(block(layout, number, rows, &section.outline, &solids, margin));
        }
        let grid = Grid::new(&places);
        let areas: Vec<Area> = layout
            .ga_areas()
            .iter()
            .filter(|area| area.floor.unwrap_or(0) == index && area.outline.len() >= 3)
            .map(|area| Area {
                area: area.index,
                bounds: Box2::of(area.outline.iter().copied()),
                middle: middle(&area.outline, None),
                outline: area.outline.clone(),
            })
            .gather();
        let drawings: Vec<Drawing> = layout
            .shapes()
            .iter()
            .filter(|shape| shape.floor.is_none_or(|floor| floor == index))
            .map(Drawing::of)
            .gather();
        let mut bounds = layout.bounds(index).map_or(Box2::EMPTY, |bounds| Box2 {
            x0: bounds.left,
            y0: bounds.top,
            x1: bounds.right,
            y1: bounds.bottom,
        });
        bounds = blocks.iter().map(|block| block.bounds).fold(bounds, Box2::union);
        if bounds.is_empty() {
            bounds = Box2 { x0: 0, y0: 0, x1: 100_000, y1: 100_000 };
        }
        let mut floor = Floor { bounds, grid, blocks, areas, solids, drawings, row_labels: Vec::new() };
        labels::place(layout, &mut floor, index, on_floor, pitch);
        floor
    }
}

pub fn seats_of<'a>(layout: &'a Layout, row: &LayoutRow) -> &'a [Seat] {
    layout.seats().get(row.seats.start as usize..row.seats.end as usize).unwrap_or(&[])
}

fn block(
    layout: &Layout,
    section: u16,
    rows: &[LayoutRow],
    drawn: &[Spot],
    solids: &[Solid],
    margin: f64,
) -> Option<Block> {
    let spots = |row: &LayoutRow| seats_of(layout, row).iter().map(|seat| (seat.x, seat.y)).gather();
    let straight = rows.iter().all(|row| row.kind == RowKind::Row);
    let mut lines: Vec<Vec<Spot>> = rows.iter().map(spots).gather();
    if !straight {
        // Tables and booths have corners of their own, and no order that an outline could follow.
        let of_section = |solid: &&Solid| rows.iter().any(|row| row.seats.contains(&solid.seat));
        let corners = solids.iter().filter(of_section).flat_map(|solid| solid.corners.iter().copied());
        lines = vec![lines.into_iter().flatten().chain(corners).gather()];
    }
    let outline = if drawn.len() >= 3 { drawn.to_vec() } else { outlines::around(&lines, margin) };
    if outline.len() < 3 {
        return None;
    }
    let mut counts = vec![0_u32; layout.categories().len()];
    let seats = rows.iter().flat_map(|row| seats_of(layout, row));
    for category in seats.clone().filter_map(|seat| seat.category) {
        if let Some(count) = counts.get_mut(usize::from(category)) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().filter(|&count| count > 0);
    let category = counts.iter().position(|&count| Some(count) == most).map(|at| at as u16);
    let inner = rows.get(rows.len() / 2).map(spots).and_then(|row| row.get(row.len() / 2).copied());
    Some(Block {
        section,
        bounds: Box2::of(outline.iter().copied()),
        middle: middle(&outline, inner),
        outline,
        seats: seats.count() as u32,
        category,
        beside: None,
    })
}

/// The middle of a polygon where it lies inside, else a point that is known to.
fn middle(outline: &[Spot], inner: Option<Spot>) -> Spot {
    let (x, y) = centroid(outline);
    let middle = (x.round() as i32, y.round() as i32);
    match inner {
        Some(inner) if !inside(outline, (x, y)) => inner,
        _ => middle,
    }
}
