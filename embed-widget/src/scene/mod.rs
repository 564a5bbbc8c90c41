//! The plan as it is painted: floor by floor, seats in a grid, sections with an outline.

mod grid;

use eventflow_core::seat_map::{Layout, SeatIndex};

pub use grid::{Grid, Place};

use crate::geometry::{Box2, Spot, convex_hull};

/// The share of the distance between two seats that the radius of a seat is.
const RADIUS_SHARE: f64 = 0.42;
/// The radius of a seat in hundredths when a section has no two seats to tell it from.
const RADIUS_DEFAULT: f64 = 2_000.0;
/// Seats of a section whose neighbours are looked at to learn how far apart its seats are.
const SAMPLE: usize = 48;

#[derive(Debug)]
pub struct Scene {
    pub floors: Vec<Floor>,
    /// Radius of a usual seat, in hundredths.
    pub radius: f64,
    /// The floor of each section.
    section_floors: Vec<u16>,
    /// Where each seat is in the grid of its floor.
    slots: Vec<u32>,
}

#[derive(Debug)]
pub struct Floor {
    pub bounds: Box2,
    pub grid: Grid,
    pub blocks: Vec<Block>,
}

/// A section as it is painted.
#[derive(Debug)]
pub struct Block {
    pub section: u16,
    pub outline: Vec<Spot>,
    pub bounds: Box2,
}

impl Scene {
    pub fn new(layout: &Layout) -> Self {
        let radius = radius_of(layout);
        let section_floors = vec![0; layout.sections().len()];
        let places: Vec<Place> = layout
            .seats()
            .iter()
            .map(|seat| Place { x: seat.x, y: seat.y, seat: seat.index.0, look: 0 })
            .collect();
        let grid = Grid::new(&places);
        let mut slots = vec![0; places.len()];
        for (slot, place) in (0..).zip(grid.places()) {
            slots[place.seat as usize] = slot;
        }
        let margin = (radius * 1.6) as i32;
        let blocks: Vec<Block> = (0..)
            .zip(layout.sections())
            .filter_map(|(index, section)| {
                let seats = section_seats(layout, section.rows.clone());
                let outline = convex_hull(seats.map(|seat| (seat.x, seat.y)).collect());
                let bounds = Box2::of(outline.iter().copied()).grown(margin);
                (!outline.is_empty()).then_some(Block { section: index, outline, bounds })
            })
            .collect();
        let mut bounds = blocks.iter().map(|block| block.bounds).fold(Box2::EMPTY, Box2::union);
        if let Some(focal) = layout.focal_point() {
            bounds = bounds.with(focal);
        }
        if bounds.is_empty() {
            bounds = Box2 { x0: 0, y0: 0, x1: 100_000, y1: 100_000 };
        }
        Self { floors: vec![Floor { bounds, grid, blocks }], radius, section_floors, slots }
    }

    pub fn floor_of(&self, section: u16) -> u16 {
        self.section_floors.get(usize::from(section)).copied().unwrap_or(0)
    }
    pub fn slot(&self, seat: SeatIndex) -> usize {
        self.slots.get(seat.position()).map_or(usize::MAX, |&slot| slot as usize)
    }
}

fn section_seats(
    layout: &Layout,
    rows: std::ops::Range<u32>,
) -> impl Iterator<Item = &eventflow_core::seat_map::Seat> {
    let rows = layout.rows().get(rows.start as usize..rows.end as usize).unwrap_or(&[]);
    rows.iter()
        .flat_map(|row| layout.seats().get(row.seats.start as usize..row.seats.end as usize).unwrap_or(&[]))
}

/// From the distances of neighbours in a sample of the rows.
fn radius_of(layout: &Layout) -> f64 {
    let step = (layout.seats().len() / SAMPLE).max(1);
    let mut distances: Vec<f64> = layout
        .seats()
        .windows(2)
        .step_by(step)
        .filter(|pair| !pair[1].starts_run)
        .map(|pair| {
            let (dx, dy) = (f64::from(pair[0].x - pair[1].x), f64::from(pair[0].y - pair[1].y));
            (dx * dx + dy * dy).sqrt()
        })
        .collect();
    distances.sort_by(f64::total_cmp);
    distances.get(distances.len() / 2).map_or(RADIUS_DEFAULT, |pitch| (pitch * RADIUS_SHARE).max(1.0))
}
