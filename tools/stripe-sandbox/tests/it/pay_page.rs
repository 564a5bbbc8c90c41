use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::world::{World, id, session_form};

async fn open(world: &World, path: &str, language: &str) -> Response {
    world.request(Method::GET, path).header("accept-language", language).send().await.unwrap()
}

async fn choose(world: &World, session: &Value, form: &str) -> Response {
    world.form(&format!("/pay/{}", id(session)), form).send().await.unwrap()
}

fn location(response: &Response) -> &str {
    response.headers()["location"].to_str().unwrap()
}

#[tokio::test]
async fn a_buyer_pays_and_is_sent_back() {
    let world = World::new().await;
    let session = world.session().await;
    let path = format!("/pay/{}", id(&session));
    let english = open(&world, &path, "en").await;
    assert!(english.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let english = english.text().await.unwrap();
    for text in
        ["TEST MODE", "€42.00", "Row A", "lang=\"en\"", "4242 4242 4242 4242", "https://shop.example/back"]
    {
        assert!(english.contains(text), "{text}");
    }
    let german = open(&world, &path, "de-DE,de;q=0.9").await.text().await.unwrap();
    assert!(german.contains("TESTMODUS") && german.contains("42,00\u{a0}€"));

    let declined = choose(&world, &session, "card=4000000000000002").await;
    assert_eq!(declined.status(), 402);
    assert!(declined.text().await.unwrap().contains("role=\"alert\""));
    let mistyped = choose(&world, &session, "card=other&number=1234").await;
    assert_eq!(mistyped.status(), 422);
    let paid = choose(&world, &session, "card=other&number=4242+4242+4242+4242").await;
    assert_eq!(paid.status(), 303);
    assert_eq!(location(&paid), format!("https://shop.example/done?session={}", id(&session)));
    let again = open(&world, &path, "en").await.text().await.unwrap();
    assert!(again.contains("Payment finished"));
    assert_eq!(choose(&world, &session, "card=4242424242424242").await.status(), 200);
    assert_eq!(world.look("journal?kind=charge_succeeded").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_bank_confirms_on_a_second_page() {
    let world = World::new().await;
    let session = world.session().await;
    let asked = choose(&world, &session, "card=4000002500003155").await;
    let confirm = format!("/pay/{}/confirm", id(&session));
    assert_eq!((asked.status().as_u16(), location(&asked)), (303, confirm.as_str()));
    assert!(open(&world, &confirm, "en").await.text().await.unwrap().contains("Confirm with your bank"));
    let refused = world.form(&confirm, "approve=false").send().await.unwrap();
    assert_eq!(refused.status(), 402);
    choose(&world, &session, "card=4000002500003155").await;
    let paid = world.form(&confirm, "approve=true").send().await.unwrap();
    assert!(location(&paid).starts_with("https://shop.example/done"));
}

#[tokio::test]
async fn a_closed_page_says_so() {
    let world = World::new().await;
    let session = world.session().await;
    world.control("clock", json!({"advance_secs": 3600})).await.ok();
    let late = choose(&world, &session, "card=4242424242424242").await;
    assert_eq!(late.status(), 410);
    let late = late.text().await.unwrap();
    assert!(late.contains("expired") && late.contains("https://shop.example/back"));
    assert_eq!(open(&world, "/pay/cs_test_none", "de").await.status(), 404);
    assert_eq!(open(&world, "/pay/", "de").await.status(), 404);
}

#[tokio::test]
async fn debits_are_offered_only_where_they_are_taken() {
    let world = World::new().await;
    let session = world.session().await;
    let path = format!("/pay/{}", id(&session));
    assert!(open(&world, &path, "en").await.text().await.unwrap().contains("delayed_success"));
    let done = choose(&world, &session, "card=delayed_success").await;
    assert!(location(&done).starts_with("https://shop.example/done"));
    let now = world.look("clock").await["now"].as_i64().unwrap();
    let form = format!("{}&allowed_payment_method_types[]=card", session_form(now + 1900));
    let cards = world.post("/v1/checkout/sessions", &form).await.ok();
    let page = open(&world, &format!("/pay/{}", id(&cards)), "en").await.text().await.unwrap();
    assert!(!page.contains("delayed_success") && page.contains("Only cards"));
}

#[tokio::test]
async fn names_cannot_break_out_of_the_page() {
    let world = World::new().await;
    let now = world.look("clock").await["now"].as_i64().unwrap();
    let form = session_form(now + 1900)
        .replace("Row+A", "%3Cscript%3Ealert(1)%3C/script%3E")
        .replace("https://shop.example/back", "https://shop.example/%22onclick=%22x");
    let session = world.post("/v1/checkout/sessions", &form).await.ok();
    let page = open(&world, &format!("/pay/{}", id(&session)), "en").await.text().await.unwrap();
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert(1)"));
    assert!(!page.contains("\"onclick"));
}
