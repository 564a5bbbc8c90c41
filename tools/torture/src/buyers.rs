//! Virtual buyers: each draws from its own dice what it wants, how it behaves and when it goes away.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Answer, Ask},
    shop::{AREA, FEW, STRANGER, Shop},
    world::World,
};

pub const GOOD_CARD: &str = "4242424242424242";
const DECLINED: &str = "4000000000000002";
pub const DISPUTED: &str = "4000000000000259";
/// How long a buyer looks at the page after the checkout.
const WAIT_FOR_TICKETS: Duration = Duration::from_secs(4);

/// Buys again and again until the end.
pub async fn run(world: &World, number: u64, end: Instant) {
    let mut buyer =
        Buyer { world, dice: StdRng::seed_from_u64(world.seed.wrapping_mul(1_000_003) + number), end };
    while Instant::now() < end {
        // Nothing: an outcome stayed unknown, and the buyer goes away.
        let _ = buyer.purchase().await;
        buyer.think(20..250).await;
    }
}

/// Where the payments at the deadline begin among the kinds of payments.
const DEADLINE: u32 = 17;

/// Two orders each: so many are more than one address may have.
const ORDERS_OF_A_FAMILY: u64 = 4;
/// Standing places of each second one.
const FAMILY_PLACES: u32 = 4;

/// What must not be left to chance in a short run, dealt in turn to every few orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Spy,
    Lie,
    Deadline,
    Refund,
    Family,
    DoubleClick,
    Any,
}

impl Turn {
    /// Of the n-th order.
    fn of(number: u64) -> Self {
        match number % 10 {
            0 => Self::Spy,
            1 => Self::Lie,
            2 => Self::Deadline,
            3 => Self::Refund,
            4 | 5 => Self::Family,
            6 => Self::DoubleClick,
            _ => Self::Any,
        }
    }
}

struct Buyer<'a> {
    world: &'a World,
    dice: StdRng,
    end: Instant,
}

pub fn key() -> String {
    Uuid::now_v7().to_string()
}

pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

