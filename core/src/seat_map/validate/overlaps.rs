//! Places that lie on each other.
//!
//! Each place is a disc. Two overlap when their discs do: seats when they are nearer than half the usual distance of
//! neighbours in their rows, a booth with the largest disc inside of it. Discs are sorted into grids by size, and each is
//! compared with the discs around it in the grids of its size and above; discs that do not overlap leave room for few
//! others, so that the work grows with the number of places and not with how they lie.

use crate::seat_map::{Layout, LayoutRow, RowKind, SeatIndex, layout::wide};

/// Discs of one bucket that are looked at. Places that do not overlap are fewer, save for an unlucky bucket.
const BUCKET_MAX: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Disc {
    x: i64,
    y: i64,
    radius: i64,
    floor: u16,
}

/// The discs of similar size. Cells are as wide as two of the largest discs, so that overlapping discs are in cells that
/// touch; cells are kept in buckets by a hash.
struct Grid {
    cell: i64,
    mask: u64,
    /// For each bucket where its discs begin in `discs`.
    starts: Vec<u32>,
    discs: Vec<SeatIndex>,
}

/// Pairs of places that overlap, at most one for each place as the later of the two, in ascending order.
pub(super) fn overlapping(layout: &Layout) -> Vec<(SeatIndex, SeatIndex)> {
    let discs = discs(layout);
    let mut order: Vec<(usize, SeatIndex)> =
        (0..).map(SeatIndex).zip(&discs).map(|(seat, disc)| (level(disc.radius), seat)).collect();
    // Nearly sorted: most places are of one size.
    order.sort_unstable();
    let groups: Vec<&[(usize, SeatIndex)]> = order.chunk_by(|a, b| a.0 == b.0).collect();
    let grids: Vec<Grid> = groups.iter().map(|group| Grid::of(group, &discs)).collect();
    let mut pairs = Vec::new();
    for (own, group) in groups.iter().enumerate() {
        for &(_, seat) in *group {
            let disc = discs[seat.position()];
            let same = grids[own].find(&discs, disc, |other| other < seat);
            let larger = || grids[own + 1..].iter().find_map(|grid| grid.find(&discs, disc, |_| true));
            pairs.extend(same.or_else(larger).map(|other| (seat.min(other), seat.max(other))));
        }
    }
    pairs.sort_unstable();
    pairs
}

/// The disc of every place.
fn discs(layout: &Layout) -> Vec<Disc> {
    let usual = i64::from(layout.pitch());
    let mut discs = Vec::with_capacity(layout.seats().len());
    for row in layout.rows() {
        let radius = radius(layout, row, usual).max(1);
        let floor = layout.floor_of(SeatIndex(row.seats.start));
        let seats = &layout.seats()[wide(row.seats.start)..wide(row.seats.end)];
        discs.extend(seats.iter().map(|seat| Disc { x: seat.x.into(), y: seat.y.into(), radius, floor }));
    }
    discs
}

/// A quarter of the distance of neighbours. Rows that are much tighter than usual are so by mistake.
fn radius(layout: &Layout, row: &LayoutRow, usual: i64) -> i64 {
    if let RowKind::Booth { width, height, .. } = row.kind {
        return i64::from(width.min(height)) / 2;
    }
    let seats = &layout.seats()[wide(row.seats.start)..wide(row.seats.end)];
    let step = seats.windows(2).find(|pair| !pair[1].starts_run).map(|pair| {
        let (dx, dy) =
            (i64::from(pair[1].x) - i64::from(pair[0].x), i64::from(pair[1].y) - i64::from(pair[0].y));
        (dx * dx + dy * dy).isqrt()
    });
    (step.unwrap_or(usual) / 4).max(usual / 8)
}

/// Discs of a level have a radius of more than half of 2^level, and at most that.
fn level(radius: i64) -> usize {
    wide((radius.max(1) - 1).checked_ilog2().map_or(0, |log| log + 1))
}

impl Grid {
    /// Of the places of one level; there is at least one.
    fn of(group: &[(usize, SeatIndex)], discs: &[Disc]) -> Self {
        let buckets = group.len().next_power_of_two();
        let mut grid = Self {
            cell: 2 << group[0].0,
            mask: buckets as u64 - 1,
            starts: vec![0; buckets + 1],
            discs: vec![SeatIndex(0); group.len()],
        };
        // Counting sort by bucket.
        let bucket = |&(_, seat): &(usize, SeatIndex)| grid.bucket_of(discs[seat.position()], 0, 0);
        let of: Vec<usize> = group.iter().map(bucket).collect();
        of.iter().for_each(|&bucket| grid.starts[bucket + 1] += 1);
        for bucket in 0..buckets {
            grid.starts[bucket + 1] += grid.starts[bucket];
        }
        let mut next = grid.starts.clone();
        for (&(_, seat), &bucket) in group.iter().zip(&of) {
            grid.discs[wide(next[bucket])] = seat;
            next[bucket] += 1;
        }
        grid
    }

