//! A whole sale with the SDK, against the real platform.

use std::time::Duration;

use eventflow_sdk::nouns::query;
use eventflow_sdk::types::{
    BestAvailable, BuyerInput, ItemInput, NewCheckInList, NewCheckIns, NewDevice, NewHold, NewOrderInput,
    NewVenue, Outcome, Provider, ScanUpload,
};
use eventflow_sdk::{Client, Countdown, Error, ErrorCode, Snapshot, TryStreamExt, tickets};

use super::support::{World, pay};

fn best(quantity: u32) -> NewHold {
    NewHold { best_available: Some(BestAvailable::new(quantity)), ..NewHold::default() }
}

#[tokio::test]
async fn seats_are_held_ordered_and_paid_and_tickets_are_verified_without_a_network() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let hold = client.holds().create(&event_id, &best(2)).await.unwrap();
    assert_eq!(hold.items.len(), 2);
    let left = Countdown::of(&hold).left();
    assert!(left > Duration::from_secs(590) && left <= Duration::from_secs(600), "{left:?}");
    let longer = client.holds().extend(&hold.id).token(&hold.token).await.unwrap();
    assert_eq!(longer.extensions, 1);

    let buyer = BuyerInput { email: Some("clara@example.com".into()), name: Some("Clara Schumann".into()) };
    let order =
        NewOrderInput { hold_id: Some(hold.id), hold_token: Some(hold.token), ..NewOrderInput::new(buyer) };
    let order = client.orders().create(&order).await.unwrap();
    assert_eq!(order.state, "pending");
    pay(order.checkout_url.as_deref().unwrap()).await;
    let mut paid = client.orders().refresh(&order.id).await.unwrap();
    while paid.state == "pending" {
        paid = client.orders().get(&order.id).await.unwrap();
    }
    assert_eq!(paid.state, "paid");

    let ring = tickets::key_ring(&client.ticket_keys().list().all(100).await.unwrap()).unwrap();
    let of_order = query::TicketsList { order_id: Some(order.id), ..Default::default() };
    let list = client.tickets().list().query(of_order).token(order.buyer_token.unwrap());
    let tickets = list.all(100).await.unwrap();
    assert_eq!(tickets.len(), 2);
    for ticket in tickets {
        let token = tickets::verify(&ticket.token.unwrap(), &ring).unwrap();
        assert_eq!(tickets::ticket_id(&token), ticket.id);
        assert!(tickets::is_valid_at(&token, ticket.not_before, Duration::ZERO));
        assert_eq!(token.flags.names().collect::<Vec<_>>(), ["test"]);
        assert!(client.tickets().qr_svg(&ticket.id).await.unwrap().contains("<svg"));
        let scale = query::TicketsQrPng { scale: Some(4) };
        let png = client.tickets().qr_png(&ticket.id).query(scale).await.unwrap();
        assert_eq!(png[1..4], *b"PNG");
    }
}

#[tokio::test]
async fn the_box_office_sells_in_one_call_and_a_scanner_lets_the_guest_in() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let place = ItemInput { ga_area: Some("stehparkett".into()), quantity: Some(1), ..ItemInput::default() };
    let order = NewOrderInput {
        event_id: Some(event_id.clone()),
        items: Some(vec![place]),
        provider: Some(Provider::Manual),
        ..NewOrderInput::new(BuyerInput::default())
    };
    let order = client.orders().create(&order).await.unwrap();
    let list = client.check_in_lists().create(&NewCheckInList::new(event_id, "Main entrance")).await.unwrap();
    let device = client.devices().create(&list.id, &NewDevice::new("Gate 1")).await.unwrap();
    let scanner = Client::new(&world.url, &device.token).unwrap();
    for expected in [Outcome::Admitted, Outcome::AlreadyAdmitted] {
        let token = order.tickets[0].token.clone();
        let scan = ScanUpload { token, ..ScanUpload::new(uuid::Uuid::now_v7().to_string()) };
        let answer = scanner.check_ins().create(&NewCheckIns::new(vec![scan])).await.unwrap();
        assert_eq!(answer.results[0].outcome, expected);
    }
}

