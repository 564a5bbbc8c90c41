//! Bytes that are served many times: compressed once, and chosen by what the client accepts. What never changes is compressed
//! here, when it is made; what changes with every sale, when somebody asks (`store/src/prepared.rs`).

use std::io::{Read, Write};

use bytes::Bytes;
use eventflow_store::prepared::Coding;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use poem::{
    FromRequest, Request, RequestBody,
    http::{HeaderMap, header},
};
use poem_openapi::payload::Response;

/// Below this the headers weigh more than what is saved.
const WORTHWHILE: usize = 512;
/// Window of Brotli as a power of two: every browser has the memory for it.
const BROTLI_WINDOW: i32 = 22;
/// The two levels above search ten times as long for a few per cent: a plan is waited for when it is first asked for.
const BROTLI_QUALITY: i32 = 9;

/// The same bytes in the encodings that browsers know. An encoding that saves nothing is absent.
#[derive(Debug, Clone)]
pub struct Encoded {
    plain: Bytes,
    gzip: Option<Bytes>,
    brotli: Option<Bytes>,
    /// Names the bytes; no quotation marks, no `-` at its end.
    tag: Box<str>,
}

/// One of the encodings, for one answer.
#[derive(Debug, Clone)]
pub struct Choice {
    pub bytes: Bytes,
    /// `Content-Encoding`, unless the bytes are plain.
    pub encoding: Option<&'static str>,
    /// Each encoding has an `ETag` of its own, as a strong one must.
    pub etag: String,
}

impl Encoded {
    /// Compresses thoroughly: not for the threads of the runtime.
    pub fn new(plain: Bytes, tag: impl Into<Box<str>>) -> Self {
        let smaller = |bytes: Option<Vec<u8>>| bytes.filter(|b| b.len() < plain.len()).map(Bytes::from);
        let worthwhile = plain.len() >= WORTHWHILE;
        let gzip = smaller(worthwhile.then(|| gzip(&plain)).flatten());
        let brotli = smaller(worthwhile.then(|| brotli(&plain)).flatten());
        Self { gzip, brotli, tag: tag.into(), plain }
    }

    /// With a gzip that somebody had the time to make smaller, if it is one of these bytes.
    pub fn with_gzip(mut self, packed: Bytes) -> Self {
        let mut unpacked = Vec::new();
        // A byte more than there should be is enough to know.
        let limit = self.plain.len() as u64 + 1;
        let read = GzDecoder::new(&*packed).take(limit).read_to_end(&mut unpacked);
        let smaller = self.gzip.as_ref().is_some_and(|gzip| packed.len() <= gzip.len());
        if smaller && read.is_ok() && unpacked == self.plain {
            self.gzip = Some(packed);
        }
        self
    }

    /// The smallest of the encodings that the client accepts.
    pub fn choose(&self, headers: &HeaderMap) -> Choice {
        let choice = |bytes: &Bytes, encoding, suffix| Choice {
            bytes: bytes.clone(),
            encoding,
            etag: format!("\"{}{suffix}\"", self.tag),
        };
        match (&self.brotli, &self.gzip) {
            (Some(bytes), _) if accepts(headers, "br") => choice(bytes, Some("br"), "-br"),
            (_, Some(bytes)) if accepts(headers, "gzip") => choice(bytes, Some("gzip"), "-gz"),
            _ => choice(&self.plain, None, ""),
        }
    }

    /// True when the client has these bytes already, in whichever encoding.
    pub fn is_known(&self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(header::IF_NONE_MATCH);
        lines.iter().any(|line| current_etag(line.to_str().ok(), &self.tag).is_some())
    }

    pub fn plain(&self) -> &Bytes {
        &self.plain
    }
}

/// The smallest coding that the client takes. No parameter of the contract: HTTP itself has it.
#[derive(Debug, Clone, Copy)]
pub struct Accepted(pub Coding);

impl<'a> FromRequest<'a> for Accepted {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let headers = request.headers();
        Ok(Self(match () {
            () if accepts(headers, "br") => Coding::Brotli,
            () if accepts(headers, "gzip") => Coding::Gzip,
            () => Coding::Identity,
        }))
    }
}

