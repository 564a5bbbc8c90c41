//! Drafts: documents read strictly, with what is to be said about them.

use std::fmt::Write;

use eventflow_core::{
    ErrorCode, Refusal,
    seat_map::{
        self, Booth, Category, Finding, FindingCode, Floor, GaArea, Icon, Image, Layout, Row,
        SeatMap as Document, SeatRule, Section, Severity, Shape, Table, TextLabel, Zone,
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Size, int};
use crate::error::{Error, Result};

/// Objects named in a refusal; who has more to mend asks for the findings.
const OBJECTS_MAX: usize = 100;
/// What a draft may not have either: it is beyond what we store and lay out, not merely unfinished.
const LIMITS: [FindingCode; 3] =
    [FindingCode::TooMany, FindingCode::TextTooLong, FindingCode::InvalidCoordinate];

/// A document that was read strictly, and what is to be said about it.
#[derive(Debug)]
pub struct Draft {
    /// The canonical form.
    pub json: Value,
    pub findings: Vec<Finding>,
    pub layout: Layout,
}

impl Draft {
    /// Reads what was stored.
    pub(super) async fn stored(document: Value) -> Result<Self> {
        on_a_blocking_thread(move || {
            let map: Document = serde_json::from_value(document)
                .map_err(|error| Error::Corrupt(format!("seat map: {error}")))?;
            let (findings, layout) = seat_map::examine(&map);
            Ok(Self { json: canonical(&map), findings, layout })
        })
        .await?
    }

    /// Reads a document that a client sent. Parsing and laying out 100,000 seats takes a good part of a second: not for
    /// the threads of the runtime.
    ///
    /// # Errors
    /// `invalid_request` with the path in the document when a field is unknown, missing or of another type, or when a
    /// limit is exceeded.
    pub fn parse(document: Value) -> Result<Self, Refusal> {
        let map = Document::deserialize(&document).map_err(|error| fault(&document, &error))?;
        // It is several times as large as the map, and there will be another one.
        drop(document);
        Self::of(&map)
    }

    /// A document that did not come as JSON; the same limits hold. Takes time: not for the threads of the runtime.
    ///
    /// # Errors
    /// As [`Draft::parse`].
    pub fn of(map: &Document) -> Result<Self, Refusal> {
        let (findings, layout) = seat_map::examine(map);
        if let Some(finding) = findings.iter().find(|finding| LIMITS.contains(&finding.code)) {
            return Err(Refusal::invalid(at("document", &finding.object), finding.message.clone()));
        }
        let json = canonical(map);
        if let Some(path) = not_storable(&json) {
            let detail = "A number or a text here cannot be stored: it is out of range or contains NUL.";
            return Err(Refusal::invalid(format!("document{path}"), detail));
        }
        Ok(Self { json, findings, layout })
    }

    pub fn is_publishable(&self) -> bool {
        seat_map::is_publishable(&self.findings)
    }

    pub fn size(&self) -> Size {
        let capacity: u64 = self.layout.ga_areas().iter().map(|area| u64::from(area.capacity)).sum();
        Size {
            seat_count: int(self.layout.seat_count()),
            ga_capacity: i32::try_from(capacity).unwrap_or(i32::MAX),
        }
    }
}

fn canonical(map: &Document) -> Value {
    serde_json::to_value(map).unwrap_or_default()
}

/// The refusal to publish, naming what has errors.
pub(super) fn invalid(findings: &[Finding]) -> Refusal {
    let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let mut detail =
        format!("{} must be mended before the map can be published", counted(errors.len(), "error"));
    if let [first, ..] = errors.as_slice() {
        let place = if first.object.is_empty() { "document" } else { &first.object };
        write!(detail, ", the first at `{place}`: {}", first.message)
            .expect("writing to a string cannot fail");
    }
    let mut objects: Vec<String> = errors.iter().map(|finding| finding.object.clone()).collect();
    objects.retain(|object| !object.is_empty());
    objects.dedup();
    objects.truncate(OBJECTS_MAX);
    Refusal::new(ErrorCode::SeatMapInvalid, detail).objects(objects)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `document` and `sections[2]` -> `document.sections[2]`
fn at(root: &str, path: &str) -> String {
    if path.is_empty() { root.to_owned() } else { format!("{root}.{path}") }
}

/// The refusal of a document that does not read: the deserializer's words, and the innermost object that is at fault.
fn fault(document: &Value, error: &serde_json::Error) -> Refusal {
    const ROOT: &str = "document";
    let (path, error) = first_fault::<Category>(document, ROOT, "categories")
        .or_else(|| first_fault::<Floor>(document, ROOT, "floors"))
        .or_else(|| first_fault::<Zone>(document, ROOT, "zones"))
        .or_else(|| faulty_section(document))
        .or_else(|| first_fault::<GaArea>(document, ROOT, "ga_areas"))
        .or_else(|| first_fault::<Shape>(document, ROOT, "shapes"))
        .or_else(|| first_fault::<TextLabel>(document, ROOT, "texts"))
        .or_else(|| first_fault::<Icon>(document, ROOT, "icons"))
        .or_else(|| first_fault::<Image>(document, ROOT, "images"))
        .unwrap_or_else(|| (ROOT.to_owned(), error.to_string()));
    let detail: String = error.chars().filter(|c| !c.is_control()).take(300).collect();
    Refusal::invalid(path, format!("This is no seat-map document: {detail}."))
}

fn faulty_section(document: &Value) -> Option<(String, String)> {
    let (path, error) = first_fault::<Section>(document, "document", "sections")?;
    let section = inner(document, "document", &path)?;
    let inside = faulty_group::<Row>(section, &path, "rows")
        .or_else(|| faulty_group::<Table>(section, &path, "tables"))
        .or_else(|| first_fault::<Booth>(section, &path, "booths"));
    Some(inside.unwrap_or((path, error)))
}

/// The first faulty row or table of a section, or the exception in it that is at fault.
fn faulty_group<T: DeserializeOwned>(section: &Value, path: &str, name: &str) -> Option<(String, String)> {
    let (path, error) = first_fault::<T>(section, path, name)?;
    let group = inner(section, path.rsplit_once('.')?.0, &path)?;
    Some(first_fault::<SeatRule>(group, &path, "seats").unwrap_or((path, error)))
}

/// The first element of the list `name` that is no `T`: its path, and why.
fn first_fault<T: DeserializeOwned>(parent: &Value, path: &str, name: &str) -> Option<(String, String)> {
    let list = parent.get(name)?.as_array()?;
    list.iter().enumerate().find_map(|(index, element)| {
        let error = T::deserialize(element).err()?;
        Some((format!("{path}.{name}[{index}]"), error.to_string()))
    })
}

/// The value at `path`, which begins with the `path_of_parent`.
fn inner<'a>(parent: &'a Value, path_of_parent: &str, path: &str) -> Option<&'a Value> {
    let (name, index) =
        path.strip_prefix(path_of_parent)?.strip_prefix('.')?.strip_suffix(']')?.split_once('[')?;
    parent.get(name)?.get(index.parse::<usize>().ok()?)
}

