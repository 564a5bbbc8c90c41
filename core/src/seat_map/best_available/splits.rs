//! Splits: a group in several pieces, when it cannot sit together any more.

use super::{
    super::{LayoutRow, Seat, SeatTrait, rules::is_whole},
    Candidate, Counts, STEP_FREE, Search,
    house::positions,
};

/// Free pieces that a split looks at, the longest and nearest to the focal point first. Bounds the work in a house with
/// tens of thousands of single seats left.
const PIECES_MAX: usize = 2_048;

/// A maximal group of offered neighbours of one category; `x` and `y` are of its middle seat.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    len: usize,
    x: i64,
    y: i64,
    step_free: bool,
    wheelchairs: usize,
}

impl Search<'_> {
    /// Groups from several pieces: each begins with the best piece left and adds the nearest ones.
    pub(super) fn take_splits(&mut self, limit: usize) -> Vec<Candidate> {
        let mut pieces = self.pieces();
        let mut candidates = Vec::new();
        while candidates.len() < limit && !pieces.is_empty() {
            if self.request.asks_for_reserved() && !self.is_fit(&pieces[0]) {
                break;
            }
            let seed = pieces.remove(0);
            let Some((seats, mut used)) = self.gather(seed, &pieces) else {
                // With fewer seats than are asked for nobody can help; another seed may find the wheelchairs' places.
                if self.request.wheelchairs == 0 {
                    break;
                }
                continue;
            };
            let count = used.len() + 1;
            used.sort_unstable();
            for at in used.into_iter().rev() {
                pieces.remove(at);
            }
            let mut counts = Counts::default();
            seats.iter().for_each(|&at| counts.add(self.house.layout.seats()[at].traits));
            if self.suits(counts) {
                candidates.push(self.candidate(seats, u32::try_from(count).unwrap_or(u32::MAX)));
            }
        }
        candidates
    }

    /// A group around the seed, in seat order, and which pieces it took; `None` when too little is left.
    fn gather(&self, seed: Piece, pieces: &[Piece]) -> Option<(Vec<usize>, Vec<usize>)> {
        let mut wheelchairs = usize::try_from(self.request.wheelchairs).unwrap_or(usize::MAX);
        let mut seats: Vec<usize> = Vec::new();
        let mut used = Vec::new();
        self.take_part(&seed, &seed, &mut seats, &mut wheelchairs);
        // First those who need a place of their own kind, then the others; as many pieces as seats are missing are enough.
        for round in [true, false] {
            if round && wheelchairs == 0 {
                continue;
            }
            let missing = self.quantity - seats.len();
            let fits = |piece: &Piece| !round || piece.wheelchairs > 0;
            let mut nearest: Vec<(u64, usize)> = pieces
                .iter()
                .enumerate()
                .filter(|(at, piece)| fits(piece) && !used.contains(at))
                .map(|(at, piece)| (self.apart(seed, piece, missing), at))
                .collect();
            if nearest.len() > missing {
                nearest.select_nth_unstable(missing);
                nearest.truncate(missing);
            }
            nearest.sort_unstable();
            for (_, at) in nearest {
                if seats.len() == self.quantity || round && wheelchairs == 0 {
                    break;
                }
                if self.take_part(&seed, &pieces[at], &mut seats, &mut wheelchairs) {
                    used.push(at);
                }
            }
        }
        seats.sort_unstable();
        (seats.len() == self.quantity).then_some((seats, used))
    }

    /// Adds what is needed of a piece; false when nothing was. Seats for those in wheelchairs who have no place yet stay
    /// kept for them.
    fn take_part(
        &self,
        seed: &Piece,
        piece: &Piece,
        seats: &mut Vec<usize>,
        wheelchairs: &mut usize,
    ) -> bool {
        let here = piece.wheelchairs.min(*wheelchairs);
        let most = self.quantity.saturating_sub(seats.len() + (*wheelchairs - here));
        if most == 0 {
            return false;
        }
        let first = seats.is_empty() && self.request.asks_for_reserved();
        let part = self.part(*piece, most, (seed.x, seed.y), first, here);
        let all = self.house.layout.seats();
        let found = part.iter().filter(|&&at| all[at].traits.contains(SeatTrait::Wheelchair)).count();
        *wheelchairs = wheelchairs.saturating_sub(found);
        seats.extend(&part);
        !part.is_empty()
    }

    fn is_fit(&self, piece: &Piece) -> bool {
        if self.request.wheelchairs > 0 { piece.wheelchairs > 0 } else { piece.step_free }
    }

    /// The pieces left, those to begin with first: with a place that the request needs, long, near the focal point.
    fn pieces(&self) -> Vec<Piece> {
        let seats = self.house.layout.seats();
        let mut pieces: Vec<Piece> = Vec::new();
        for row in self.house.layout.rows().iter().filter(|row: &&LayoutRow| !is_whole(row)) {
            for at in positions(row).filter(|&at| self.house.is_offered(at)) {
                let step_free = seats[at].traits.intersects(STEP_FREE);
                let wheelchair = usize::from(seats[at].traits.contains(SeatTrait::Wheelchair));
                match pieces.last_mut() {
                    Some(piece) if piece.start + piece.len == at && self.house.continues(at) => {
                        piece.len += 1;
                        piece.step_free |= step_free;
                        piece.wheelchairs += wheelchair;
                    }
                    _ => pieces.push(Piece {
                        start: at,
                        len: 1,
                        x: 0,
                        y: 0,
                        step_free,
                        wheelchairs: wheelchair,
                    }),
                }
            }
        }
        let distances = self.house.layout.distances();
        let key = |piece: &Piece| {
            let unfit = self.request.asks_for_reserved() && !self.is_fit(piece);
            (
                unfit,
                usize::MAX - piece.len.min(self.quantity),
                distances[piece.start + piece.len / 2],
                piece.start,
            )
        };
        if pieces.len() > PIECES_MAX {
            pieces.select_nth_unstable_by_key(PIECES_MAX, key);
            pieces.truncate(PIECES_MAX);
        }
        pieces.sort_unstable_by_key(key);
        for piece in &mut pieces {
            let middle = &seats[piece.start + piece.len / 2];
            (piece.x, piece.y) = (middle.x.into(), middle.y.into());
        }
        pieces
    }

    /// What adding the piece to the group around the seed costs: the squared distance of their nearest seats, for each
    /// seat that it adds, so that fewer and longer pieces win over many single seats.
    fn apart(&self, seed: Piece, piece: &Piece, missing: usize) -> u64 {
        let seats = &self.house.layout.seats()[piece.start..piece.start + piece.len];
        // Nine seats say well enough where a long piece lies.
        let some = seats.iter().step_by((piece.len / 8).max(1)).chain(seats.last());
        let nearest = some.map(|seat| square_distance(seat, (seed.x, seed.y))).min().unwrap_or(0);
        let added = u64::try_from(piece.len.min(missing)).unwrap_or(1).max(1);
        nearest / (added * added)
    }

    /// The `most` neighbours of the piece that are nearest to a point; all of a shorter piece. With as many places for
    /// wheelchairs as are asked for, or as there can be.
    fn part(
        &self,
        piece: Piece,
        most: usize,
        point: (i64, i64),
        step_free: bool,
        wheelchairs: usize,
    ) -> Vec<usize> {
        let seats = self.house.layout.seats();
        let len = piece.len.min(most);
        let far = |start: usize| -> u128 {
            seats[start..start + len].iter().map(|seat| u128::from(square_distance(seat, point))).sum()
        };
        let lacking = |start: usize| {
            let of_kind =
                |kind| seats[start..start + len].iter().filter(move |s| s.traits.contains(kind)).count();
            wheelchairs.saturating_sub(of_kind(SeatTrait::Wheelchair))
        };
        let fits = |start: &usize| {
            !step_free || seats[*start..start + len].iter().any(|seat| seat.traits.intersects(STEP_FREE))
        };
        let starts = piece.start..=piece.start + piece.len - len;
        let best = starts.filter(fits).min_by_key(|&start| (lacking(start), far(start)));
        best.map_or_else(Vec::new, |start| (start..start + len).collect())
    }
}

fn square_distance(seat: &Seat, (x, y): (i64, i64)) -> u64 {
    let (dx, dy) = (i64::from(seat.x).abs_diff(x), i64::from(seat.y).abs_diff(y));
    dx * dx + dy * dy
}
