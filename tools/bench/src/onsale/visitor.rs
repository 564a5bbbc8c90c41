//! The connection of one buyer: kept open as browsers keep it, and from an address of their own, because the platform
//! counts visitors by network. All of 127.0.0.0/8 is this machine.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr},
};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use uuid::Uuid;

use crate::{
    load::exchange,
    wire::{self, find},
};

/// What browsers accept.
const PACKED: &str = "accept-encoding: gzip, deflate, br\r\n";

/// A request.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    pub method: &'static str,
    pub path: &'a str,
    pub token: &'a str,
    pub body: Option<&'a Value>,
}

impl<'a> Ask<'a> {
    pub fn get(path: &'a str, token: &'a str) -> Self {
        Self { method: "GET", path, token, body: None }
    }

    /// A change, which gets a key of its own.
    pub fn post(path: &'a str, token: &'a str, body: &'a Value) -> Self {
        Self { method: "POST", body: Some(body), ..Self::get(path, token) }
    }
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    coding: Coding,
}

/// How the body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Brotli,
}

impl Coding {
    fn of(head: &[u8]) -> Self {
        match () {
            () if find(head, b"\r\ncontent-encoding: br\r\n").is_some() => Self::Brotli,
            () if find(head, b"\r\ncontent-encoding: gzip\r\n").is_some() => Self::Gzip,
            () => Self::Identity,
        }
    }
}

impl Answer {
    /// The body as it was before it was packed.
    pub fn unpacked(&self) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        match self.coding {
            Coding::Identity => plain.clone_from(&self.body),
            Coding::Gzip => drop(GzDecoder::new(&*self.body).read_to_end(&mut plain)?),
            Coding::Brotli => drop(brotli::Decompressor::new(&*self.body, 4096).read_to_end(&mut plain)?),
        }
        Ok(plain)
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.unpacked()?).context("the answer is not JSON")
    }

    /// The code of a Problem; the status of what is none.
    pub fn code(&self) -> String {
        let problem = self.json().unwrap_or_default();
        problem["code"].as_str().map_or_else(|| self.status.to_string(), str::to_owned)
    }
}

pub struct Visitor {
    server: SocketAddr,
    from: Ipv4Addr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// The address of the n-th buyer.
pub fn address(number: u32) -> Ipv4Addr {
    let [_, high, middle, low] = (number + 1).to_be_bytes();
    Ipv4Addr::new(127, 1 + high % 254, middle, low)
}

/// A connection from that address.
pub async fn connect(server: SocketAddr, from: Ipv4Addr) -> Result<TcpStream> {
    ensure!(server.ip().is_loopback(), "{server} is not on this machine");
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(server).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Visitor {
    pub fn new(server: SocketAddr, from: Ipv4Addr) -> Self {
        Self { server, from, stream: None, buffer: Vec::new() }
    }

    /// Sends a request and waits for its answer. A connection that was kept and has ended meanwhile is made anew, once.
    pub async fn ask(&mut self, ask: &Ask<'_>) -> Result<Answer> {
        let request = written(ask);
        if let Some(mut kept) = self.stream.take()
            && let Ok(answer) = self.send(&mut kept, &request).await
        {
            self.stream = Some(kept);
            return Ok(answer);
        }
        let mut fresh = connect(self.server, self.from).await?;
        let answer = self.send(&mut fresh, &request).await?;
        self.stream = Some(fresh);
        Ok(answer)
    }

    async fn send(&mut self, stream: &mut TcpStream, request: &[u8]) -> Result<Answer> {
        let answer = exchange(stream, request, &mut self.buffer, wire::http_answer).await?;
        let (head, status) = (&self.buffer[..answer.body.start], answer.status);
        Ok(Answer { status, coding: Coding::of(head), body: self.buffer[answer.body.clone()].to_vec() })
    }
}

fn written(ask: &Ask<'_>) -> Vec<u8> {
    let (mut out, body) = (Vec::with_capacity(1024), ask.body.map(Value::to_string));
    let (method, path, token) = (ask.method, ask.path, ask.token);
    let _ = write!(out, "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{PACKED}");
    if !token.is_empty() {
        let _ = write!(out, "authorization: Bearer {token}\r\n");
    }
    if method != "GET" {
        let _ = write!(out, "idempotency-key: {}\r\n", Uuid::now_v7());
    }
    if let Some(body) = body {
        let _ = write!(out, "content-type: {}\r\ncontent-length: {}\r\n\r\n{body}", wire::JSON, body.len());
    } else {
        out.extend_from_slice(b"\r\n");
    }
    out
}
