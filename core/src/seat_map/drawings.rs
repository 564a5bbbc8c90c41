//! Halls drawn as text, for tests: one section, a line for each row, a character for each place.

use super::{Layout, SeatIndex, SeatTrait, samples};

/// `.` free, `x` taken, `p` picked, `w` wheelchair, `c` companion (both free; `W` and `C` picked), `_` no seat.
pub struct Drawing {
    pub layout: Layout,
    free: Vec<bool>,
    pub picked: Vec<SeatIndex>,
}

impl Drawing {
    pub fn of(lines: &[&str]) -> Self {
        let mut rows = Vec::new();
        for (n, line) in (1_u32..).zip(lines) {
            let mut row = samples::row(&n.to_string(), f64::from(n) * 90.0, line.len() as u32);
            for (position, place) in (1..).zip(line.chars()) {
                match place {
                    '_' => row.seats.push(samples::skip(position)),
                    'w' | 'W' => row.seats.push(samples::with_trait(position, SeatTrait::Wheelchair)),
                    'c' | 'C' => row.seats.push(samples::with_trait(position, SeatTrait::Companion)),
                    _ => {}
                }
            }
            rows.push(row);
        }
        let places = || lines.iter().flat_map(|line| line.chars()).filter(|&place| place != '_');
        let picked = (0..).map(SeatIndex).zip(places()).filter(|(_, place)| "pWC".contains(*place));
        Self {
            layout: Layout::compile(&samples::map_of(rows)),
            free: places().map(|place| place != 'x').collect(),
            picked: picked.map(|(seat, _)| seat).collect(),
        }
    }

    pub fn is_free(&self, seat: SeatIndex) -> bool {
        self.free[seat.position()]
    }
}
