//! Bodies with a document: they may be large, and are read when it is their turn.

use std::marker::PhantomData;

use bytes::Bytes;
use eventflow_core::{ErrorCode, Refusal};
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::{
    error::ParseRequestPayloadError,
    impl_apirequest_for_payload,
    payload::{Json, ParsePayload, Payload},
    registry::{MetaSchemaRef, Registry},
    types::{ParseFromJSON, Type},
};

use super::{
    exchange::off_the_runtime,
    turns::{TURNS, Turn},
};
use crate::{
    auth::Call,
    problem::{Failure, clean},
};

/// Bytes of a body that waits for no turn: the documents of most houses, and no more than 20 MB when it is read.
const SMALL_BYTES: usize = 256 * 1024;
/// Objects of one body, of which each takes 700 bytes when it is read: a rule for each of 200,000 seats, and as many for
/// rows, outlines and shapes.
const OBJECTS_MAX: usize = 400_000;
/// Values of one body: ten for each of 200,000 seats.
const VALUES_MAX: usize = 2_000_000;

/// A JSON body as it came.
pub(super) struct Unread<T>(Bytes, PhantomData<fn() -> T>);

impl<T: Type> Payload for Unread<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON> ParsePayload for Unread<T> {
    const IS_REQUIRED: bool = T::IS_REQUIRED;

    async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(Bytes::from_request(request, body).await?, PhantomData))
    }
}

impl_apirequest_for_payload!(Unread<T>, T: ParseFromJSON);

impl<T: ParseFromJSON + 'static> Unread<T> {
    /// Reads the body and does what comes next with it, on another thread. The turn comes along: what was read is large
    /// too.
    pub(super) async fn read<R: Send + 'static>(
        self,
        call: &Call,
        then: impl FnOnce(T) -> Result<R, Refusal> + Send + 'static,
    ) -> Result<(R, Option<Turn>), Failure> {
        let turn = if self.0.len() > SMALL_BYTES { Some(TURNS.take(call.tenant()).await?) } else { None };
        Ok(off_the_runtime(move || Ok::<_, Refusal>((then(parse(&self.0)?)?, turn))).await??)
    }
}

/// As [`Json`] does it, and with the same words.
fn parse<T: ParseFromJSON>(body: &[u8]) -> Result<T, Refusal> {
    let refused = |reason: String| {
        let text = ParseRequestPayloadError { reason }.to_string();
        Refusal::new(ErrorCode::InvalidRequest, clean(&text))
    };
    count(body)?;
    let value = match body {
        [] => serde_json::Value::Null,
        body => serde_json::from_slice(body).map_err(|error| refused(error.to_string()))?,
    };
    T::parse_from_json(Some(value)).map_err(|error| refused(error.into_message()))
}

/// Looks at the marks of JSON alone, before there is anything that takes more room than they do.
fn count(body: &[u8]) -> Result<(), Refusal> {
    let (mut objects, mut values) = (0, 0);
    let (mut quoted, mut escaped) = (false, false);
    for &byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'{' if !quoted => (objects, values) = (objects + 1, values + 1),
            b'[' | b',' if !quoted => values += 1,
            _ => {}
        }
    }
    let most = [(objects, "objects", OBJECTS_MAX), (values, "values", VALUES_MAX)];
    match most.into_iter().find(|(count, _, most)| count > most) {
        Some((count, what, most)) => {
            Err(Refusal::invalid("document", format!("{count} {what}; a seat map has at most {most}.")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_a_bounded_number_of_values() {
        let list =
            |element: &str, count: usize| format!("[{}{element}]", format!("{element},").repeat(count - 1));
        let refused = |text: String| count(text.as_bytes()).err().map(|refusal| refusal.detail);
        assert_eq!(refused(list("{}", OBJECTS_MAX)), None);
        let detail = refused(list("{\"a\":[]}", OBJECTS_MAX + 1)).unwrap();
        assert_eq!(detail, "400001 objects; a seat map has at most 400000.");
        assert_eq!(refused(list("0", VALUES_MAX)), None);
        assert!(refused(list("0", VALUES_MAX + 1)).unwrap().contains(" values; "));
        // Marks in texts are no values, also after an escaped quotation mark.
        assert_eq!(refused(format!("[\"\\\"{}\"]", "{[,".repeat(VALUES_MAX))), None);
    }
}
