//! What has to hold whatever bytes come: one function for each decoder. The fuzz targets call them, and so does the test
//! suite with changed samples (`core/tests/decoders.rs`). Each says whether the bytes could be read.

use eventflow_core::seat_map::{
    Diff, Layout, SeatMap, Snapshot,
    exchange::{self, Format},
    validate,
};

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
