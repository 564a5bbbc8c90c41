//! Where the platform posts webhooks: takes every message and keeps it.

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::proxy::{answer, read_request};

/// Longer than any first delivery takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

pub struct Receiver {
    pub url: String,
    messages: watch::Sender<Vec<Received>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let messages = watch::Sender::default();
        let taken = messages.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = taken.clone();
                // Whoever hangs up has a reason.
                tokio::spawn(async move { drop(take(stream, &taken).await) });
            }
        });
        Self { url, messages }
    }

    /// The first message of a type about an object, as it came.
    pub async fn message(&self, event_type: &str, about: &str) -> Received {
        let is_wanted = |message: &Received| {
            let event: Value = serde_json::from_slice(&message.body).unwrap();
            event["type"] == event_type && event["data"]["id"] == about
        };
        let mut messages = self.messages.subscribe();
        let come = messages.wait_for(|messages| messages.iter().any(is_wanted));
        let Ok(come) = tokio::time::timeout(PATIENCE, come).await else {
            panic!("no {event_type} about {about} within {} s", PATIENCE.as_secs())
        };
        come.unwrap().iter().find(|message| is_wanted(message)).unwrap().clone()
    }
}

async fn take(mut stream: TcpStream, taken: &watch::Sender<Vec<Received>>) -> std::io::Result<()> {
    let (head, body) = read_request(&mut stream).await?;
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    taken.send_modify(|messages| messages.push(Received { headers, body }));
    stream.write_all(answer(200, &[], "").as_bytes()).await
}
