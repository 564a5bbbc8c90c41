//! What follows from a layout, however it came about: distances, the index of labels, bounds, the pitch.

use crate::lean::{Gather, root};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::OnceLock,
};

use super::{Bounds, Layout, RowKind, Seat, SeatIndex, wide};
use crate::seat_map::document::SEATS_MAX;

/// A list that is made when it is first asked for, since browsers never ask.
#[derive(Debug, Clone)]
pub(super) struct Asked<T>(OnceLock<Vec<T>>);

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

/// It follows from the other fields, which are compared themselves.
impl<T> PartialEq for Asked<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// 46 bits of a label's hash over the 18 bits of its seat: sorting them sorts by hash, without a second copy of the labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LabelKey(u64);

/// Bits of an index below [`SEATS_MAX`].
const SEAT_BITS: u32 = 18;
const _: () = assert!(SEATS_MAX < 1 << SEAT_BITS);

impl LabelKey {
    pub(super) fn new(label: &str, seat: SeatIndex) -> Self {
        let mut hasher = DefaultHasher::new();
        label.hash(&mut hasher);
        Self(hasher.finish() >> SEAT_BITS << SEAT_BITS | u64::from(seat.0))
    }

    pub(super) const fn hash(self) -> u64 {
        self.0 >> SEAT_BITS
    }

    pub(super) const fn seat(self) -> SeatIndex {
        SeatIndex((self.0 & ((1 << SEAT_BITS) - 1)) as u32)
    }
}

impl Layout {
    /// Works out everything that the other fields imply.
    pub(in crate::seat_map) fn finish(mut self) -> Self {
        self.pitch = self.median_step();
        self.bounds = self.bounds_of_floors();
        self
    }

    pub(super) fn by_label(&self) -> &[LabelKey] {
        self.by_label.0.get_or_init(|| {
            let seats = self.seats.iter().map(|seat| seat.index);
            let mut index: Vec<_> = seats.map(|seat| LabelKey::new(self.label(seat), seat)).collect();
            index.sort_unstable();
            index
        })
    }

    pub(in crate::seat_map) fn distances(&self) -> &[u32] {
        self.distances.0.get_or_init(|| self.seats.iter().map(|seat| self.distance_to_focus(seat)).collect())
    }

    fn distance_to_focus(&self, seat: &Seat) -> u32 {
        self.focal_point.map_or(0, |focus| apart((seat.x, seat.y), focus))
    }

    /// The median over the rows of the distance of the first two neighbours.
    fn median_step(&self) -> u32 {
        let first_step = |seats: &[Seat]| {
            let pair = seats.windows(2).find(|pair| !pair[1].starts_run)?;
            Some(apart((pair[0].x, pair[0].y), (pair[1].x, pair[1].y)))
        };
        let rows = self.rows.iter().map(|row| &self.seats[wide(row.seats.start)..wide(row.seats.end)]);
        let mut steps: Vec<u32> = rows.filter_map(first_step).filter(|&step| step > 0).gather();
        steps.sort_unstable();
        steps.get(steps.len() / 2).copied().unwrap_or(0)
    }

    fn bounds_of_floors(&self) -> Vec<Option<Bounds>> {
        let mut floors = vec![Bounds::around(self.focal_point); self.floors.len()];
        let mut cover = |floor: Option<u16>, bounds: Option<Bounds>| {
            let Some(bounds) = bounds else { return };
            let chosen = match floor {
                Some(floor) => {
                    floors.get_mut(usize::from(floor)).map(std::slice::from_mut).unwrap_or_default()
                }
                None => floors.as_mut_slice(),
            };
            for floor in chosen {
                *floor = Some(floor.map_or(bounds, |floor| floor.with(bounds)));
            }
        };
        for section in &self.sections {
            let floor = Some(section.floor.unwrap_or(0));
            cover(floor, Bounds::around(section.outline.iter().copied()));
            for row in &self.rows[wide(section.rows.start)..wide(section.rows.end)] {
                let seats = &self.seats[wide(row.seats.start)..wide(row.seats.end)];
                cover(floor, Bounds::around(seats.iter().map(|seat| (seat.x, seat.y))));
                if let RowKind::Booth { centre, width, height, rotation } = row.kind {
                    cover(floor, Some(sized(corner(centre, width, height), width, height, rotation)));
                }
            }
        }
        for area in &self.ga_areas {
            cover(Some(area.floor.unwrap_or(0)), Bounds::around(area.outline.iter().copied()));
        }
        for shape in &self.shapes {
            let bounds = Bounds::around(shape.points.iter().copied());
            cover(
                shape.floor,
                bounds.map(|bounds| if shape.rotation == 0 { bounds } else { bounds.turned() }),
            );
        }
        for text in &self.texts {
            cover(text.floor, Bounds::around([(text.x, text.y)]));
        }
        for icon in &self.icons {
            let corner = corner((icon.x, icon.y), icon.size, icon.size);
            cover(icon.floor, Some(sized(corner, icon.size, icon.size, 0)));
        }
        for image in &self.images {
            cover(image.floor, Some(sized((image.x, image.y), image.width, image.height, image.rotation)));
        }
        floors
    }
}

/// Distance of two points, rounded down.
fn apart(a: (i32, i32), b: (i32, i32)) -> u32 {
    let (dx, dy) = (u64::from(a.0.abs_diff(b.0)), u64::from(a.1.abs_diff(b.1)));
    // The largest coordinates are 2^28 apart: the sum of the squares stays below 2^57.
    u32::try_from(root(dx * dx + dy * dy)).unwrap_or(u32::MAX)
}

fn corner(centre: (i32, i32), width: u32, height: u32) -> (i32, i32) {
    (centre.0.saturating_sub_unsigned(width / 2), centre.1.saturating_sub_unsigned(height / 2))
}

fn sized((left, top): (i32, i32), width: u32, height: u32, rotation: u32) -> Bounds {
    let (right, bottom) = (left.saturating_add_unsigned(width), top.saturating_add_unsigned(height));
    let bounds = Bounds { left, top, right, bottom };
    if rotation == 0 { bounds } else { bounds.turned() }
}
