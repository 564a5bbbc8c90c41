use serde_json::json;

use crate::world::{ACCOUNT, KEY, World, id, send, session_form};

#[tokio::test]
async fn a_session_is_created_read_paid_and_complete() {
    let world = World::new().await;
    let session = world.session().await;
    assert_eq!(session["status"], "open");
    assert_eq!(session["payment_status"], "unpaid");
    assert_eq!(session["amount_total"], 4200);
    assert_eq!(session["payment_intent"], json!(null));
    assert!(session["url"].as_str().unwrap().ends_with(&format!("/pay/{}", id(&session))));

    let paid = world.pay(&session, "4242 4242 4242 4242").await.ok();
    assert_eq!(paid["outcome"], "paid");
    let path = format!("/v1/checkout/sessions/{}", id(&session));
    let read =
        world.get(&format!("{path}?expand[]=payment_intent.latest_charge&expand[]=line_items")).await.ok();
    assert_eq!(read["status"], "complete");
    assert_eq!(read["payment_status"], "paid");
    assert_eq!(read["url"], json!(null));
    assert_eq!(read["line_items"]["data"][0]["description"], "Row A");
    let intent = &read["payment_intent"];
    assert_eq!(intent["status"], "succeeded");
    assert_eq!(intent["metadata"]["order_id"], "ord_1");
    assert_eq!(intent["latest_charge"]["amount"], 4200);

    let items = world.get(&format!("{path}/line_items")).await.ok();
    assert_eq!(items["data"].as_array().unwrap().len(), 2);
    world.pay(&session, "4242424242424242").await.refused(400, "cannot be paid");
    world.post(&format!("{path}/expire"), "").await.refused(400, "complete");
}

#[tokio::test]
async fn an_expired_session_cannot_be_paid() {
    let world = World::new().await;
    let session = world.session().await;
    world.pay(&session, "4000000000000002").await.ok();
    let path = format!("/v1/checkout/sessions/{}/expire", id(&session));
    let expired = world.post(&path, "").await.ok();
    assert_eq!(expired["status"], "expired");
    world.pay(&session, "4242424242424242").await.refused(400, "expired");
    world.post(&path, "").await.refused(400, "expired");
    let intent = world.look(&format!("objects/{}", expired["payment_intent"].as_str().unwrap())).await;
    assert_eq!(intent["object"]["status"], "canceled");
}

#[tokio::test]
async fn the_clock_expires_sessions() {
    let world = World::new().await;
    let (early, late) = (world.session().await, world.session().await);
    world.control("clock", json!({"advance_secs": 30 * 60})).await.ok();
    world.pay(&early, "4242424242424242").await.ok();
    world.control("clock", json!({"advance_secs": 61})).await.ok();
    world.pay(&late, "4242424242424242").await.refused(400, "expired");
    let event = world.event("checkout.session.expired").await;
    assert_eq!(event.event["data"]["object"]["id"], late["id"]);
    world.control("clock", json!({"advance_secs": -1})).await.refused(400, "forward");
}

#[tokio::test]
async fn expiring_and_paying_at_once_never_both_win() {
    let world = World::new().await;
    let (mut paid, mut expired) = (0, 0);
    for _ in 0..20 {
        let session = world.session().await;
        let path = format!("/v1/checkout/sessions/{}/expire", id(&session));
        let (pay, expire) = tokio::join!(world.pay(&session, "4242424242424242"), world.post(&path, ""));
        assert_eq!(pay.status == 200, expire.status != 200);
        let charges =
            world.look(&format!("objects/{}", id(&session))).await["object"]["payment_intent"].is_string();
        assert_eq!(charges, pay.status == 200);
        if pay.status == 200 { paid += 1 } else { expired += 1 }
    }
    assert_eq!(paid + expired, 20);
}

