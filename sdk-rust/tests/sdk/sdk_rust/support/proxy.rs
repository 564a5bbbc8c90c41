//! A proxy before the platform that fails as it is told: what networks and overloaded servers do to a client. It
//! makes a connection for each request.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to one request; without a fault it passes.
#[derive(Clone)]
pub enum Fault {
    /// The connection dies before the platform hears of the request.
    Refuse,
    /// The platform does the work, and the connection dies before its answer.
    LoseAnswer,
    /// The platform does the work, and the connection dies in the middle of its answer.
    CutAnswer,
    /// The platform does the work, and nobody answers.
    Hang,
    /// Something before the platform answers instead.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: String },
}

#[derive(Clone)]
pub struct Seen {
    /// By their names in small letters.
    pub headers: HashMap<String, String>,
    pub body: String,
}

pub struct FaultProxy {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    target: String,
    seen: Mutex<Vec<Seen>>,
    faults: Mutex<VecDeque<Fault>>,
    hides_diffs: AtomicBool,
    hidden: watch::Sender<u32>,
    cuts: watch::Sender<u32>,
}

impl Fault {
    pub fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        Self::Answer { status, headers, body: body.to_owned() }
    }
}

impl FaultProxy {
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            target: target.trim_start_matches("http://").to_owned(),
            seen: Mutex::default(),
            faults: Mutex::default(),
            hides_diffs: AtomicBool::new(false),
            hidden: watch::Sender::default(),
            cuts: watch::Sender::default(),
        });
        let proxy = Self { url, shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut cuts = shared.cuts.subscribe();
                    tokio::select! {
                        // Whoever hangs up has a reason.
                        _ = shared.pass(stream) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        proxy
    }

    /// For the next requests, one each.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.faults.lock().unwrap().extend(faults);
    }

    /// Every request, failed or not.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// A header of every request.
    pub fn headers(&self, name: &str) -> Vec<Option<String>> {
        self.seen().iter().map(|seen| seen.headers.get(name).cloned()).collect()
    }

    /// Kills every connection that is open now.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Whether diffs of streams get lost.
    pub fn hide_diffs(&self, hides: bool) {
        self.shared.hides_diffs.store(hides, Ordering::Relaxed);
    }

    /// Waits for a diff that got lost.
    pub async fn hidden_diff(&self) {
        self.shared.hidden.subscribe().wait_for(|&hidden| hidden > 0).await.unwrap();
    }
}

impl Shared {
    async fn pass(&self, mut incoming: TcpStream) -> std::io::Result<()> {
        let (head, body) = read_request(&mut incoming).await?;
        let (line, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
        let headers: HashMap<String, String> = rest
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let text = String::from_utf8_lossy(&body).into_owned();
        self.seen.lock().unwrap().push(Seen { headers, body: text });
        let fault = self.faults.lock().unwrap().pop_front();
        match &fault {
            Some(Fault::Refuse) => return Ok(()),
            Some(Fault::Answer { status, headers, body }) => {
                return incoming.write_all(answer(*status, headers, body).as_bytes()).await;
            }
            _ => {}
        }
        let mut onward = TcpStream::connect(&self.target).await?;
        onward.write_all(format!("{line}\r\nconnection: close\r\n{rest}").as_bytes()).await?;
        onward.write_all(&body).await?;
        if matches!(fault, Some(Fault::LoseAnswer | Fault::Hang)) {
            onward.read_to_end(&mut Vec::new()).await?;
            if matches!(fault, Some(Fault::Hang)) {
                std::future::pending::<()>().await;
            }
            return Ok(());
        }
        if matches!(fault, Some(Fault::CutAnswer)) {
            let mut whole = Vec::new();
            onward.read_to_end(&mut whole).await?;
            // Its head says that there is more.
            return incoming.write_all(&whole[..whole.len() - 10]).await;
        }
        self.relay(&mut onward, &mut incoming).await
    }

    /// Piece by piece, until either side hangs up.
    async fn relay(&self, onward: &mut TcpStream, incoming: &mut TcpStream) -> std::io::Result<()> {
        let (mut buffer, mut nothing) = (vec![0; 64 * 1024], [0]);
        loop {
            let length = tokio::select! {
                length = onward.read(&mut buffer) => length?,
                _ = incoming.read(&mut nothing) => return Ok(()),
            };
            if length == 0 {
                return Ok(());
            }
            let mut piece = buffer[..length].to_vec();
            if self.hides_diffs.load(Ordering::Relaxed) {
                self.hide(&mut piece);
            }
            incoming.write_all(&piece).await?;
        }
    }

    /// An event of a kind that nobody knows is as good as lost, and leaves the lengths as they are.
    fn hide(&self, piece: &mut [u8]) {
        let (name, other) = (b"event: diff", b"event: gone");
        while let Some(at) = piece.windows(name.len()).position(|window| window == name) {
            piece[at..at + other.len()].copy_from_slice(other);
            self.hidden.send_modify(|hidden| *hidden += 1);
        }
    }
}

/// The head with its empty line, and the body.
pub async fn read_request(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes.split_off(end);
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
    });
    while body.len() < length.unwrap_or(0) {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((head, body))
}

pub fn answer(status: u16, headers: &[(&str, String)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    format!("HTTP/1.1 {status} Test\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}")
}
