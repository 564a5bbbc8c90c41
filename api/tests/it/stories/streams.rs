//! Looking on while others buy: what a stream tells, from which server, and where it goes on.

use eventflow_core::seat_map::SeatStatus;
use serde_json::json;

use crate::support::{Options, OwnRedis, Platform, Watch, shop::AREA, text};

/// It has no worker: what it knows of the others comes through Redis.
fn without_worker() -> Options {
    Options { worker: false, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_on_at_another_server_sees_every_change() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.event(8, 5, json!({})).await;
    platform.mirrored().await;
    let other = platform.another_server(without_worker()).await;
    let mut watch = Watch::open(&other.with_token(&tenant.page.token), &event).await;
    assert_eq!((watch.state.statuses.len(), watch.state.areas.clone()), (8, vec![5]));

    let hold = event.hold(&[0, 1]).await.created();
    watch.until_seat(1, SeatStatus::Held).await;
    assert_eq!(watch.status(0), SeatStatus::Held, "seats of one hold come together");
    let path = format!("/v1/holds/{}", text(&hold, "id"));
    tenant.page.with_token(text(&hold, "token")).delete(&path).await.done();
    watch.until_seat(0, SeatStatus::Free).await;
    event.hold_places(2).await.created();
    watch.until("places were held", |watch| watch.state.areas == [3]).await;
    let order = json!({ "items": [{ "seat": 5 }, { "ga_area": AREA, "quantity": 1 }] });
    tenant.api.post("/v1/orders", event.manual(order)).await.created();
    watch.until_seat(5, SeatStatus::Sold).await;
    watch.until("a place was sold", |watch| watch.state.areas == [2]).await;
    assert!(!watch.kinds.contains(&"offer".to_owned()), "{:?}", watch.kinds);

    // What is sold, and for how much, is told as an event of its own; blocks change the seats too.
    let offers = |watch: &Watch| watch.kinds.iter().filter(|kind| *kind == "offer").count();
    let price = json!({ "price_minor": 1_000 });
    tenant.api.patch(&format!("/v1/price-tiers/{}", event.tiers[0]), price).await.ok();
    watch.until("a price changed", |watch| offers(watch) == 1).await;
    tenant.api.patch(&event.path("/seats"), json!({ "action": "block", "seats": [7] })).await.ok();
    watch.until_seat(7, SeatStatus::Blocked).await;
    watch.until("the blocks changed", |watch| offers(watch) >= 2).await;
    tenant.api.post(&event.path("/cancel"), json!({ "reason": "The conductor is ill" })).await.ok();
    watch.until("the cancellation", |watch| offers(watch) >= 3).await;
    // One snapshot at the beginning; everything else was told by what changed.
    assert_eq!(watch.kinds.iter().filter(|kind| *kind == "snapshot").count(), 1, "{:?}", watch.kinds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_stream_goes_on_where_it_was_at_any_server() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(12).await;
    let other = platform.another_server(without_worker()).await.with_token(&tenant.page.token);
    // Somebody looks on at each server: what changed is kept there.
    let mut here = Watch::open(&tenant.page, &event).await;
    let mut there = Watch::open(&other, &event).await;
    let mut lost = Watch::open(&tenant.page, &event).await;
    event.hold(&[0]).await.created();
    for watch in [&mut here, &mut there, &mut lost] {
        watch.until_seat(0, SeatStatus::Held).await;
    }
    let state = lost.state.clone();
    drop(lost);
    let hold = event.hold(&[1, 2]).await.created();
    event.hold(&[3]).await.created();
    let path = format!("/v1/holds/{}", text(&hold, "id"));
    tenant.page.with_token(text(&hold, "token")).delete(&path).await.done();
    event.hold(&[4]).await.created();
    for watch in [&mut here, &mut there] {
        watch.until_seat(4, SeatStatus::Held).await;
    }
    for client in [&tenant.page, &other] {
        let mut back = Watch::resume(client, &event, state.clone()).await;
        back.until_seat(4, SeatStatus::Held).await;
        assert!(back.kinds.iter().all(|kind| kind == "diff"), "{:?}", back.kinds);
        assert_eq!(back.state, here.state);
        event.hold(&[5]).await;
        back.until_seat(5, SeatStatus::Held).await;
        assert!(back.kinds.iter().all(|kind| kind == "diff"), "{:?}", back.kinds);
    }
    // Who has missed nothing is told nothing old.
    here.until_seat(5, SeatStatus::Held).await;
    let mut same = Watch::resume(&tenant.page, &event, here.state.clone()).await;
    event.hold(&[6]).await.created();
    same.until_seat(6, SeatStatus::Held).await;
    assert!(same.kinds.iter().all(|kind| kind == "diff"), "{:?}", same.kinds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_answered_with_the_whole_state() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(6).await;
    event.hold(&[2]).await.created();
    let now = Watch::open(&tenant.page, &event).await.state.revision;
    for id in ["0", "1", &(now + (1 << 30)).to_string(), "9007199254740991"] {
        let mut watch = Watch::begin(&tenant.page, &event, Some(id)).await;
        // Prices may have changed too.
        watch.until_seat_known(2, SeatStatus::Held).await;
        assert_eq!(watch.kinds, ["offer", "snapshot"], "{id}");
    }
    for id in ["x", "-1", "1.5", "9007199254740992", "1%00"] {
        let client = tenant.page.with_header("last-event-id", id);
        client.get(&event.path("/availability/stream")).await.refused(400, "invalid_request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_hold_becomes_free_before_the_eyes_of_all() {
    let platform = Platform::with(without_worker()).await;
    let tenant = platform.tenant().await;
    let event = tenant.event(6, 5, json!({ "hold_ttl_secs": 5 })).await;
    let other = platform.another_server(without_worker()).await;
    let mut here = Watch::open(&tenant.page, &event).await;
    let mut there = Watch::open(&other.with_token(&tenant.page.token), &event).await;
    let hold = event.hold(&[0, 1]).await.created();
    event.hold_places(2).await.created();
    let held = |watch: &Watch| (watch.status(1), watch.state.areas[0]) == (SeatStatus::Held, 3);
    here.until("the holds", held).await;
    there.until("the holds", held).await;
    here.until_seat(1, SeatStatus::Free).await;
    let late =
        chrono::Utc::now() - text(&hold, "expires_at").parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    // Nobody asks for these seats: they are announced because their time has come.
    assert!((0..1_500).contains(&late.num_milliseconds()), "{late}");
    let free = |watch: &Watch| (watch.status(0), watch.state.areas[0]) == (SeatStatus::Free, 5);
    here.until("everything was free", free).await;
    there.until("everything was free", free).await;
    assert!(!here.kinds[1..].contains(&"snapshot".to_owned()), "{:?}", here.kinds);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_redis_loses_its_memory_the_streams_begin_anew() {
    let mut redis = OwnRedis::start().await;
    let options = |worker| Options { redis_url: Some(redis.url.clone()), worker, ..Options::default() };
    let (with_worker, without) = (options(true), options(false));
    let platform = Platform::with(with_worker).await;
    let tenant = platform.tenant().await;
    let event = tenant.event(8, 5, json!({})).await;
    let other = platform.another_server(without).await;
    let mut here = Watch::open(&tenant.page, &event).await;
    let mut there = Watch::open(&other.with_token(&tenant.page.token), &event).await;
    event.hold(&[0]).await.created();
    event.order_manual(&[1]).await.created();
    for watch in [&mut here, &mut there] {
        watch.until("both", |w| (w.status(0), w.status(1)) == (SeatStatus::Held, SeatStatus::Sold)).await;
    }
    // Forgotten while it runs, and with the whole process: holds are gone, what is sold is sold.
    for round in 1..=2 {
        if round == 1 {
            redis.forget_everything().await;
        } else {
            event.hold(&[0]).await.created();
            for watch in [&mut here, &mut there] {
                watch.until_seat(0, SeatStatus::Held).await;
            }
            redis.restart().await;
        }
        for watch in [&mut here, &mut there] {
            let before = watch.kinds.len();
            watch
                .until("the new state", |w| {
                    (w.status(0), w.status(1)) == (SeatStatus::Free, SeatStatus::Sold)
                })
                .await;
            assert!(watch.kinds[before..].contains(&"snapshot".to_owned()), "{:?}", watch.kinds);
        }
        // The streams go on.
        let seat = 1 + round;
        event.hold(&[seat]).await.created();
        for watch in [&mut here, &mut there] {
            watch.until_seat(seat, SeatStatus::Held).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_moment_share_a_frame() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(200).await;
    let mut watch = Watch::open(&tenant.page, &event).await;
    let buyers = (0..100).map(async |n| {
        // So many at once may be asked to come again, also when the seats are theirs by then.
        let held = async || [201, 409].contains(&event.hold(&[2 * n, 2 * n + 1]).await.status);
        crate::support::wait_until("a hold", held).await;
    });
    futures_util::future::join_all(buyers).await;
    let all = |watch: &Watch| watch.state.statuses.count(SeatStatus::Held) == 200;
    watch.until("all holds", all).await;
    let diffs = watch.kinds.iter().filter(|kind| *kind == "diff").count();
    assert!(diffs < 100, "{diffs} frames for 100 holds at once");
}
