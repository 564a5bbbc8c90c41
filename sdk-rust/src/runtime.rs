//! What the generated client stands on, in place of progenitor's own crate.

use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// An answer that is no JSON.
pub type ByteStream = Response;

/// An answer of success.
pub struct ResponseValue<T>(T);

/// Why a generated operation does not answer.
pub enum Error {
    /// What `send.rs` says.
    Failed(crate::Error),
    /// A request that cannot be built, or a body that breaks off.
    Request(reqwest::Error),
    /// The answer is of another shape than in the contract.
    Shape(serde_json::Error),
    /// A success that is not in the contract.
    Status(StatusCode),
}

/// A parameter of a query, which is left out when it is `None`.
pub struct QueryParam<'a, T> {
    name: &'a str,
    value: &'a T,
}

impl<T: DeserializeOwned> ResponseValue<T> {
    pub async fn from_response(response: Response) -> Result<Self, Error> {
        serde_json::from_slice(&response.bytes().await?).map(Self).map_err(Error::Shape)
    }
}

impl ResponseValue<()> {
    pub fn empty(_: Response) -> Self {
        Self(())
    }
}

impl ResponseValue<ByteStream> {
    pub fn stream(response: Response) -> Self {
        Self(response)
    }
}

impl<T> ResponseValue<T> {
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Request(error)
    }
}

impl<'a, T> QueryParam<'a, T> {
    pub fn new(name: &'a str, value: &'a T) -> Self {
        Self { name, value }
    }
}

impl<T: Serialize> Serialize for QueryParam<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.name, self.value)?;
        map.end()
    }
}

/// A text as one segment of a path.
pub fn encode_path(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut path, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(byte.into()),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_a_segment() {
        assert_eq!(encode_path("ord_01h-4.5~"), "ord_01h-4.5~");
        assert_eq!(encode_path("a/b?c=%20 ü"), "a%2Fb%3Fc%3D%2520%20%C3%BC");
    }

    #[test]
    fn a_parameter_that_is_none_is_left_out() {
        let query = |value: Option<&str>| {
            let request =
                reqwest::Client::new().get("http://localhost/").query(&QueryParam::new("name", &value));
            request.build().unwrap().url().query().unwrap_or_default().to_owned()
        };
        assert_eq!(query(Some("a b&c")), "name=a+b%26c");
        assert_eq!(query(None), "");
    }
}
