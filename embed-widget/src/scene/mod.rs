//! The plan as it is painted: floor by floor, seats in a grid, everything else as polygons.

mod drawings;
mod grid;
mod outlines;
mod sizes;

use eventflow_core::seat_map::{Layout, LayoutRow, RowKind, Seat, SeatIndex};

pub use drawings::{Drawing, Solid};
pub use grid::{Grid, Place};

use crate::geometry::{Box2, Spot, centroid, doubled_area, inside};

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
    /// The side of a square as large, which is about how wide its name may be.
    pub side: i32,
    pub seats: u32,
    /// The category of most of its seats.
    pub category: Option<u16>,
}

#[derive(Debug)]
pub struct Area {
    pub area: u16,
    pub outline: Vec<Spot>,
    pub bounds: Box2,
    pub middle: Spot,
    /// As [`Block::side`].
    pub side: i32,
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
            layout.sections().iter().map(|section| section.floor.unwrap_or(0)).collect();
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
                    places.extend(seats_of(layout, row).iter().map(place));
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
                side: side(&area.outline),
                outline: area.outline.clone(),
            })
            .collect();
        let row_labels = row_labels(layout, &grid, on_floor, pitch);
        let drawings: Vec<Drawing> = layout
            .shapes()
            .iter()
            .filter(|shape| shape.floor.is_none_or(|floor| floor == index))
            .map(Drawing::of)
            .collect();
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
        Floor { bounds, grid, blocks, areas, solids, drawings, row_labels }
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
    let spots =
        |row: &LayoutRow| seats_of(layout, row).iter().map(|seat| (seat.x, seat.y)).collect::<Vec<_>>();
    let straight = rows.iter().all(|row| row.kind == RowKind::Row);
    let mut lines: Vec<Vec<Spot>> = rows.iter().map(spots).collect();
    if !straight {
        // Tables and booths have corners of their own, and no order that an outline could follow.
        let of_section = |solid: &&Solid| rows.iter().any(|row| row.seats.contains(&solid.seat));
        let corners = solids.iter().filter(of_section).flat_map(|solid| solid.corners.iter().copied());
        lines = vec![lines.into_iter().flatten().chain(corners).collect()];
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
        side: side(&outline),
        outline,
        seats: seats.count() as u32,
        category,
    })
}

fn side(outline: &[Spot]) -> i32 {
    ((doubled_area(outline).unsigned_abs() / 2) as f64).sqrt() as i32
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

/// Beyond both ends of each row, where no seat and no other label is.
fn row_labels(layout: &Layout, grid: &Grid, on_floor: impl Fn(u16) -> bool, pitch: f64) -> Vec<RowLabel> {
    let mut labels: Vec<RowLabel> = Vec::new();
    for (row, number) in layout.rows().iter().zip(0..) {
        if row.kind != RowKind::Row || !on_floor(row.section) {
            continue;
        }
        let seats = seats_of(layout, row);
        let ends = [(seats.first(), seats.get(1)), (seats.last(), seats.iter().rev().nth(1))];
        for (end, next) in ends {
            let Some(end) = end else { continue };
            let (dx, dy) =
                next.map_or((-1.0, 0.0), |next| (f64::from(end.x - next.x), f64::from(end.y - next.y)));
            let length = (dx * dx + dy * dy).sqrt().max(1.0);
            let (dx, dy) = (dx / length, dy / length);
            let (x, y) = (f64::from(end.x) + dx * pitch * 0.95, f64::from(end.y) + dy * pitch * 0.95);
            if grid.nearest(x, y, pitch * 0.8, &|_| true).is_none() {
                let at = (x.round() as i32, y.round() as i32);
                labels.push(RowLabel { row: number, at, away: ((dx * 100.0) as i8, (dy * 100.0) as i8) });
            }
            if next.is_none() {
                break;
            }
        }
    }
    let places: Vec<Place> = (0..)
        .zip(&labels)
        .map(|(seat, label)| Place { x: label.at.0, y: label.at.1, seat, look: 0 })
        .collect();
    let others = Grid::new(&places);
    let mut kept = vec![true; labels.len()];
    for (at, label) in labels.iter().enumerate() {
        let (x, y) = (f64::from(label.at.0), f64::from(label.at.1));
        let before = |place: &Place| (place.seat as usize) < at && kept[place.seat as usize];
        kept[at] = others.nearest(x, y, pitch * 0.85, &before).is_none();
    }
    labels.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(label, _)| label).collect()
}
