//! The plots of the report: SVG without a background, in colours that can be read on white and on black.

use std::path::Path;

use anyhow::{Context, Result};
use plotters::prelude::*;

use super::{
    BAR_MS, Model, Outcome, PEAK_SECONDS, Part,
    record::{Op, Quantiles},
};
use crate::process::Cpu;

const SIZE: (u32, u32) = (860, 340);
/// The rest of the width is for the names of the lines.
const CHART_WIDTH: i32 = 660;
const GREY: RGBColor = RGBColor(0x80, 0x80, 0x80);
const BLUE: RGBColor = RGBColor(0x3b, 0x86, 0xd6);
const ORANGE: RGBColor = RGBColor(0xe0, 0x7b, 0x1a);
const GREEN: RGBColor = RGBColor(0x2a, 0x9d, 0x6f);
const RED: RGBColor = RGBColor(0xd6, 0x45, 0x55);
const PURPLE: RGBColor = RGBColor(0x9a, 0x6f, 0xd0);
const BROWN: RGBColor = RGBColor(0xa0, 0x76, 0x50);
const CYAN: RGBColor = RGBColor(0x1f, 0xa3, 0xb3);
const COLORS: [RGBColor; 7] = [BLUE, ORANGE, GREEN, RED, PURPLE, BROWN, CYAN];
/// What the design aims at, in milliseconds.
const AIM_MS: f64 = 20.0;

struct Line {
    name: String,
    color: RGBColor,
    points: Vec<(f64, f64)>,
    /// A bound: thin, and without marks.
    thin: bool,
}

impl Line {
    fn new(name: impl Into<String>, color: RGBColor, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), color, points, thin: false }
    }

    fn bound(name: &str, y: f64, until: f64) -> Self {
        Self { thin: true, ..Self::new(name, GREY, vec![(0.0, y), (until, y)]) }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Scale {
    Linear,
    /// Decades.
    Log,
}

impl Scale {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.max(0.01).log10(),
        }
    }

    fn label(self, place: f64) -> String {
        match self {
            Self::Linear if place.abs() >= 10.0 || place.fract() == 0.0 => format!("{place:.0}"),
            Self::Linear => format!("{place:.1}"),
            Self::Log if (place - place.round()).abs() > 0.01 => String::new(),
            Self::Log => format!("{}", 10_f64.powf(place.round())),
        }
    }
}

struct Chart<'a> {
    title: &'a str,
    x: &'a str,
    y: &'a str,
    x_scale: Scale,
    y_scale: Scale,
    lines: Vec<Line>,
    /// Points of few measurements are marked.
    marked: bool,
}

impl Chart<'_> {
    fn span(&self, scale: Scale, value: impl Fn(&(f64, f64)) -> f64) -> std::ops::Range<f64> {
        let values = self.lines.iter().flat_map(|line| &line.points).map(value).map(|value| scale.of(value));
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        match scale {
            _ if !low.is_finite() => 0.0..1.0,
            Scale::Linear => low.min(0.0)..(high * 1.05).max(0.01),
            Scale::Log => low.floor()..high.ceil().max(low.floor() + 1.0),
        }
    }

    fn write(&self, path: &Path) -> Result<()> {
        let mut text = String::new();
        self.draw(&mut text).with_context(|| format!("cannot draw {}", path.display()))?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn draw(&self, into: &mut String) -> Result<()> {
        let words = ("sans-serif", 16).into_font().color(&GREY);
        let root = SVGBackend::with_string(into, SIZE).into_drawing_area();
        let root = root.titled(self.title, ("sans-serif", 19).into_font().color(&GREY))?;
        let (left, right) = root.split_horizontally(CHART_WIDTH);
        let (x, y) = (self.span(self.x_scale, |point| point.0), self.span(self.y_scale, |point| point.1));
        let decades = |scale: Scale, span: &std::ops::Range<f64>| match scale {
            Scale::Linear => 8,
            // Whole decades, and no halves between them.
            Scale::Log => (span.end - span.start) as usize + 1,
        };
        let (x_labels, y_labels) = (decades(self.x_scale, &x), decades(self.y_scale, &y));
        let mut chart = ChartBuilder::on(&left)
            .margin(8)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_labels(x_labels)
            .y_labels(y_labels)
            .axis_style(GREY)
            .bold_line_style(GREY.mix(0.25))
            .light_line_style(TRANSPARENT)
            .label_style(words.clone())
            .axis_desc_style(words.clone())
            .x_label_formatter(&|place| self.x_scale.label(*place))
            .y_label_formatter(&|place| self.y_scale.label(*place))
            .draw()?;
        for (row, line) in (0_i32..).zip(&self.lines) {
            let style = line.color.stroke_width(if line.thin { 1 } else { 2 });
            let places: Vec<_> =
                line.points.iter().map(|(x, y)| (self.x_scale.of(*x), self.y_scale.of(*y))).collect();
            if self.marked && !line.thin {
                chart.draw_series(places.iter().map(|place| Circle::new(*place, 3, line.color.filled())))?;
            }
            chart.draw_series(LineSeries::new(places, style))?;
            let height = 16 + row * 20;
            right.draw(&PathElement::new(vec![(4, height), (24, height)], style))?;
            right.draw(&Text::new(line.name.clone(), (30, height - 6), words.clone()))?;
        }
        root.present()?;
        Ok(())
    }
}

