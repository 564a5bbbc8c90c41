//! Lists: awaited, the first page; as a stream, every object of every page.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};

use crate::call::{Ids, check_ids};
use crate::generated::core;
use crate::runtime::Error as Failure;
use crate::send::{self, CallOptions};
use crate::{Client, Error};

type Run<'a, T, Q> =
    Arc<dyn Fn(core::Client, Q, Position) -> BoxFuture<'a, Result<Page<T>, Failure>> + Send + Sync + 'a>;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Leads to the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

/// Where a page begins, and how long it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Position {
    pub(crate) cursor: Option<String>,
    pub(crate) limit: Option<u32>,
}

/// A list that is read as far as it is used: nothing is sent before somebody awaits or reads it. `T` are its objects,
/// `Q` the parameters of its query.
#[must_use = "a list is read when it is awaited or streamed"]
pub struct Pages<'a, T, Q = ()> {
    client: Client,
    operation: &'static str,
    ids: Ids<'a>,
    query: Q,
    first: Position,
    options: CallOptions,
    run: Run<'a, T, Q>,
}

impl<'a, T, Q: Default> Pages<'a, T, Q> {
    pub(crate) fn new(
        client: &Client,
        operation: &'static str,
        ids: Ids<'a>,
        run: impl Fn(core::Client, Q, Position) -> BoxFuture<'a, Result<Page<T>, Failure>> + Send + Sync + 'a,
    ) -> Self {
        let (client, options, first) = (client.clone(), CallOptions::default(), Position::default());
        Self { client, operation, ids, query: Q::default(), first, options, run: Arc::new(run) }
    }
}

impl<'a, T: Send + 'a, Q: Clone + Send + Sync + 'a> Pages<'a, T, Q> {
    /// The parameters of the query.
    pub fn query(mut self, query: Q) -> Self {
        self.query = query;
        self
    }

    /// Objects of a page.
    pub fn limit(mut self, limit: u32) -> Self {
        self.first.limit = Some(limit);
        self
    }

    /// Begins after the page with this `next_cursor`.
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.first.cursor = Some(cursor.into());
        self
    }

    send::options!();

    /// Every object of every page. After an error the stream is over.
    pub fn stream(self) -> BoxStream<'a, Result<T, Error>> {
        self.pages().map_ok(|page| stream::iter(page.data).map(Ok)).try_flatten().boxed()
    }

    /// Page by page.
    pub fn pages(self) -> BoxStream<'a, Result<Page<T>, Error>> {
        let first = Some(self.first.clone());
        let pages = stream::try_unfold((self, first), |(list, position)| async move {
            let Some(position) = position else { return Ok(None) };
            let limit = position.limit;
            let page = list.page(position).await?;
            let next = page.next_cursor.clone().map(|cursor| Position { cursor: Some(cursor), limit });
            Ok(Some((page, (list, next))))
        });
        pages.boxed()
    }

    /// Every object, of `max` at most.
    pub async fn all(self, max: usize) -> Result<Vec<T>, Error> {
        self.stream().take(max).try_collect().await
    }

    async fn page(&self, position: Position) -> Result<Page<T>, Error> {
        check_ids(self.operation, &self.ids)?;
        let (query, options) = (self.query.clone(), self.options.clone());
        let run = |core| (self.run)(core, query, position);
        Ok(send::send(&self.client, self.operation, options, run).await?.0)
    }
}

impl<'a, T: Send + 'a, Q: Clone + Send + Sync + 'a> IntoFuture for Pages<'a, T, Q> {
    type Output = Result<Page<T>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    /// The first page.
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.page(self.first.clone()).await })
    }
}

impl<T, Q> fmt::Debug for Pages<'_, T, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("operation", &self.operation)
            .field("ids", &self.ids)
            .finish_non_exhaustive()
    }
}
