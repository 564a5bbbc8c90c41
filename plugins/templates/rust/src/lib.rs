use eventflow_plugin::{
    config,
    pricing::{Adjustment, Cart, percent},
};

/// Called for every look at a cart and for every order. What it returns stands on the cart, the receipt and in the ledger.
fn quote(cart: Cart) -> Result<Vec<Adjustment>, String> {
    let off: i32 = config::get("percent").and_then(|percent| percent.parse().ok()).unwrap_or(10);
    if cart.lines.len() < 4 {
        return Ok(vec![]);
    }
    let label = cart.text(&[("en", "Four and more"), ("de", "Ab vier")]);
    Ok(vec![Adjustment::cart(percent(-off), label).because(format!("{} tickets", cart.lines.len()))])
}

eventflow_plugin::export!(pricing = quote);
