//! Pictures of the demo venue and of a stadium, to look at:
//! `cargo run -p eventflow-embed-widget --example render -- <folder>`.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::{error::Error, fs, path::Path};

use eventflow_core::seat_map::{Layout, SeatIndex, SeatMap, SeatStatus, Snapshot, stadium_on_one_floor};
use eventflow_embed_widget::picker::Picker;

#[path = "../tests/support/font.rs"]
mod font;

const DARK: [u32; 12] = [
    0x12161c, 0x1c232c, 0x38434f, 0xeef2f6, 0xa3b0bd, 0xffffff, 0x12161c, 0x8ab4ff, 0x55616e, 0x2a333e,
    0x4b5866, 0xff8a80,
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("where to?")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, file) in [("hall", "seat-map.json"), ("club", "seat-map-club.json")] {
        let map = SeatMap::from_json(&fs::read_to_string(root.join("examples/demo-venue").join(file))?)?;
        pictures(folder, name, &Layout::compile(&map))?;
    }
    for seats in [4_000, 100_000] {
        pictures(folder, &format!("stadium-{seats}"), &Layout::compile(&stadium_on_one_floor(seats)))?;
    }
    Ok(())
}

fn pictures(folder: &Path, name: &str, layout: &Layout) -> Result<(), Box<dyn Error>> {
    let mut picker = Picker::open(&layout.to_plan()).ok_or("no plan")?;
    picker.reduce_motion(true);
    picker.set_stage_label("Stage");
    picker.apply_snapshot(&state(layout).encode());
    picker.resize(1280.0, 800.0, 1.0);
    save(&mut picker, folder, &format!("{name}-fit"))?;
    picker.set_theme(&DARK);
    save(&mut picker, folder, &format!("{name}-fit-dark"))?;
    picker.resize(390.0, 560.0, 2.0);
    save(&mut picker, folder, &format!("{name}-phone"))?;
    let free = (0..layout.seat_count()).filter(|&seat| picker.seat(seat).contains(r#""on":true"#));
    let middle: Vec<u32> = free.skip(layout.seat_count() as usize / 4).take(3).collect();
    for (suffix, theme) in [
        ("near-dark", &DARK[..]),
        (
            "near",
            &[
                0xffffff, 0xf3f5f8, 0xcfd6df, 0x18202b, 0x566373, 0x141b26, 0xffffff, 0x0b57d0, 0xa4aebb,
                0xe4e8ee, 0xb4bdc9, 0xc62828,
            ][..],
        ),
    ] {
        picker.set_theme(theme);
        picker.resize(1280.0, 800.0, 1.0);
        picker.zoom_to_seats(&middle);
        picker.select(&middle[..2.min(middle.len())]);
        if let Some(&seat) = middle.get(2) {
            picker.focus(i32::try_from(seat)?);
            picker.show_focus(true);
        }
        save(&mut picker, folder, &format!("{name}-{suffix}"))?;
        picker.zoom_by(0.42, 640.0, 400.0, false);
        save(&mut picker, folder, &format!("{name}-{suffix}-mid"))?;
    }
    Ok(())
}

/// A third sold, some held, some blocked, the same each time.
fn state(layout: &Layout) -> Snapshot {
    let areas = layout.ga_areas().iter().map(|area| area.capacity / 3).collect();
    let mut state = Snapshot::new(layout.seat_count(), areas);
    let mut random = 2026_u64;
    for seat in 0..layout.seat_count() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let status = match random >> 60 {
            0..=4 => SeatStatus::Sold,
            5 => SeatStatus::Held,
            6 if random >> 56 & 3 == 0 => SeatStatus::Blocked,
            _ => continue,
        };
        state.statuses.set(SeatIndex(seat), status);
    }
    state
}

fn save(picker: &mut Picker, folder: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    picker.render(0.0);
    while font::serve(picker) {
        picker.render(0.0);
    }
    const FRAMES: u64 = 30;
    let begun = processor_ns();
    for _ in 0..FRAMES {
        picker.repaint();
        picker.render(0.0);
    }
    println!(
        "{name}: {} microseconds of processor time for a whole frame",
        (processor_ns() - begun) / FRAMES / 1_000
    );
    let file = fs::File::create(folder.join(format!("{name}.png")))?;
    let mut encoder = png::Encoder::new(file, picker.frame_width(), picker.frame_height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> = picker.frame().iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}

/// What this thread has had of the processor; 0 where Linux does not say.
fn processor_ns() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}
