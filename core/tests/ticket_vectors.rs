//! The golden vectors of the ticket token: what every implementation must write, accept and refuse.
//!
//! `core/testdata/ticket-vectors.json` is made here. A change of the file is a change of the format, and breaks printed
//! tickets; to add vectors, add them to this file and run the tests once with `EVENTFLOW_WRITE_VECTORS=1`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use eventflow_core::ticket::{
    Flags, KeyRing, KeyState, Minute, SignedToken, Token, base45,
    token::{DOMAIN, FACTS_LEN, TEXT_LEN, TOKEN_LEN, read},
};
use serde_json::{Value, json};
use uuid::Uuid;

const COMMITTED: &str = include_str!("../testdata/ticket-vectors.json");

/// kid, state and secret seed of the keys; the first is the key of test 1 in RFC 8032, section 7.1.
const KEYS: [(u8, KeyState, &str); 4] = [
    (0, KeyState::Active, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
    (1, KeyState::Retired, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
    (2, KeyState::Revoked, "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"),
    (255, KeyState::Active, "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5"),
];

#[test]
fn the_committed_file_is_current() {
    let made = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("EVENTFLOW_WRITE_VECTORS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/ticket-vectors.json"), &made).unwrap();
        return;
    }
    assert!(COMMITTED == made, "the vectors differ from the code: the format has changed");
}

#[test]
fn valid_vectors_are_written_and_read_as_they_stand() {
    let vectors: Value = serde_json::from_str(COMMITTED).unwrap();
    let ring = ring(&vectors);
    let valid = vectors["valid"].as_array().unwrap();
    assert!(valid.len() >= 5);
    for vector in valid {
        let name = &vector["name"];
        let token = token_of(&vector["fields"]);
        let text = vector["text"].as_str().unwrap();
        let bytes = unhex(vector["token_hex"].as_str().unwrap());
        let signed = token.sign(&signing_key(token.kid));
        assert_eq!((bytes.len(), text.len()), (TOKEN_LEN, TEXT_LEN), "{name}");
        assert_eq!(signed.encode().as_slice(), bytes, "{name}");
        assert_eq!(signed.to_text(), text, "{name}");
        assert_eq!(SignedToken::decode(&bytes), Ok(signed), "{name}");
        assert_eq!(read(text, &ring), Ok(token), "{name}");
    }
}

#[test]
fn invalid_vectors_are_refused_for_their_reason() {
    let vectors: Value = serde_json::from_str(COMMITTED).unwrap();
    let ring = ring(&vectors);
    let mut seen = std::collections::BTreeSet::new();
    for vector in vectors["invalid"].as_array().unwrap() {
        let error = read(vector["text"].as_str().unwrap(), &ring).expect_err("the vector is invalid");
        assert_eq!(error.code(), vector["error"], "{}", vector["name"]);
        seen.insert(error.code());
    }
    assert_eq!(seen.len(), 8, "every error has a vector: {seen:?}");
}

fn document() -> Value {
    let valid: Vec<Value> = valid().into_iter().map(|(name, token)| valid_vector(name, token)).collect();
    let invalid: Vec<Value> = invalid()
        .into_iter()
        .map(|(name, error, text)| json!({ "name": name, "error": error, "text": text }))
        .collect();
    let keys: Vec<Value> = KEYS
        .iter()
        .map(|&(kid, state, seed)| {
            let public = hex(signing_key(kid).verifying_key().as_bytes());
            json!({ "kid": kid, "state": state, "seed_hex": seed, "public_hex": public })
        })
        .collect();
    json!({
        "about": "Golden vectors of the EventFlow ticket token, version 1. The keys are public: never sign with them.",
        "domain_hex": hex(DOMAIN),
        "keys": keys,
        "valid": valid,
        "invalid": invalid,
    })
}

fn sample() -> Token {
    Token {
        kid: 0,
        event_no: 70_001,
        ticket_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
        generation: 1,
        type_no: 3,
        not_before: Minute(3_531_180),
        not_after: Minute(3_531_660),
        flags: Flags::NONE,
    }
}

fn valid() -> Vec<(&'static str, Token)> {
    let marked = Flags::ID_CHECK.with(Flags::ACCESSIBLE).with(Flags::COMPANION);
    vec![
        ("ordinary", sample()),
        ("retired key, re-issued", Token { kid: 1, generation: 4, ..sample() }),
        (
            "every named flag, zones 1, 3 and 8",
            Token {
                flags: marked.with(Flags::ROTATING).with(Flags::TEST).with_zone_mask(0b1000_0101),
                ..sample()
            },
        ),
        ("bits without a name are kept", Token { flags: Flags::from_bits(0x00e0), ..sample() }),
        (
            "smallest values",
            Token {
                kid: 0,
                event_no: 0,
                ticket_id: Uuid::nil(),
                generation: 0,
                type_no: 0,
                not_before: Minute(0),
                not_after: Minute(0),
                flags: Flags::NONE,
            },
        ),
        (
            "largest values",
            Token {
                kid: 255,
                event_no: u32::MAX,
                ticket_id: Uuid::max(),
                generation: u16::MAX,
                type_no: u16::MAX,
                not_before: Minute(u32::MAX),
                not_after: Minute(u32::MAX),
                flags: Flags::from_bits(u16::MAX),
            },
        ),
    ]
}

