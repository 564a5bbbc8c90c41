//! The seats of a floor, sorted into square cells: what is in view, and what is under a point, without looking at all.

pub use eventflow_raster::Place;

use crate::geometry::Box2;

/// Seats that a cell has on average: few enough for a hit test, enough to keep the painter in a straight loop.
const SEATS_PER_CELL: i64 = 16;
/// Cells of one floor at most; a plan with two far seats would want millions.
const CELLS_MAX: i64 = 1 << 16;

#[derive(Debug, Default)]
pub struct Grid {
    x0: i32,
    y0: i32,
    cell: i32,
    columns: usize,
    rows: usize,
    /// Where the places of each cell begin; one more than there are cells.
    starts: Vec<u32>,
    places: Vec<Place>,
}

impl Grid {
    pub fn new(places: &[Place]) -> Self {
        let bounds = Box2::of(places.iter().map(|place| (place.x, place.y)));
        if bounds.is_empty() {
            return Self { cell: 1, starts: vec![0], ..Self::default() };
        }
        let (width, height) = (i64::from(bounds.width()) + 1, i64::from(bounds.height()) + 1);
        let wanted = (places.len() as i64 / SEATS_PER_CELL).clamp(1, CELLS_MAX);
        let mut cell = eventflow_core::lean::root((width * height / wanted) as u64).max(1) as i64;
        while (width / cell + 1) * (height / cell + 1) > CELLS_MAX {
            cell *= 2;
        }
        let (columns, rows) = ((width / cell + 1) as usize, (height / cell + 1) as usize);
        let mut grid = Self {
            x0: bounds.x0,
            y0: bounds.y0,
            cell: cell as i32,
            columns,
            rows,
            starts: vec![0; columns * rows + 1],
            places: places.to_vec(),
        };
        // A counting sort: stable, so seats of a cell stay in document order.
        for place in places {
            let cell = grid.cell_of(place.x, place.y);
            grid.starts[cell + 1] += 1;
        }
        for at in 1..grid.starts.len() {
            grid.starts[at] += grid.starts[at - 1];
        }
        let mut next = grid.starts.clone();
        for place in places {
            let slot = &mut next[grid.cell_of(place.x, place.y)];
            grid.places[*slot as usize] = *place;
            *slot += 1;
        }
        grid
    }

    pub fn places(&self) -> &[Place] {
        &self.places
    }
    pub fn place_mut(&mut self, slot: usize) -> Option<&mut Place> {
        self.places.get_mut(slot)
    }

    /// The places of the cells that a box touches, a slice for each row of cells.
    pub fn within(&self, area: Box2) -> impl Iterator<Item = &[Place]> {
        let column = |x: i32| (i64::from(x) - i64::from(self.x0)).div_euclid(i64::from(self.cell));
        let row = |y: i32| (i64::from(y) - i64::from(self.y0)).div_euclid(i64::from(self.cell));
        let (columns, rows) = (self.columns as i64, self.rows as i64);
        let (from, to) = (column(area.x0).max(0), column(area.x1).min(columns - 1));
        let (top, bottom) = (row(area.y0).max(0), row(area.y1).min(rows - 1));
        let bottom = if from <= to { bottom } else { top - 1 };
        (top..=bottom).map(move |row| {
            let first = (row * columns + from) as usize;
            let last = (row * columns + to) as usize;
            &self.places[self.starts[first] as usize..self.starts[last + 1] as usize]
        })
    }

    /// Whether a place lies in a box.
    pub fn touches(&self, area: Box2) -> bool {
        self.within(area).flatten().any(|place| area.contains((place.x, place.y)))
    }

    /// The place nearest to a point, at most `reach` away. Ties go to the lower seat.
    pub fn nearest(&self, x: f64, y: f64, reach: f64, wanted: &dyn Fn(&Place) -> bool) -> Option<&Place> {
        let whole = |value: f64| value as i32;
        let area = Box2 {
            x0: whole((x - reach).floor()),
            y0: whole((y - reach).floor()),
            x1: whole((x + reach).ceil()),
            y1: whole((y + reach).ceil()),
        };
        let mut best: Option<(f64, &Place)> = None;
        for place in self.within(area).flatten() {
            let (dx, dy) = (f64::from(place.x) - x, f64::from(place.y) - y);
            let distance = dx * dx + dy * dy;
            let closer = best.is_none_or(|(least, held)| (distance, place.seat) < (least, held.seat));
            if distance <= reach * reach && closer && wanted(place) {
                best = Some((distance, place));
            }
        }
        best.map(|(_, place)| place)
    }

    fn cell_of(&self, x: i32, y: i32) -> usize {
        let column = (i64::from(x) - i64::from(self.x0)) / i64::from(self.cell);
        let row = (i64::from(y) - i64::from(self.y0)) / i64::from(self.cell);
        row as usize * self.columns + column as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places() -> impl Strategy<Value = Vec<Place>> {
        prop::collection::vec((-4_000..4_000_i32, -900..900_i32), 0..300)
            .prop_map(|spots| (0..).zip(spots).map(|(seat, (x, y))| Place { x, y, seat, look: 0 }).collect())
    }

    proptest! {
        #[test]
        fn nothing_in_the_box_is_missed(
            places in places(), x in -5_000..5_000_i32, y in -2_000..2_000_i32, w in 0..4_000_i32, h in 0..900_i32,
        ) {
            let grid = Grid::new(&places);
            let area = Box2 { x0: x, y0: y, x1: x + w, y1: y + h };
            let mut found: Vec<u32> = grid.within(area).flatten().filter(|p| area.contains((p.x, p.y)))
                .map(|p| p.seat).collect();
            found.sort_unstable();
            let expected: Vec<u32> = places.iter().filter(|p| area.contains((p.x, p.y))).map(|p| p.seat).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn the_nearest_is_the_nearest(places in places(), x in -5_000..5_000_i32, y in -2_000..2_000_i32) {
            let grid = Grid::new(&places);
            let (fx, fy) = (f64::from(x), f64::from(y));
            let distance = |p: &Place| {
                let (dx, dy) = (i64::from(p.x - x), i64::from(p.y - y));
                dx * dx + dy * dy
            };
            let expected = places.iter().map(|p| (distance(p), p.seat)).min().filter(|&(d, _)| d <= 700 * 700);
            let found = grid.nearest(fx, fy, 700.0, &|_| true).map(|p| (distance(p), p.seat));
            prop_assert_eq!(found, expected);
        }
    }
}