impl Buyer<'_> {
    fn chance(&mut self, percent: u32) -> bool {
        self.dice.random_range(0..100) < percent
    }

    async fn think(&mut self, ms: std::ops::Range<u64>) {
        let left = self.end.saturating_duration_since(Instant::now());
        let pause = Duration::from_millis(self.dice.random_range(ms));
        tokio::time::sleep(pause.min(left)).await;
    }

    fn count(&self, what: &str) {
        self.world.client.history.count(what);
    }

    async fn purchase(&mut self) -> Option<()> {
        let world = self.world;
        let at = usize::from(self.chance(35));
        let (shop, rival) = (&world.shops[at], &world.shops[1 - at]);
        if self.chance(6) {
            return self.box_office(shop).await;
        }
        let hold = self.hold(shop).await?;
        if self.chance(15) {
            self.count("holds abandoned");
            if self.chance(50) {
                let path = format!("/v1/holds/{}", text(&hold, "id"));
                let token = text(&hold, "token");
                let leave =
                    Ask { method: reqwest::Method::DELETE, path: &path, token, key: None, body: None };
                world.client.ask(self.server(), leave).await?;
            }
            return None;
        }
        // Some think longer than the hold lasts.
        if self.chance(3) {
            self.think(5_000..7_000).await;
        } else {
            self.think(0..400).await;
        }
        self.count("orders tried");
        let turn = Turn::of(world.client.history.with(|seen| seen.counts["orders tried"]));
        let order = if turn == Turn::Family {
            self.order_as_a_family(at, &hold).await?
        } else {
            let email = format!("{}@example.org", Uuid::now_v7().simple());
            self.order(shop, &hold, &email, turn).await?
        };
        self.count("orders made");
        if self.chance(10) || turn == Turn::Spy {
            self.spy(rival, &order).await?;
        }
        if self.chance(20) || turn == Turn::Lie {
            self.lie(&order).await;
        }
        self.pay(&order, turn).await?;
        let paid = self.look(&order).await?;
        let codes =
            paid["tickets"].as_array().into_iter().flatten().map(|ticket| text(ticket, "token").to_owned());
        world.client.history.with(|seen| seen.codes.extend(codes.filter(|code| !code.is_empty())));
        if self.chance(18) || turn == Turn::Refund {
            self.refund(shop, &paid).await?;
        }
        Some(())
    }

    fn server(&mut self) -> usize {
        self.dice.random_range(0..2)
    }

    async fn hold(&mut self, shop: &Shop) -> Option<Value> {
        let wanted = match self.dice.random_range(0..10) {
            0..3 => {
                let first = self.dice.random_range(0..shop.seats);
                let seats = first..(first + self.dice.random_range(1..4)).min(shop.seats);
                json!({ "items": seats.map(|seat| json!({ "seat": seat })).collect::<Vec<_>>() })
            }
            3..7 => json!({ "best_available": { "quantity": self.dice.random_range(1..4) } }),
            _ => {
                let area = if self.chance(80) { FEW } else { AREA };
                json!({ "items": [{ "ga_area": area, "quantity": self.dice.random_range(1..5) }] })
            }
        };
        self.hold_of(shop, wanted).await
    }

    async fn hold_of(&mut self, shop: &Shop, wanted: Value) -> Option<Value> {
        let (path, key, server) = (format!("/v1/events/{}/holds", shop.event), key(), self.server());
        let answer = self.world.client.ask(server, Ask::post(&path, &shop.publishable, &key, wanted)).await?;
        if answer.is_good() {
            self.count("holds placed");
            Some(answer.body)
        } else {
            self.count(&format!("holds refused: {}", answer.code()));
            None
        }
    }

    /// Two orders at once under one address, which may be within its limit with each of them, and beyond it with both.
    async fn order_as_a_family(&mut self, at: usize, hold: &Value) -> Option<Value> {
        let (world, shop) = (self.world, &self.world.shops[at]);
        let name = format!("orders of families at shop {at}");
        self.count(&name);
        let number = world.client.history.with(|seen| seen.counts[&name]);
        let email = format!("family-{at}-{}@example.org", number / ORDERS_OF_A_FAMILY);
        let places = json!({ "items": [{ "ga_area": AREA, "quantity": FAMILY_PLACES }] });
        let Some(second) = self.hold_of(shop, places).await else {
            return self.order(shop, hold, &email, Turn::Family).await;
        };
        let mut other = Buyer { world, dice: StdRng::from_rng(&mut self.dice), end: self.end };
        // The address is the same to everybody but a computer.
        let shouted = email.to_uppercase();
        let (one, other) = tokio::join!(
            self.order(shop, hold, &email, Turn::Family),
            other.order(shop, &second, &shouted, Turn::Family)
        );
        let order = one.or(other.clone())?;
        if let Some(session) = other.as_ref().and_then(session_of) {
            world.sandbox(&format!("sessions/{session}/pay"), json!({ "card": GOOD_CARD })).await;
        }
        Some(order)
    }

    async fn order(&mut self, shop: &Shop, hold: &Value, email: &str, turn: Turn) -> Option<Value> {
        let buyer = json!({ "email": email, "name": "Grace Hopper" });
        let body = json!({ "hold_id": hold["id"], "hold_token": hold["token"], "buyer": buyer });
        let (one, other) = (key(), key());
        let ask = Ask::post("/v1/orders", &shop.publishable, &one, body.clone());
        let (client, server) = (&self.world.client, self.server());
        let kind = self.dice.random_range(0..100);
        let answer = match if turn == Turn::DoubleClick { 0 } else { kind } {
            0..15 => {
                self.count("double clicks");
                let (first, second) =
                    tokio::join!(client.ask(server, ask.clone()), client.ask(server + 1, ask));
                first.or(second)
            }
            15..23 => {
                self.count("two tabs");
                let rival = Ask::post("/v1/orders", &shop.publishable, &other, body);
                let (first, second) = tokio::join!(client.ask(server, ask), client.ask(server + 1, rival));
                [first, second].into_iter().flatten().find(Answer::is_good)
            }
            23..31 => {
                self.count("clients that hung up");
                let patience = Duration::from_millis(self.dice.random_range(1..60));
                client.attempt(server, &ask, patience).await;
                client.ask(server + 1, ask).await
            }
            _ => client.ask(server, ask).await,
        }?;
        if answer.is_good() {
            return Some(answer.body);
        }
        self.count(&format!("orders refused: {}", answer.code()));
        None
    }

    /// Another tenant must not see, end or give back an order.
    async fn spy(&mut self, rival: &Shop, order: &Value) -> Option<()> {
        self.count("spies");
        let (client, server, key) = (&self.world.client, self.server(), key());
        let path = format!("/v1/orders/{}", text(order, "id"));
        let cancel = format!("{path}/cancel");
        let refunds = format!("{path}/refunds");
        let asks = [
            Ask::get(&path, &rival.secret),
            Ask::get(&refunds, &rival.secret),
            Ask::post(&cancel, &rival.secret, &key, json!({})),
        ];
        for ask in asks {
            let asked = format!("{} {}", ask.method, ask.path);
            let answer = client.ask(server, ask).await?;
            if answer.status != 404 {
                client
                    .history
                    .wrong("I12", format!("another tenant's {asked} was answered with {}", answer.status));
            }
        }
        Some(())
    }

    /// Events that say what is not so: badly signed; of a stranger's account; well signed and wrong.
    async fn lie(&mut self, order: &Value) {
        let Some(session) = session_of(order) else { return };
        let lie = match self.dice.random_range(0..3) {
            0 => json!({ "signed": false }),
            1 => json!({ "signed": true, "account": STRANGER }),
            _ => json!({ "signed": true }),
        };
        self.count("forged events");
        self.world.sandbox(&format!("sessions/{session}/forge"), lie).await;
    }

    /// Nothing when the buyer does not pay.
    async fn pay(&mut self, order: &Value, turn: Turn) -> Option<()> {
        if text(order, "state") != "pending" {
            return Some(());
        }
        let session = session_of(order)?;
        let path = format!("sessions/{session}/pay");
        let card = |card: &str| json!({ "card": card });
        let kind = self.dice.random_range(0..100);
        match if turn == Turn::Deadline { DEADLINE } else { kind } {
            0..12 => {
                self.count("checkouts abandoned");
                return None;
            }
            12..17 => {
                self.count("cancellations");
                let (path, key, server) =
                    (format!("/v1/orders/{}/cancel", text(order, "id")), key(), self.server());
                let token = text(order, "buyer_token");
                // Somebody else pays while it is being cancelled.
                let cancel = self.world.client.ask(server, Ask::post(&path, token, &key, json!({})));
                if self.dice.random_bool(0.5) {
                    let paying = format!("sessions/{session}/pay");
                    tokio::join!(cancel, self.world.sandbox(&paying, card(GOOD_CARD)));
                } else {
                    cancel.await?;
                }
            }
            DEADLINE..27 => {
                // The lapse is due now, and comes within a second or two.
                let until: DateTime<Utc> = text(order, "pay_until").parse().ok()?;
                let wait = (until - Utc::now()).to_std().unwrap_or_default();
                let jitter = Duration::from_millis(self.dice.random_range(0..1_600));
                tokio::time::sleep((wait + jitter).saturating_sub(Duration::from_millis(100))).await;
                let outcome = self.world.sandbox(&path, card(GOOD_CARD)).await;
                let paid = outcome.is_some_and(|outcome| outcome["outcome"] == "paid");
                self.count(if paid { "paid at the deadline" } else { "too late to pay" });
            }
            27..33 => {
                self.world.sandbox(&path, card(DECLINED)).await;
                self.think(50..300).await;
                self.world.sandbox(&path, card(GOOD_CARD)).await;
            }
            33..36 => {
                self.world.sandbox(&path, card(DISPUTED)).await;
                self.count("disputes");
            }
            36..48 => {
                let verdict = if self.dice.random_bool(0.7) { "delayed_success" } else { "delayed_failure" };
                let outcome = self.world.sandbox(&path, card(verdict)).await.unwrap_or_default();
                if outcome["outcome"] == "processing" {
                    self.count("delayed payments");
                    self.think(300..2_500).await;
                    self.world.sandbox(&format!("sessions/{session}/resolve"), json!({})).await;
                } else {
                    self.world.sandbox(&path, card(GOOD_CARD)).await;
                }
            }
            _ => {
                self.think(0..300).await;
                self.world.sandbox(&path, card(GOOD_CARD)).await;
            }
        }
        Some(())
    }

    /// The page after the checkout: asks until there are tickets, or goes away.
    async fn look(&mut self, order: &Value) -> Option<Value> {
        let path = format!("/v1/orders/{}", text(order, "id"));
        let refresh = format!("{path}/refresh");
        let token = text(order, "buyer_token");
        let began = Instant::now();
        while began.elapsed() < WAIT_FOR_TICKETS {
            let (server, key) = (self.server(), key());
            let ask = if self.chance(30) {
                Ask::post(&refresh, token, &key, json!({}))
            } else {
                Ask::get(&path, token)
            };
            let answer = self.world.client.ask(server, ask).await?;
            match text(&answer.body, "state") {
                "pending" | "processing" => self.think(100..500).await,
                "paid" => {
                    self.count("tickets seen");
                    return Some(answer.body);
                }
                _ => return None,
            }
        }
        self.count("tickets not seen in time");
        None
    }

    async fn refund(&mut self, shop: &Shop, paid: &Value) -> Option<()> {
        let (path, key, server) = (format!("/v1/orders/{}/refunds", text(paid, "id")), key(), self.server());
        let wanted = match self.dice.random_range(0..3) {
            0 => json!({}),
            1 => json!({ "amount_minor": self.dice.random_range(1..2_000) }),
            _ => json!({ "item_ids": [paid["items"][0]["id"]] }),
        };
        let ask = Ask::post(&path, &shop.secret, &key, wanted);
        let client = &self.world.client;
        let answer = if self.dice.random_bool(0.3) {
            self.count("double clicks");
            let (first, second) = tokio::join!(client.ask(server, ask.clone()), client.ask(server + 1, ask));
            first.or(second)
        } else {
            client.ask(server, ask).await
        }?;
        self.count(if answer.is_good() { "refunds asked for" } else { "refunds refused" });
        Some(())
    }

    /// Cash, at once.
    async fn box_office(&mut self, shop: &Shop) -> Option<()> {
        let wanted = json!({ "quantity": self.dice.random_range(1..3) });
        let body = json!({ "event_id": shop.event, "provider": "manual", "buyer": { "email": "", "name": "" },
            "best_available": wanted });
        let (key, server) = (key(), self.server());
        let answer = self.world.client.ask(server, Ask::post("/v1/orders", &shop.secret, &key, body)).await?;
        self.count(if answer.is_good() { "sold for cash" } else { "not sold for cash" });
        Some(())
    }
}

/// The provider's session behind an order that is to be paid.
pub fn session_of(order: &Value) -> Option<&str> {
    order["checkout_url"].as_str()?.rsplit('/').next()
}
