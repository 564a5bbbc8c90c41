//! A receiver of webhooks on this machine: it keeps what it is sent, and answers as the test wants.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time,
};

/// Between the bytes of an answer that drips.
const DRIP: Duration = Duration::from_millis(100);

/// Dropping it closes the server.
pub struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    messages: Mutex<Vec<Message>>,
    /// What the next requests are answered.
    replies: Mutex<VecDeque<Reply>>,
    /// And those after them; 200 unless given.
    later: Mutex<Option<Reply>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The status line, and more headers with their line ends.
    Status(&'static str),
    /// The connection is closed without an answer.
    Close,
    /// No answer, and the connection stays.
    Hang,
    /// 200 at once, and a body that has no end.
    Drip,
    /// An answer whose head has no end.
    Crawl,
}

/// A request that came whole.
#[derive(Debug, Clone)]
pub struct Message {
    pub path: String,
    headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
    pub body: Value,
    /// What it is answered.
    pub reply: Reply,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let at = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, at.clone()));
            }
        });
        Self { url, shared, task }
    }

    pub fn reply_next(&self, reply: Reply) {
        self.shared.replies.lock().unwrap().push_back(reply);
    }

    /// What all requests are answered that no other reply waits for.
    pub fn reply_always(&self, reply: Reply) {
        *self.shared.later.lock().unwrap() = Some(reply);
    }

    pub fn messages(&self) -> Vec<Message> {
        self.shared.messages.lock().unwrap().clone()
    }

    /// The types of the messages, in the order in which they came.
    pub fn types(&self) -> Vec<String> {
        self.messages().iter().map(|message| super::text(&message.body, "type").to_owned()).collect()
    }

    /// Waits until there are so many messages.
    pub async fn wait_for(&self, count: usize) -> Vec<Message> {
        super::wait_for(&format!("{count} webhooks"), async || {
            Some(self.messages()).filter(|messages| messages.len() >= count)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let mut reader = BufReader::new(&mut stream);
    let (mut first, mut headers) = (String::new(), vec![]);
    reader.read_line(&mut first).await?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").unwrap();
    let mut bytes = vec![0; length.1.parse().unwrap()];
    reader.read_exact(&mut bytes).await?;
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let reply = {
        let next = shared.replies.lock().unwrap().pop_front();
        next.or_else(|| shared.later.lock().unwrap().clone()).unwrap_or(Reply::Status("200 OK"))
    };
    shared.messages.lock().unwrap().push(Message { path, headers, bytes, body, reply: reply.clone() });
    match reply {
        Reply::Status(line) => {
            let answer = format!("HTTP/1.1 {line}\r\nconnection: close\r\ncontent-length: 5\r\n\r\ntaken");
            stream.write_all(answer.as_bytes()).await
        }
        Reply::Close => Ok(()),
        Reply::Hang => {
            std::future::pending::<()>().await;
            Ok(())
        }
        Reply::Drip => drip(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ntaken").await,
        Reply::Crawl => drip(stream, "HTTP/1.1 200 OK\r\nx-crawl: ").await,
    }
}

/// Until the other side has enough.
async fn drip(mut stream: TcpStream, begin: &str) -> std::io::Result<()> {
    stream.write_all(begin.as_bytes()).await?;
    loop {
        stream.write_all(b".").await?;
        time::sleep(DRIP).await;
    }
}

impl Message {
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no header {name}")).1
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// The signatures of a version.
    pub fn signatures(&self, version: &str) -> Vec<Vec<u8>> {
        let entries = self.header("webhook-signature").split(' ').map(|entry| entry.split_once(',').unwrap());
        entries
            .filter(|(known, _)| *known == version)
            .map(|(_, text)| STANDARD.decode(text).unwrap())
            .collect()
    }

    fn signed(&self) -> Vec<u8> {
        let head = format!("{}.{}.", self.id(), self.header("webhook-timestamp"));
        [head.as_bytes(), &self.bytes].concat()
    }

    /// Whether a signature is that of a `whsec_…`, or of a `whpk_…`.
    pub fn is_signed_with(&self, key: &str) -> bool {
        let (kind, text) = key.split_once('_').unwrap();
        let key = STANDARD.decode(text).unwrap();
        let signed = self.signed();
        if kind == "whpk" {
            let key = VerifyingKey::from_bytes(&key.try_into().unwrap()).unwrap();
            let fits =
                |signature: &Vec<u8>| key.verify(&signed, &Signature::from_slice(signature).unwrap()).is_ok();
            return self.signatures("v1a").iter().any(fits);
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(&signed);
        let expected = mac.finalize().into_bytes().to_vec();
        self.signatures("v1").contains(&expected)
    }
}