/// The path of the first value that would not read back: canonical documents have no null (a number that left the
/// range), and Postgres takes no NUL in a text.
fn not_storable(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| not_storable(item).map(|path| format!("[{index}]{path}"))),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, member)| not_storable(member).map(|path| format!(".{name}{path}"))),
        Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The document of stored JSON.
pub(super) async fn document(stored: Value) -> Result<Document> {
    on_a_blocking_thread(move || {
        serde_json::from_value(stored).map_err(|error| Error::Corrupt(format!("seat map: {error}")))
    })
    .await?
}

async fn on_a_blocking_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Corrupt(format!("reading a seat map: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hall() -> Value {
        json!({
            "format": "eventflow.seat-map/1",
            "name": "Hall",
            "categories": [{ "key": "a", "name": "A", "color": "#aa0000" }],
            "focal_point": { "x": 0, "y": -500 },
            "sections": [{ "key": "P", "name": "Stalls", "rows": [
                { "label": "1", "category": "a", "start": { "x": 0, "y": 0 }, "end": { "x": 150, "y": 0 }, "count": 4,
                  "seats": [{ "position": 1, "traits": ["wheelchair"] }] }
            ] }],
            "ga_areas": [{ "key": "floor", "name": "Floor", "category": "a", "capacity": 100 }]
        })
    }

    fn furnished() -> Value {
        let mut document = hall();
        document["floors"] = json!([{ "key": "g", "name": "Ground" }]);
        document["shapes"] =
            json!([{ "kind": "ellipse", "points": [{ "x": 0, "y": 0 }, { "x": 9, "y": 9 }] }]);
        let section = &mut document["sections"][0];
        section["tables"] = json!([{
            "label": "T", "category": "a", "centre": { "x": 0, "y": 900 }, "seats": [{ "position": 1 }],
            "shape": { "kind": "round", "radius": 80, "chairs": 6 }
        }]);
        section["booths"] = json!([{
            "label": "B", "category": "a", "centre": { "x": 0, "y": 1500 }, "width": 300, "height": 200
        }]);
        document
    }

    fn refused(document: Value) -> Refusal {
        Draft::parse(document).expect_err("the document is not acceptable")
    }

    #[test]
    fn a_document_is_stored_canonically() {
        let draft = Draft::parse(hall()).unwrap();
        assert_eq!(draft.findings, vec![]);
        assert_eq!(draft.size(), Size { seat_count: 4, ga_capacity: 100 });
        let furnished = Draft::parse(furnished()).unwrap();
        assert_eq!((furnished.size().seat_count, furnished.findings), (4 + 6 + 1, vec![]));
        let mut wordy = hall();
        wordy["sections"][0]["rows"][0]["curve"] = json!(0.0);
        wordy["sections"][0]["rows"][0]["start"]["x"] = json!(0.000_04);
        assert_eq!(Draft::parse(wordy).unwrap().json, draft.json);
    }

    #[test]
    fn the_refusal_names_the_innermost_object() {
        let cases = [
            ("/categories/0/colour", "document.categories[0]"),
            ("/sections/0/rows/0/seats/0/place", "document.sections[0].rows[0].seats[0]"),
            ("/sections/0/rows/0/numbers", "document.sections[0].rows[0]"),
            ("/sections/0/storey", "document.sections[0]"),
            ("/sections/0/tables/0/round", "document.sections[0].tables[0]"),
            ("/sections/0/tables/0/seats/0/chair", "document.sections[0].tables[0].seats[0]"),
            ("/sections/0/booths/0/depth", "document.sections[0].booths[0]"),
            ("/floors/0/level", "document.floors[0]"),
            ("/shapes/0/opacity", "document.shapes[0]"),
            ("/ga_areas/0/seats", "document.ga_areas[0]"),
            ("/title", "document"),
        ];
        for (pointer, param) in cases {
            let mut document = furnished();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            document.pointer_mut(parent).unwrap()[name] = json!(1);
            let refusal = refused(document);
            assert_eq!((refusal.code, refusal.param.as_deref()), (ErrorCode::InvalidRequest, Some(param)));
            assert!(refusal.detail.contains(name), "{}", refusal.detail);
        }
    }

    #[test]
    fn limits_hold_for_drafts_and_unfinished_maps_do_not_matter() {
        let mut long = hall();
        long["sections"][0]["rows"][0]["count"] = json!(1_000_000);
        assert_eq!(refused(long).param.as_deref(), Some("document.sections[0].rows[0]"));
        let mut nul = hall();
        nul["sections"][0]["rows"][0]["category"] = json!("a\0");
        assert_eq!(refused(nul).param.as_deref(), Some("document.sections[0].rows[0].category"));
        let mut far = hall();
        far["sections"][0]["rows"][0]["curve"] = json!(1e308);
        assert_eq!(refused(far).param.as_deref(), Some("document.sections[0].rows[0].curve"));

        let mut unfinished = hall();
        unfinished["sections"][0]["rows"][0]["category"] = json!("nowhere");
        let draft = Draft::parse(unfinished).unwrap();
        assert!(!draft.is_publishable());
        let refusal = invalid(&draft.findings);
        assert_eq!(refusal.objects, ["sections[0].rows[0]"]);
        assert!(refusal.detail.starts_with("1 error must be mended"), "{}", refusal.detail);
    }
}