/// The `ETag` of what `tag` names, in a coding.
pub fn etag(tag: &str, coding: Coding) -> String {
    match coding {
        Coding::Identity => format!("\"{tag}\""),
        Coding::Gzip => format!("\"{tag}-gz\""),
        Coding::Brotli => format!("\"{tag}-br\""),
    }
}

/// The `ETag` of what `tag` names, in whichever coding `If-None-Match` has it.
pub fn current_etag(given: Option<&str>, tag: &str) -> Option<String> {
    let codings = [Coding::Identity, Coding::Gzip, Coding::Brotli];
    given?.split(',').map(str::trim).find_map(|one| {
        let bare = one.strip_prefix("W/").unwrap_or(one);
        codings.iter().map(|coding| etag(tag, *coding)).find(|etag| one == "*" || etag == bare)
    })
}

/// Says in which coding the body is.
pub fn coded<T>(response: Response<T>, coding: Coding) -> Response<T> {
    match coding {
        Coding::Identity => response,
        Coding::Gzip => response.header(header::CONTENT_ENCODING, "gzip"),
        Coding::Brotli => response.header(header::CONTENT_ENCODING, "br"),
    }
}

/// RFC 9110, 12.5.3: the encoding is named, and not with the weight 0.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING);
    lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        name.trim().eq_ignore_ascii_case(encoding) && weight.is_ok_and(|weight| weight > 0.0)
    })
}

fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

fn brotli(mut plain: &[u8]) -> Option<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW,
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut plain, &mut compressed, &parameters).ok()?;
    Some(compressed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    fn text() -> Bytes {
        (0..2_000).map(|n| n.to_string()).collect::<Vec<_>>().join(" ").into()
    }

    #[test]
    fn every_encoding_gives_the_same_bytes_back() {
        let encoded = Encoded::new(text(), "t");
        let choice = |accepted: &str| encoded.choose(&headers(header::ACCEPT_ENCODING, accepted));
        let (gzip, brotli) = (choice("gzip"), choice("gzip, deflate, br"));
        assert_eq!((gzip.encoding, brotli.encoding), (Some("gzip"), Some("br")));
        let (mut from_gzip, mut from_brotli) = (Vec::new(), Vec::new());
        flate2::read::GzDecoder::new(&*gzip.bytes).read_to_end(&mut from_gzip).unwrap();
        brotli::BrotliDecompress(&mut &*brotli.bytes, &mut from_brotli).unwrap();
        assert!(from_gzip == text() && from_brotli == text());
        assert!(brotli.bytes.len() < gzip.bytes.len() && gzip.bytes.len() < text().len());
        assert_eq!([&*gzip.etag, &*brotli.etag, &*choice("").etag], ["\"t-gz\"", "\"t-br\"", "\"t\""]);
    }

    #[test]
    fn weights_and_cases_are_understood() {
        let encoded = Encoded::new(text(), "t");
        for (accepted, encoding) in [
            ("BR", Some("br")),
            ("br;q=0, gzip;q=0.5", Some("gzip")),
            ("br;q=0,gzip;q=0.000", None),
            ("br;q=nonsense", None),
            ("identity", None),
            ("brotli", None),
        ] {
            let choice = encoded.choose(&headers(header::ACCEPT_ENCODING, accepted));
            assert_eq!(choice.encoding, encoding, "{accepted}");
        }
        assert_eq!(encoded.choose(&HeaderMap::new()).encoding, None);
        let short = Encoded::new(Bytes::from_static(b"short"), "t");
        assert_eq!(short.choose(&headers(header::ACCEPT_ENCODING, "br")).encoding, None);
    }

    #[test]
    fn what_the_client_has_is_recognised_in_any_encoding() {
        let encoded = Encoded::new(text(), "t");
        for (given, known) in [
            ("\"t\"", true),
            ("W/\"t-br\"", true),
            ("\"a\", \"t-gz\"", true),
            ("*", true),
            ("\"t-xz\"", false),
            ("\"tt\"", false),
            ("", false),
        ] {
            assert_eq!(encoded.is_known(&headers(header::IF_NONE_MATCH, given)), known, "{given}");
        }
    }
}
