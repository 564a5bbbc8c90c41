//! What has to hold whatever bytes come: one function for each decoder. The fuzz targets call them, and so does the test
//! suite with changed samples (`core/tests/decoders.rs`). Each says whether the bytes could be read.

use std::sync::LazyLock;

use ed25519_dalek::SigningKey;
use eventflow_core::{
    Id,
    id::{self, Kind},
    seat_map::{
        Diff, Layout, SeatMap, Snapshot,
        exchange::{self, Format},
        validate,
    },
    ticket::{
        KeyRing, KeyState, SignedToken,
        base45::{decode, encode},
    },
};

/// Signs the tickets of the samples.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[42; 32]));
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let mut ring = KeyRing::new();
    (0..=u8::MAX).for_each(|kid| ring.insert(kid, KEY.verifying_key(), KeyState::Active));
    ring
});

/// Bytes and Base45 text correspond one to one.
pub fn base45(data: &[u8]) -> bool {
    assert_eq!(decode(&encode(data)).as_deref(), Ok(data));
    let Ok(text) = str::from_utf8(data) else { return false };
    decode(text).is_ok_and(|bytes| {
        assert_eq!(encode(&bytes), text);
        true
    })
}

/// Reading a ticket is strict, from bytes and from text, and nothing verifies that was not signed.
pub fn ticket_token(data: &[u8]) -> bool {
    let read = match str::from_utf8(data).map(SignedToken::parse) {
        Ok(Ok(signed)) => {
            assert_eq!(signed.to_text().as_bytes(), data);
            signed
        }
        _ => match SignedToken::decode(data) {
            Ok(signed) => {
                assert_eq!(signed.encode(), data);
                signed
            }
            Err(_) => return false,
        },
    };
    assert_eq!(SignedToken::parse(&read.to_text()), Ok(read));
    let ours = read.unverified().sign(&KEY);
    assert_eq!(ours.verify(&RING), Ok(*read.unverified()));
    assert!(read == ours || read.verify(&RING).is_err());
    true
}

/// An id is its text and nothing else, alone and in JSON, and is of one kind.
pub fn id(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    let kinds = [
        is_id::<id::Event>(text),
        is_id::<id::Order>(text),
        is_id::<id::OrderItem>(text),
        is_id::<id::Hold>(text),
        is_id::<id::PriceTier>(text),
        is_id::<id::Plugin>(text),
        is_id::<id::PluginVersion>(text),
    ];
    let fitting = kinds.into_iter().filter(|fits| *fits).count();
    assert!(fitting <= 1, "{text} is of {fitting} kinds");
    fitting == 1
}

fn is_id<K: Kind>(text: &str) -> bool {
    let in_json = serde_json::from_value::<Id<K>>(text.into()).ok();
    let read: Option<Id<K>> = text.parse().ok();
    assert_eq!(in_json, read);
    read.is_some_and(|id| {
        assert_eq!(id.to_string(), text);
        assert_eq!(Id::from_uuid(id.uuid()), id);
        true
    })
}

/// What is read is written and read again as the same.
pub fn plan(data: &[u8]) -> bool {
    let Ok(layout) = Layout::from_plan(data) else { return false };
    assert_eq!(Layout::from_plan(&layout.to_plan()), Ok(layout));
    true
}

/// Bytes and values correspond one to one.
pub fn snapshot(data: &[u8]) -> bool {
    let Ok(snapshot) = Snapshot::decode(data) else { return false };
    assert_eq!(snapshot.encode(), data);
    true
}

/// As [`snapshot`]; and a diff applies whole or not at all.
pub fn diff(data: &[u8]) -> bool {
    let Ok(diff) = Diff::decode(data) else { return false };
    assert_eq!(diff.encode(), data);
    let before = Snapshot { revision: diff.base(), ..Snapshot::new(40, vec![5; 3]) };
    let mut after = before.clone();
    match after.apply(&diff) {
        Ok(()) => assert!(after.revision >= before.revision),
        Err(_) => assert_eq!(after, before),
    }
    true
}

/// The canonical text is stable; judging, laying out and planning a document end.
pub fn document(data: &[u8]) -> bool {
    let Some(map) = str::from_utf8(data).ok().and_then(|text| SeatMap::from_json(text).ok()) else {
        return false;
    };
    let text = map.to_json();
    assert_eq!(SeatMap::from_json(&text).map(|map| map.to_json()).ok(), Some(text));
    validate(&map);
    let layout = Layout::compile(&map);
    assert_eq!(Layout::from_plan(&layout.to_plan()), Ok(layout));
    true
}

pub fn pretix(data: &[u8]) -> bool {
    upload(Format::Pretix, data)
}

pub fn csv(data: &[u8]) -> bool {
    upload(Format::Csv, data)
}

pub fn svg(data: &[u8]) -> bool {
    upload(Format::Svg, data)
}

/// What is imported can be judged, laid out and exported to every format, and its text is canonical.
fn upload(format: Format, data: &[u8]) -> bool {
    let mut last = 0;
    let imported = exchange::import(format, data, &mut |progress| {
        assert!(progress.done >= last);
        last = progress.done;
    });
    let Ok(imported) = imported else { return false };
    let text = imported.map.to_json();
    assert_eq!(SeatMap::from_json(&text).ok().as_ref(), Some(&imported.map));
    assert!(document(text.as_bytes()));
    for format in Format::ALL {
        exchange::export(format, &imported.map);
    }
    true
}
