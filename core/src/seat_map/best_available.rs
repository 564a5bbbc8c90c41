//! Best available: groups of free seats, best first, for a caller that takes the first group it can get.
//!
//! 1. Together: neighbours of one row and category that leave no seat alone, nearest to the focal point first.
//! 2. The same, leaving as few seats alone as possible.
//! 3. Split: pieces of several rows, as few and as near to each other as possible.
//!
//! Places for wheelchairs, companions and people who need step-free access are offered to a request that asks for
//! them. A request that does not is offered them only when too few other seats that match it are left.
//! A request that asks for them gets groups with at least one place for a wheelchair (or an accessible seat), and with
//! no more of those than it needs where that can be had.
//!
//! The same input has the same answer: ties go to the lower index.

use super::{Layout, Seat, SeatIndex, SeatTrait, Traits, leaves_orphan, rules::RESERVED};

/// Seats of one request. Larger parties talk to the box office.
pub const QUANTITY_MAX: u32 = 100;
/// Candidates of one answer: a caller that loses that many races ranks again from fresh state.
pub const CANDIDATES_MAX: usize = 64;
/// Free pieces that a split looks at, the longest and nearest to the focal point first. Bounds the work in a house with
/// tens of thousands of single seats left.
const PIECES_MAX: usize = 2_048;
/// What leaving a seat alone weighs in places taken from those who need them: more than a whole group of them.
const ORPHAN_PENALTY: u32 = 200;
/// The steps of closeness within a score.
const CLOSENESS_MAX: u64 = 999;
/// A place that serves somebody who asked for step-free access.
const STEP_FREE: Traits = Traits::NONE.with(SeatTrait::Wheelchair).with(SeatTrait::Accessible);

/// What a buyer asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// 1 to [`QUANTITY_MAX`]; others have no candidates.
    pub quantity: u32,
    /// Indexes into [`Layout::categories`]; empty for any.
    pub categories: Vec<u16>,
    /// Indexes into [`Layout::sections`]; empty for any.
    pub sections: Vec<u16>,
    /// At least one place is for a wheelchair or must be reached without steps.
    pub accessible: bool,
    /// Where in the candidates of the best quality to begin. Pickers at the same time take different numbers, a hash of
    /// the buyer or a counter, and meet at different seats; 0 begins with the best.
    pub spread: u32,
}

/// How well a group sits, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// Side by side, and nobody is left alone.
    Together,
    /// Side by side, leaving a seat alone.
    TogetherLeavingOrphans,
    /// In several pieces.
    Split,
}

/// Why a candidate stands where it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    pub quality: Quality,
    /// Groups of neighbours that the candidate consists of.
    pub pieces: u32,
    /// Seats that it would leave alone.
    pub orphans: u32,
    /// Places for wheelchairs, companions or step-free access in it.
    pub reserved: u32,
    /// Mean distance to the focal point, in hundredths of a plan unit.
    pub mean_distance: u32,
}

/// A group of seats to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// In seat order.
    pub seats: Vec<SeatIndex>,
    /// Higher is better. Millions: 3 together, 2 leaving orphans, 1 split. Thousands: 999 less what speaks against it
    /// (200 for each orphan, 1 for each further piece and each place that somebody else may need more). Units:
    /// closeness to the focal point, from 0 at the farthest seat of the map to 999.
    pub score: u32,
    pub why: Why,
}

