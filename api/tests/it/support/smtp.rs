//! A mail server of one test (RFC 5321): it takes what it is sent, or answers as the test wants.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Dropping it closes the server; conversations under way end with the test.
pub struct Smtp {
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    mails: Mutex<Vec<Mail>>,
    /// What the next recipients are answered.
    answers: Mutex<VecDeque<String>>,
}

/// A mail that was taken.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body as they came.
    pub data: String,
}

impl Smtp {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let at = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, at.clone()));
            }
        });
        Self { url, shared, task }
    }

    /// Arguments of a server that sends its mail here.
    pub fn arguments(&self) -> Vec<String> {
        ["--smtp-url", &self.url, "--mail-from", "tickets@example.org"].map(str::to_owned).to_vec()
    }

    /// The next recipient is answered with this line, as `451 4.3.0 Later`.
    pub fn answer_next(&self, line: &str) {
        self.shared.answers.lock().unwrap().push_back(line.to_owned());
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.lock().unwrap().clone()
    }

    /// Waits until there are so many mails.
    pub async fn wait_for(&self, count: usize) -> Vec<Mail> {
        super::wait_for(&format!("{count} mails"), async || {
            Some(self.mails()).filter(|mails| mails.len() >= count)
        })
        .await
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).split(b'\n');
    let mut mail = Mail::default();
    write.write_all(b"220 sink.example ESMTP\r\n").await?;
    while let Some(line) = lines.next_segment().await? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (verb, rest) = line.split_at(line.len().min(4));
        let answer = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => "250-sink.example\r\n250 8BITMIME".to_owned(),
            "MAIL" => {
                mail = Mail { from: address(rest), ..Mail::default() };
                "250 2.1.0 Ok".to_owned()
            }
            "RCPT" => match shared.answers.lock().unwrap().pop_front() {
                Some(answer) => answer,
                None => {
                    mail.to.push(address(rest));
                    "250 2.1.5 Ok".to_owned()
                }
            },
            "DATA" => {
                write.write_all(b"354 Go on\r\n").await?;
                while let Some(line) = lines.next_segment().await? {
                    let line = String::from_utf8(line).unwrap();
                    if line == ".\r" {
                        break;
                    }
                    mail.data += line.strip_prefix('.').unwrap_or(&line);
                    mail.data.push('\n');
                }
                shared.mails.lock().unwrap().push(std::mem::take(&mut mail));
                "250 2.0.0 Ok".to_owned()
            }
            "QUIT" => return write.write_all(b"221 2.0.0 Bye\r\n").await,
            "NOOP" | "RSET" => "250 2.0.0 Ok".to_owned(),
            _ => "500 5.5.2 What?".to_owned(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn address(parameters: &str) -> String {
    parameters.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}

impl Mail {
    /// The names and values of the headers, long ones put together again.
    pub fn headers(&self) -> Vec<(String, String)> {
        headers(self.data.split("\r\n\r\n").next().unwrap())
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> String {
        let mut found = self.headers().into_iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, value) = found.next().unwrap_or_else(|| panic!("no header {name} in {}", self.data));
        assert!(found.next().is_none(), "two headers {name} in {}", self.data);
        value
    }

    /// The decoded content of the part of a type, such as `text/plain`.
    #[track_caller]
    pub fn part(&self, kind: &str) -> String {
        for part in self.data.split("\r\n--") {
            let Some((_, part)) = part.split_once("\r\n") else { continue };
            let Some((head, body)) = part.split_once("\r\n\r\n") else { continue };
            let headers = headers(head);
            let value = |name: &str| {
                let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
                found.map_or("", |(_, value)| value.as_str())
            };
            if value("content-type").starts_with(kind) {
                return decode(value("content-transfer-encoding"), body);
            }
        }
        panic!("no part of {kind} in {}", self.data);
    }
}

fn headers(head: &str) -> Vec<(String, String)> {
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let pairs = head.split("\r\n").filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn decode(encoding: &str, body: &str) -> String {
    let bytes = match encoding {
        "base64" => STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        // RFC 2045, 6.7.
        "quoted-printable" => {
            let joined = body.replace("=\r\n", "");
            let mut bytes = vec![];
            let mut rest = joined.as_bytes();
            while let Some((first, tail)) = rest.split_first() {
                rest = tail;
                if *first == b'=' {
                    let (digits, tail) = rest.split_at(2);
                    bytes.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
                    rest = tail;
                } else {
                    bytes.push(*first);
                }
            }
            bytes
        }
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8(bytes).unwrap()
}
