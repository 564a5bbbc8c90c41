//! Where words stand beside seats: labels of rows, names of sections. Judged once, in distances of seats, for the zoom at
//! which words are largest beside them.

use eventflow_core::lean::Gather;
use eventflow_core::seat_map::{Layout, RowKind};

use super::{Floor, Grid, Place, RowLabel, seats_of};
use crate::geometry::{Box2, Spot, span};

/// A character and a line of a row's label at the zoom from which rows have labels.
const CHARACTER: f64 = 0.5;
const LINE: f64 = 0.84;
/// What labels of one section leave between them, and those of neighbours, an aisle has one column.
const AIR: f64 = 0.1;
const AIR_OF_OTHERS: f64 = 1.2;
/// Heights of the room for a section's name: the higher, the farther the zoom from which it is there.
const NAME_HEIGHTS: [f64; 3] = [2.4, 1.7, 1.2];
/// Characters are so wide in lines, and a name moves so many steps away from its section to find room.
const NAME_CHARACTER: f64 = 0.48;
const NAME_STEPS: u8 = 6;

/// Finds the places of a floor's row labels and section names. They keep clear of everything, and of each other.
pub(super) fn place(
    layout: &Layout,
    floor: &mut Floor,
    index: u16,
    on_floor: impl Fn(u16) -> bool,
    pitch: f64,
) {
    let mut taken = of_rows(layout, floor, on_floor, pitch);
    for area in &floor.areas {
        taken.push(area.bounds);
    }
    for solid in &floor.solids {
        taken.push(solid.bounds);
    }
    for drawing in &floor.drawings {
        taken.push(drawing.bounds);
    }
    let shown = |floor: Option<u16>| floor.is_none_or(|floor| floor == index);
    for text in layout.texts().iter().filter(|text| shown(text.floor)) {
        let size = f64::from(text.size);
        taken.push(around((text.x, text.y), text.text.len() as f64 * size * 0.3, size * 0.6));
    }
    for icon in layout.icons().iter().filter(|icon| shown(icon.floor)) {
        taken.push(around((icon.x, icon.y), f64::from(icon.size) / 2.0, f64::from(icon.size) / 2.0));
    }
    // The word at the focal point.
    if let Some(focal) = layout.focal_point() {
        taken.push(around(focal, 3.0 * pitch, 2.0 * pitch));
    }
    for block in &mut floor.blocks {
        let Some(section) = layout.sections().get(usize::from(block.section)) else { continue };
        let characters = section.name.chars().count() as f64;
        let bounds = block.bounds;
        let near = bounds.grown(((f64::from(NAME_STEPS) + characters) * pitch) as i32);
        let mut others = Vec::new();
        for &other in &taken {
            // What holds the whole section is the room that it is in.
            let holds = other.contains((bounds.x0, bounds.y0)) && other.contains((bounds.x1, bounds.y1));
            if other.intersects(near) && !holds {
                others.push(other);
            }
        }
        let free = |room: Box2| {
            !floor.grid.touches(room.grown((pitch * 0.5) as i32))
                && !others.iter().any(|other| other.intersects(room))
        };
        block.beside = beside(&block.outline, block.middle, characters, pitch, &free);
        if let Some(room) = block.beside {
            taken.push(room);
        }
    }
}

/// The nearest free room above or below an outline, as large as can be had.
fn beside(
    outline: &[Spot],
    middle: Spot,
    characters: f64,
    pitch: f64,
    free: &dyn Fn(Box2) -> bool,
) -> Option<Box2> {
    let upright: Vec<Spot> = outline.iter().map(|&(x, y)| (y, x)).gather();
    let (x, y) = (f64::from(middle.0), f64::from(middle.1));
    let (top, bottom) = span(&upright, (y, x))?;
    // A slanted edge leaves more room to one side.
    for aside in [0.0, -0.7, 0.7] {
        for height in NAME_HEIGHTS {
            let height = height * pitch / 2.0;
            let width = height * (characters + 1.0) * NAME_CHARACTER;
            for step in 0..NAME_STEPS {
                let away = height + f64::from(step) * pitch * 0.4;
                for y in [top - away, bottom + away] {
                    let room = around(((x + aside * width) as i32, y as i32), width, height);
                    if free(room) {
                        return Some(room);
                    }
                }
            }
        }
    }
    None
}

