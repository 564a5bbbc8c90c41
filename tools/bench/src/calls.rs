//! What the connections send: one caller for each operation.

use std::{
    fmt::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use uuid::Uuid;

use crate::{
    load::Caller,
    wire::{self, find},
};

/// Places of several events, each handed out once.
pub struct Places {
    events: Vec<String>,
    groups_per_event: usize,
    group: usize,
    next: AtomicUsize,
}

impl Places {
    pub fn new(events: Vec<String>, seats_per_event: u32, group: usize) -> Arc<Self> {
        let groups_per_event = seats_per_event as usize / group;
        Arc::new(Self { events, groups_per_event, group, next: AtomicUsize::new(0) })
    }

    /// The next event and group of neighbours.
    fn next(&self) -> Option<(&str, std::ops::Range<usize>)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let event = self.events.get(number / self.groups_per_event)?;
        let first = number % self.groups_per_event * self.group;
        Some((event, first..first + self.group))
    }
}

fn items(text: &mut String, seats: std::ops::Range<usize>) {
    text.push_str("\"items\":[");
    for (at, seat) in seats.enumerate() {
        let _ = write!(text, "{}{{\"seat\":{seat}}}", if at == 0 { "" } else { "," });
    }
    text.push(']');
}

/// `POST /v1/events/{id}/holds`, also against the floor.
pub struct Hold {
    pub places: Arc<Places>,
    pub key: String,
}

impl Caller for Hold {
    fn request(&mut self, out: &mut Vec<u8>) -> bool {
        let Some((event, seats)) = self.places.next() else { return false };
        let mut body = String::from("{");
        items(&mut body, seats);
        body.push('}');
        wire::request(out, "POST", &format!("/v1/events/{event}/holds"), &self.key, Some(body.as_bytes()));
        true
    }

    fn accepts(&mut self, status: u16, _: &[u8]) -> bool {
        status == 201
    }
}

/// The same request again and again, with the same status.
pub struct Same {
    pub request: Vec<u8>,
    pub status: u16,
}

impl Caller for Same {
    fn request(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.request);
        true
    }

    fn accepts(&mut self, status: u16, _: &[u8]) -> bool {
        status == self.status
    }
}

const MANUAL: &str = "\"provider\":\"manual\",\"manual_method\":\"cash\",\"buyer\":{\"email\":\"buyer@bench.example\",\"name\":\"B\"}";

fn is_paid_with_tickets(body: &[u8], tickets: usize) -> bool {
    find(body, b"\"state\":\"paid\"").is_some()
        && body.windows(9).filter(|window| window == b"\"type_no\"").count() == tickets
}

/// `POST /v1/orders` of two seats, or of two places of an area.
pub struct Order {
    pub places: Arc<Places>,
    pub key: String,
    pub standing: bool,
}

impl Caller for Order {
    fn request(&mut self, out: &mut Vec<u8>) -> bool {
        let Some((event, seats)) = self.places.next() else { return false };
        let mut body = format!("{{\"event_id\":\"{event}\",{MANUAL},");
        if self.standing {
            body.push_str("\"items\":[{\"ga_area\":\"floor\",\"quantity\":2}]");
        } else {
            items(&mut body, seats);
        }
        body.push('}');
        wire::request(out, "POST", "/v1/orders", &self.key, Some(body.as_bytes()));
        true
    }

    fn accepts(&mut self, status: u16, body: &[u8]) -> bool {
        status == 201 && is_paid_with_tickets(body, 2)
    }
}

/// A list whose elements are each used once.
pub struct Supply<T> {
    pub all: Vec<T>,
    next: AtomicUsize,
}

impl<T> Supply<T> {
    pub fn new(all: Vec<T>) -> Arc<Self> {
        Arc::new(Self { all, next: AtomicUsize::new(0) })
    }

    fn next(&self) -> Option<&T> {
        self.all.get(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// `POST /v1/orders/{id}/pay` of pending orders.
pub struct Pay {
    pub orders: Arc<Supply<String>>,
    pub key: String,
}

impl Caller for Pay {
    fn request(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(order) = self.orders.next() else { return false };
        wire::request(out, "POST", &format!("/v1/orders/{order}/pay"), &self.key, Some(b"{}"));
        true
    }

    fn accepts(&mut self, status: u16, body: &[u8]) -> bool {
        status == 200 && is_paid_with_tickets(body, 2)
    }
}

/// `POST /v1/check-ins` with one scan of a ticket that was not scanned before.
pub struct Scan {
    pub tickets: Arc<Supply<String>>,
    pub token: String,
}

impl Caller for Scan {
    fn request(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(ticket) = self.tickets.next() else { return false };
        let body = format!("{{\"scans\":[{{\"id\":\"{}\",\"token\":\"{ticket}\"}}]}}", Uuid::now_v7());
        wire::request(out, "POST", "/v1/check-ins", &self.token, Some(body.as_bytes()));
        true
    }

    fn accepts(&mut self, status: u16, body: &[u8]) -> bool {
        status == 200 && find(body, b"\"outcome\":\"admitted\"").is_some()
    }
}

/// The answers of the buyers of a race: status and body.
pub type Answers = Arc<Mutex<Vec<(u16, Vec<u8>)>>>;

/// One buyer after the other, each with one try.
pub struct Race {
    pub buyers: Arc<Supply<String>>,
    pub key: String,
    pub answers: Answers,
}

impl Caller for Race {
    fn request(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(body) = self.buyers.next() else { return false };
        wire::request(out, "POST", "/v1/orders", &self.key, Some(body.as_bytes()));
        true
    }

    fn accepts(&mut self, status: u16, body: &[u8]) -> bool {
        let mut answers = self.answers.lock().unwrap_or_else(|e| e.into_inner());
        answers.push((status, body.to_vec()));
        matches!(status, 201 | 409)
    }
}

/// The order of a buyer in a race: the pair that begins at a seat, or the best that there is.
pub fn race_order(event: &str, first: Option<usize>) -> String {
    let mut body = format!("{{\"event_id\":\"{event}\",{MANUAL},");
    match first {
        Some(first) => items(&mut body, first..first + 2),
        None => body.push_str("\"best_available\":{\"quantity\":2}"),
    }
    body.push('}');
    body
}

/// A script of Redis on seats drawn at random out of many, by a generator of our own (xorshift).
pub struct Script {
    pub sha: String,
    pub seats: u64,
    pub random: u64,
    /// The arguments of `place.lua`, instead of the minimal script's.
    pub whole: bool,
    /// Marks answers that are errors: `-`.
    pub key: &'static str,
}

impl Script {
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

impl Caller for Script {
    fn request(&mut self, out: &mut Vec<u8>) -> bool {
        let first = self.draw() % (self.seats / 4) * 4;
        let hold = format!("{:016x}{:016x}", self.draw(), self.random);
        let seats: Vec<String> = (first..first + 4).map(|seat| seat.to_string()).collect();
        let mut parts: Vec<&[u8]> =
            vec![b"EVALSHA", self.sha.as_bytes(), b"1", self.key.as_bytes(), hold.as_bytes()];
        let joined = seats.join(",");
        if self.whole {
            // Lasts a millisecond: the seats do not run out.
            for part in ["1", "1", "", "1000", "", "{\"seat_type\":1}", "", "", "4"] {
                parts.push(part.as_bytes());
            }
            parts.push(joined.as_bytes());
        } else {
            parts.extend(seats.iter().map(String::as_bytes));
        }
        wire::command(out, &parts);
        true
    }

    fn accepts(&mut self, status: u16, _: &[u8]) -> bool {
        status != u16::from(b'-')
    }
}