#[tokio::test]
async fn what_the_api_refuses_has_its_class_code_way_out_and_request_id() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let hold = client.holds().create(&event_id, &best(1)).await.unwrap();
    let seat = ItemInput { seat: hold.items[0].seat, ..ItemInput::default() };
    let same = NewHold { items: Some(vec![seat]), ignore_seat_rules: Some(true), ..NewHold::default() };
    let taken = client.holds().create(&event_id, &same).await.unwrap_err();
    let Error::Conflict(api) = &taken else { panic!("{taken}") };
    assert_eq!((api.known_code(), api.status, api.objects.len()), (Some(ErrorCode::SeatsTaken), 409, 1));
    assert!(
        taken.to_string().ends_with(&format!("(holds.create, request {})", api.request.request_id)),
        "{taken}"
    );
    assert!(api.request.request_id.starts_with("sdk_"));
    assert_eq!(api.request.idempotency_key.as_deref().map(str::len), Some(32));

    let invalid = client.venues().create(&NewVenue::new("Hall", "Europe/Nowhere")).await.unwrap_err();
    let Error::InvalidRequest(api) = &invalid else { panic!("{invalid}") };
    assert_eq!((api.param.as_deref(), api.request.operation), (Some("time_zone"), "venues.create"));
    assert!(api.detail.contains("Europe/Nowhere") || api.detail.contains("IANA"), "{api}");
}

#[tokio::test]
async fn mistakes_that_never_reach_the_server_are_told_at_once() {
    let world = World::get().await;
    let usage = |error: Error| match error {
        Error::Usage(text) => text,
        other => panic!("{other}"),
    };
    assert!(usage(Client::new("tickets.example", "x").unwrap_err()).contains("base URL"));
    assert!(usage(Client::new(&world.url, "").unwrap_err()).contains("key is missing"));
    for id in ["", ".", ".."] {
        let error = usage(world.client().orders().get(id).await.unwrap_err());
        assert_eq!(error, "orders.get: order_id is missing");
    }
    let client = Client::new(&world.url, "ef_sk_test_\n").unwrap();
    assert_eq!(
        usage(client.tenant().get().await.unwrap_err()),
        "the key has a character that no header may have"
    );
    let versioned = Client::new(&format!("{}/v1/", world.url), &world.secret_key).unwrap();
    assert_eq!(versioned.tenant().get().await.unwrap().id, world.client().tenant().get().await.unwrap().id);
    let shown = format!("{:?}", world.client());
    assert!(!shown.contains(&world.secret_key), "{shown}");
}

#[tokio::test]
async fn lists_go_on_over_their_pages_and_are_read_only_as_far_as_they_are_used() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let snapshot = client.availability().snapshot(&event_id).await.unwrap();
    let seats = Snapshot::decode(&snapshot).unwrap().statuses.len();
    let listed: Vec<i32> = client
        .seats()
        .list(&event_id)
        .limit(100)
        .stream()
        .map_ok(|seat| seat.seat)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(listed, (0..i32::try_from(seats).unwrap()).collect::<Vec<_>>());

    let proxy = super::support::proxy::FaultProxy::start(&world.url).await;
    let through = world.builder(&proxy.url).build().unwrap();
    assert_eq!(through.seats().list(&event_id).limit(10).all(25).await.unwrap().len(), 25);
    assert_eq!(proxy.seen().len(), 3);
    let page = client.seats().list(&event_id).limit(10).await.unwrap();
    let next = client.seats().list(&event_id).limit(5).cursor(page.next_cursor.unwrap()).await.unwrap();
    assert_eq!(next.data.iter().map(|seat| seat.seat).collect::<Vec<_>>(), [10, 11, 12, 13, 14]);
    assert!(client.roles().list().all(100).await.unwrap().len() > 2, "a list without a cursor has one page");
}

#[tokio::test]
async fn availability_is_not_sent_again_to_whoever_has_it() {
    let world = World::get().await;
    let (client, event_id) = (world.client(), world.event().await);
    let url = format!("{}/v1/events/{event_id}/availability", world.url);
    let answer = reqwest::Client::new().get(url).bearer_auth(&world.secret_key).send().await.unwrap();
    let etag = answer.headers()["etag"].to_str().unwrap();
    let error = client.availability().get(&event_id).header("if-none-match", etag).await.unwrap_err();
    assert!(
        matches!(&error, Error::Other(api) if api.status == 304 && api.code == "not_modified"),
        "{error}"
    );
}