/// Labels beyond both ends of each row; answers the room that they take.
fn of_rows(layout: &Layout, floor: &mut Floor, on_floor: impl Fn(u16) -> bool, pitch: f64) -> Vec<Box2> {
    let mut labels: Vec<(RowLabel, Box2, u16)> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    let mut widest = 0.0_f64;
    for (row, number) in layout.rows().iter().zip(0..) {
        if row.kind != RowKind::Row || !on_floor(row.section) {
            continue;
        }
        let width = layout.shown_row(number).chars().count() as f64 * CHARACTER * pitch;
        widest = widest.max(width);
        let seats = seats_of(layout, row);
        let ends = [(seats.first(), seats.get(1)), (seats.last(), seats.iter().rev().nth(1))];
        for (end, next) in ends {
            let Some(end) = end else { continue };
            let (dx, dy) =
                next.map_or((-1.0, 0.0), |next| (f64::from(end.x - next.x), f64::from(end.y - next.y)));
            let length = (dx * dx + dy * dy).sqrt().max(1.0);
            let (dx, dy) = (dx / length, dy / length);
            let beyond = |dx: f64, dy: f64| ((f64::from(end.x) + dx) as i32, (f64::from(end.y) + dy) as i32);
            // Long labels go on outwards, as the painter does it.
            let out = |length: f64| pitch * 0.95 + (length - pitch * 0.5).max(0.0) / 2.0;
            let middle = beyond(dx * out(width), dy * out(LINE * pitch));
            let reach = around(middle, width / 2.0, LINE * pitch / 2.0);
            if !floor.grid.touches(reach.grown((pitch * 0.3) as i32)) {
                let at = beyond(dx * pitch * 0.95, dy * pitch * 0.95);
                places.push(Place { x: at.0, y: at.1, seat: labels.len() as u32, look: 0 });
                let away = ((dx * 100.0) as i8, (dy * 100.0) as i8);
                labels.push((RowLabel { row: number, at, away }, reach, row.section));
            }
            if next.is_none() {
                break;
            }
        }
    }
    let others = Grid::new(&places);
    let mut kept = vec![false; labels.len()];
    let mut taken = Vec::new();
    for (at, &(label, reach, section)) in labels.iter().enumerate() {
        let far = reach.grown((widest + AIR_OF_OTHERS * pitch) as i32);
        let meets = |place: &Place| {
            let (_, held, of) = labels[place.seat as usize];
            let air = pitch * if of == section { AIR } else { AIR_OF_OTHERS };
            kept[place.seat as usize] && held.intersects(reach.grown(air as i32))
        };
        if !others.within(far).flatten().any(meets) {
            kept[at] = true;
            floor.row_labels.push(label);
            taken.push(reach);
        }
    }
    taken
}

fn around((x, y): Spot, width: f64, height: f64) -> Box2 {
    Box2 { x0: x - width as i32, y0: y - height as i32, x1: x + width as i32, y1: y + height as i32 }
}

#[cfg(test)]
mod tests {
    use eventflow_core::seat_map::stadium_on_one_floor;

    use super::*;
    use crate::scene::Scene;

    #[test]
    fn words_keep_clear_of_seats_and_of_each_other() {
        let layout = Layout::compile(&stadium_on_one_floor(12_000));
        let mut scene = Scene::new(&layout);
        let pitch = f64::from(layout.pitch());
        let floor = &mut scene.floors[0];
        let mut words: Vec<Box2> = floor.blocks.iter().filter_map(|block| block.beside).collect();
        assert!(words.len() > floor.blocks.len() / 3, "{} names", words.len());
        words.extend(of_rows(&layout, floor, |_| true, pitch));
        assert!(words.len() > 100, "{} words", words.len());
        for (at, word) in words.iter().enumerate() {
            assert!(!floor.grid.touches(*word), "{word:?}");
            assert!(words[at + 1..].iter().all(|other| !other.intersects(*word)), "{word:?}");
        }
    }

    #[test]
    fn an_aisle_has_one_column_of_row_labels() {
        let layout = Layout::compile(&stadium_on_one_floor(12_000));
        let mut scene = Scene::new(&layout);
        let pitch = f64::from(layout.pitch());
        let floor = &mut scene.floors[0];
        floor.row_labels.clear();
        let reaches = of_rows(&layout, floor, |_| true, pitch);
        let section = |at: usize| layout.rows()[floor.row_labels[at].row as usize].section;
        for (at, reach) in reaches.iter().enumerate() {
            let near = reach.grown(pitch as i32);
            for (other, held) in
                reaches.iter().enumerate().filter(|&(other, _)| section(other) != section(at))
            {
                assert!(!held.intersects(near), "{at} {other}");
            }
        }
    }
}
