//! More buyers than places, all at once, with Redis losing its memory in between: every place is sold once, and nobody
//! goes away without tickets or a clear refusal.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    checker::Circumstances,
    support::{Answer, Client, Event, Options, OwnRedis, Platform, list, session_of, text},
};

/// How long one buyer tries.
const STAMINA: Duration = Duration::from_secs(120);
/// Connections of all buyers together.
const CONNECTIONS: usize = 64;
/// What a buyer may be told at the end of a race.
const REFUSALS: [&str; 2] = ["sold_out", "seats_taken"];
/// What makes a buyer begin again with another hold.
const SETBACKS: [&str; 3] = ["seats_taken", "hold_expired", "not_found"];

/// How a race ended for one buyer.
#[derive(Debug)]
enum End {
    /// The order with its tickets.
    Tickets(Value),
    /// The code of the Problem.
    Refused(String),
}

struct Buyer {
    number: usize,
    event: Arc<Event>,
    sandbox: Client,
    turns: Arc<Semaphore>,
    seats: u32,
    began: Instant,
    /// Key and answer of every order that was acknowledged.
    acknowledged: Vec<(String, Value)>,
}

impl Buyer {
    /// Obeys `Retry-After`, as long as it is the only reason not to go on.
    async fn ask(&self, client: &Client, path: &str, body: &Value) -> Answer {
        loop {
            assert!(self.began.elapsed() < STAMINA, "buyer {} was kept waiting", self.number);
            let turn = self.turns.acquire().await.unwrap();
            let answer = client.post(path, body.clone()).await;
            drop(turn);
            match answer.status {
                503 => {
                    answer.check_problem();
                    let secs: u64 =
                        answer.header("retry-after").parse().unwrap_or_else(|_| panic!("no time: {answer}"));
                    tokio::time::sleep(Duration::from_secs(secs)).await;
                }
                500.. => panic!("buyer {}: {answer}", self.number),
                _ => return answer,
            }
        }
    }

    /// Explicit seats at first, for some; then whatever is best.
    async fn hold(&self, attempt: usize) -> Answer {
        let body = if self.number.is_multiple_of(3) || attempt > 3 {
            json!({ "best_available": { "quantity": 1 } })
        } else {
            let seat = rand::rng().random_range(0..self.seats);
            json!({ "items": [{ "seat": seat }] })
        };
        // With a key, an answer that was lost on a busy machine is found again; without one, its seat waits for the expiry.
        let page = self.event.page.with_key(&format!("key-of-the-hold-{}-{attempt}", self.number));
        self.ask(&page, &self.event.path("/holds"), &body).await
    }

    async fn run(mut self) -> (End, Vec<(String, Value)>) {
        for attempt in 0.. {
            let hold = self.hold(attempt).await;
            if hold.status != 201 {
                hold.check_problem();
                let code = text(&hold.body, "code").to_owned();
                if code == "seats_taken" && attempt <= 50 {
                    continue;
                }
                return (End::Refused(code), self.acknowledged);
            }
            let key = format!("key-of-the-buyer-{}-{attempt}", self.number);
            let manual = self.number.is_multiple_of(2);
            let mut body = self.event.order_of(&hold.body);
            body["buyer"]["email"] = json!(format!("buyer{}@example.org", self.number));
            let client = if manual {
                body["provider"] = json!("manual");
                self.event.api.with_key(&key)
            } else {
                self.event.page.with_key(&key)
            };
            let order = self.ask(&client, "/v1/orders", &body).await;
            if order.status != 201 {
                order.check_problem();
                let code = text(&order.body, "code").to_owned();
                assert!(SETBACKS.contains(&code.as_str()), "buyer {}: {order}", self.number);
                continue;
            }
            self.acknowledged.push((key.clone(), order.body.clone()));
            // Some ask twice: the same key, the same answer.
            if self.number.is_multiple_of(5) {
                let again = self.ask(&client, "/v1/orders", &body).await.created();
                self.acknowledged.push((key, again));
            }
            let order = if manual { order.body } else { self.pay(&order.body).await };
            assert_eq!(list(&order, "tickets").len(), 1, "{order}");
            return (End::Tickets(order), self.acknowledged);
        }
        unreachable!()
    }