/// A plot against time.
fn over_time<'a>(title: &'a str, y: &'a str, y_scale: Scale, lines: Vec<Line>) -> Chart<'a> {
    Chart {
        title,
        x: "seconds after the opening",
        y,
        x_scale: Scale::Linear,
        y_scale,
        lines: lines.into_iter().filter(|line| !line.points.is_empty()).collect(),
        marked: false,
    }
}

/// The plots of a model, and those of growth; as many as there are runs for.
pub fn write(folder: &Path, outcomes: &[Outcome]) -> Result<()> {
    for outcome in
        outcomes.iter().filter(|outcome| matches!(outcome.plan.part, Part::Closed | Part::Open | Part::Crowd))
    {
        let file = |what: &str| folder.join(format!("onsale-{}-{what}.svg", outcome.plan.name));
        seats(outcome).write(&file("seats"))?;
        latencies(outcome).write(&file("latency"))?;
        processors(outcome).write(&file("cpu"))?;
        memory(outcome).write(&file("memory"))?;
        lag(outcome).write(&file("stream"))?;
    }
    for outcome in outcomes.iter().filter(|outcome| outcome.plan.part == Part::Steady) {
        memory(outcome).write(&folder.join("memory.svg"))?;
    }
    let of = |part| outcomes.iter().filter(|outcome| outcome.plan.part == part).collect::<Vec<_>>();
    for (part, file, x) in [
        (Part::Seats, "onsale-growth-seats", "seats of the arena"),
        (Part::Rates, "onsale-growth-rates", "buyers who come in a second"),
    ] {
        let runs = of(part);
        if !runs.is_empty() {
            growth_of_times(&runs, x).write(&folder.join(format!("{file}-latency.svg")))?;
            growth_of_cost(&runs, x).write(&folder.join(format!("{file}-cost.svg")))?;
        }
    }
    Ok(())
}

fn seats(outcome: &Outcome) -> Chart<'static> {
    let of = |value: fn(&super::Sample) -> f64| {
        outcome.samples.iter().map(|sample| (sample.at, value(sample))).collect()
    };
    let lines = vec![
        Line::new("sold", GREEN, of(|sample| sample.sold.into())),
        Line::new("held, or in checkout", ORANGE, of(|sample| sample.held.into())),
        Line::new("free", BLUE, of(|sample| sample.free.into())),
        Line::new("buyers who are there", PURPLE, of(|sample| sample.buyers as f64)),
        Line::new("open streams", BROWN, of(|sample| sample.streams as f64)),
    ];
    over_time("Seats and buyers", "seats, buyers", Scale::Linear, lines)
}

fn latencies(outcome: &Outcome) -> Chart<'static> {
    let seconds = outcome.sale.record.rates().len() as u64;
    let mut lines: Vec<Line> = Op::OURS
        .into_iter()
        .zip(COLORS)
        .map(|(op, color)| {
            let of = |second| (second as f64 + 0.5, outcome.sale.record.quantiles(op, second..second + 1));
            let points = (0..seconds).map(of).filter(|(_, times)| times.count > 0);
            Line::new(op.name(), color, points.map(|(at, times)| (at, times.p95.max(0.1))).collect())
        })
        .collect();
    lines.push(Line::bound("120 ms, the bar", BAR_MS, seconds as f64));
    lines.push(Line::bound("20 ms, the aim", AIM_MS, seconds as f64));
    over_time("p95 of each operation in each second", "milliseconds", Scale::Log, lines)
}

/// Processors that each program used, from one sample to the next.
fn processors(outcome: &Outcome) -> Chart<'static> {
    let of = |value: fn(&Cpu) -> f64| {
        outcome
            .samples
            .windows(2)
            .map(|pair| {
                let used = pair[1].cpu.since(&pair[0].cpu);
                (pair[1].at, value(&used) / (pair[1].at - pair[0].at).max(0.1))
            })
            .collect()
    };
    let lines = vec![
        Line::new("server", BLUE, of(|cpu| cpu.server)),
        Line::new("Postgres", GREEN, of(|cpu| cpu.postgres)),
        Line::new("Redis", RED, of(|cpu| cpu.redis)),
        Line::new("buyers (load generator)", PURPLE, of(|cpu| cpu.generator)),
        Line::new("sandbox, for Stripe", BROWN, of(|cpu| cpu.sandbox)),
    ];
    over_time("Processors in use", "processors", Scale::Linear, lines)
}