/// The best groups for the request, best first (but see [`Request::spread`]), at most `limit` and [`CANDIDATES_MAX`].
/// No seat is in two of them, so that a caller who loses one group can try the next. Empty when too few seats are left.
pub fn rank(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    request: &Request,
    limit: usize,
) -> Vec<Candidate> {
    if !(1..=QUANTITY_MAX).contains(&request.quantity) || limit == 0 {
        return Vec::new();
    }
    let free: Vec<bool> = layout.seats().iter().map(|seat| free(seat.index)).collect();
    let mut search = Search::new(layout, &free, request, limit.min(CANDIDATES_MAX));
    let mut candidates = search.run(|seat| request.accessible || !seat.traits.intersects(RESERVED));
    if candidates.is_empty() && !request.accessible {
        candidates = search.run(|_| true);
    }
    for group in candidates.chunk_by_mut(|a, b| a.why.quality == b.why.quality) {
        let shift = usize::try_from(request.spread).unwrap_or(0) % group.len();
        group.rotate_left(shift);
    }
    candidates
}

struct Search<'a> {
    layout: &'a Layout,
    free: &'a [bool],
    request: &'a Request,
    quantity: usize,
    limit: usize,
    /// Seats that may be given out.
    offered: Vec<bool>,
    farthest: u64,
}

/// `quantity` neighbours from `start`: the sort key, smaller is better, and the first seat.
type Window = (u64, usize);

/// A maximal group of offered neighbours of one category; `x` and `y` are of its middle seat.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    len: usize,
    x: i64,
    y: i64,
    step_free: bool,
}

impl<'a> Search<'a> {
    fn new(layout: &'a Layout, free: &'a [bool], request: &'a Request, limit: usize) -> Self {
        Self {
            layout,
            free,
            request,
            quantity: usize::try_from(request.quantity).unwrap_or(usize::MAX),
            limit,
            offered: Vec::new(),
            farthest: layout.distances().iter().copied().max().unwrap_or(0).into(),
        }
    }

