//! Somebody who looks on: reads a stream of availability and keeps the state that it tells, as the widget does. On a socket
//! of its own: the client library notices only at the next bytes that nobody wants a body any more.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use eventflow_core::seat_map::{Diff, SeatIndex, SeatStatus, Snapshot};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Client, Event, PATIENCE};

/// One event of a stream, or a comment (without a kind).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    pub kind: String,
    pub id: String,
    pub data: String,
}

pub struct Watch {
    socket: TcpStream,
    /// Bytes that were not read yet.
    raw: Vec<u8>,
    /// The text of chunks that were read, up to the end of the last event.
    text: String,
    /// Status line and headers, in small letters.
    pub head: String,
    /// What the stream has told so far.
    pub state: Snapshot,
    /// The kinds of the events so far.
    pub kinds: Vec<String>,
}

impl Watch {
    /// Begins to look; the first event has not been read yet.
    pub async fn begin(client: &Client, event: &Event, last_event_id: Option<&str>) -> Self {
        let client = match last_event_id {
            Some(id) => client.with_header("last-event-id", id),
            None => client.clone(),
        };
        let mut socket = TcpStream::connect(client.base.trim_start_matches("http://")).await.unwrap();
        let request = client.request_text(&event.path("/availability/stream"));
        socket.write_all(request.as_bytes()).await.unwrap();
        let (state, raw) = (Snapshot::new(0, vec![]), Vec::new());
        let (head, text, kinds) = (String::new(), String::new(), vec![]);
        let mut watch = Self { socket, raw, text, head, state, kinds };
        watch.head = loop {
            if let Some(end) = watch.raw.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head: Vec<u8> = watch.raw.drain(..end + 4).collect();
                break String::from_utf8(head).unwrap().to_lowercase();
            }
            assert!(watch.read().await.unwrap(), "no answer");
        };
        assert!(
            watch.head.starts_with("http/1.1 200"),
            "{}{}",
            watch.head,
            String::from_utf8_lossy(&watch.raw)
        );
        assert!(watch.head.contains("content-type: text/event-stream\r\n"), "{}", watch.head);
        watch
    }

    /// False at the end of the connection.
    async fn read(&mut self) -> Result<bool, String> {
        let read = tokio::time::timeout(PATIENCE, self.socket.read_buf(&mut self.raw)).await;
        Ok(read.map_err(|_| "nothing came")?.map_err(|error| error.to_string())? > 0)
    }

    /// The next chunk of the body, once it has come whole; an empty one is the end.
    fn chunk(&mut self) -> Option<String> {
        let line = self.raw.windows(2).position(|bytes| bytes == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&self.raw[..line]).unwrap(), 16).unwrap();
        let (begin, end) = (line + 2, line + 2 + length);
        if self.raw.len() < end + 2 {
            return None;
        }
        let chunk = String::from_utf8(self.raw[begin..end].to_vec()).unwrap();
        self.raw.drain(..end + 2);
        Some(chunk)
    }

    /// Looks on with the state that another stream told: the stream goes on from there or begins with a snapshot.
    pub async fn resume(client: &Client, event: &Event, state: Snapshot) -> Self {
        let watch = Self::begin(client, event, Some(&state.revision.to_string())).await;
        Self { state, ..watch }
    }

    /// As [`Watch::begin`], up to the first snapshot.
    pub async fn open(client: &Client, event: &Event) -> Self {
        let mut watch = Self::begin(client, event, None).await;
        let first = watch.next().await.unwrap();
        assert_eq!((first.kind.as_str(), watch.kinds.len()), ("snapshot", 1), "{first:?}");
        watch
    }

    /// The next event; `None` at a proper end, `Err` when the connection breaks. Diffs have to go on from the state.
    pub async fn try_next(&mut self) -> Result<Option<Told>, String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let told = parse(block);
                self.text = rest.to_owned();
                if told.kind.is_empty() {
                    continue;
                }
                self.take(&told);
                return Ok(Some(told));
            }
            match self.chunk() {
                Some(chunk) if chunk.is_empty() => return Ok(None),
                Some(chunk) => self.text.push_str(&chunk),
                None if self.read().await? => {}
                None => return Err("the connection was broken off".into()),
            }
        }
    }

    pub async fn next(&mut self) -> Option<Told> {
        self.try_next().await.unwrap()
    }

    fn take(&mut self, told: &Told) {
        self.kinds.push(told.kind.clone());
        let data = || BASE64.decode(&told.data).unwrap();
        match told.kind.as_str() {
            "snapshot" => self.state = Snapshot::decode(&data()).unwrap(),
            "diff" => {
                let diff = Diff::decode(&data()).unwrap();
                assert!(diff.revision() > self.state.revision, "an old diff");
                self.state.apply(&diff).unwrap();
            }
            "offer" => return assert_eq!(told.data, "{}"),
            other => panic!("an event of the kind `{other}`"),
        }
        assert_eq!(told.id, self.state.revision.to_string());
    }

    pub fn status(&self, seat: u32) -> SeatStatus {
        self.state.statuses.get(SeatIndex(seat)).unwrap()
    }

    /// As [`Watch::until_seat`], when nothing is known yet.
    pub async fn until_seat_known(&mut self, seat: u32, status: SeatStatus) {
        let known = |watch: &Self| watch.state.statuses.get(SeatIndex(seat)) == Some(status);
        self.until("a snapshot", known).await;
    }

    /// Reads on until the state is as expected.
    pub async fn until(&mut self, what: &str, expected: impl Fn(&Self) -> bool) {
        while !expected(self) {
            assert!(self.next().await.is_some(), "the stream ended before {what}");
        }
    }

    pub async fn until_seat(&mut self, seat: u32, status: SeatStatus) {
        self.until(&format!("seat {seat} was {status:?}"), |watch| watch.status(seat) == status).await;
    }
}

fn parse(block: &str) -> Told {
    let mut told = Told::default();
    for (name, value) in block.lines().filter_map(|line| line.split_once(": ")) {
        match name {
            "event" => value.clone_into(&mut told.kind),
            "id" => value.clone_into(&mut told.id),
            "data" => value.clone_into(&mut told.data),
            "retry" => assert_eq!(value, "2000"),
            other => assert!(other.is_empty(), "a strange line: {block}"),
        }
    }
    told
}
