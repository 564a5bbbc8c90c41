//! How long the engine takes for a stadium: `cargo run --release -p eventflow-core --example seat_map_speed [seats]`.
//!
//! Milliseconds by the clock, the fastest of several runs, and on the processor, their mean (Linux only): on a busy machine
//! the clock also counts what others do.

#![expect(clippy::print_stdout, reason = "a program that prints its results")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use eventflow_core::seat_map::{Layout, SeatMap, stadium, validate, versions};

const RUNS: u32 = 15;

fn main() {
    let seats = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let map = stadium(seats);
    let text = map.to_json();
    let layout = Layout::compile(&map);
    let plan = layout.to_plan();
    println!("{} seats, {} bytes of JSON, {} bytes of plan", layout.seat_count(), text.len(), plan.len());
    report("read JSON", || SeatMap::from_json(&text).map(drop).is_ok());
    report("write JSON", || map.to_json());
    report("compile", || Layout::compile(&map));
    report("validate", || validate(&map));
    report("difference", || versions::diff(&layout, &layout));
    report("write plan", || layout.to_plan());
    report("read plan", || Layout::from_plan(&plan).is_ok());
}

fn report<T>(what: &str, work: impl Fn() -> T) {
    let once = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed()
    };
    let before = on_processor();
    let fastest = (0..RUNS).map(once).min().unwrap_or(Duration::ZERO);
    let used = on_processor().saturating_sub(before) / RUNS;
    println!("{what:<12} {:>8.2} ms {:>8.2} ms", millis(fastest), millis(used));
}

/// How long this thread has run, as the kernel counts it.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