    fn run(&mut self, may_have: impl Fn(&Seat) -> bool) -> Vec<Candidate> {
        let Request { categories, sections, .. } = self.request;
        let matches = |seat: &Seat| {
            (categories.is_empty() || seat.category.is_some_and(|category| categories.contains(&category)))
                && (sections.is_empty() || sections.contains(&seat.section))
        };
        let seats = self.layout.seats().iter();
        self.offered =
            seats.zip(self.free).map(|(seat, &free)| free && may_have(seat) && matches(seat)).collect();
        let mut candidates = self.take_windows();
        if candidates.len() < self.limit && self.quantity > 1 {
            let mut split = self.take_splits(self.limit - candidates.len());
            split.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.seats.cmp(&b.seats)));
            candidates.append(&mut split);
        }
        candidates
    }

    /// The best windows that do not overlap; their seats are not offered any more.
    fn take_windows(&mut self) -> Vec<Candidate> {
        let mut windows = self.windows();
        // A window overlaps 2 * (quantity - 1) others at most, so the best `enough` hold `limit` that do not overlap.
        let enough = self.limit * (2 * self.quantity - 1);
        if windows.len() > enough {
            windows.select_nth_unstable(enough);
            windows.truncate(enough);
        }
        windows.sort_unstable();
        let mut candidates = Vec::new();
        for (_, start) in windows {
            let seats = start..start + self.quantity;
            if candidates.len() < self.limit && self.offered[seats.clone()].iter().all(|&offered| offered) {
                self.offered[seats.clone()].fill(false);
                candidates.push(self.candidate(seats.collect(), 1));
            }
        }
        candidates
    }

    /// Every group of `quantity` offered neighbours of one category, with its key: penalty, then distance.
    fn windows(&self) -> Vec<Window> {
        let (seats, distances) = (self.layout.seats(), self.layout.distances());
        let mut windows = Vec::new();
        // The group that ends at the seat: its length, and the sums over its last `quantity` seats.
        let (mut len, mut distance, mut reserved, mut step_free) = (0, 0_u64, 0_u64, 0_u64);
        for (at, seat) in seats.iter().enumerate() {
            if !self.offered[at] || !self.continues(at) {
                (len, distance, reserved, step_free) = (0, 0, 0, 0);
            }
            if !self.offered[at] {
                continue;
            }
            len += 1;
            distance += u64::from(distances[at]);
            reserved += u64::from(seat.traits.intersects(RESERVED));
            step_free += u64::from(seat.traits.intersects(STEP_FREE));
            if len > self.quantity {
                let gone = at - self.quantity;
                distance -= u64::from(distances[gone]);
                reserved -= u64::from(seats[gone].traits.intersects(RESERVED));
                step_free -= u64::from(seats[gone].traits.intersects(STEP_FREE));
            }
            if len >= self.quantity && (step_free > 0 || !self.request.accessible) {
                let start = at + 1 - self.quantity;
                let orphans = u64::from(self.orphan_before(start)) + u64::from(self.orphan_after(at));
                let penalty = u64::from(ORPHAN_PENALTY) * orphans + self.for_others(reserved, step_free);
                // 10 bits of penalty over 54 bits of distance: 100 seats at 2^32 hundredths each need 39.
                windows.push((penalty << 54 | distance, start));
            }
        }
        windows
    }

    /// Whether the seat continues the group of the one before it: its neighbour, of the same category.
    fn continues(&self, at: usize) -> bool {
        let seats = self.layout.seats();
        !seats[at].starts_run && seats[at - 1].category == seats[at].category
    }

    /// Places of a group that the request could do without: of those it asked for, one is enough.
    fn for_others(&self, reserved: u64, step_free: u64) -> u64 {
        if self.request.accessible { step_free.saturating_sub(1) } else { reserved }
    }

    /// A free seat that is not kept for somebody: it counts as company.
    fn company(&self, at: usize) -> bool {
        self.free[at] && !self.layout.seats()[at].traits.intersects(RESERVED)
    }

    /// Whether taking seats from `start` leaves the seat before them alone: [`leaves_orphan`] for a whole window.
    fn orphan_before(&self, start: usize) -> bool {
        let linked = |at: usize| !self.layout.seats()[at].starts_run && self.company(at - 1);
        self.company(start) && linked(start) && !linked(start - 1)
    }

    fn orphan_after(&self, last: usize) -> bool {
        let seats = self.layout.seats();
        let linked =
            |at: usize| seats.get(at + 1).is_some_and(|seat| !seat.starts_run) && self.company(at + 1);
        self.company(last) && linked(last) && !linked(last + 1)
    }

    /// Groups from several pieces: each begins with the best piece left and adds the nearest ones.
    fn take_splits(&mut self, limit: usize) -> Vec<Candidate> {
        let mut pieces = self.pieces();
        let mut candidates = Vec::new();
        while candidates.len() < limit && !pieces.is_empty() {
            if self.request.accessible && !pieces[0].step_free {
                break;
            }
            let seed = pieces.remove(0);
            let mut seats = self.part(seed, self.quantity, (seed.x, seed.y), self.request.accessible);
            let mut count = 1;
            // As many pieces as seats are missing are enough.
            let missing = self.quantity - seats.len();
            let mut nearest: Vec<(u64, usize)> =
                pieces.iter().enumerate().map(|(at, piece)| (self.apart(seed, piece, missing), at)).collect();
            if nearest.len() > missing {
                nearest.select_nth_unstable(missing);
                nearest.truncate(missing);
            }
            nearest.sort_unstable();
            let mut used = Vec::new();
            for (_, at) in nearest {
                let missing = self.quantity - seats.len();
                if missing == 0 {
                    break;
                }
                seats.append(&mut self.part(pieces[at], missing, (seed.x, seed.y), false));
                used.push(at);
                count += 1;
            }
            if seats.len() < self.quantity {
                break;
            }
            used.sort_unstable();
            for at in used.into_iter().rev() {
                pieces.remove(at);
            }
            seats.sort_unstable();
            candidates.push(self.candidate(seats, count));
        }
        candidates
    }

    /// The pieces left, those to begin with first: with a place that the request needs, long, near the focal point.
    fn pieces(&self) -> Vec<Piece> {
        let seats = self.layout.seats();
        let mut pieces: Vec<Piece> = Vec::new();
        for (at, seat) in seats.iter().enumerate().filter(|&(at, _)| self.offered[at]) {
            let step_free = seat.traits.intersects(STEP_FREE);
            match pieces.last_mut() {
                Some(piece) if piece.start + piece.len == at && self.continues(at) => {
                    piece.len += 1;
                    piece.step_free |= step_free;
                }
                _ => pieces.push(Piece { start: at, len: 1, x: 0, y: 0, step_free }),
            }
        }
        let distances = self.layout.distances();
        let key = |piece: &Piece| {
            let unfit = self.request.accessible && !piece.step_free;
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
        let seats = &self.layout.seats()[piece.start..piece.start + piece.len];
        // Nine seats say well enough where a long piece lies.
        let some = seats.iter().step_by((piece.len / 8).max(1)).chain(seats.last());
        let nearest = some.map(|seat| square_distance(seat, (seed.x, seed.y))).min().unwrap_or(0);
        let added = u64::try_from(piece.len.min(missing)).unwrap_or(1);
        nearest / (added * added)
    }

    /// The `most` neighbours of the piece that are nearest to a point; all of a shorter piece.
    fn part(&self, piece: Piece, most: usize, point: (i64, i64), step_free: bool) -> Vec<usize> {
        let seats = self.layout.seats();
        let len = piece.len.min(most);
        let far = |start: &usize| -> u128 {
            seats[*start..start + len].iter().map(|seat| u128::from(square_distance(seat, point))).sum()
        };
        let fits = |start: &usize| {
            !step_free || seats[*start..start + len].iter().any(|seat| seat.traits.intersects(STEP_FREE))
        };
        let starts = piece.start..=piece.start + piece.len - len;
        starts.filter(fits).min_by_key(far).map_or_else(Vec::new, |start| (start..start + len).collect())
    }

    fn candidate(&self, seats: Vec<usize>, pieces: u32) -> Candidate {
        let all = self.layout.seats();
        let having =
            |traits: Traits| seats.iter().filter(|&&at| all[at].traits.intersects(traits)).map(|_| 1).sum();
        let (reserved, step_free): (u32, u32) = (having(RESERVED), having(STEP_FREE));
        let total: u64 = seats.iter().map(|&at| u64::from(self.layout.distances()[at])).sum();
        let mean = total / u64::from(self.request.quantity);
        let seats: Vec<SeatIndex> = seats.into_iter().map(|at| all[at].index).collect();
        let orphans = leaves_orphan(self.layout, &|seat| self.free[seat.position()], &seats).len();
        let quality = match (pieces, orphans) {
            (1, 0) => Quality::Together,
            (1, _) => Quality::TogetherLeavingOrphans,
            _ => Quality::Split,
        };
        let why = Why {
            quality,
            pieces,
            orphans: u32::try_from(orphans).unwrap_or(u32::MAX),
            reserved,
            mean_distance: u32::try_from(mean).unwrap_or(u32::MAX),
        };
        let against = u64::from(ORPHAN_PENALTY * why.orphans) + u64::from(pieces - 1);
        let against = (against + self.for_others(reserved.into(), step_free.into())).min(999);
        let closeness = CLOSENESS_MAX - (CLOSENESS_MAX * mean).checked_div(self.farthest).unwrap_or(0);
        let millions = match quality {
            Quality::Together => 3,
            Quality::TogetherLeavingOrphans => 2,
            Quality::Split => 1,
        };
        let score = millions * 1_000_000 + (999 - against) * 1_000 + closeness;
        Candidate { seats, score: u32::try_from(score).unwrap_or(u32::MAX), why }
    }
}

