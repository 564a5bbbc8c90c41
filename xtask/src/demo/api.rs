//! A small client: JSON over HTTP with one credential, and errors that say what was asked and what came back.

use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

use super::server;
use crate::process;

const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

pub struct Api {
    agent: Agent,
    base: String,
    credential: Option<String>,
}

pub struct Answer {
    pub status: u16,
    pub text: String,
}

enum Body<'a> {
    Json(&'a Value),
    File(&'a [u8]),
}

impl Api {
    pub fn new(base: &str, credential: &str) -> Api {
        Api { credential: Some(credential.to_owned()), ..Api::public(base) }
    }

    /// Without a credential.
    pub fn public(base: &str) -> Api {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_LIMIT))
            // The machine's proxy is not for 127.0.0.1.
            .proxy(None)
            .build();
        Api { agent: config.into(), base: base.to_owned(), credential: None }
    }

    pub fn get(&self, path: &str) -> Result<Value> {
        self.send("GET", path, None, None)?.json("GET", path)
    }

    pub fn get_text(&self, path: &str) -> Result<String> {
        Ok(self.send("GET", path, None, None)?.accepted("GET", path)?.text)
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.post_once(path, body, &random_key()?)
    }

    /// With an idempotency key of the caller, who may have sent the same before.
    pub fn post_once(&self, path: &str, body: &Value, idempotency_key: &str) -> Result<Value> {
        self.send("POST", path, Some(Body::Json(body)), Some(idempotency_key))?.json("POST", path)
    }

    pub fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.send("PUT", path, Some(Body::Json(body)), Some(&random_key()?))?.json("PUT", path)
    }

    /// Posts a file.
    pub fn upload(&self, path: &str, file: &[u8]) -> Result<Value> {
        self.send("POST", path, Some(Body::File(file)), Some(&random_key()?))?.json("POST", path)
    }

    pub fn delete(&self, path: &str) -> Result<()> {
        self.send("DELETE", path, None, Some(&random_key()?))?.accepted("DELETE", path)?;
        Ok(())
    }

    /// Posts what must be refused with `status`.
    pub fn refused(&self, path: &str, body: &Value, status: u16) -> Result<Value> {
        let answer = self.send("POST", path, Some(Body::Json(body)), Some(&random_key()?))?;
        if answer.status != status {
            bail!("POST {path}: expected {status}, got {} {}", answer.status, answer.text);
        }
        serde_json::from_str(&answer.text).with_context(|| format!("POST {path}: no JSON in the refusal"))
    }

    /// Reads again and again until the condition holds.
    pub fn until(&self, path: &str, limit: Duration, reached: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = Instant::now();
        loop {
            let value = self.get(path)?;
            if reached(&value) {
                return Ok(value);
            }
            server::check_interrupt()?;
            if began.elapsed() > limit {
                bail!("GET {path} does not get there within {} s: {value}", limit.as_secs());
            }
            process::pause(POLL);
        }
    }

    /// `None` when nobody answers.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        self.send("GET", path, None, None).ok()
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Body>,
        idempotency_key: Option<&str>,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(credential) = &self.credential {
            request = request.header("authorization", format!("Bearer {credential}"));
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let sent = match body {
            Some(Body::Json(body)) => {
                self.agent.run(request.header("content-type", "application/json").body(body.to_string())?)
            }
            Some(Body::File(file)) => {
                self.agent.run(request.header("content-type", "application/octet-stream").body(file)?)
            }
            None => self.agent.run(request.body(())?),
        };
        let mut response = sent.with_context(|| format!("{method} {path}"))?;
        let text = response.body_mut().read_to_string().with_context(|| format!("{method} {path}"))?;
        Ok(Answer { status: response.status().as_u16(), text })
    }
}

impl Answer {
    fn accepted(self, method: &str, path: &str) -> Result<Answer> {
        if !(200..300).contains(&self.status) {
            bail!("{method} {path}: {} {}", self.status, self.text);
        }
        Ok(self)
    }

    fn json(self, method: &str, path: &str) -> Result<Value> {
        let answer = self.accepted(method, path)?;
        serde_json::from_str(&answer.text).with_context(|| format!("{method} {path}: the answer is not JSON"))
    }
}

/// The text at a JSON pointer.
pub fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no text at {pointer} in {value}"))?.to_owned())
}

pub fn list<'a>(value: &'a Value, pointer: &str) -> Result<&'a [Value]> {
    let found = value.pointer(pointer).and_then(Value::as_array);
    Ok(found.with_context(|| format!("no list at {pointer} in {value}"))?)
}

/// A random UUID, from the kernel.
pub fn random_uuid() -> Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned())
}

/// A random UUID (version 4).
pub fn random_key() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}
