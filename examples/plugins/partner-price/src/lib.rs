//! Members of a partner pay less. The platform asks the partner about each code that the buyer typed, with a key that this
//! plugin never sees. No answer, no discount: the partner's server may be down, the sale goes on.

use eventflow_plugin::{
    cart_requests::HttpRequest,
    config,
    pricing::{Adjustment, Cart, percent},
    types::Attribute,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    percent: i32,
}

/// What the partner answers: `{"member": true}`.
#[derive(Deserialize)]
struct Member {
    member: bool,
}

fn requests(cart: Cart) -> Result<Vec<HttpRequest>, String> {
    // A code becomes a part of a path: only what cannot leave it.
    let is_plain = |code: &&String| code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let request = |code: &String| HttpRequest {
        id: code.clone(),
        method: "GET".to_owned(),
        url: format!("https://members.partner.example/codes/{code}"),
        headers: vec![Attribute { name: "x-api-key".to_owned(), value: "secret:PARTNER_KEY".to_owned() }],
        body: String::new(),
        cache_secs: 60,
    };
    Ok(cart.buyer.codes.iter().filter(is_plain).take(3).map(request).collect())
}

fn quote(cart: Cart) -> Result<Vec<Adjustment>, String> {
    let settings: Settings = config::read()?;
    let is_member = cart.responses.iter().any(|response| {
        response.status == 200
            && serde_json::from_str::<Member>(&response.body).is_ok_and(|answer| answer.member)
    });
    if !is_member {
        return Ok(vec![]);
    }
    let label = cart.text(&[("en", "Partner price"), ("de", "Partnerpreis")]);
    Ok(vec![Adjustment::cart(percent(-settings.percent), label).because("the partner knows the code")])
}

eventflow_plugin::export!(cart_requests = requests, pricing = quote);
