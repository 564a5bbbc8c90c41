//! Areas that are sold in certain amounts only.

use super::{
    super::{Layout, LayoutArea, Occupancy},
    Rule, Violation,
};
use crate::lean::Gather;

pub(super) fn broken(layout: &Layout, picked: &[(u16, u32)]) -> Vec<Violation> {
    let rule = |area: &LayoutArea, places: u32| match area.occupancy {
        Occupancy::Whole if places != area.capacity => Some((Rule::WholeArea, area.capacity)),
        Occupancy::Group { min, .. } if places < min => Some((Rule::GroupMin, min)),
        Occupancy::Group { max, .. } if places > max => Some((Rule::GroupMax, max)),
        _ => None,
    };
    let violation = |&(area, places): &(u16, u32)| {
        let (rule, limit) = rule(layout.ga_areas().get(usize::from(area))?, places)?;
        Some(Violation { rule, seats: Vec::new(), area: Some(area), limit })
    };
    picked.iter().filter(|(_, places)| *places > 0).filter_map(violation).gather()
}
