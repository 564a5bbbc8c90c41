use eventflow_plugin::pricing::{Adjustment, Cart, percent};

fn quote(cart: Cart) -> Result<Vec<Adjustment>, String> {
    let label = cart.text(&[("en", "Hello"), ("de", "Hallo")]);
    Ok(vec![Adjustment::cart(percent(-10), label)])
}

eventflow_plugin::export!(pricing = quote);
