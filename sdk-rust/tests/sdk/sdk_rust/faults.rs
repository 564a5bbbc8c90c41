//! What networks, overloaded servers, impatient buyers and wrong clocks do to a client, and what the SDK does then.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::Utc;
use eventflow_sdk::types::{BuyerInput, ItemInput, NewOrderInput, NewVenue, Order, Provider};
use eventflow_sdk::{Builder, Call, Client, Error, ErrorCode};

use super::support::World;
use super::support::proxy::{Fault, FaultProxy};

/// An event of its own behind a proxy.
struct Scene {
    world: &'static World,
    proxy: FaultProxy,
    event_id: String,
    /// What `on_retry` was told.
    retried: Arc<Mutex<Vec<(String, Duration)>>>,
}

impl Scene {
    async fn new() -> Self {
        let world = World::get().await;
        let proxy = FaultProxy::start(&world.url).await;
        Self { world, proxy, event_id: world.event().await, retried: Arc::default() }
    }

    fn builder(&self) -> Builder {
        let retried = Arc::clone(&self.retried);
        self.world.builder(&self.proxy.url).on_retry(move |error, pause| {
            retried.lock().unwrap().push((error.code().to_owned(), pause));
        })
    }

    fn through(&self) -> Client {
        self.builder().build().unwrap()
    }

    /// One standing place, sold by the box office.
    fn order(&self) -> NewOrderInput {
        let place =
            ItemInput { ga_area: Some("stehparkett".into()), quantity: Some(1), ..ItemInput::default() };
        NewOrderInput {
            event_id: Some(self.event_id.clone()),
            items: Some(vec![place]),
            provider: Some(Provider::Manual),
            ..NewOrderInput::new(BuyerInput::default())
        }
    }

    async fn count_orders(&self) -> usize {
        let of_event = eventflow_sdk::nouns::query::OrdersList {
            event_id: Some(self.event_id.clone()),
            ..Default::default()
        };
        self.world.client().orders().list().query(of_event).all(100).await.unwrap().len()
    }

    fn codes(&self) -> Vec<String> {
        self.retried.lock().unwrap().iter().map(|(code, _)| code.clone()).collect()
    }

    fn pauses(&self) -> Vec<Duration> {
        self.retried.lock().unwrap().iter().map(|&(_, pause)| pause).collect()
    }

    fn different(&self, header: &str) -> usize {
        self.proxy.headers(header).into_iter().collect::<HashSet<_>>().len()
    }
}

#[tokio::test]
async fn a_connection_that_dies_makes_one_order_whichever_moment_it_was() {
    for fault in [Fault::Refuse, Fault::LoseAnswer, Fault::CutAnswer] {
        let scene = Scene::new().await;
        scene.proxy.fail([fault.clone(), fault]);
        let order = scene.through().orders().create(&scene.order()).await.unwrap();
        assert_eq!(order.state, "paid");
        assert_eq!(scene.count_orders().await, 1);
        assert_eq!(scene.codes(), ["network", "network"]);
        assert_eq!(scene.proxy.seen().len(), 3);
        assert_eq!(scene.different("idempotency-key"), 1, "the same key each time");
        assert_eq!(scene.different("x-request-id"), 3, "each attempt has its id");
        let bodies: HashSet<String> = scene.proxy.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies.len(), 1, "the same bytes each time");
    }
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::builder(&url, "ef_sk_test_nobody").retries(0).build().unwrap();
    let error = client.tenant().get().await.unwrap_err();
    let Error::Connection { reason, .. } = &error else { panic!("{error}") };
    assert!(reason.contains("refused") && reason.ends_with(&format!(" at {url}")), "{reason}");
}

