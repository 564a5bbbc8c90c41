//! Prices follow demand and time: dearer as a tier sells out and as the doors come near, cheaper for early birds. Always
//! between a floor and a cap. The organizer's guard rails hold on top of both.

use eventflow_plugin::{
    config, percent_text,
    pricing::{Adjustment, Cart, Line, percent},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    /// By the share of the tier that is sold: the last step that is reached counts.
    #[serde(default)]
    demand: Vec<DemandStep>,
    /// By the days until the event starts: the first step that reaches so far counts.
    #[serde(default)]
    time: Vec<TimeStep>,
    floor_percent: i32,
    cap_percent: i32,
}

#[derive(Deserialize)]
struct DemandStep {
    sold_percent: u32,
    percent: i32,
}

#[derive(Deserialize)]
struct TimeStep {
    days: i64,
    percent: i32,
}

fn quote(cart: Cart) -> Result<Vec<Adjustment>, String> {
    let settings: Settings = config::read()?;
    let lines = cart.lines.iter().enumerate();
    Ok(lines.filter_map(|(index, line)| adjust(&cart, index, line, &settings)).collect())
}

fn adjust(cart: &Cart, index: usize, line: &Line, settings: &Settings) -> Option<Adjustment> {
    let sold_bps = cart.tier(&line.tier_id)?.sold_bps();
    let secs = cart.secs_to_start();
    let demand = settings.demand.iter().rfind(|step| step.sold_percent * 100 <= sold_bps);
    let time = settings.time.iter().filter(|step| step.days * 86_400 >= secs).min_by_key(|step| step.days);
    let (demand, time) = (demand.map_or(0, |step| step.percent), time.map_or(0, |step| step.percent));
    let change = (demand + time).clamp(settings.floor_percent - 100, settings.cap_percent - 100);
    let label = match change {
        0 => return None,
        ..0 => cart.text(&[("en", "Early bird"), ("de", "Frühbucher"), ("pl", "Dla szybkich")]),
        _ => cart.text(&[("en", "High demand"), ("de", "Hohe Nachfrage"), ("pl", "Duży popyt")]),
    };
    let reason = format!(
        "{} sold: {demand:+} %; {} days to go: {time:+} %",
        percent_text(sold_bps),
        secs.div_euclid(86_400)
    );
    Some(Adjustment::line(index, percent(change), label).because(reason))
}

eventflow_plugin::export!(pricing = quote);
