//! How large the seats of each section are: as large as the closest pairs leave room for.

use eventflow_core::seat_map::Layout;

use super::Scene;
use crate::looks::{SIZES, USUAL_SIZE};

/// Seats of a section that are looked at.
const SAMPLE: usize = 24;

pub(super) fn of_sections(layout: &Layout, scene: &Scene, pitch: f64) -> Vec<u16> {
    let mut sizes = Vec::new();
    let mut nearest = Vec::new();
    for (number, section) in layout.sections().iter().enumerate() {
        let floor = &scene.floors[usize::from(scene.floor_of(number as u16))];
        let rows = layout.rows().get(section.rows.start as usize..section.rows.end as usize).unwrap_or(&[]);
        let seats = match (rows.first(), rows.last()) {
            (Some(first), Some(last)) => first.seats.start as usize..last.seats.end as usize,
            _ => 0..0,
        };
        let step = (seats.len() / SAMPLE).max(1);
        nearest.clear();
        for seat in layout.seats().get(seats).unwrap_or(&[]).iter().step_by(step) {
            let (x, y) = (f64::from(seat.x), f64::from(seat.y));
            if let Some(other) = floor.grid.nearest(x, y, pitch * 2.0, &|place| place.seat != seat.index.0) {
                let (dx, dy) = (f64::from(other.x) - x, f64::from(other.y) - y);
                nearest.push((dx * dx + dy * dy).sqrt() as u64);
            }
        }
        crate::lean::sort(&mut nearest);
        let lower = nearest.get(nearest.len() / 4);
        sizes.push(lower.map_or(USUAL_SIZE, |&distance| class(distance as f64 / pitch)));
    }
    sizes
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