#[tokio::test]
async fn nobody_answers_the_call_ends_in_time_and_its_key_finishes_it_later() {
    let scene = Scene::new().await;
    scene.proxy.fail([Fault::Hang]);
    let impatient = scene.builder().timeout(Duration::from_millis(900)).retries(0).build().unwrap();
    let error = impatient.orders().create(&scene.order()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    let request = error.request().unwrap();
    let expected = format!("no answer within 900 ms (orders.create, request {})", request.request_id);
    assert_eq!(error.to_string(), expected);
    let key = request.idempotency_key.clone().unwrap();
    let order = scene.through().orders().create(&scene.order()).idempotency_key(key).await.unwrap();
    assert_eq!(order.state, "paid");
    assert_eq!(scene.count_orders().await, 1, "what was done without an answer is not done again");
}

#[tokio::test]
async fn the_sdk_comes_again_when_the_server_says_and_not_earlier() {
    let scene = Scene::new().await;
    scene.proxy.fail([Fault::answer(429, &[("retry-after", "1")], "")]);
    let began = Instant::now();
    scene.through().events().get(&scene.event_id).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    let pauses = scene.pauses();
    assert_eq!(pauses.len(), 1);
    assert!(pauses[0] >= Duration::from_secs(1) && pauses[0] <= Duration::from_millis(1250), "{pauses:?}");
}

#[tokio::test]
async fn a_long_wait_is_for_the_caller_to_plan() {
    let scene = Scene::new().await;
    let body = r#"{"code":"rate_limited","detail":"Slow down.","status":429}"#;
    scene.proxy.fail([Fault::answer(429, &[("retry-after", "90")], body)]);
    let error = scene.through().events().get(&scene.event_id).await.unwrap_err();
    assert!(matches!(error, Error::RateLimit(_)) && error.is(ErrorCode::RateLimited));
    assert_eq!(error.api().unwrap().retry_after, Duration::from_secs(90));
    assert_eq!(scene.proxy.seen().len(), 1);
}

#[tokio::test]
async fn a_change_is_repeated_until_it_is_done_once() {
    let scene = Scene::new().await;
    let rebuilding = r#"{"code":"rebuilding","detail":"Come again.","status":503}"#;
    scene.proxy.fail([
        Fault::answer(503, &[("retry-after", "0")], rebuilding),
        Fault::answer(502, &[], "<html>Bad gateway</html>"),
    ]);
    scene.through().orders().create(&scene.order()).await.unwrap();
    assert_eq!(scene.codes(), ["rebuilding", "unavailable"]);
    assert_eq!(scene.different("idempotency-key"), 1);
    assert_eq!(scene.count_orders().await, 1);
}

#[tokio::test]
async fn a_server_that_stays_away_is_an_error_after_three_repetitions_with_pauses_that_grow() {
    let scene = Scene::new().await;
    scene.proxy.fail(vec![Fault::answer(503, &[], ""); 9]);
    let error = scene.through().events().get(&scene.event_id).await.unwrap_err();
    assert!(
        matches!(&error, Error::Server(api) if api.status == 503 && api.code == "unavailable"),
        "{error}"
    );
    assert_eq!(scene.proxy.seen().len(), 4);
    for (middle, pause) in [400, 800, 1600].into_iter().zip(scene.pauses()) {
        let pause = pause.as_millis();
        assert!(pause >= middle / 2 && pause <= middle * 3 / 2, "{pause} is not about {middle}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_not_repeated() {
    let scene = Scene::new().await;
    let missing = scene.through().orders().get("ord_01h455vb4pex5vsknk084sn02q").await.unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    let stranger = Client::new(&scene.proxy.url, &format!("{}x", scene.world.secret_key)).unwrap();
    let refused = stranger.tenant().get().await.unwrap_err();
    assert!(matches!(&refused, Error::Authentication(_)) && refused.is(ErrorCode::Unauthenticated));
    assert_eq!((scene.proxy.seen().len(), scene.codes().len()), (2, 0));
}

#[tokio::test]
async fn an_order_that_is_submitted_twice_at_once_is_one_order_and_both_hear_of_it() {
    let scene = Scene::new().await;
    let (client, order) = (scene.through(), scene.order());
    let submit = || -> Call<'_, Order> {
        client.orders().create(&order).idempotency_key(format!("submit-{}", scene.event_id))
    };
    let (first, second, third) =
        tokio::join!(submit().into_future(), submit().into_future(), submit().into_future());
    let ids: HashSet<String> = [first, second, third].map(|order| order.unwrap().id).into();
    assert_eq!(ids.len(), 1);
    assert_eq!(scene.count_orders().await, 1);
    assert!(scene.codes().iter().all(|code| code == "idempotency_in_flight"), "{:?}", scene.codes());
}

#[tokio::test]
async fn a_key_that_is_used_for_something_else_is_refused_not_repeated() {
    let scene = Scene::new().await;
    let key = format!("other-{}", scene.event_id);
    scene.through().orders().create(&scene.order()).idempotency_key(&key).await.unwrap();
    let venue = NewVenue::new("Club", "Europe/Berlin");
    let error = scene.through().venues().create(&venue).idempotency_key(&key).await.unwrap_err();
    assert!(
        matches!(&error, Error::InvalidRequest(_)) && error.is(ErrorCode::IdempotencyConflict),
        "{error}"
    );
    assert_eq!(scene.codes().len(), 0);
}

#[tokio::test]
async fn dates_of_retry_after_count_by_the_clock_of_the_server() {
    let scene = Scene::new().await;
    let hour_ago = Utc::now() - chrono::Duration::hours(1);
    let http_date = |time: chrono::DateTime<Utc>| time.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let (date, until) = (http_date(hour_ago), http_date(hour_ago + chrono::Duration::seconds(1)));
    scene.proxy.fail([Fault::answer(503, &[("date", &date), ("retry-after", &until)], "")]);
    scene.through().events().get(&scene.event_id).await.unwrap();
    assert!(scene.pauses()[0] >= Duration::from_secs(1), "by our own clock the date is long past");
}

#[tokio::test]
async fn a_call_that_is_dropped_is_over() {
    let scene = Scene::new().await;
    let client = scene.through();
    scene.proxy.fail([Fault::answer(503, &[("retry-after", "15")], "")]);
    let call = client.events().get(&scene.event_id).into_future();
    assert!(tokio::time::timeout(Duration::from_millis(500), call).await.is_err(), "it waits");
    assert_eq!(scene.codes(), ["unavailable"]);
    client.events().get(&scene.event_id).await.unwrap();
    assert_eq!(scene.proxy.seen().len(), 2, "the first one did not come again");
}

#[tokio::test]
async fn a_base_url_that_leads_elsewhere_says_where_and_the_credential_does_not_follow() {
    let scene = Scene::new().await;
    let elsewhere = FaultProxy::start(&scene.world.url).await;
    let target = format!("{}/v1/tenant", elsewhere.url);
    scene.proxy.fail([Fault::answer(301, &[("location", &target)], "")]);
    let error = scene.through().tenant().get().await.unwrap_err();
    assert!(
        matches!(&error, Error::Other(api) if api.code == "redirected" && api.detail.contains(&target)),
        "{error}"
    );
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn an_answer_of_another_time_is_told_from_a_failure() {
    let scene = Scene::new().await;
    scene.proxy.fail([Fault::answer(200, &[("x-request-id", "req_of_another_time")], r#"{"shape":"new"}"#)]);
    let error = scene.through().tenant().get().await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    assert_eq!(error.request().unwrap().request_id, "req_of_another_time");
    assert_eq!(scene.codes().len(), 0, "it was done: to repeat it helps nobody");
}

#[tokio::test]
async fn every_request_names_the_sdk_and_the_program() {
    let scene = Scene::new().await;
    scene.builder().app_info("box-office/2.1").build().unwrap().tenant().get().await.unwrap();
    let expected = format!("eventflow-sdk-rust/{} box-office/2.1", env!("CARGO_PKG_VERSION"));
    assert_eq!(scene.proxy.headers("user-agent"), [Some(expected)]);
}
