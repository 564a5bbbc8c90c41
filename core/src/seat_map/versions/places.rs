//! Which chair of the newer version stands where one of the older version stood.

use std::{cell::OnceCell, collections::HashMap};

use crate::seat_map::{Layout, SeatIndex};

/// Points by cell of a grid as wide as the tolerance: each point is found from the nine cells around it.
type Grid = HashMap<(u16, i64, i64), Vec<(SeatIndex, f64, f64)>>;

pub(super) struct Places {
    /// Where each seat of the older version is to be expected, and on which floor.
    expected: Vec<(u16, f64, f64)>,
    /// Where each seat of the newer version is.
    actual: Vec<(u16, f64, f64)>,
    /// Made when a seat is not where it was: that is seldom.
    before: OnceCell<Grid>,
    after: OnceCell<Grid>,
    /// How far from the expected place a seat is still the same: half a chair.
    tolerance: f64,
}

/// Where a seat was and where the one with its label is.
type Pair = ((f64, f64), (f64, f64));

/// How a section was redrawn: turned and scaled by a complex factor, then shifted.
#[derive(Clone, Copy)]
struct Redrawn {
    factor: (f64, f64),
    shift: (f64, f64),
}

impl Places {
    pub(super) fn new(older: &Layout, newer: &Layout, successors: &[Option<SeatIndex>]) -> Self {
        let tolerance = f64::from(newer.pitch().max(2)) / 2.0;
        let floors = Floors::of(older, newer);
        let place = |layout: &Layout, seat: SeatIndex| {
            layout.seat(seat).map_or((0.0, 0.0), |seat| (f64::from(seat.x), f64::from(seat.y)))
        };
        let mut pairs = vec![Vec::new(); older.sections().len()];
        for (seat, successor) in older.seats().iter().zip(successors) {
            let Some(successor) = *successor else { continue };
            pairs[usize::from(seat.section)].push((place(older, seat.index), place(newer, successor)));
        }
        let redrawn: Vec<Redrawn> =
            pairs.iter().map(|pairs| Redrawn::most_likely(pairs, tolerance)).collect();
        let expected: Vec<_> = older
            .seats()
            .iter()
            .map(|seat| {
                let (x, y) = redrawn[usize::from(seat.section)].of(place(older, seat.index));
                (floors.before(older, seat.index), x, y)
            })
            .collect();
        let actual: Vec<_> = newer
            .seats()
            .iter()
            .map(|seat| (floors.after(newer, seat.index), f64::from(seat.x), f64::from(seat.y)))
            .collect();
        Self { expected, actual, before: OnceCell::new(), after: OnceCell::new(), tolerance }
    }

    /// Whether the seat of the newer version is where the one of the older version is to be expected.
    pub(super) fn kept(&self, before: SeatIndex, after: SeatIndex) -> bool {
        let (a, b) = (self.expected[before.position()], self.actual[after.position()]);
        a.0 == b.0 && (a.1 - b.1).hypot(a.2 - b.2) < self.tolerance
    }

    /// The seat of the newer version where this one of the older version was.
    pub(super) fn now_at(&self, before: SeatIndex) -> Option<SeatIndex> {
        nearest(
            self.after.get_or_init(|| grid(&self.actual, self.tolerance)),
            self.expected[before.position()],
            self.tolerance,
        )
    }

    /// The seat of the older version where this one of the newer version is.
    pub(super) fn was_at(&self, after: SeatIndex) -> Option<SeatIndex> {
        nearest(
            self.before.get_or_init(|| grid(&self.expected, self.tolerance)),
            self.actual[after.position()],
            self.tolerance,
        )
    }
}

impl Redrawn {
    const NOT: Redrawn = Redrawn { factor: (1.0, 0.0), shift: (0.0, 0.0) };

    /// Of not at all, shifted, and shifted with a turn and a scale, what explains the most seats, if that is more
    /// than half of them; the simplest if several do. Chairs that swapped numbers are not explained by any.
    fn most_likely(pairs: &[Pair], tolerance: f64) -> Self {
        let explained = |redrawn: &Redrawn| {
            let near = pairs.iter().filter(|(before, after)| {
                let (x, y) = redrawn.of(*before);
                (x - after.0).hypot(y - after.1) < tolerance
            });
            near.count()
        };
        let mut best = (explained(&Self::NOT), Self::NOT);
        if best.0 == pairs.len() {
            return best.1;
        }
        for candidate in [Self::shifted(pairs), Self::fitted(pairs)].into_iter().flatten() {
            let count = explained(&candidate);
            if count > best.0 && count > pairs.len() / 2 {
                best = (count, candidate);
            }
        }
        best.1
    }

