//! Shapes on the wire that every resource shares: ids, bounded texts, pages, cursors, success answers.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use eventflow_core::{ErrorCode, Id, Refusal, id::Kind};
use poem::{IntoResponse, Response, http::HeaderValue};
use poem_openapi::{
    ApiResponse, Object,
    payload::{Json, Payload},
    registry::{MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToHeader, ToJSON, Type},
};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The largest page of a list.
pub const PAGE_MAX: u32 = 100;
/// The page that a client gets who does not ask.
pub const PAGE_DEFAULT: u32 = 20;

macro_rules! string_type_boilerplate {
    () => {
        const IS_REQUIRED: bool = true;
        type RawValueType = Self;
        type RawElementValueType = Self;
        fn as_raw_value(&self) -> Option<&Self> {
            Some(self)
        }
        fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
            Box::new(self.as_raw_value().into_iter())
        }
    };
}

/// An id in a path, a query or a body: a TypeID of the kind `K`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ref<K>(pub Id<K>);

impl<K> Ref<K> {
    pub fn uuid(self) -> uuid::Uuid {
        self.0.uuid()
    }
}

impl<K> From<uuid::Uuid> for Ref<K> {
    fn from(uuid: uuid::Uuid) -> Self {
        Self(Id::from_uuid(uuid))
    }
}

impl<K: Kind> Type for Ref<K> {
    string_type_boilerplate!();
    fn name() -> Cow<'static, str> {
        format!("string(typeid_{})", K::PREFIX).into()
    }
    fn schema_ref() -> MetaSchemaRef {
        let mut schema = MetaSchema::new("string");
        schema.pattern = Some(format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", K::PREFIX));
        let example = Id::<K>::from_uuid(uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057));
        schema.example = Some(Value::String(example.to_string()));
        MetaSchemaRef::Inline(Box::new(schema))
    }
}

impl<K: Kind> ParseFromParameter for Ref<K> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        value.parse().map(Self).map_err(ParseError::custom)
    }
}

impl<K: Kind> ParseFromJSON for Ref<K> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::String(text) => Self::parse_from_parameter(&text),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

impl<K: Kind> ToJSON for Ref<K> {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.to_string()))
    }
}

impl<K: Kind> Serialize for Ref<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A moment as every answer has it: RFC 3339 in UTC.
pub fn moment<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.to_rfc3339())
}

/// The same answer as [`Json`], written in one go: `Json` makes a tree of values first, with a name for each field of each
/// object. For what is asked for most.
pub struct Written<T>(pub T);

impl<T: Type> Payload for Written<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;
    fn schema_ref() -> MetaSchemaRef {
        Json::<T>::schema_ref()
    }
    fn register(registry: &mut Registry) {
        Json::<T>::register(registry);
    }
}

impl<T: ToJSON + Serialize> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        // The contract is made from the one, the answer from the other.
        debug_assert_eq!(serde_json::to_value(&self.0).ok(), self.0.to_json());
        let text = serde_json::to_vec(&self.0).map_err(poem::error::InternalServerError);
        text.map_or_else(
            |error| error.into_response(),
            |text| Response::builder().content_type(Self::CONTENT_TYPE).body(text),
        )
    }
}

impl<T: ToJSON + Serialize> ApiResponse for Written<T> {
    fn meta() -> MetaResponses {
        Json::<T>::meta()
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// No control characters but line breaks and tabs.
const TEXT_PATTERN: &str = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$";

/// A JSON string of `MIN..=MAX` characters without control characters (line breaks and tabs may stand in it).
/// Numbers and booleans are refused, unlike with `String`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text<const MIN: usize, const MAX: usize>(pub String);

impl<const MIN: usize, const MAX: usize> std::ops::Deref for Text<MIN, MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Type for Text<MIN, MAX> {
    string_type_boilerplate!();
    fn name() -> Cow<'static, str> {
        format!("string({MIN}..{MAX})").into()
    }
    fn schema_ref() -> MetaSchemaRef {
        let mut schema = MetaSchema::new("string");
        schema.min_length = (MIN > 0).then_some(MIN);
        schema.max_length = Some(MAX);
        schema.pattern = Some(TEXT_PATTERN.to_owned());
        MetaSchemaRef::Inline(Box::new(schema))
    }
}

impl<const MIN: usize, const MAX: usize> ParseFromParameter for Text<MIN, MAX> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        let length = value.chars().count();
        if !(MIN..=MAX).contains(&length) {
            return Err(ParseError::custom(format!("expected {MIN} to {MAX} characters, got {length}")));
        }
        if value.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(ParseError::custom("control characters are not allowed"));
        }
        Ok(Self(value.to_owned()))
    }
}