fn memory(outcome: &Outcome) -> Chart<'static> {
    let of = |value: fn(&super::Sample) -> f64| {
        outcome.samples.iter().map(|sample| (sample.at, value(sample))).collect()
    };
    let lines = vec![
        Line::new("server", BLUE, of(|sample| sample.memory.server)),
        Line::new("Postgres", GREEN, of(|sample| sample.memory.postgres)),
        Line::new("Redis", RED, of(|sample| sample.memory.redis)),
    ];
    over_time("Memory", "MiB", Scale::Linear, lines)
}

fn lag(outcome: &Outcome) -> Chart<'static> {
    let seconds = outcome.sale.lags.seconds();
    let of = |value: fn(&Quantiles) -> f64| {
        let known = (0_u32..).zip(&seconds).filter(|(_, times)| times.count > 0);
        known.map(|(second, times)| (f64::from(second) + 0.5, value(times).max(0.1))).collect()
    };
    let lines = vec![
        Line::new("p50", BLUE, of(|times| times.p50)),
        Line::new("p95", ORANGE, of(|times| times.p95)),
        Line::new("p99", RED, of(|times| times.p99)),
    ];
    over_time("From a hold to the frame that tells others", "milliseconds", Scale::Log, lines)
}

fn size(outcome: &Outcome) -> f64 {
    match (outcome.plan.part, outcome.plan.model) {
        (Part::Rates, Model::Open { per_second }) => per_second.into(),
        _ => outcome.plan.seats.into(),
    }
}

fn growth_of_times<'a>(runs: &[&Outcome], x: &'a str) -> Chart<'a> {
    let mut lines: Vec<Line> = Op::OURS
        .into_iter()
        .zip(COLORS)
        .map(|(op, color)| {
            let slowest = |run: &&Outcome| Some((size(run), run.sale.record.slowest(op, PEAK_SECONDS)?));
            let points = runs.iter().filter_map(slowest);
            Line::new(op.name(), color, points.map(|(size, slow)| (size, slow.p95_ms.max(0.1))).collect())
        })
        .filter(|line| !line.points.is_empty())
        .collect();
    let (first, last) = (runs.first().map_or(1.0, |run| size(run)), runs.last().map_or(1.0, |run| size(run)));
    for (name, y) in [("120 ms, the bar", BAR_MS), ("20 ms, the aim", AIM_MS)] {
        lines.push(Line { thin: true, ..Line::new(name, GREY, vec![(first, y), (last, y)]) });
    }
    Chart {
        title: "p95 of each operation in its slowest seconds",
        x,
        y: "milliseconds",
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        lines,
        marked: true,
    }
}

fn growth_of_cost<'a>(runs: &[&Outcome], x: &'a str) -> Chart<'a> {
    let line = |name, color, cost: fn(&Outcome) -> f64| {
        Line::new(name, color, runs.iter().map(|run| (size(run), cost(run))).collect())
    };
    let part = |name, color, value: fn(&Cpu) -> f64| {
        let cost = |run: &&Outcome| {
            let first = run.samples.first().unwrap_or(&run.last);
            let used = value(&run.last.cpu.since(&first.cpu));
            (size(run), used * 1e3 / run.truth.books.paid_orders.max(1) as f64)
        };
        Line::new(name, color, runs.iter().map(cost).collect())
    };
    let lines = vec![
        line("the platform", ORANGE, |run| run.cost().0),
        part("server", BLUE, |cpu| cpu.server),
        part("Postgres", GREEN, |cpu| cpu.postgres),
        part("Redis", RED, |cpu| cpu.redis),
    ];
    Chart {
        title: "CPU for each paid order, with everything around it",
        x,
        y: "CPU milliseconds",
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        lines,
        marked: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_words_and_lines() {
        let points = vec![(0.0, 1.0), (1.0, 30.0), (2.0, 900.0)];
        let chart = over_time(
            "Title",
            "ms",
            Scale::Log,
            vec![Line::new("holds", BLUE, points), Line::bound("bar", 20.0, 2.0)],
        );
        let mut text = String::new();
        chart.draw(&mut text).unwrap();
        for word in ["Title", "seconds after the opening", "holds", "bar", "100", "1000"] {
            assert!(text.contains(&format!("\n{word}\n")), "{word} is missing in {text}");
        }
        assert!(text.contains("#3B86D6") && text.matches("<polyline").count() >= 2, "{text}");
    }
}
