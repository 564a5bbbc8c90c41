//! Pictures are the same bytes on every machine. To make them anew after a change that was meant, and to look at them:
//! `PICTURES=write cargo test -p eventflow-embed-widget --test pictures`.

mod support;

use std::{fs, io::BufWriter};

use eventflow_core::seat_map::SeatStatus::{Blocked, Held, Sold};
use support::{DARK, House, folder};

#[expect(clippy::unwrap_used, reason = "a test's helper")]
fn same_as(house: &mut House, name: &str) {
    house.paint();
    let (width, height) = (house.picker.frame_width(), house.picker.frame_height());
    let pixels = house.pixels();
    let path = folder().join(format!("{name}.png"));
    if std::env::var_os("PICTURES").is_some_and(|what| what == "write") {
        let mut encoder = png::Encoder::new(BufWriter::new(fs::File::create(&path).unwrap()), width, height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    }
    let file = fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().unwrap();
    let mut expected = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut expected).unwrap();
    assert_eq!((info.width, info.height), (width, height), "{name}");
    let differing: Vec<usize> = (0..pixels.len() / 4)
        .filter(|&at| pixels[at * 4..at * 4 + 4] != expected[at * 4..at * 4 + 4])
        .collect();
    if let Some(&first) = differing.first() {
        let (x, y) = (first % width as usize, first / width as usize);
        panic!("{name}: {} pixels differ, the first at {x}, {y}", differing.len());
    }
}

/// Every state there is.
fn in_use() -> House {
    let mut house = House::open();
    house.becomes(&["P-C-3", "P-C-4", "P-D-5", "T-2-4", "T-X2"], Sold);
    house.becomes(&["P-C-5", "P-B-3"], Held);
    house.becomes(&["P-D-1", "P-D-2"], Blocked);
    let mine = house.seats(&["P-D-7", "P-D-8"]);
    house.picker.set_mine(&mine);
    let picked = house.seats(&["P-B-4", "P-B-5", "T-X1"]);
    house.picker.select(&picked);
    house
}

#[test]
fn a_house_fitted_in() {
    same_as(&mut in_use(), "house");
}

#[test]
fn a_house_in_the_dark() {
    let mut house = in_use();
    house.picker.set_theme(&DARK);
    same_as(&mut house, "house-dark");
}

#[test]
fn seats_from_near_with_focus_hover_and_a_violation() {
    let mut house = in_use();
    house.picker.resize(480.0, 320.0, 1.0);
    house.picker.zoom_by(2.2, 150.0, 170.0, false);
    house.picker.focus(house.seat("P-C-6") as i32);
    house.picker.show_focus(true);
    house.picker.highlight(&house.seats(&["P-B-2"]));
    let (x, y) = house.place("P-C-7");
    house.hover(x, y);
    same_as(&mut house, "house-near");
}

#[test]
fn filters_dim_what_is_not_looked_for() {
    let mut house = in_use();
    house.picker.resize(480.0, 320.0, 1.0);
    house.picker.set_categories(&[0, 1, 1, 0]);
    same_as(&mut house, "house-filtered");
}

#[test]
fn a_screen_with_two_pixels_to_one() {
    let mut house = in_use();
    house.picker.resize(300.0, 200.0, 2.0);
    same_as(&mut house, "house-dense");
}

#[test]
fn the_other_floor() {
    let mut house = in_use();
    house.picker.resize(320.0, 200.0, 1.0);
    house.picker.set_floor(1);
    same_as(&mut house, "house-balcony");
}

#[test]
fn a_stadium_from_afar() {
    use eventflow_core::seat_map::{Layout, stadium_on_one_floor};
    let mut house = House::of(Layout::compile(&stadium_on_one_floor(12_000)));
    house.picker.resize(640.0, 480.0, 1.0);
    same_as(&mut house, "stadium");
}