#[tokio::test]
async fn bad_sessions_are_refused_in_stripes_words() {
    let world = World::new().await;
    let now = world.look("clock").await["now"].as_i64().unwrap();
    let good = session_form(now + 31 * 60);
    let create = async |form: String| world.post("/v1/checkout/sessions", &form).await;
    let too_short = create(session_form(now + 29 * 60)).await.refused(400, "between 30 minutes and 24 hours");
    assert_eq!(too_short["param"], "expires_at");
    create(session_form(now + 25 * 3600)).await.refused(400, "between 30 minutes and 24 hours");
    let unknown = create(format!("{good}&colour=red")).await.refused(400, "unknown parameter: colour");
    assert_eq!(unknown["code"], "parameter_unknown");
    create(good.replace("mode=payment", "mode=subscription")).await.refused(400, "payment only");
    create(good.replace("[unit_amount]=2000", "[unit_amount]=20.5")).await.refused(400, "Invalid integer");
    create(good.replace("https://shop.example/done", "javascript:alert(1)//"))
        .await
        .refused(400, "valid URL");
    create(good.replace("2000", "1").replace("200&", "1&")).await.refused(400, "at least 50 cents");
    create(good.replace("[1][price_data][currency]=eur", "[1][price_data][currency]=usd"))
        .await
        .refused(400, "same currency");
    create(format!("{good}&payment_intent_data[application_fee_amount]=1"))
        .await
        .refused(400, "application_fee");
    create("mode=payment".into()).await.refused(400, "success_url");
    let missing = world.get("/v1/checkout/sessions/cs_test_nothing").await.refused(404, "No such");
    assert_eq!(missing["code"], "resource_missing");
    world.get("/v1/nothing/here").await.refused(404, "Unrecognized request URL");
    assert!(world.look("journal").await["data"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn only_the_right_key_opens_the_api() {
    let world = World::new().await;
    let url = format!("{}/v1/events", world.sandbox.url());
    send(world.http.get(&url)).await.refused(401, "did not provide");
    let wrong = send(world.http.get(&url).bearer_auth("sk_test_other")).await.refused(401, "Invalid API Key");
    assert!(!wrong.to_string().contains("sk_test_other") && !wrong.to_string().contains(KEY));
    send(world.http.get(&url).basic_auth(KEY, Some(""))).await.ok();
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let world = World::new().await;
    world.control("accounts", json!({"id": "acct_other"})).await.ok();
    let now = world.look("clock").await["now"].as_i64().unwrap();
    let form = format!("{}&payment_intent_data[application_fee_amount]=100", session_form(now + 1900));
    let create = world.form("/v1/checkout/sessions", &form).header("stripe-account", ACCOUNT);
    let session = send(create).await.ok();
    let paid = world.pay(&session, "4242424242424242").await.ok();
    let intent = paid["session"]["payment_intent"].as_str().unwrap().to_owned();
    let paths = [
        format!("/v1/checkout/sessions/{}", id(&session)),
        format!("/v1/checkout/sessions/{}/line_items", id(&session)),
        format!("/v1/payment_intents/{intent}"),
    ];
    for path in &paths {
        let get =
            |account: &str| send(world.request(reqwest::Method::GET, path).header("stripe-account", account));
        get(ACCOUNT).await.ok();
        get("acct_other").await.refused(404, "No such");
        world.get(path).await.refused(404, "No such");
        get("acct_unknown").await.refused(403, "does not have access");
    }
    world.post(&format!("{}/expire", paths[0]), "").await.refused(404, "No such");
    world.post("/v1/refunds", &format!("payment_intent={intent}")).await.refused(404, "No such");
    assert!(world.get("/v1/events").await.ok()["data"].as_array().unwrap().is_empty());
    let own =
        send(world.request(reqwest::Method::GET, "/v1/events").header("stripe-account", ACCOUNT)).await.ok();
    assert_eq!(own["data"][0]["account"], ACCOUNT);
    // Accounts see themselves only.
    world.get(&format!("/v1/accounts/{ACCOUNT}")).await.ok();
    let foreign =
        world.request(reqwest::Method::GET, "/v1/accounts/acct_other").header("stripe-account", ACCOUNT);
    send(foreign).await.refused(403, "does not have access");
}

#[tokio::test]
async fn events_are_listed_in_pages_by_time_and_type() {
    let world = World::new().await;
    let before = world.look("clock").await["now"].as_i64().unwrap() - 1;
    for _ in 0..3 {
        world.paid().await;
    }
    let list = async |query: &str| world.get(&format!("/v1/events?{query}")).await.ok();
    let all =
        list(&format!("created[gt]={before}&types[]=checkout.session.completed&types[]=charge.succeeded"))
            .await;
    assert_eq!(all["data"].as_array().unwrap().len(), 6);
    assert_eq!(list(&format!("created[lte]={before}")).await["data"].as_array().unwrap().len(), 0);
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let page = list(&format!("limit=2&type=charge.succeeded{cursor}")).await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|event| id(event).to_owned()));
        cursor = format!("&starting_after={}", seen.last().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 3);
    let newer = list(&format!("limit=1&type=charge.succeeded&ending_before={}", seen[2])).await;
    assert_eq!((newer["data"][0]["id"].as_str(), &newer["has_more"]), (Some(seen[1].as_str()), &json!(true)));
    world.get("/v1/events?limit=101").await.refused(400, "limit");
    let one = world.get(&format!("/v1/events/{}", seen[0])).await.ok();
    assert_eq!(one["type"], "charge.succeeded");
}