    fn bucket_of(&self, disc: Disc, dx: i64, dy: i64) -> usize {
        let column = (disc.x.div_euclid(self.cell) + dx).cast_unsigned();
        let row = (disc.y.div_euclid(self.cell) + dy).cast_unsigned();
        let mixed = column.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ row.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        let mixed = (mixed ^ u64::from(disc.floor) << 20).wrapping_mul(0xff51_afd7_ed55_8ccd);
        usize::try_from((mixed >> 32) & self.mask).expect("a bucket is less than their number")
    }

    /// The first disc of the grid that overlaps this one, of those that are wanted.
    fn find(&self, discs: &[Disc], disc: Disc, wanted: impl Fn(SeatIndex) -> bool) -> Option<SeatIndex> {
        let cells = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
        let buckets = cells.map(|(dx, dy)| self.bucket_of(disc, dx, dy));
        let seats = buckets.flat_map(|bucket| {
            let seats = wide(self.starts[bucket])..wide(self.starts[bucket + 1]);
            self.discs[seats].iter().take(BUCKET_MAX)
        });
        seats.copied().find(|&other| wanted(other) && disc.overlaps(discs[other.position()]))
    }
}

impl Disc {
    fn overlaps(self, other: Self) -> bool {
        let (dx, dy, reach) = (self.x - other.x, self.y - other.y, self.radius + other.radius);
        self.floor == other.floor && dx * dx + dy * dy < reach * reach
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seat_map::{Booth, Point, Row, SeatMap, Table, TableShape, samples, stadium};

    fn overlaps(map: &SeatMap) -> Vec<(u32, u32)> {
        overlapping(&Layout::compile(map)).into_iter().map(|(a, b)| (a.0, b.0)).collect()
    }

    #[test]
    fn tables_booths_and_rows_overlap_each_other() {
        let mut map = samples::map_of(vec![samples::row("1", 0.0, 4)]);
        let booth = |x: f64, y: f64, width: f64| Booth {
            category: "a".into(),
            centre: Point { x, y },
            width,
            height: width,
            ..Booth::default()
        };
        assert_eq!(overlaps(&map), []);
        map.sections[0].booths = vec![booth(75.0, 300.0, 200.0), booth(75.0, 480.0, 200.0)];
        assert_eq!(overlaps(&map), [(4, 5)]);
        map.sections[0].booths.truncate(1);
        map.sections[0].booths[0].centre.y = 90.0;
        assert_eq!(overlaps(&map), [(1, 4), (2, 4)]);
        let table = |x: f64| Table {
            category: "a".into(),
            centre: Point { x, y: 900.0 },
            shape: TableShape::Round { radius: 60.0, chairs: 8 },
            ..Table::default()
        };
        map.sections[0].booths.clear();
        map.sections[0].tables = vec![table(0.0), table(130.0)];
        assert_eq!(overlaps(&map), [(6, 18)]);
        map.sections[0].tables = vec![table(0.0), table(150.0)];
        assert_eq!(overlaps(&map), []);
    }

    #[test]
    fn what_lies_on_another_floor_does_not_overlap() {
        let mut map = samples::hall(2, 3);
        map.floors =
            ["a", "b"].map(|key| crate::seat_map::Floor { key: key.into(), name: key.into() }).into();
        let mut above = map.sections[0].clone();
        above.floor = Some("b".into());
        map.sections.push(above);
        assert_eq!(overlaps(&map), []);
        map.sections[1].floor = Some("a".into());
        assert_eq!(overlaps(&map).len(), 6);
    }

    #[test]
    fn work_is_bounded_when_everything_is_on_one_point() {
        let mut map = stadium(100_000);
        for row in map.sections.iter_mut().flat_map(|section| &mut section.rows) {
            (row.start, row.end, row.curve) = (Point::default(), Point::default(), 0.0);
        }
        assert!(overlaps(&map).len() > 50_000);
    }

    proptest! {
        #[test]
        fn the_grid_finds_what_comparing_all_finds(
            points in prop::collection::vec((0..60_i32, 0..60_i32, any::<bool>()), 2..60),
        ) {
            let mut map = samples::map_of(Vec::new());
            let wide = |large: bool| if large { 9.0 } else { 2.0 };
            for &(x, y, large) in &points {
                let at = Point { x: f64::from(x), y: f64::from(y) };
                map.sections[0].booths.push(Booth { centre: at, width: wide(large), height: 20.0, ..Booth::default() });
            }
            let near = |a: &(i32, i32, bool), b: &(i32, i32, bool)| {
                f64::from((a.0 - b.0).pow(2) + (a.1 - b.1).pow(2)).sqrt() < (wide(a.2) + wide(b.2)) / 2.0
            };
            let pairs = overlaps(&map);
            let with_any = |at: usize| points.iter().enumerate().any(|(i, b)| i != at && near(&points[at], b));
            let expected = (0..points.len()).any(with_any);
            prop_assert_eq!(!pairs.is_empty(), expected);
            for (a, b) in pairs {
                prop_assert!(a < b && near(&points[a as usize], &points[b as usize]));
            }
        }

        #[test]
        fn seats_of_single_rows_are_compared_too(y in 0..100_i32) {
            let rows = vec![samples::row("1", 0.0, 5), Row { count: 1, ..samples::row("2", f64::from(y), 1) }];
            prop_assert_eq!(!overlaps(&samples::map_of(rows)).is_empty(), y < 25);
        }
    }
}