impl<const MIN: usize, const MAX: usize> ParseFromJSON for Text<MIN, MAX> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::String(text) => Self::parse_from_parameter(&text),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

impl<const MIN: usize, const MAX: usize> ToJSON for Text<MIN, MAX> {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}

impl<const MIN: usize, const MAX: usize> ToHeader for Text<MIN, MAX> {
    fn to_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

/// Where a page of a list begins: `DIGITS` hexadecimal digits of a `next_cursor`. Whatever else comes is taken as it is,
/// and refused by [`Cursor::read`] with a code of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<const DIGITS: usize = 32>(String);

impl<const DIGITS: usize> Cursor<DIGITS> {
    /// What `parse` makes of the digits.
    ///
    /// # Errors
    /// A cursor that is not one of ours.
    pub fn read<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Refusal> {
        let ours = self.0.len() == DIGITS
            && self.0.as_bytes()[0] < b'8'
            && self.0.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        Some(self.0.as_str()).filter(|_| ours).and_then(parse).ok_or_else(|| {
            let detail = "Take the cursor from `next_cursor` of the previous page, unchanged.";
            Refusal::new(ErrorCode::InvalidCursor, detail).param("cursor")
        })
    }
}

impl<const DIGITS: usize> From<&str> for Cursor<DIGITS> {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl<const DIGITS: usize> Type for Cursor<DIGITS> {
    string_type_boilerplate!();
    fn name() -> Cow<'static, str> {
        format!("string(cursor_{DIGITS})").into()
    }
    fn schema_ref() -> MetaSchemaRef {
        let mut schema = MetaSchema::new("string");
        schema.description = Some("The `next_cursor` of the previous page.");
        // The first digit of an index or of a time-ordered UUID is small.
        schema.pattern = Some(format!("^[0-7][0-9a-f]{{{}}}$", DIGITS - 1));
        MetaSchemaRef::Inline(Box::new(schema))
    }
}

impl<const DIGITS: usize> ParseFromParameter for Cursor<DIGITS> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Ok(value.into())
    }
}

/// A page of a list, oldest first unless the operation says otherwise.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Page<T: ParseFromJSON + ToJSON + Send + Sync> {
    /// The objects of this page.
    pub data: Vec<T>,
    /// Pass it as `cursor` to get the next page; absent on the last page.
    pub next_cursor: Option<String>,
}

/// How many objects, after which one: made from the query parameters `limit` and `cursor`.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub limit: i64,
    pub after: Option<uuid::Uuid>,
}

impl Window {
    /// # Errors
    /// A cursor that is not one of ours.
    pub fn new(limit: Option<u32>, cursor: Option<Cursor>) -> Result<Self, Refusal> {
        let after =
            cursor.map(|cursor| cursor.read(|digits| uuid::Uuid::try_parse(digits).ok())).transpose()?;
        Ok(Self { limit: i64::from(limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)), after })
    }

    /// Rows to ask for: one more than the page holds, to see whether there is a next one.
    pub fn fetch(self) -> i64 {
        self.limit + 1
    }

    /// The page made of up to `limit + 1` rows, and the cursor of the next one.
    pub fn page<R, T>(
        self,
        mut rows: Vec<R>,
        id: impl Fn(&R) -> uuid::Uuid,
        shape: impl Fn(R) -> T,
    ) -> Page<T>
    where
        T: ParseFromJSON + ToJSON + Send + Sync,
    {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| hex::encode(id(row).as_bytes()));
        Page { data: rows.into_iter().map(shape).collect(), next_cursor }
    }
}

/// 201 with the new object.
#[derive(ApiResponse)]
pub enum Created<T: ParseFromJSON + ToJSON + Send + Sync> {
    /// The object was created.
    #[oai(status = 201)]
    Created(Json<T>),
}

/// 204 without a body.
#[derive(ApiResponse)]
pub enum NoContent {
    /// It is done.
    #[oai(status = 204)]
    Done,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_they_were_given() {
        let rows: Vec<_> = (0..3).map(|_| uuid::Uuid::now_v7()).collect();
        let window = Window::new(Some(2), None).unwrap();
        let page = window.page(rows.clone(), |row| *row, |row| row.to_string());
        assert_eq!(page.data.len(), 2);
        let cursor = page.next_cursor.unwrap();
        assert_eq!(Window::new(None, Some(cursor.as_str().into())).unwrap().after, Some(rows[1]));
        let (upper, long) = (cursor.to_uppercase(), format!("{cursor}0"));
        for text in ["", "-", "f", &upper, &long, &cursor[1..], "ffffffffffffffffffffffffffffffff"] {
            let refusal = Window::new(None, Some(text.into())).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::InvalidCursor, "{text}");
        }
    }
}
