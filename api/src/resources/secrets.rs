//! Answers that hold a secret which is told once (a key). For a replay they are kept like every answer to an
//! `Idempotency-Key`, but sealed under the master key: who reads the database learns no secret.

use base64::{Engine, engine::general_purpose::STANDARD};
use eventflow_store::{Error, Result, Sealer, Tx};
use poem_openapi::types::{ParseFromJSON, ToJSON};

use crate::{auth::Call, problem::Failure};

/// As [`Call::write`]; the stored answer is sealed for this caller and key.
pub async fn write<T: ToJSON + ParseFromJSON>(
    call: &Call,
    work: impl AsyncFnOnce(&mut Tx) -> Result<T>,
) -> Result<T, Failure> {
    let context = context(call);
    let sealed: String = call
        .write(async |tx| {
            let answer = work(tx).await?;
            seal(&call.app.sealer, &context, &answer)
        })
        .await?;
    Ok(open(&call.app.sealer, &context, &sealed)?)
}

/// What a sealed answer is bound to: the row of its idempotency key.
fn context(call: &Call) -> Vec<u8> {
    let key = call.idempotency.as_ref().map(|key| key.key.as_str()).unwrap_or_default();
    [
        b"answer\0",
        call.tenant().uuid().as_bytes().as_slice(),
        call.scope.actor.as_bytes(),
        b"\0",
        key.as_bytes(),
    ]
    .concat()
}

fn seal<T: ToJSON>(sealer: &Sealer, context: &[u8], answer: &T) -> Result<String> {
    let text = answer.to_json_string();
    Ok(STANDARD.encode(sealer.seal(text.as_bytes(), context)?))
}

fn open<T: ParseFromJSON>(sealer: &Sealer, context: &[u8], sealed: &str) -> Result<T> {
    let corrupt = |why: String| Error::Corrupt(format!("sealed answer: {why}"));
    let bytes = STANDARD.decode(sealed).map_err(|error| corrupt(error.to_string()))?;
    let text = sealer.open(&bytes, context)?;
    // What the text is stays out of the log.
    let value = serde_json::from_slice(&text).map_err(|_| corrupt("no JSON".into()))?;
    T::parse_from_json(Some(value)).map_err(|_| corrupt("another shape".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_opens_only_in_its_place_and_shows_nothing_before() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = seal(&sealer, b"here", &"ef_sk_test_1".to_owned()).unwrap();
        assert!(!sealed.contains("ef_sk"));
        assert_eq!(open::<String>(&sealer, b"here", &sealed).unwrap(), "ef_sk_test_1");
        assert!(open::<String>(&sealer, b"there", &sealed).is_err());
    }
}