    /// Shifted by the median of all shifts.
    fn shifted(pairs: &[Pair]) -> Option<Self> {
        let median = |mut values: Vec<f64>| {
            let middle = values.len() / 2;
            (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
        };
        let x = median(pairs.iter().map(|(before, after)| after.0 - before.0).collect())?;
        let y = median(pairs.iter().map(|(before, after)| after.1 - before.1).collect())?;
        Some(Self { shift: (x, y), ..Self::NOT })
    }

    /// The least squares of a turn of less than a quarter, a scale and a shift. A half turn would explain a single row
    /// that is counted from its other end.
    fn fitted(pairs: &[Pair]) -> Option<Self> {
        let count = pairs.len() as f64;
        let sum = pairs.iter().fold([0.0; 4], |sum, (before, after)| {
            [sum[0] + before.0, sum[1] + before.1, sum[2] + after.0, sum[3] + after.1]
        });
        let mean = sum.map(|value| value / count);
        let (mut real, mut imaginary, mut square) = (0.0, 0.0, 0.0);
        for (before, after) in pairs {
            let (x, y) = (before.0 - mean[0], before.1 - mean[1]);
            let (u, v) = (after.0 - mean[2], after.1 - mean[3]);
            real += x * u + y * v;
            imaginary += x * v - y * u;
            square += x * x + y * y;
        }
        if square == 0.0 || real <= 0.0 {
            return None;
        }
        let factor = (real / square, imaginary / square);
        let turned = Self { factor, shift: (0.0, 0.0) }.of((mean[0], mean[1]));
        Some(Self { factor, shift: (mean[2] - turned.0, mean[3] - turned.1) })
    }

    fn of(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (real, imaginary) = self.factor;
        (real * x - imaginary * y + self.shift.0, imaginary * x + real * y + self.shift.1)
    }
}

/// Floors of both versions by their keys. Floors do not tell seats apart when a version has only one.
struct Floors {
    before: Vec<u16>,
    after: Vec<u16>,
}

impl Floors {
    fn of(older: &Layout, newer: &Layout) -> Self {
        let mut keys: HashMap<&str, u16> = HashMap::new();
        let several = older.floors().len() > 1 && newer.floors().len() > 1;
        let mut number = |key| {
            let next = u16::try_from(keys.len()).unwrap_or(u16::MAX);
            if several { *keys.entry(key).or_insert(next) } else { 0 }
        };
        let before = older.floors().iter().map(|floor| number(floor.key.as_str())).collect();
        let after = newer.floors().iter().map(|floor| number(floor.key.as_str())).collect();
        Self { before, after }
    }

    fn before(&self, older: &Layout, seat: SeatIndex) -> u16 {
        self.before.get(usize::from(older.floor_of(seat))).copied().unwrap_or(0)
    }

    fn after(&self, newer: &Layout, seat: SeatIndex) -> u16 {
        self.after.get(usize::from(newer.floor_of(seat))).copied().unwrap_or(0)
    }
}

fn cell((floor, x, y): (u16, f64, f64), tolerance: f64) -> (u16, i64, i64) {
    (floor, (x / tolerance).floor() as i64, (y / tolerance).floor() as i64)
}

fn grid(places: &[(u16, f64, f64)], tolerance: f64) -> Grid {
    let mut grid = Grid::new();
    for (seat, &place) in (0..).map(SeatIndex).zip(places) {
        grid.entry(cell(place, tolerance)).or_default().push((seat, place.1, place.2));
    }
    grid
}

fn nearest(grid: &Grid, place: (u16, f64, f64), tolerance: f64) -> Option<SeatIndex> {
    let (floor, column, row) = cell(place, tolerance);
    let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (floor, column + dx, row + dy)));
    let distance = |(x, y): (f64, f64)| (x - place.1).hypot(y - place.2);
    let seats = around.filter_map(|cell| grid.get(&cell)).flatten();
    let seats = seats.map(|&(seat, x, y)| (distance((x, y)), seat)).filter(|&(apart, _)| apart < tolerance);
    seats.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, seat)| seat)
}
