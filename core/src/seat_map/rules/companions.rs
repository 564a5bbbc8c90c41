//! Companions' seats: kept for those who come with somebody in a wheelchair.

use super::super::{Layout, Seat, SeatIndex, SeatTrait};
use crate::lean::Gather;

/// The companions' seats of a pick that it may not have, in seat order: those without a picked place for a wheelchair near
/// them; and, where fewer companions' seats than places for wheelchairs would be left near, those beyond one for each.
pub(super) fn unmatched(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    picked: &[SeatIndex],
) -> Vec<SeatIndex> {
    let of = |kind: SeatTrait| {
        picked.iter().filter_map(|&seat| layout.seat(seat)).filter(move |seat| seat.traits.contains(kind))
    };
    let (companions, wheelchairs): (Vec<&Seat>, Vec<&Seat>) =
        (of(SeatTrait::Companion).gather(), of(SeatTrait::Wheelchair).gather());
    let mut refused: Vec<SeatIndex> = companions
        .iter()
        .filter(|companion| !wheelchairs.iter().any(|wheelchair| are_near(companion, wheelchair)))
        .map(|companion| companion.index)
        .gather();
    if refused.is_empty() {
        for of_section in companions.chunk_by(|a, b| a.section == b.section) {
            refused.extend(beyond_need(layout, free, picked, of_section, &wheelchairs));
        }
    }
    refused
}

/// Those of `companions`, all of one section, that are more than one for each picked wheelchair and will be missed.
fn beyond_need(
    layout: &Layout,
    free: &impl Fn(SeatIndex) -> bool,
    picked: &[SeatIndex],
    companions: &[&Seat],
    wheelchairs: &[&Seat],
) -> Vec<SeatIndex> {
    let Some(&&first) = companions.first() else { return Vec::new() };
    let served = wheelchairs.iter().filter(|wheelchair| wheelchair.section == first.section).count();
    let extra = companions.len().saturating_sub(served);
    if extra == 0 {
        return Vec::new();
    }
    let (mut places, mut seats) = (0_usize, 0_usize);
    let mut next_row = 0;
    for companion in companions {
        let (from, to) = (companion.row.saturating_sub(1).max(next_row), companion.row.saturating_add(2));
        next_row = next_row.max(to);
        for row in from..to {
            let row = layout.rows().get(SeatIndex(row).position()).filter(|row| row.section == first.section);
            for seat in row.into_iter().flat_map(|row| row.seats.clone()).map(SeatIndex) {
                let left = free(seat) && picked.binary_search(&seat).is_err();
                let Some(seat) = layout.seat(seat).filter(|_| left) else { continue };
                places += usize::from(seat.traits.contains(SeatTrait::Wheelchair));
                seats += usize::from(seat.traits.contains(SeatTrait::Companion));
            }
        }
    }
    let missed = extra.min(places.saturating_sub(seats));
    companions[companions.len() - missed..].iter().map(|companion| companion.index).gather()
}

/// A companion and a place for a wheelchair that is near it.
pub(super) fn belong_together(a: &Seat, b: &Seat) -> bool {
    let pair = |a: &Seat, b: &Seat| {
        a.traits.contains(SeatTrait::Companion) && b.traits.contains(SeatTrait::Wheelchair)
    };
    (pair(a, b) || pair(b, a)) && are_near(a, b)
}

/// In the same row, or one row before or behind it.
fn are_near(a: &Seat, b: &Seat) -> bool {
    a.section == b.section && a.row.abs_diff(b.row) <= 1
}