fn invalid() -> Vec<(&'static str, &'static str, String)> {
    let signed = sample().sign(&signing_key(0));
    let (text, bytes) = (signed.to_text(), signed.encode());
    let printed = |bytes: &[u8]| format!("EF1:{}", base45::encode(bytes));
    let changed = |offset: usize, byte: u8| {
        let mut bytes = bytes;
        bytes[offset] = byte;
        printed(&bytes)
    };
    let with_end = |end: &str| format!("{}{end}", &text[..TEXT_LEN - end.len()]);
    vec![
        ("empty", "prefix", String::new()),
        ("a web address", "prefix", "https://example.org/t/1".into()),
        ("prefix in lower case", "prefix", text.replacen("EF1:", "ef1:", 1)),
        ("another version of the prefix", "prefix", text.replacen("EF1:", "EF2:", 1)),
        ("space in front", "prefix", format!(" {text}")),
        ("prefix alone", "length", "EF1:".into()),
        ("one character less", "length", text[..TEXT_LEN - 1].into()),
        ("one character more", "length", format!("{text}0")),
        ("line feed at the end", "length", format!("{text}\n")),
        ("one group more", "length", format!("{text}000")),
        ("a lower-case letter", "alphabet", with_end("a")),
        ("a letter beyond ASCII", "alphabet", format!("{}Ä", &text[..TEXT_LEN - 1])),
        ("wrong alphabet before a wrong group", "alphabet", with_end(":::#")),
        ("a group worth 65536", "not_canonical", with_end("GGW")),
        ("the largest group", "not_canonical", with_end(":::")),
        ("version 0", "version", changed(0, 0)),
        ("version 2", "version", changed(0, 2)),
        ("a key that nobody has", "unknown_key", changed(1, 77)),
        ("a revoked key", "revoked_key", Token { kid: 2, ..sample() }.sign(&signing_key(2)).to_text()),
        ("kid of another key", "signature", changed(1, 1)),
        ("another event", "signature", changed(5, bytes[5] ^ 1)),
        ("another generation", "signature", changed(23, 9)),
        ("another flag", "signature", changed(35, 1)),
        ("a damaged signature", "signature", changed(99, bytes[99] ^ 0x80)),
        ("no signature", "signature", printed(&[&bytes[..FACTS_LEN], &[0; 64]].concat())),
        ("signature over the facts without the domain", "signature", {
            let signature = signing_key(0).sign(&bytes[..FACTS_LEN]).to_bytes();
            printed(&[&bytes[..FACTS_LEN], &signature].concat())
        }),
        ("signature whose scalar is not reduced", "signature", {
            printed(&[&bytes[..68], &plus_group_order(&bytes[68..])].concat())
        }),
    ]
}

fn valid_vector(name: &str, token: Token) -> Value {
    let signed = token.sign(&signing_key(token.kid));
    json!({
        "name": name,
        "fields": {
            "version": 1,
            "kid": token.kid,
            "event_no": token.event_no,
            "ticket_id": token.ticket_id,
            "generation": token.generation,
            "type_no": token.type_no,
            "not_before": token.not_before.0,
            "not_before_utc": token.not_before.to_utc(),
            "not_after": token.not_after.0,
            "not_after_utc": token.not_after.to_utc(),
            "flags": token.flags.bits(),
            "flag_names": token.flags.names().collect::<Vec<_>>(),
            "zone_mask": token.flags.zone_mask(),
        },
        "token_hex": hex(&signed.encode()),
        "text": signed.to_text(),
    })
}

fn token_of(fields: &Value) -> Token {
    fn number<T: TryFrom<u64, Error: std::fmt::Debug>>(fields: &Value, name: &str) -> T {
        T::try_from(fields[name].as_u64().expect(name)).expect(name)
    }
    assert_eq!(fields["version"], 1);
    Token {
        kid: number(fields, "kid"),
        event_no: number(fields, "event_no"),
        ticket_id: fields["ticket_id"].as_str().unwrap().parse().unwrap(),
        generation: number(fields, "generation"),
        type_no: number(fields, "type_no"),
        not_before: Minute(number(fields, "not_before")),
        not_after: Minute(number(fields, "not_after")),
        flags: Flags::from_bits(number(fields, "flags")),
    }
}

/// The ring, from the public keys in the file.
fn ring(vectors: &Value) -> KeyRing {
    let mut ring = KeyRing::new();
    for key in vectors["keys"].as_array().unwrap() {
        let bytes = unhex(key["public_hex"].as_str().unwrap());
        let public = VerifyingKey::from_bytes(bytes.as_slice().try_into().unwrap()).unwrap();
        let kid = u8::try_from(key["kid"].as_u64().unwrap()).unwrap();
        ring.insert(kid, public, key["state"].as_str().unwrap().parse().unwrap());
    }
    ring
}

fn signing_key(kid: u8) -> SigningKey {
    let (_, _, seed) = KEYS.iter().find(|key| key.0 == kid).expect("vectors use the keys of the table");
    SigningKey::from_bytes(unhex(seed).as_slice().try_into().unwrap())
}

/// `scalar + L`: a lax verifier accepts it as the same signature.
fn plus_group_order(scalar: &[u8]) -> Vec<u8> {
    let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0_u16;
    let add = |(a, b): (&u8, &u8)| {
        let sum = u16::from(*a) + u16::from(*b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    };
    scalar.iter().zip(&order).map(add).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
