//! Statements that diesel's builder cannot say, prepared once per connection. Each `?` in the text stands for one bind;
//! the text is a constant of ours, so it is safe to cache by.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{self, Untyped},
};
use serde_json::Value;
use uuid::Uuid;

/// A value in a statement.
#[derive(Debug, Clone)]
pub enum Bind {
    Uuid(Uuid),
    Text(String),
    Bool(bool),
    Int(i32),
    BigInt(i64),
    Time(DateTime<Utc>),
    Json(Value),
    Bytes(Vec<u8>),
    Uuids(Vec<Uuid>),
    Texts(Vec<String>),
    Ints(Vec<i32>),
    MaybeInts(Vec<Option<i32>>),
    BigInts(Vec<i64>),
    MaybeUuids(Vec<Option<Uuid>>),
    MaybeUuid(Option<Uuid>),
    MaybeText(Option<String>),
    Times(Vec<DateTime<Utc>>),
    MaybeJson(Option<Value>),
}

macro_rules! bind_from {
    ($($from:ty => $variant:ident),* $(,)?) => {
        $(impl From<$from> for Bind {
            fn from(value: $from) -> Self { Self::$variant(value.into()) }
        })*
    };
}

bind_from! {
    Uuid => Uuid, String => Text, &str => Text, bool => Bool, i32 => Int, i64 => BigInt, DateTime<Utc> => Time,
    Value => Json, Vec<u8> => Bytes, Vec<Uuid> => Uuids, Vec<String> => Texts, Vec<i32> => Ints,
    Vec<Option<i32>> => MaybeInts, Vec<i64> => BigInts, Vec<Option<Uuid>> => MaybeUuids, Option<Uuid> => MaybeUuid,
    Option<String> => MaybeText, Vec<DateTime<Utc>> => Times,
    Option<Value> => MaybeJson,
}

/// A statement with its values, in the order of the question marks.
pub struct Statement {
    pub text: &'static str,
    pub binds: Vec<Bind>,
}

/// `statement!(SQL, a, b, …)`
#[macro_export]
macro_rules! statement {
    ($text:expr $(, $bind:expr)* $(,)?) => {
        $crate::sql::Statement { text: $text, binds: vec![$($crate::sql::Bind::from($bind)),*] }
    };
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut binds = self.binds.iter();
        let mut pieces = self.text.split('?');
        if let Some(first) = pieces.next() {
            out.push_sql(first);
        }
        for piece in pieces {
            let bind = binds.next().ok_or_else(|| wrong_number(self))?;
            push(bind, &mut out)?;
            out.push_sql(piece);
        }
        if binds.next().is_some() { Err(wrong_number(self)) } else { Ok(()) }
    }
}

fn wrong_number(statement: &Statement) -> diesel::result::Error {
    let text = format!("{} values do not fit the statement", statement.binds.len());
    diesel::result::Error::QueryBuilderError(text.into())
}

fn push<'b>(bind: &'b Bind, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    use sql_types::{Array, Bool, Bytea, Int4, Int8, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
    match bind {
        Bind::Uuid(value) => out.push_bind_param::<SqlUuid, _>(value),
        Bind::Text(value) => out.push_bind_param::<Text, _>(value),
        Bind::Bool(value) => out.push_bind_param::<Bool, _>(value),
        Bind::Int(value) => out.push_bind_param::<Int4, _>(value),
        Bind::BigInt(value) => out.push_bind_param::<Int8, _>(value),
        Bind::Time(value) => out.push_bind_param::<Timestamptz, _>(value),
        Bind::Json(value) => out.push_bind_param::<Jsonb, _>(value),
        Bind::Bytes(value) => out.push_bind_param::<Bytea, _>(value),
        Bind::Uuids(value) => out.push_bind_param::<Array<SqlUuid>, _>(value),
        Bind::Texts(value) => out.push_bind_param::<Array<Text>, _>(value),
        Bind::Ints(value) => out.push_bind_param::<Array<Int4>, _>(value),
        Bind::MaybeInts(value) => out.push_bind_param::<Array<Nullable<Int4>>, _>(value),
        Bind::BigInts(value) => out.push_bind_param::<Array<Int8>, _>(value),
        Bind::MaybeUuids(value) => out.push_bind_param::<Array<Nullable<SqlUuid>>, _>(value),
        Bind::MaybeUuid(value) => out.push_bind_param::<Nullable<SqlUuid>, _>(value),
        Bind::MaybeText(value) => out.push_bind_param::<Nullable<Text>, _>(value),
        Bind::MaybeJson(value) => out.push_bind_param::<Nullable<Jsonb>, _>(value),
        Bind::Times(value) => out.push_bind_param::<Array<Timestamptz>, _>(value),
    }
}

impl QueryId for Statement {
    type QueryId = ();
    // Cached by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement {
    type SqlType = Untyped;
}
