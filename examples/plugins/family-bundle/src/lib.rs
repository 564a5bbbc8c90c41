//! A family pays one price: so many adults with so many children. Each family in the cart is brought to it; tickets that
//! make no whole family keep their prices.

use eventflow_plugin::{
    config,
    pricing::{Adjustment, Cart, amount},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    /// Names of tiers.
    adult_tiers: Vec<String>,
    child_tiers: Vec<String>,
    adults: usize,
    children: usize,
    price_minor: i64,
}

fn quote(cart: Cart) -> Result<Vec<Adjustment>, String> {
    let settings: Settings = config::read()?;
    let adults = lines_of(&cart, &settings.adult_tiers);
    let children = lines_of(&cart, &settings.child_tiers);
    let families = adults.chunks_exact(settings.adults).zip(children.chunks_exact(settings.children));
    let label = cart.text(&[("en", "Family ticket"), ("de", "Familienkarte"), ("pl", "Bilet rodzinny")]);
    let mut adjustments = Vec::new();
    for (number, (adults, children)) in families.enumerate() {
        let lines = [adults, children].concat();
        let full_minor: i64 = lines.iter().map(|line| cart.lines[*line].price_minor).sum();
        if full_minor <= settings.price_minor {
            continue;
        }
        // Each ticket gives its share; the last one what rounding left.
        let mut left_minor = full_minor - settings.price_minor;
        for (index, line) in lines.iter().enumerate() {
            let is_last = index + 1 == lines.len();
            let share = (full_minor - settings.price_minor) * cart.lines[*line].price_minor / full_minor;
            let off_minor = if is_last { left_minor } else { share };
            left_minor -= off_minor;
            let change = amount(&cart, -off_minor);
            let reason =
                format!("family {} for {} instead of {full_minor}", number + 1, settings.price_minor);
            adjustments.push(Adjustment::line(*line, change, label).because(reason));
        }
    }
    Ok(adjustments)
}

/// Lines of tiers by their names, the dearest first: families take the best seats of a cart.
fn lines_of(cart: &Cart, tiers: &[String]) -> Vec<usize> {
    let is_of = |id: &str| cart.tier(id).is_some_and(|tier| tiers.contains(&tier.name));
    let mut lines: Vec<usize> =
        (0..cart.lines.len()).filter(|line| is_of(&cart.lines[*line].tier_id)).collect();
    lines.sort_by_key(|line| (-cart.lines[*line].price_minor, *line));
    lines
}

eventflow_plugin::export!(pricing = quote);
