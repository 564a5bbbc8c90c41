//! How large the seats of each section are: as large as the closest pairs leave room for.

use eventflow_core::seat_map::Layout;

use super::{Scene, seats_of};
use crate::looks::{SIZES, USUAL_SIZE};

/// Seats of a section that are looked at.
const SAMPLE: usize = 24;

pub(super) fn of_sections(layout: &Layout, scene: &Scene, pitch: f64) -> Vec<u16> {
    let size = |section: usize| {
        let rows = layout.sections()[section].rows.clone();
        let rows = layout.rows().get(rows.start as usize..rows.end as usize).unwrap_or(&[]);
        let seats: Vec<_> = rows.iter().flat_map(|row| seats_of(layout, row)).collect();
        let floor = &scene.floors[usize::from(scene.floor_of(section as u16))];
        let step = (seats.len() / SAMPLE).max(1);
        let mut nearest: Vec<u64> = seats
            .iter()
            .step_by(step)
            .filter_map(|seat| {
                let (x, y) = (f64::from(seat.x), f64::from(seat.y));
                let other = floor.grid.nearest(x, y, pitch * 2.0, |place| place.seat != seat.index.0)?;
                let (dx, dy) = (f64::from(other.x) - x, f64::from(other.y) - y);
                Some((dx * dx + dy * dy).sqrt() as u64)
            })
            .collect();
        crate::lean::sort(&mut nearest);
        nearest.get(nearest.len() / 4).map_or(USUAL_SIZE, |&distance| class(distance as f64 / pitch))
    };
    (0..layout.sections().len()).map(size).collect()
}

/// The largest size that fits, with a little tolerance so that usual seats stay usual.
fn class(ratio: f64) -> u16 {
    let fitting = SIZES.iter().rposition(|&size| size <= ratio * 1.06);
    fitting.map_or(0, |at| at as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_distances_have_usual_seats() {
        assert_eq!((class(1.0), class(0.96), class(1.15)), (USUAL_SIZE, USUAL_SIZE, 6));
        assert_eq!((class(0.5), class(0.1), class(3.0)), (1, 0, 7));
    }
}
