//! Tokens of buyers: short JWTs, EdDSA, each bound to one hold or one order. Signed with a key of the platform that is
//! sealed at rest and published as JWKS.

use std::{collections::HashMap, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::{Signer, SigningKey};
use eventflow_core::{Id, id};
use eventflow_store::{
    Db, Sealer,
    platform_keys::{self, PlatformKey},
};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// Issuer and audience of every token.
const ISSUER: &str = "eventflow";
/// `typ` of the header: other uses of the key cannot be mistaken for a buyer's token.
const TYPE: &str = "buyer+jwt";
/// From its issue to its end. Nobody sells further ahead: a token that says more was not made by us.
const LIFE_MAX: TimeDelta = TimeDelta::days(10 * 366);

/// The claims of a buyer's token.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    ten: String,
    evt: String,
    iat: i64,
    exp: i64,
}

/// What a buyer's token is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Hold(Id<id::Hold>),
    Order(Id<id::Order>),
}

/// A verified token.
#[derive(Debug, Clone, Copy)]
pub struct BuyerToken {
    pub tenant: Id<id::Tenant>,
    pub event: Id<id::Event>,
    pub subject: Subject,
}

pub struct Tokens {
    signing: SigningKey,
    /// The encoded header and the full stop behind it: the same for every token.
    header: String,
    decoding: HashMap<String, DecodingKey>,
    /// Public keys by key id, base64url, for the JWKS.
    public: Vec<(String, String)>,
}

impl Tokens {
    /// Loads the platform's keys and makes the first one on a fresh installation.
    pub async fn load(db: &Db, sealer: &Sealer) -> anyhow::Result<Self> {
        Self::of(&platform_keys::load_or_create(db, sealer).await?)
    }

    /// Signs with the first of the keys, and verifies with all of them.
    ///
    /// # Errors
    /// Without a key.
    pub fn of(keys: &[PlatformKey]) -> anyhow::Result<Self> {
        let newest = keys.first().ok_or_else(|| anyhow::anyhow!("there is no platform key"))?;
        let header = Header {
            typ: Some(TYPE.into()),
            kid: Some(newest.id.to_string()),
            ..Header::new(Algorithm::EdDSA)
        };
        Ok(Self {
            signing: SigningKey::from_bytes(&newest.private_key),
            header: URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?) + ".",
            decoding: keys
                .iter()
                .map(|k| (k.id.to_string(), DecodingKey::from_ed_der(&k.public_key)))
                .collect(),
            public: keys.iter().map(|k| (k.id.to_string(), URL_SAFE_NO_PAD.encode(k.public_key))).collect(),
        })
    }

    /// A signed JWT (RFC 7515 compact form). Assembled here because `jsonwebtoken` reads the private key from DER for
    /// every token, which costs as much as the signature.
    pub fn sign(&self, token: BuyerToken, issued: DateTime<Utc>, expires: DateTime<Utc>) -> String {
        let claims = Claims {
            iss: ISSUER.into(),
            aud: ISSUER.into(),
            sub: match token.subject {
                Subject::Hold(id) => id.to_string(),
                Subject::Order(id) => id.to_string(),
            },
            ten: token.tenant.to_string(),
            evt: token.event.to_string(),
            iat: issued.timestamp(),
            exp: expires.min(issued + LIFE_MAX).timestamp(),
        };
        let claims = serde_json::to_vec(&claims).expect("claims of plain texts always serialise");
        let mut text = self.header.clone();
        URL_SAFE_NO_PAD.encode_string(claims, &mut text);
        let signature = self.signing.sign(text.as_bytes());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut text);
        text
    }

    /// `None` for whatever is not a live token of ours: wrong algorithm, type, key, signature, audience, time or life.
    pub fn verify(&self, text: &str) -> Option<BuyerToken> {
        let header = jsonwebtoken::decode_header(text).ok()?;
        // RFC 7515, 4.1.11: who does not know what is critical refuses.
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) || header.crit.is_some() {
            return None;
        }
        let key = self.decoding.get(header.kid.as_deref()?)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_nbf = true;
        validation.set_audience(&[ISSUER]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(text, key, &validation).ok()?.claims;
        if !(0..=LIFE_MAX.num_seconds()).contains(&claims.exp.checked_sub(claims.iat)?) {
            return None;
        }
        let subject = match (Id::from_str(&claims.sub), Id::from_str(&claims.sub)) {
            (Ok(hold), _) => Subject::Hold(hold),
            (_, Ok(order)) => Subject::Order(order),
            _ => return None,
        };
        Some(BuyerToken { tenant: claims.ten.parse().ok()?, event: claims.evt.parse().ok()?, subject })
    }

    /// The public keys as a JSON Web Key Set (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self
            .public
            .iter()
            .map(|(kid, x)| serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x }))
            .collect();
        serde_json::json!({ "keys": keys })
    }
}
