//! Members pay less. Their codes stand in the key-value store under "codes", one a line; a code is good for a few tickets
//! of each cart. With `members_only`, carts without a code are refused at the checkout.

use eventflow_plugin::{
    config, key_value,
    pricing::{Adjustment, Cart, percent},
    validation::Violation,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    percent: i32,
    tickets_per_code: usize,
    #[serde(default)]
    members_only: bool,
}

fn quote(cart: Cart) -> Result<Vec<Adjustment>, String> {
    let settings: Settings = config::read()?;
    let count = codes_of(&cart) * settings.tickets_per_code;
    let label = cart.text(&[("en", "Member price"), ("de", "Mitgliederpreis"), ("pl", "Cena dla członków")]);
    // The dearest tickets first: that is what the member would choose.
    let mut lines: Vec<_> = cart.lines.iter().enumerate().collect();
    lines.sort_by_key(|(index, line)| (-line.price_minor, *index));
    let of_members = lines.into_iter().take(count);
    let adjust =
        |(index, _)| Adjustment::line(index, percent(-settings.percent), label).because("a member's code");
    Ok(of_members.map(adjust).collect())
}

fn validate(cart: Cart) -> Result<Vec<Violation>, String> {
    let settings: Settings = config::read()?;
    if !settings.members_only || codes_of(&cart) > 0 {
        return Ok(vec![]);
    }
    let text = cart.text(&[
        ("en", "This sale is for members: please enter your code."),
        ("de", "Dieser Verkauf ist für Mitglieder: bitte geben Sie Ihren Code ein."),
    ]);
    Ok(vec![Violation::cart("members_only", text)])
}

/// How many of the cart's codes are members' codes; one that is typed twice counts once.
fn codes_of(cart: &Cart) -> usize {
    let codes = key_value::get("codes").unwrap_or_default();
    let is_new = |index: usize, code: &String| !cart.buyer.codes[..index].contains(code);
    let is_known = |code: &str| codes.lines().any(|known| known.trim().eq_ignore_ascii_case(code));
    cart.buyer.codes.iter().enumerate().filter(|(index, code)| is_new(*index, code) && is_known(code)).count()
}

eventflow_plugin::export!(pricing = quote, validation = validate);
