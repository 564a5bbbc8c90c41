//! Attacks on buyers' tokens. Most are signed with the platform's own key, so that nothing but the changed part is wrong.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signer, SigningKey};
use eventflow_store::platform_keys::{self, PlatformKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;

/// Makes tokens of any header and claims.
struct Forge {
    key: PlatformKey,
    header: Value,
    claims: Value,
}

impl Forge {
    /// From a good token.
    async fn new(platform: &Platform, token: &str) -> Self {
        let keys = platform_keys::load_or_create(&platform.app.db, &platform.app.sealer).await.unwrap();
        let part = |at| {
            let part = token.split('.').nth(at).unwrap();
            serde_json::from_slice(&BASE64.decode(part).unwrap()).unwrap()
        };
        Self { key: keys.into_iter().next().unwrap(), header: part(0), claims: part(1) }
    }

    fn signing(&self) -> SigningKey {
        SigningKey::from_bytes(&self.key.private_key)
    }

    /// Both parts as they come, signed by the platform.
    fn signed(&self, header: &str, claims: &str) -> String {
        self.signed_by(&self.signing(), header, claims)
    }

    fn signed_by(&self, key: &SigningKey, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = key.sign(text.as_bytes()).to_bytes();
        format!("{text}.{}", BASE64.encode(signature))
    }

    fn good(&self) -> String {
        self.signed(&self.header.to_string(), &self.claims.to_string())
    }

    /// With another member of the header; null takes it away.
    fn header(&self, name: &str, value: Value) -> String {
        self.signed(&with(&self.header, name, value), &self.claims.to_string())
    }

    fn claim(&self, name: &str, value: Value) -> String {
        self.signed(&self.header.to_string(), &with(&self.claims, name, value))
    }

    /// HMAC instead of a signature, with what everybody knows as the secret.
    fn hmac(&self, secret: &[u8]) -> String {
        let header = with(&self.header, "alg", json!("HS256"));
        let text = format!("{}.{}", BASE64.encode(header), BASE64.encode(self.claims.to_string()));
        let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&text).finalize().into_bytes();
        format!("{text}.{}", BASE64.encode(mac))
    }

    /// A name for each attack, and its token.
    fn attacks(&self) -> Vec<(String, String)> {
        let good = self.good();
        let [head, body, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
        let (header, claims) = (self.header.to_string(), self.claims.to_string());
        let stranger = SigningKey::from_bytes(&[66; 32]);
        let public = BASE64.encode(self.key.public_key);
        let other = self.claim("iat", json!(self.claims["iat"].as_i64().unwrap() - 1));
        let mut attacks = vec![
            ("a stranger's key".to_owned(), self.signed_by(&stranger, &header, &claims)),
            ("the signature of another token".into(), format!("{head}.{body}.{}", other.rsplit('.').next().unwrap())),
            ("the claims of another token".into(), format!("{head}.{}.{signature}", other.split('.').nth(1).unwrap())),
            ("no signature".into(), format!("{head}.{body}.")),
            ("two parts".into(), format!("{head}.{body}")),
            ("four parts".into(), format!("{good}.{signature}")),
            ("five parts, as an encrypted one".into(), format!("{good}.{body}.{signature}")),
            ("doubled".into(), format!("{good}{good}")),
            ("doubled, with a full stop".into(), format!("{good}.{good}")),
            ("two words".into(), format!("{good} {good}")),
            ("parts in another order".into(), format!("{body}.{head}.{signature}")),
            ("empty parts".into(), "........".into()),
            ("padded".into(), format!("{good}==")),
            ("in the other alphabet of Base64".into(), format!("{head}.{body}.{}", "+/".repeat(43))),
            ("huge".into(), self.claim("x", json!("x".repeat(2_500))) + &"A".repeat(4_000)),
            ("HMAC with the public key".into(), self.hmac(&self.key.public_key)),
            ("HMAC with the public key as the JWKS has it".into(), self.hmac(public.as_bytes())),
            ("HMAC with the id of the key".into(), self.hmac(self.key.id.to_string().as_bytes())),
            ("HMAC with nothing".into(), self.hmac(b"")),
            ("the header twice the algorithm".into(), self.signed(&header.replacen('{', r#"{"alg":"none","#, 1), &claims)),
            ("a header that is a list".into(), self.signed("[]", &claims)),
            ("claims that are a list".into(), self.signed(&header, "[]")),
            ("claims that are null".into(), self.signed(&header, "null")),
            ("claims that are no JSON".into(), self.signed(&header, &claims[1..])),
            ("claims with something behind them".into(), self.signed(&header, &format!("{claims}{claims}"))),
            (
                "a key of its own in the header".into(),
                self.signed_by(
                    &stranger,
                    &with(
                        &self.header,
                        "jwk",
                        json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(stranger.verifying_key().as_bytes()) }),
                    ),
                    &claims,
                ),
            ),
            (
                "a key elsewhere".into(),
                self.signed_by(&stranger, &with(&self.header, "jku", json!("https://evil.example/jwks.json")), &claims),
            ),
            // RFC 7515, 4.1.11.
            ("something critical that nobody knows".into(), self.header("crit", json!(["exp"]))),
        ];
        for algorithm in [
            json!("none"),
            json!("None"),
            json!("nOnE"),
            json!("HS256"),
            json!("ES256"),
            json!("RS256"),
            json!(""),
            json!(null),
        ] {
            let unsigned = with(&self.header, "alg", algorithm.clone());
            attacks.push((
                format!("alg {algorithm}, unsigned"),
                format!("{}.{body}.", BASE64.encode(&unsigned)),
            ));
            attacks.push((format!("alg {algorithm}"), self.header("alg", algorithm)));
        }
        for kind in
            [json!("JWT"), json!("at+jwt"), json!("ticket+jwt"), json!(""), json!(null), json!(["buyer+jwt"])]
        {
            attacks.push((format!("typ {kind}"), self.header("typ", kind)));
        }
        let nil = uuid::Uuid::nil().to_string();
        for kid in
            [json!(nil), json!(""), json!("../../etc/passwd"), json!("' OR 1=1 --"), json!(null), json!(7)]
        {
            attacks.push((format!("kid {kid}"), self.header("kid", kid)));
        }
        for name in ["iss", "aud"] {
            for value in [
                json!("somebody"),
                json!(""),
                json!("EventFlow"),
                json!(["eventflow", "somebody"]),
                json!(null),
            ] {
                attacks.push((format!("{name} {value}"), self.claim(name, value)));
            }
        }
        for subject in [
            json!(format!("tkt_{NOBODY}")),
            json!(format!("evt_{NOBODY}")),
            json!("hold_"),
            json!("*"),
            json!(""),
            json!(1),
            json!(null),
        ] {
            attacks.push((format!("sub {subject}"), self.claim("sub", subject)));
        }
        for name in ["ten", "evt"] {
            for value in [json!("*"), json!(""), json!(format!("ord_{NOBODY}")), json!(null)] {
                attacks.push((format!("{name} {value}"), self.claim(name, value)));
            }
        }
        let now = chrono::Utc::now().timestamp();
        for (name, value) in [
            ("exp", json!(now - 3_600)),
            ("exp", json!(0)),
            ("exp", json!(-1)),
            ("exp", json!(null)),
            ("exp", json!("tomorrow")),
            ("exp", json!((now + 600).to_string())),
            ("exp", json!(1e300)),
            ("exp", json!(u64::MAX)),
            ("exp", json!(i64::MAX)),
            ("exp", json!(now + 100 * 366 * 86_400)),
            ("iat", json!(null)),
            ("iat", json!("now")),
            ("iat", json!(i64::MIN)),
            ("iat", json!(now + 400 * 86_400)),
            ("nbf", json!(now + 3_600)),
            ("nbf", json!("tomorrow")),
        ] {
            attacks.push((format!("{name} {value}"), self.claim(name, value)));
        }
        for name in ["sub", "ten", "exp", "aud", "iss", "evt"] {
            let twice = claims.replacen('{', &format!("{{\"{name}\":{},", self.claims[name]), 1);
            attacks.push((format!("{name} twice"), self.signed(&header, &twice)));
        }
        for end in [1, 2, 40, 86, 87, 100, good.len() - 8] {
            attacks.push((format!("without its last {end} characters"), good[..good.len() - end].to_owned()));
        }
        for at in [0, head.len() / 2, head.len() + 5, good.len() - 40, good.len() - 1] {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            attacks.push((format!("another character at {at}"), String::from_utf8(bytes).unwrap()));
        }
        // The last character carries bits that nothing reads.
        let last = if good.ends_with('A') || good.ends_with('Q') || good.ends_with('g') || good.ends_with('w')
        {
            char::from(good.as_bytes()[good.len() - 1] + 1)
        } else {
            panic!("a signature ends with one of four characters: {good}")
        };
        attacks.push((
            "the last character spelt otherwise".into(),
            format!("{}{last}", &good[..good.len() - 1]),
        ));
        attacks
    }
}

/// The object with another member; null takes it away.
fn with(object: &Value, name: &str, value: Value) -> String {
    let mut object = object.clone();
    if value.is_null() {
        drop(object.as_object_mut().unwrap().remove(name))
    } else {
        object[name] = value
    }
    object.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_token_opens_and_changes_nothing() {
    let platform = Platform::start().await;
    let ours = Everything::make(&platform).await;
    let stranger = platform.tenant().await;
    let (hold, order) =
        (format!("/v1/holds/{}", ours.ids["hold"]), format!("/v1/orders/{}", ours.ids["ord"]));
    let of_hold = Forge::new(&platform, &ours.hold_buyer.token).await;
    let of_order = Forge::new(&platform, &ours.order_buyer.token).await;
    let before = fingerprint(&platform, &ours.tenant.id).await;
    let held = ours.hold_buyer.get(&hold).await.ok();

    // What is made here is taken when nothing is wrong with it.
    for (forge, path) in [(&of_hold, &hold), (&of_order, &order)] {
        platform.anybody().with_token(&forge.good()).get(path).await.ok();
        let nbf = forge.claim("nbf", json!(chrono::Utc::now().timestamp() - 5));
        platform.anybody().with_token(&nbf).get(path).await.ok();
    }
    let mut tried = 0;
    for (forge, path) in [(&of_hold, &hold), (&of_order, &order)] {
        for (attack, token) in forge.attacks() {
            let client = platform.anybody().with_token(&token);
            let change = if *path == hold {
                (Method::DELETE, path.clone())
            } else {
                (Method::POST, format!("{path}/cancel"))
            };
            for (method, path) in [(Method::GET, path.clone()), change] {
                let answer = client.send(method, &path, None).await;
                assert_eq!(
                    (answer.status, text(&answer.body, "code")),
                    (401, "unauthenticated"),
                    "{attack}: {answer}"
                );
                assert_eq!(answer.header("www-authenticate"), "Bearer", "{attack}");
                assert!(!text(&answer.refused(401, "unauthenticated"), "detail").contains("kid"), "{attack}");
            }
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried} attacks");

    // Good signatures of ours for something else: as if there were no such object.
    let elsewhere = [
        (of_hold.claim("sub", json!(format!("hold_{NOBODY}"))), &hold),
        (of_hold.claim("sub", json!(ours.ids["ord"])), &hold),
        (of_hold.claim("ten", json!(stranger.id)), &hold),
        (of_order.claim("sub", json!(format!("ord_{NOBODY}"))), &order),
        (of_order.claim("sub", json!(ours.ids["hold"])), &order),
        (of_order.claim("ten", json!(stranger.id)), &order),
    ];
    for (token, path) in elsewhere {
        let answer = platform.anybody().with_token(&token).get(path).await;
        answer.check_problem();
        assert!(
            [(403, "permission_denied"), (404, "not_found")]
                .contains(&(answer.status, text(&answer.body, "code"))),
            "{answer}"
        );
    }
    assert_eq!(fingerprint(&platform, &ours.tenant.id).await, before, "a forged token changed something");
    assert_eq!(ours.hold_buyer.get(&hold).await.ok()["expires_at"], held["expires_at"]);
}
