//! The public keys that verify buyers' tokens, as a JSON Web Key Set (RFC 7517, RFC 8037).

use eventflow_core::{ErrorCode, Refusal};
use poem_openapi::{
    Object, OpenApi,
    payload::{Json, Response},
    types::ParseFromJSON,
};

use super::Tag;
use crate::{auth::Call, problem::Failure};

/// The keys change only when the operator rotates them, and old ones stay listed.
const CACHE_CONTROL: &str = "public, max-age=300";

/// A set of public keys.
#[derive(Debug, Object)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// A public key, Ed25519.
#[derive(Debug, Object)]
struct Jwk {
    /// `OKP`.
    kty: String,
    /// `Ed25519`.
    crv: String,
    /// `EdDSA`.
    alg: String,
    /// `sig`.
    #[oai(rename = "use")]
    purpose: String,
    /// The `kid` in the header of the tokens that this key signed.
    kid: String,
    /// The key, base64url without padding.
    x: String,
}

pub struct PublicKeys;

#[OpenApi(tag = "Tag::Platform")]
impl PublicKeys {
    /// Get the public keys that verify buyers' tokens.
    #[oai(path = "/.well-known/jwks.json", method = "get", operation_id = "jwks.get")]
    async fn get(&self, call: Call) -> Result<Response<Json<Jwks>>, Failure> {
        let keys = Jwks::parse_from_json(Some(call.app.tokens.jwks())).map_err(|error| {
            tracing::error!(error = %error.into_message(), "the key set has another shape");
            Refusal::new(ErrorCode::Internal, "This is our fault. The request id helps us to find it.")
        })?;
        Ok(Response::new(Json(keys)).header("Cache-Control", CACHE_CONTROL))
    }
}