    async fn pay(&self, order: &Value) -> Value {
        let path = format!("/_sandbox/sessions/{}/pay", session_of(order));
        self.sandbox.post(&path, json!({})).await.ok();
        let buyer = self.event.page.with_token(text(order, "buyer_token"));
        let path = format!("/v1/orders/{}", text(order, "id"));
        loop {
            assert!(self.began.elapsed() < STAMINA, "buyer {} paid and waits for tickets", self.number);
            let turn = self.turns.acquire().await.unwrap();
            let answer = buyer.get(&path).await;
            drop(turn);
            match answer.status {
                200 if answer.body["state"] == "paid" => return answer.body,
                200 => assert_eq!(answer.body["state"], "pending", "{answer}"),
                503 => {}
                _ => panic!("{answer}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// 200 buyers, 50 seats; Redis forgets everything whenever so many orders are paid.
async fn race_for_seats(flush_at: &[i64]) {
    const SEATS: u32 = 50;
    let redis = OwnRedis::start().await;
    let platform = Platform::with(Options { redis_url: Some(redis.url.clone()), ..Options::default() }).await;
    let tenant = platform.tenant().await;
    let event = Arc::new(tenant.seated_event(SEATS).await);
    let turns = Arc::new(Semaphore::new(CONNECTIONS));
    let began = Instant::now();
    let mut buyers = JoinSet::new();
    for number in 0..200 {
        let buyer = Buyer {
            number,
            event: event.clone(),
            sandbox: platform.sandbox.control.clone(),
            turns: turns.clone(),
            seats: SEATS,
            began,
            acknowledged: vec![],
        };
        buyers.spawn(buyer.run());
    }
    for &paid in flush_at {
        crate::support::wait_until("some orders to be paid", async || {
            platform.number("SELECT count(*) FROM orders WHERE state = 'paid'").await >= paid
        })
        .await;
        redis.forget_everything().await;
    }
    let (mut sold, mut acknowledged) = (Vec::new(), Vec::new());
    while let Some(end) = buyers.join_next().await {
        let (end, answers) = end.unwrap();
        acknowledged.extend(answers);
        match end {
            End::Tickets(order) => sold.push(order["tickets"][0]["label"].to_string()),
            End::Refused(code) => assert!(REFUSALS.contains(&code.as_str()), "{code}"),
        }
    }
    sold.sort();
    sold.dedup();
    assert_eq!(sold.len(), 50, "every seat is sold once");
    assert_eq!(platform.number("SELECT count(*) FROM tickets WHERE state = 'valid'").await, 50);
    let redis_url = Some(redis.url.clone());
    platform.check_at_rest(Circumstances { acknowledged, redis_url, ..Circumstances::default() }).await;
    event
        .availability_until("50 seats to be sold", |now| now["seats"]["sold"] == 50 || now["sold"] == 50)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_buyers_race_for_fifty_seats() {
    race_for_seats(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_buyers_race_for_fifty_seats_while_redis_forgets() {
    race_for_seats(&[10, 30]).await;
}

/// Every request at once, over some connections; whoever is told to come back later does. Answers the bodies of the good
/// ones and the codes of the others.
async fn stampede<F>(requests: usize, ask: F) -> (Vec<Value>, Vec<String>)
where
    F: Fn(usize) -> BoxFuture<'static, Answer> + Clone + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(CONNECTIONS));
    let mut running = JoinSet::new();
    for number in 0..requests {
        let (turns, ask) = (turns.clone(), ask.clone());
        running.spawn(async move {
            let began = Instant::now();
            loop {
                let turn = turns.acquire().await.unwrap();
                let answer = ask(number).await;
                drop(turn);
                if answer.status != 503 {
                    return answer;
                }
                answer.check_problem();
                assert!(began.elapsed() < STAMINA, "{answer}");
                tokio::time::sleep(Duration::from_secs(answer.header("retry-after").parse().unwrap())).await;
            }
        });
    }
    let (mut good, mut refused) = (vec![], vec![]);
    for answer in running.join_all().await {
        if answer.status == 201 {
            good.push(answer.body);
        } else {
            answer.check_problem();
            refused.push(text(&answer.body, "code").to_owned());
        }
    }
    (good, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_buyers_race_for_a_hundred_standing_places() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.ga_event(100).await;
    let body = event.manual(json!({ "items": [{ "ga_area": crate::support::AREA, "quantity": 1 }] }));
    let api = event.api.clone();
    let (sold, refused) = stampede(300, move |number| {
        let (api, body) = (api.with_key(&format!("place-{number}")), body.clone());
        Box::pin(async move { api.post("/v1/orders", body).await })
    })
    .await;
    assert_eq!(sold.len(), 100);
    assert!(refused.iter().all(|code| code == "sold_out"), "{refused:?}");
    assert_eq!(platform.number("SELECT taken FROM ga_pools").await, 100);
    platform.check_clean().await;
}

/// Carts of several places, some of which go to the checkout and are paid or cancelled: the counts stay right.
#[tokio::test(flavor = "multi_thread")]
async fn standing_places_come_and_go_by_all_ways_at_once() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = Arc::new(tenant.event(0, 60, json!({})).await);
    let (sandbox, api) = (platform.sandbox.control.clone(), event.api.clone());
    let (ended, refused) = stampede(60, move |number| {
        let (event, sandbox, api) = (event.clone(), sandbox.clone(), api.clone());
        Box::pin(async move {
            let page = event.page.with_key(&format!("key-of-the-cart-{number}"));
            let items = json!([{ "ga_area": crate::support::AREA, "quantity": 1 + number % 3 }]);
            let hold = page.post(&event.path("/holds"), json!({ "items": items })).await;
            if hold.status != 201 {
                return hold;
            }
            let page = event.page.with_key(&format!("key-of-the-order-{number}"));
            let order = page.post("/v1/orders", event.order_of(&hold.body)).await;
            if order.status != 201 {
                return order;
            }
            // Repeated after a 503, until it is done.
            let path = format!("/v1/orders/{}", text(&order.body, "id"));
            let last = if number % 4 == 0 {
                api.act(&format!("{path}/cancel")).await
            } else {
                let pay = format!("/_sandbox/sessions/{}/pay", session_of(&order.body));
                let paid = sandbox.post(&pay, json!({})).await;
                assert!([200, 400].contains(&paid.status), "{paid}");
                api.act(&format!("{path}/refresh")).await
            };
            if last.status == 200 { order } else { last }
        })
    })
    .await;
    assert!(!ended.is_empty());
    assert!(refused.iter().all(|code| code == "sold_out"), "{refused:?}");
    platform.check_clean().await;
}

/// With pairs for everybody who is quick enough, the last pair is sold too.
#[tokio::test(flavor = "multi_thread")]
async fn six_hundred_and_forty_pickers_take_every_pair_of_two_hundred_seats() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(200).await;
    let began = Instant::now();
    let (page, path) = (event.page.clone(), event.path("/holds"));
    let (held, refused) = stampede(640, move |number| {
        let (page, path) = (page.with_key(&format!("key-of-the-pair-{number}")), path.clone());
        Box::pin(async move { page.post(&path, json!({ "best_available": { "quantity": 2 } })).await })
    })
    .await;
    println!("{:?} for 640 pickers", began.elapsed());
    assert!(refused.iter().all(|code| code == "sold_out"), "{refused:?}");
    let mut seats: Vec<u64> =
        held.iter().flat_map(|hold| list(hold, "items")).map(|item| item["seat"].as_u64().unwrap()).collect();
    seats.sort_unstable();
    seats.dedup();
    assert_eq!((held.len(), seats.len()), (100, 200), "every seat is in one hold");
    platform.check_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_makes_one_order_however_often_it_is_sent_at_once() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(40).await;
    let mut acknowledged = vec![];
    for round in 0..4 {
        let key = format!("double-click-{round}");
        // A direct order with a hosted checkout: it is begun in one step and answered in another.
        let mut body = json!({ "event_id": event.id, "best_available": { "quantity": 2 }, "buyer": crate::support::buyer() });
        if round % 2 == 1 {
            body["provider"] = json!("manual");
        }
        let client = event.api.with_key(&key);
        let (clicker, wanted) = (client.clone(), body.clone());
        let (made, refused) = stampede(8, move |number| {
            let (client, body) = (clicker.clone(), wanted.clone());
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(7 * number as u64)).await;
                client.post("/v1/orders", body).await
            })
        })
        .await;
        assert!(refused.iter().all(|code| code == "idempotency_in_flight"), "{refused:?}");
        assert!(!made.is_empty());
        acknowledged.extend(made.into_iter().map(|order| (key.clone(), order)));
        let again = client.post("/v1/orders", body).await.created();
        acknowledged.push((key, again));
    }
    assert_eq!(platform.number("SELECT count(*) FROM orders").await, 4);
    platform.check_at_rest(Circumstances { acknowledged, ..Circumstances::default() }).await;
}
