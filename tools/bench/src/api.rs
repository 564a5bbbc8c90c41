//! A small JSON client for the preparations, which are not measured.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{load::exchange, wire};

pub struct Client {
    stream: TcpStream,
    token: String,
}

impl Client {
    pub async fn connect(address: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, token: token.to_owned() })
    }

    pub async fn status(&mut self, method: &str, path: &str) -> Result<u16> {
        Ok(self.send(method, path, None).await?.0)
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.json("POST", path, Some(body)).await
    }

    pub async fn get(&mut self, path: &str) -> Result<Value> {
        self.json("GET", path, None).await
    }

    pub async fn put(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.json("PUT", path, Some(body)).await
    }

    /// Sends a file as it is.
    pub async fn upload(&mut self, path: &str, file: &[u8]) -> Result<Value> {
        let answer = self.exchange("POST", path, Some(("application/octet-stream", file))).await?;
        read("POST", path, answer)
    }

    /// The id of what a POST makes.
    pub async fn make(&mut self, path: &str, body: &Value) -> Result<String> {
        let made = self.post(path, body).await?;
        text(&made, "/id")
    }

    async fn json(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        read(method, path, self.send(method, path, body).await?)
    }

    async fn send(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>)> {
        let body = body.map(Value::to_string);
        self.exchange(method, path, body.as_deref().map(|body| (wire::JSON, body.as_bytes()))).await
    }

    async fn exchange(
        &mut self,
        method: &str,
        path: &str,
        body: Option<(&str, &[u8])>,
    ) -> Result<(u16, Vec<u8>)> {
        let (mut out, mut buffer) = (Vec::new(), Vec::new());
        wire::request_of(&mut out, method, path, &self.token, body);
        let answer = exchange(&mut self.stream, &out, &mut buffer, wire::http_answer)
            .await
            .with_context(|| format!("{method} {path}"))?;
        Ok((answer.status, buffer[answer.body].to_vec()))
    }
}

fn read(method: &str, path: &str, (status, text): (u16, Vec<u8>)) -> Result<Value> {
    if !(200..300).contains(&status) {
        bail!("{method} {path}: {status} {}", String::from_utf8_lossy(&text));
    }
    serde_json::from_slice(&text).with_context(|| format!("{method} {path}: the answer is not JSON"))
}

pub fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no text at {pointer} in {value}"))?.to_owned())
}
