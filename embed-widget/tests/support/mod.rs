//! A picker over a house with everything in it.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod font;

use std::{fs, path::Path};

use eventflow_core::seat_map::{Diff, Layout, SeatIndex, SeatMap, SeatStatus, Snapshot};
use eventflow_embed_widget::picker::{Picker, Pointer, PointerKind};
use serde_json::Value;

pub const DARK: [u32; 12] = [
    0x12_161c, 0x1c_232c, 0x38_434f, 0xee_f2f6, 0xa3_b0bd, 0xff_ffff, 0x12_161c, 0x8a_b4ff, 0x55_616e,
    0x2a_333e, 0x4b_5866, 0xff_8a80,
];

pub fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata"))
}

pub fn house() -> Layout {
    let text = fs::read_to_string(folder().join("house.json")).expect("the house is there");
    Layout::compile(&SeatMap::from_json(&text).expect("the house is a document"))
}

pub struct House {
    pub layout: Layout,
    pub picker: Picker,
    pub state: Snapshot,
    now: f64,
}

impl House {
    pub fn open() -> Self {
        Self::of(house())
    }

    pub fn of(layout: Layout) -> Self {
        let mut picker = Picker::open(&layout.to_plan()).expect("a plan reads");
        let areas = layout.ga_areas().iter().map(|area| area.capacity).collect();
        let mut state = Snapshot::new(layout.seat_count(), areas);
        state.revision = 1;
        picker.apply_snapshot(&state.encode());
        picker.reduce_motion(true);
        picker.set_rules(0, false, false, 1, 0);
        picker.resize(640.0, 400.0, 1.0);
        Self { layout, picker, state, now: 0.0 }
    }

    pub fn seat(&self, label: &str) -> u32 {
        let seat = self.picker.find(label);
        u32::try_from(seat).unwrap_or_else(|_| panic!("no seat {label}"))
    }
    pub fn seats(&self, labels: &[&str]) -> Vec<u32> {
        labels.iter().map(|label| self.seat(label)).collect()
    }
    pub fn labels(&self, seats: &[u32]) -> Vec<&str> {
        seats.iter().map(|&seat| self.layout.label(SeatIndex(seat))).collect()
    }
    pub fn selected(&self) -> Vec<&str> {
        self.labels(&self.picker.selected())
    }

    /// What the server sends when these seats change.
    pub fn becomes(&mut self, labels: &[&str], status: SeatStatus) -> u32 {
        let changes: Vec<_> = self.seats(labels).into_iter().map(|seat| (SeatIndex(seat), status)).collect();
        let diff = Diff::new(self.state.revision, self.state.revision + 1, changes, []);
        self.state.revision += 1;
        self.picker.apply_diff(&diff.encode())
    }

    /// Paints until nothing moves and every text is there; returns the bits of the first frame.
    pub fn paint(&mut self) -> u32 {
        let first = self.frame();
        let mut flags = first;
        for _ in 0..2_000 {
            let texts = font::serve(&mut self.picker);
            if flags & 2 == 0 && !texts {
                return first;
            }
            flags = self.frame();
        }
        panic!("it never comes to rest");
    }

    /// One frame, 16 milliseconds later.
    pub fn frame(&mut self) -> u32 {
        self.now += 16.0;
        self.picker.render(self.now)
    }

    /// Everything painted anew.
    pub fn whole(&mut self) -> Vec<u8> {
        self.picker.repaint();
        self.frame();
        self.pixels()
    }
    pub fn pixels(&self) -> Vec<u8> {
        self.picker.frame().iter().flat_map(|pixel| pixel.to_le_bytes()).collect()
    }
    pub fn minimap_pixels(&self) -> Vec<u8> {
        self.picker.minimap().iter().flat_map(|pixel| pixel.to_le_bytes()).collect()
    }

    pub fn pointer(&mut self, kind: PointerKind, id: i32, x: f64, y: f64, touch: bool) -> Value {
        self.now += 10.0;
        let buttons = u32::from(matches!(kind, PointerKind::Down | PointerKind::Move));
        self.event(Pointer { kind, id, x, y, time_ms: self.now, buttons, shift: false, touch })
    }
    pub fn hover(&mut self, x: f64, y: f64) -> Value {
        let (kind, time_ms) = (PointerKind::Move, self.now);
        self.event(Pointer { kind, id: 1, x, y, time_ms, buttons: 0, shift: false, touch: false })
    }
    fn event(&mut self, pointer: Pointer) -> Value {
        let text = self.picker.pointer(pointer);
        if text.is_empty() { Value::Null } else { json(&text) }
    }
    pub fn click(&mut self, x: f64, y: f64) -> Value {
        self.pointer(PointerKind::Down, 1, x, y, false);
        self.pointer(PointerKind::Up, 1, x, y, false)
    }
    /// Where a seat is on the screen.
    pub fn place(&self, label: &str) -> (f64, f64) {
        let facts = json(&self.picker.seat(self.seat(label)));
        (facts["x"].as_f64().unwrap_or(f64::NAN), facts["y"].as_f64().unwrap_or(f64::NAN))
    }
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
