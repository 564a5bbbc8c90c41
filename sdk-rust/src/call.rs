//! A call that is ready to be sent: it is when it is awaited.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::generated::core;
use crate::runtime::{ByteStream, Error as Failure, ResponseValue};
use crate::send::{self, CallOptions};
use crate::{Client, Error};

/// The ids of a path, with their names.
pub(crate) type Ids<'a> = Vec<(&'static str, &'a str)>;
type Run<'a, T, Q> = Box<dyn FnOnce(core::Client, Q) -> BoxFuture<'a, Result<T, Failure>> + Send + 'a>;

/// One call of an operation: add options, then await it. `T` is its answer, `Q` the parameters of its query.
#[must_use = "a call is sent when it is awaited"]
pub struct Call<'a, T, Q = ()> {
    client: Client,
    operation: &'static str,
    ids: Ids<'a>,
    query: Q,
    options: CallOptions,
    run: Run<'a, T, Q>,
}

impl<'a, T, Q: Default> Call<'a, T, Q> {
    pub(crate) fn new(
        client: &Client,
        operation: &'static str,
        ids: Ids<'a>,
        run: impl FnOnce(core::Client, Q) -> BoxFuture<'a, Result<T, Failure>> + Send + 'a,
    ) -> Self {
        let (client, options) = (client.clone(), CallOptions::default());
        Self { client, operation, ids, query: Q::default(), options, run: Box::new(run) }
    }
}

impl<T, Q> Call<'_, T, Q> {
    /// The parameters of the query.
    pub fn query(mut self, query: Q) -> Self {
        self.query = query;
        self
    }

    /// What makes this change one change, however often it is sent: kept by the server for 24 hours. A random one
    /// unless given. Give one that you can make again (`order-4711`) when the process itself may die.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.options.idempotency_key = Some(key.into());
        self
    }

    send::options!();
}

impl<'a, T: Send + 'a, Q: Send + 'a> IntoFuture for Call<'a, T, Q> {
    type Output = Result<T, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            check_ids(self.operation, &self.ids)?;
            let run = |core| (self.run)(core, self.query);
            Ok(send::send(&self.client, self.operation, self.options, run).await?.0)
        })
    }
}

impl<T, Q> fmt::Debug for Call<'_, T, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .field("ids", &self.ids)
            .finish_non_exhaustive()
    }
}

/// Nothing, or dots alone, would lead to another path.
pub(crate) fn check_ids(operation: &str, ids: &[(&'static str, &str)]) -> Result<(), Error> {
    match ids.iter().find(|(_, value)| value.chars().all(|letter| letter == '.')) {
        Some((name, _)) => Err(Error::Usage(format!("{operation}: {name} is missing"))),
        None => Ok(()),
    }
}

/// The answer of an operation as a value.
pub(crate) fn value<T>(answer: Result<ResponseValue<T>, Failure>) -> Result<T, Failure> {
    answer.map(ResponseValue::into_inner)
}

/// The answer of an operation as bytes, which have all come.
pub(crate) async fn bytes(answer: Result<ResponseValue<ByteStream>, Failure>) -> Result<Bytes, Failure> {
    Ok(answer?.into_inner().bytes().await?)
}

/// The answer of an operation as text.
pub(crate) async fn text(answer: Result<ResponseValue<ByteStream>, Failure>) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&bytes(answer).await?).into_owned())
}