fn square_distance(seat: &Seat, (x, y): (i64, i64)) -> u64 {
    let (dx, dy) = (i64::from(seat.x).abs_diff(x), i64::from(seat.y).abs_diff(y));
    dx * dx + dy * dy
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::{super::samples, *};
    use crate::seat_map::{Category, SeatMap};

    fn ask(quantity: u32) -> Request {
        Request { quantity, ..Request::default() }
    }

    /// A hall from a drawing: a line for each row, `.` free, `x` taken, `w` wheelchair, `c` companion, `_` no seat.
    fn drawn(lines: &[&str]) -> (Layout, Vec<bool>) {
        let mut rows = Vec::new();
        for (n, line) in (1_u32..).zip(lines) {
            let mut row = samples::row(&n.to_string(), f64::from(n) * 90.0, line.len() as u32);
            for (position, place) in (1..).zip(line.chars()) {
                match place {
                    '_' => row.seats.push(samples::skip(position)),
                    'w' => row.seats.push(samples::with_trait(position, SeatTrait::Wheelchair)),
                    'c' => row.seats.push(samples::with_trait(position, SeatTrait::Companion)),
                    _ => {}
                }
            }
            rows.push(row);
        }
        let states =
            lines.iter().flat_map(|line| line.chars()).filter(|&c| c != '_').map(|c| c != 'x').collect();
        (Layout::compile(&samples::map_of(rows)), states)
    }

    fn labels(layout: &Layout, candidates: &[Candidate]) -> Vec<Vec<String>> {
        let of = |c: &Candidate| c.seats.iter().map(|&s| layout.label(s)[2..].to_string()).collect();
        candidates.iter().map(of).collect()
    }

    fn best(lines: &[&str], request: &Request) -> (Vec<String>, Quality) {
        let (layout, free) = drawn(lines);
        let candidates = rank(&layout, &|seat| free[seat.position()], request, 4);
        (labels(&layout, &candidates).remove(0), candidates[0].why.quality)
    }

    #[test]
    fn the_middle_of_the_first_row_is_best_in_an_empty_house() {
        let layout = Layout::compile(&samples::hall(5, 10));
        let candidates = rank(&layout, &|_| true, &ask(2), 3);
        assert_eq!(labels(&layout, &candidates), [["1-5", "1-6"], ["1-3", "1-4"], ["1-7", "1-8"]]);
        assert!(candidates.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let why = &candidates[0].why;
        assert_eq!((why.quality, why.pieces, why.orphans, why.reserved), (Quality::Together, 1, 0, 0));
    }

    #[test]
    fn a_worse_row_is_better_than_an_orphan() {
        assert_eq!(best(&["x...x", "x..xx"], &ask(2)), (vec!["2-2".into(), "2-3".into()], Quality::Together));
        let only = best(&["x...x", "xxxxx"], &ask(2));
        assert_eq!(only, (vec!["1-2".into(), "1-3".into()], Quality::TogetherLeavingOrphans));
    }

    #[test]
    fn gaps_and_taken_seats_are_not_adjacent() {
        assert_eq!(best(&["x._.x", "....."], &ask(2)).0, ["2-1", "2-2"]);
        assert_eq!(best(&["x.x.x", "xxx.."], &ask(2)).0, ["2-4", "2-5"]);
    }

    #[test]
    fn without_neighbours_the_group_is_split_over_near_rows() {
        let split = best(&["..xxx", "xxxx.", "..xxx"], &ask(4));
        assert_eq!(split, (["1-1", "1-2", "3-1", "3-2"].map(String::from).to_vec(), Quality::Split));
        assert_eq!(best(&["xxx.x", "x.x.x", "xxxxx", ".xxxx"], &ask(2)).0, ["1-4", "2-4"]);
        let (layout, free) = drawn(&["x.xx.", "xx.xx"]);
        assert_eq!(rank(&layout, &|seat| free[seat.position()], &ask(4), 4), []);
    }

    #[test]
    fn reserved_places_are_given_when_asked_for_or_when_nothing_else_is_left() {
        let hall = ["wcwc..", "......"];
        assert_eq!(best(&hall, &ask(2)).0, ["1-5", "1-6"]);
        assert_eq!(best(&hall, &ask(4)).0, ["2-1", "2-2", "2-3", "2-4"]);
        let accessible = |quantity| Request { accessible: true, ..ask(quantity) };
        assert_eq!(best(&hall, &accessible(1)).0, ["1-1"]);
        assert_eq!(best(&hall, &accessible(2)).0, ["1-1", "1-2"]);
        // One wheelchair place is enough for the group; the other stays for somebody else.
        assert_eq!(best(&hall, &accessible(4)).0, ["1-3", "1-4", "1-5", "1-6"]);
        assert_eq!(best(&["wcxx", "xxx."], &ask(2)).0, ["1-1", "1-2"]);
        let (layout, free) = drawn(&["xcx.", "...."]);
        assert_eq!(rank(&layout, &|seat| free[seat.position()], &accessible(2), 4), []);
        // A wheelchair place without free neighbours, and the nearest seat to it.
        assert_eq!(best(&["xwx.", "x..."], &accessible(2)).0, ["1-2", "2-2"]);
    }

    fn two_categories() -> SeatMap {
        let mut map = samples::hall(4, 6);
        map.categories.push(Category { key: "b".into(), name: "B".into(), color: "#00bb00".into() });
        let mut back = map.sections[0].clone();
        back.key = "B".into();
        back.rows.drain(..2);
        map.sections[0].rows.truncate(2);
        map.sections.push(back);
        map.sections[0].rows[1].category = "b".into();
        map
    }

    #[test]
    fn filters_by_category_and_section() {
        let layout = Layout::compile(&two_categories());
        let first =
            |request: Request| layout.label(rank(&layout, &|_| true, &request, 1)[0].seats[0]).to_string();
        assert_eq!(first(ask(2)), "P-1-3");
        assert_eq!(first(Request { categories: vec![1], ..ask(2) }), "P-2-3");
        assert_eq!(first(Request { sections: vec![1], ..ask(2) }), "B-3-3");
        let none = Request { categories: vec![1], sections: vec![1], ..ask(2) };
        assert_eq!(rank(&layout, &|_| true, &none, 1), []);
    }

    #[test]
    fn a_group_has_one_category() {
        let mut map = samples::hall(1, 4);
        map.categories = two_categories().categories;
        map.sections[0].rows[0].seats =
            vec![crate::seat_map::SeatRule { category: Some("b".into()), ..samples::rule(1) }];
        let layout = Layout::compile(&map);
        let candidates = rank(&layout, &|seat| seat.0 < 3, &ask(2), 5);
        assert_eq!(labels(&layout, &candidates), [["1-2", "1-3"]]);
    }

    #[test]
    fn spread_turns_the_candidates() {
        let layout = Layout::compile(&samples::hall(5, 10));
        let of = |spread| rank(&layout, &|_| true, &Request { spread, ..ask(2) }, 8);
        let straight = of(0);
        assert_eq!(straight.len(), 8);
        for spread in 0..20 {
            let mut turned = straight.clone();
            turned.rotate_left(spread as usize % 8);
            assert_eq!(of(spread), turned);
        }
    }

    #[test]
    fn senseless_requests_have_no_candidates() {
        let layout = Layout::compile(&samples::hall(2, 3));
        assert_eq!(rank(&layout, &|_| true, &ask(0), 5), []);
        assert_eq!(rank(&layout, &|_| true, &ask(101), 5), []);
        assert_eq!(rank(&layout, &|_| true, &ask(7), 5), []);
        assert_eq!(rank(&layout, &|_| true, &ask(2), 0), []);
        assert_eq!(rank(&layout, &|_| false, &ask(1), 5), []);
        assert_eq!(rank(&layout, &|_| true, &ask(6), usize::MAX).len(), 1);
    }

    fn bit(bits: u128, seat: SeatIndex) -> bool {
        bits >> (seat.0 % 128) & 1 == 1
    }

    proptest! {
        #[test]
        fn candidates_are_free_distinct_and_as_good_as_they_say(
            map in samples::maps(), free: u128, quantity in 1..7_u32, accessible: bool, spread: u32,
            limit in 1..12_usize,
        ) {
            let layout = Layout::compile(&map);
            let is_free = |seat| bit(free, seat);
            let request = Request { accessible, spread, ..ask(quantity) };
            let candidates = rank(&layout, &is_free, &request, limit);
            prop_assert!(candidates.len() <= limit);
            let mut seen = HashSet::new();
            for candidate in &candidates {
                prop_assert_eq!(candidate.seats.len(), quantity as usize);
                let orphans = leaves_orphan(&layout, &is_free, &candidate.seats);
                prop_assert_eq!(orphans.len(), candidate.why.orphans as usize);
                for &seat in &candidate.seats {
                    prop_assert!(is_free(seat) && seen.insert(seat));
                }
                let traits = |seat: SeatIndex| layout.seat(seat).unwrap().traits;
                if accessible {
                    prop_assert!(candidate.seats.iter().any(|&s| traits(s).intersects(STEP_FREE)));
                }
                if candidate.why.quality != Quality::Split {
                    for pair in candidate.seats.windows(2) {
                        prop_assert_eq!(layout.neighbours(pair[0]).1, Some(pair[1]));
                    }
                }
            }
            let ranks: Vec<_> = candidates.iter().map(|c| c.why.quality).collect();
            prop_assert!(ranks.is_sorted());
            prop_assert_eq!(&candidates, &rank(&layout, &is_free, &request, limit));
        }

        #[test]
        fn reserved_places_stay_while_others_are_left(map in samples::maps(), free: u128, quantity in 1..7_u32) {
            let layout = Layout::compile(&map);
            let standard = layout.seats().iter().filter(|s| bit(free, s.index) && !s.traits.intersects(RESERVED));
            let enough = standard.count() >= quantity as usize;
            let candidates = rank(&layout, &|seat| bit(free, seat), &ask(quantity), 5);
            prop_assert!(!enough || !candidates.is_empty());
            prop_assert!(!enough || candidates.iter().all(|c| c.why.reserved == 0));
        }

        #[test]
        fn pairs_sell_the_whole_house(map in samples::maps(), spread: u32) {
            let layout = Layout::compile(&map);
            let mut sold = HashSet::new();
            let request = Request { spread, ..ask(2) };
            while let Some(first) = rank(&layout, &|seat| !sold.contains(&seat), &request, 3).first() {
                for &seat in &first.seats {
                    prop_assert!(sold.insert(seat));
                }
            }
            prop_assert_eq!(sold.len() as u32, layout.seat_count() / 2 * 2);
        }

        #[test]
        fn the_best_pair_is_not_farther_than_any_other_clean_pair(free: u128) {
            let layout = Layout::compile(&samples::hall(8, 16));
            let is_free = |seat| bit(free, seat);
            let total = |seats: &[SeatIndex]| seats.iter().map(|&seat| u64::from(layout.distance(seat))).sum::<u64>();
            let pairs = layout.seats().iter().filter_map(|seat| Some([seat.index, layout.neighbours(seat.index).1?]));
            let clean = pairs.filter(|pair| {
                pair.iter().all(|&seat| is_free(seat)) && leaves_orphan(&layout, &is_free, pair).is_empty()
            });
            let nearest = clean.map(|pair| total(&pair)).min();
            let candidates = rank(&layout, &is_free, &ask(2), 1);
            let first = candidates.first().filter(|c| c.why.quality == Quality::Together);
            prop_assert_eq!(first.map(|c| total(&c.seats)), nearest);
        }
    }
}
