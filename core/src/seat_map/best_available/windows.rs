//! Windows: as many neighbours as are asked for, of one row and category; or side by side around a table.

use super::{
    super::{LayoutRow, RowKind, leaves_orphan, rules::is_whole},
    Candidate, Counts, ORPHAN_PENALTY, Search,
    house::positions,
};

/// The sort key, smaller is better (penalty, then distance), and the first seat.
type Window = (u64, usize);

/// The best windows so far. What cannot be among them is not kept.
struct Best {
    windows: Vec<Window>,
    most: usize,
    /// Windows from this key on are too many.
    bar: u64,
}

impl Best {
    fn push(&mut self, key: u64, start: usize) {
        if key < self.bar {
            self.windows.push((key, start));
            if self.windows.len() >= 4 * self.most {
                self.trim();
            }
        }
    }

    fn trim(&mut self) {
        if self.windows.len() > self.most {
            self.windows.select_nth_unstable(self.most);
            // The first that is left out: others with its key come later in the house, and ties go to the lower index.
            self.bar = self.windows[self.most].0;
            self.windows.truncate(self.most);
        }
    }
}

impl Search<'_> {
    /// The best windows that do not overlap; their seats are not offered any more.
    pub(super) fn take_windows(&mut self) -> Vec<Candidate> {
        // A window overlaps 2 * (quantity - 1) others at most, so the best `enough` hold `limit` that do not overlap.
        let enough = self.limit * (2 * self.quantity - 1);
        let mut best = Best { windows: Vec::new(), most: enough, bar: u64::MAX };
        for row in self.house.layout.rows() {
            match row.kind {
                RowKind::Table { .. } => self.windows_of_table(row, &mut best),
                RowKind::Row | RowKind::Booth { .. } => self.windows_of_row(row, &mut best),
            }
        }
        best.trim();
        best.windows.sort_unstable();
        let mut candidates = Vec::new();
        for (_, start) in best.windows {
            if candidates.len() == self.limit {
                break;
            }
            let mut seats = self.window(start);
            if seats.iter().all(|&at| self.house.is_offered(at)) {
                seats.iter().for_each(|&at| self.house.take(at));
                seats.sort_unstable();
                candidates.push(self.candidate(seats, 1));
            }
        }
        candidates
    }

    /// The seats of the window that begins at `start`; of a table, around its end.
    fn window(&self, start: usize) -> Vec<usize> {
        let layout = self.house.layout;
        let row = layout.row_of(layout.seats()[start].index).map_or(0..0, positions);
        let place = |at: usize| if at < row.end { at } else { at - row.len() };
        (start..start + self.quantity).map(place).collect()
    }

    fn key(&self, orphans: u32, counts: Counts, distance: u64) -> u64 {
        let penalty =
            ORPHAN_PENALTY.saturating_mul(orphans).saturating_add(self.for_others(counts)).min(1_023);
        // 10 bits of penalty over 54 bits of distance: 100 seats at 2^32 hundredths each need 39.
        u64::from(penalty) << 54 | distance
    }

    /// Every group of `quantity` offered neighbours of one category.
    fn windows_of_row(&self, row: &LayoutRow, best: &mut Best) {
        let (house, seats, distances) =
            (&self.house, self.house.layout.seats(), self.house.layout.distances());
        // The group that ends at the seat: its length, and the sums over its last `quantity` seats.
        let (mut len, mut distance, mut counts) = (0, 0_u64, Counts::default());
        for at in positions(row) {
            if !house.is_offered(at) {
                len = 0;
                continue;
            }
            if len == 0 || !house.continues(at) {
                (len, distance, counts) = (0, 0, Counts::default());
            }
            len += 1;
            distance += u64::from(distances[at]);
            counts.add(seats[at].traits);
            if len > self.quantity {
                let gone = at - self.quantity;
                distance -= u64::from(distances[gone]);
                counts.remove(seats[gone].traits);
            }
            // Distance alone is the least key that the window can have.
            if len >= self.quantity && distance < best.bar && self.suits(counts) {
                let start = at + 1 - self.quantity;
                let orphans = u32::from(house.orphan_before(start)) + u32::from(house.orphan_after(at));
                best.push(self.key(orphans, counts, distance), start);
            }
        }
    }

    /// Every group of chairs side by side around a table; of one that is sold as a whole, all of them.
    fn windows_of_table(&self, row: &LayoutRow, best: &mut Best) {
        let (chairs, house) = (positions(row), &self.house);
        if chairs.len() < self.quantity || is_whole(row) && chairs.len() != self.quantity {
            return;
        }
        // Taken as a whole, a table has one window.
        let starts = if chairs.len() == self.quantity { chairs.start..chairs.start + 1 } else { chairs };
        for start in starts {
            let seats = self.window(start);
            if !seats.iter().all(|&at| house.is_offered(at) && house.same_category(at, start)) {
                continue;
            }
            let (mut counts, mut distance) = (Counts::default(), 0_u64);
            for &at in &seats {
                counts.add(house.layout.seats()[at].traits);
                distance += u64::from(house.layout.distances()[at]);
            }
            if self.suits(counts) {
                let seats: Vec<_> = seats.iter().map(|&at| house.layout.seats()[at].index).collect();
                let orphans =
                    leaves_orphan(house.layout, &|seat| house.is_free(seat.position()), &seats).len();
                best.push(self.key(u32::try_from(orphans).unwrap_or(0), counts, distance), start);
            }
        }
    }
}
