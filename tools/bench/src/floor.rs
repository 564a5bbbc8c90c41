//! The floor: what poem does with a request and an answer of the size of a hold, and nothing else.

use anyhow::{Context, Result};
use poem::{
    Endpoint, Route, Server, handler,
    http::StatusCode,
    listener::{Acceptor, Listener, TcpListener},
    web::Json,
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Item {
    seat: u32,
}

#[derive(Deserialize)]
struct NewHold {
    items: Vec<Item>,
}

#[derive(Serialize)]
struct HeldItem {
    seat: u32,
    label: String,
    price_tier_id: &'static str,
    tier_name: &'static str,
    price_minor: i64,
    fee_minor: i64,
    tax_minor: i64,
    total_minor: i64,
}

#[derive(Serialize)]
struct Totals {
    price_minor: i64,
    fee_minor: i64,
    tax_minor: i64,
    total_minor: i64,
}

#[derive(Serialize)]
struct Hold {
    id: &'static str,
    event_id: &'static str,
    status: &'static str,
    created_at: &'static str,
    expires_at: &'static str,
    extendable_until: &'static str,
    extensions: u32,
    server_time: &'static str,
    currency: &'static str,
    items: Vec<HeldItem>,
    totals: Totals,
    token: &'static str,
}

#[handler]
fn hold(new: Json<NewHold>) -> (StatusCode, Json<Hold>) {
    const TIME: &str = "2026-11-22T12:00:00.000Z";
    const TOKEN: &str = "eyJ0eXAiOiJidXllcitqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6IjAxOTBhNWRhLWM5NjctNGJiY-\
        eyJpc3MiOiJldmVudGZsb3ciLCJhdWQiOiJldmVudGZsb3ciLCJzdWIiOiJob2xkXzAxaDQ1NXZiNHBleDV2c2tuazA4NHNuMDJxIiwidGVu\
        IjoidGVuXzAxaDQ1NXZiNHBleDV2c2tuazA4NHNuMDJxIiwiZXZ0IjoiZXZ0XzAxaDQ1NXZiNHBleDV2c2tuazA4NHNuMDJxIiwiaWF0Ijox-\
        7nq3Cw0L1n8q6m5b4v3c2x1z0a9s8d7f6g5h4j3k2l1poiuytrewqmnbvcxzlkjhgfdsa";
    let items = new.0.items.iter().map(|item| HeldItem {
        seat: item.seat,
        label: format!("stalls-12-{}", item.seat),
        price_tier_id: "tier_01h455vb4pex5vsknk084sn02q",
        tier_name: "Adult",
        price_minor: 4_200,
        fee_minor: 150,
        tax_minor: 300,
        total_minor: 4_650,
    });
    let hold = Hold {
        id: "hold_01h455vb4pex5vsknk084sn02q",
        event_id: "evt_01h455vb4pex5vsknk084sn02q",
        status: "active",
        created_at: TIME,
        expires_at: TIME,
        extendable_until: TIME,
        extensions: 0,
        server_time: TIME,
        currency: "EUR",
        items: items.collect(),
        totals: Totals { price_minor: 16_800, fee_minor: 600, tax_minor: 1_200, total_minor: 18_600 },
        token: TOKEN,
    };
    (StatusCode::CREATED, Json(hold))
}

fn endpoint() -> impl Endpoint {
    Route::new().at("/v1/events/:event_id/holds", poem::post(hold))
}

/// Serves until it is killed; prints its address.
#[expect(clippy::print_stdout, reason = "the parent reads the address from here")]
pub async fn serve() -> Result<()> {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    let address = acceptor.local_addr().into_iter().next().context("no address")?;
    println!("{}", address.as_socket_addr().context("no socket address")?);
    Server::new_with_acceptor(acceptor).run(endpoint()).await?;
    Ok(())
}
