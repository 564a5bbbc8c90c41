//! What the browsers of `cargo xtask bench --widget` read, for each number of seats: the plan, a state of all seats, and
//! bursts of changes as the server sends them, and the same seats as plain numbers for those who know no plans.
//!
//! `cargo run -p eventflow-embed-widget --example bench_data -- <folder> <seats>…`

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::fs;
use std::path::Path;

use eventflow_core::seat_map::{Diff, Layout, SeatIndex, SeatStatus, Snapshot, stadium_on_one_floor};

/// Changes of one burst, and how many bursts there are.
const BURST: u32 = 1000;
const BURSTS: u64 = 8;
/// One seat of this many is sold.
const SOLD_EVERY: u32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("where to?")?;
    for seats in arguments {
        write(Path::new(&folder), seats.parse()?)?;
    }
    Ok(())
}

fn write(folder: &Path, seats: u32) -> Result<(), Box<dyn Error>> {
    let map = stadium_on_one_floor(seats);
    let layout = Layout::compile(&map);
    let count = layout.seat_count();
    let mut random = Random(2026);
    let mut state = Snapshot::new(count, vec![0; layout.ga_areas().len()]);
    state.revision = 1;
    for seat in 0..count {
        if random.below(SOLD_EVERY) == 0 {
            state.statuses.set(SeatIndex(seat), SeatStatus::Sold);
        }
    }
    let mut bursts = Vec::new();
    for revision in 1..=BURSTS {
        let changes: Vec<_> =
            (0..BURST).map(|_| (SeatIndex(random.below(count)), SeatStatus::Held)).collect();
        let diff = Diff::new(revision, revision + 1, changes, Vec::new()).encode();
        bursts.extend_from_slice(&u32::try_from(diff.len())?.to_le_bytes());
        bursts.extend(diff);
    }
    fs::create_dir_all(folder)?;
    let file = |name: &str| folder.join(format!("{name}-{seats}.bin"));
    fs::write(folder.join(format!("stadium-{seats}.json")), map.to_json())?;
    fs::write(file("plan"), layout.to_plan())?;
    fs::write(file("snapshot"), state.encode())?;
    fs::write(file("bursts"), bursts)?;
    fs::write(file("seats"), plain(&layout)?)?;
    println!("{count} seats in {} sections", layout.sections().len());
    Ok(())
}

/// Count, radius, left, top, width, height; then all x, all y, all colours: 32 bits each, little-endian.
fn plain(layout: &Layout) -> Result<Vec<u8>, Box<dyn Error>> {
    let bounds = layout.bounds(0).ok_or("an empty plan")?;
    let unit = |hundredths: i32| hundredths as f32 / 100.0;
    let mut bytes = layout.seat_count().to_le_bytes().to_vec();
    let radius = unit(i32::try_from(layout.pitch())?) * 0.42;
    let (left, top) = (unit(bounds.left), unit(bounds.top));
    let head = [radius, left, top, unit(bounds.right) - left, unit(bounds.bottom) - top];
    let x = layout.seats().iter().map(|seat| unit(seat.x));
    let y = layout.seats().iter().map(|seat| unit(seat.y));
    bytes.extend(head.into_iter().chain(x).chain(y).flat_map(f32::to_le_bytes));
    for seat in layout.seats() {
        let category = &layout.categories()[usize::from(seat.category.ok_or("a seat without a category")?)];
        bytes.extend(u32::from_str_radix(category.color.trim_start_matches('#'), 16)?.to_le_bytes());
    }
    Ok(bytes)
}

/// Marsaglia's xorshift: the same seats each time.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % limit
    }
}
