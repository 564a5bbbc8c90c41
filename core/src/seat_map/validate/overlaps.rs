//! Places that lie on each other.
//!
//! Each place is a disc. Two overlap when their discs do: seats when they are nearer than half the usual distance of
//! neighbours in their rows, a booth with the largest disc inside of it. Discs of similar size are sorted into strips, and
//! each is compared with the discs around it of its size and above; discs that do not overlap leave room for few others,
//! so that the work hardly depends on how they lie.

use crate::seat_map::{Layout, LayoutRow, RowKind, SeatIndex, document::COORDINATE_MAX, layout::wide};

/// Discs of one strip that one disc is compared with. Where there are more, they overlap each other.
const COMPARED_MAX: usize = 64;
/// Bits of the distance from the left edge within a key: 2^28 hundredths, and the width of a cell on both sides.
const COLUMN_BITS: u32 = 30;
const STRIP_BITS: u32 = 28;
/// The coordinate in hundredths from which rows and columns are counted.
const EDGE: i64 = -(COORDINATE_MAX as i64 * 100);

#[derive(Debug, Clone, Copy)]
struct Disc {
    x: i64,
    y: i64,
    radius: i64,
    floor: u16,
}

/// Discs of a similar size, in the order of floors, of strips from the top and of the way from the left. Strips and cells
/// are as wide as two of the largest discs: those that overlap are in strips that touch, and no further apart.
struct Strips {
    level: usize,
    order: Vec<(u64, SeatIndex)>,
}

/// Pairs of places that overlap, one for nearly each of the places that do, in ascending order.
pub(super) fn overlapping(layout: &Layout) -> Vec<(SeatIndex, SeatIndex)> {
    let discs = discs(layout);
    let mut levels: Vec<Strips> = Vec::new();
    for (seat, disc) in (0..).map(SeatIndex).zip(&discs) {
        let level = level(disc.radius);
        let at = levels.iter().position(|strips| strips.level == level).unwrap_or_else(|| {
            levels.push(Strips { level, order: Vec::new() });
            levels.len() - 1
        });
        let key = levels[at].key(*disc);
        levels[at].order.push((key, seat));
    }
    levels.sort_unstable_by_key(|strips| strips.level);
    levels.iter_mut().for_each(|strips| strips.order.sort_unstable());
    let mut pairs = Vec::new();
    for (own, strips) in levels.iter().enumerate() {
        strips.compare(&discs, &mut pairs);
        for larger in &levels[own + 1..] {
            strips.compare_with(larger, &discs, &mut pairs);
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

impl Strips {
    const STRIP: u64 = 1 << COLUMN_BITS;

    const fn cell(&self) -> u64 {
        2 << self.level
    }

    /// Floor, strip and column in one number. The first strip and the first column of a cell stay empty, so that one before
    /// can be asked for.
    fn key(&self, disc: Disc) -> u64 {
        let row = (disc.y - EDGE).unsigned_abs() / self.cell() + 1;
        let column = (disc.x - EDGE).unsigned_abs() + self.cell();
        (u64::from(disc.floor) << STRIP_BITS | row) << COLUMN_BITS | column
    }

    /// Each disc with those right of it in its strip and around it in the next.
    fn compare(&self, discs: &[Disc], pairs: &mut Vec<(SeatIndex, SeatIndex)>) {
        let mut below = 0;
        for (at, &(key, seat)) in self.order.iter().enumerate() {
            let next = key + Self::STRIP;
            while self.order.get(below).is_some_and(|&(other, _)| other < next - self.cell()) {
                below += 1;
            }
            let hit = [(at + 1, key), (below, next)]
                .into_iter()
                .find_map(|(from, middle)| self.hit(from, middle, discs, discs[seat.position()]));
            pairs.extend(hit.map(|other| (seat.min(other), seat.max(other))));
        }
    }

    /// Each disc with those of another level around it.
    fn compare_with(&self, larger: &Strips, discs: &[Disc], pairs: &mut Vec<(SeatIndex, SeatIndex)>) {
        for &(_, seat) in &self.order {
            let disc = discs[seat.position()];
            let key = larger.key(disc);
            let hit = [key - Self::STRIP, key, key + Self::STRIP].into_iter().find_map(|middle| {
                let from = larger.order.partition_point(|&(other, _)| other < middle - larger.cell());
                larger.hit(from, middle, discs, disc)
            });
            pairs.extend(hit.map(|other| (seat.min(other), seat.max(other))));
        }
    }

    /// The first disc that overlaps this one, of those from a position on and no farther right than a cell from the middle.
    fn hit(&self, from: usize, middle: u64, discs: &[Disc], disc: Disc) -> Option<SeatIndex> {
        let around = self.order[from..].iter().take(COMPARED_MAX);
        let mut around = around.take_while(|&&(key, _)| key <= middle + self.cell()).map(|&(_, seat)| seat);
        around.find(|&other| disc.overlaps(discs[other.position()]))
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
        fn the_strips_find_what_comparing_all_finds(
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
