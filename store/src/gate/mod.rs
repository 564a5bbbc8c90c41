//! Redis: the fast gate before Postgres. Losing all of it may cost somebody a cart, never a seat sold twice.

pub mod rate_limit;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

use crate::error::{Error, Result};

/// A gate that does not answer in this time counts as closed.
const ANSWER_WAIT: Duration = Duration::from_millis(1500);

/// A few connections to Redis that all requests share; each command has a time limit.
///
/// Commands of several requests travel together on one connection: at a busy moment one system call carries many of them,
/// here and in Redis. A connection that breaks is opened again by the next one who needs it.
#[derive(Clone)]
pub struct Gate {
    lanes: Arc<[Lane]>,
    next: Arc<AtomicUsize>,
    client: redis::Client,
}

#[derive(Default)]
struct Lane {
    connection: ArcSwapOption<MultiplexedConnection>,
    /// Held by the one who opens the connection.
    opening: Mutex<()>,
}

impl Lane {
    async fn connection(&self, client: &redis::Client) -> Result<Arc<MultiplexedConnection>> {
        if let Some(open) = self.connection.load_full() {
            return Ok(open);
        }
        let open = async {
            let _turn = self.opening.lock().await;
            // Somebody else may have opened it meanwhile.
            if let Some(open) = self.connection.load_full() {
                return Ok(open);
            }
            let open = Arc::new(client.get_multiplexed_async_connection().await?);
            self.connection.store(Some(open.clone()));
            Ok(open)
        };
        timed(open).await
    }

    /// Forgets a connection that broke, unless it was replaced already.
    fn forget(&self, broken: &Arc<MultiplexedConnection>) {
        let broken = Some(broken.clone());
        self.connection.compare_and_swap(&broken, None);
    }
}

impl Gate {
    /// Connects when it is first needed.
    pub async fn connect(url: &str, connections: u32) -> Result<Self> {
        let client = redis::Client::open(url)?;
        Ok(Self {
            lanes: (0..connections.max(1)).map(|_| Lane::default()).collect(),
            next: Arc::default(),
            client,
        })
    }

    /// A connection of its own, for blocking reads of streams.
    pub async fn dedicated(&self) -> Result<MultiplexedConnection> {
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// Runs a script (by its hash; loaded when Redis does not know it yet).
    pub async fn run<T: redis::FromRedisValue>(&self, script: &redis::ScriptInvocation<'_>) -> Result<T> {
        self.on_a_lane(async |mut connection| script.invoke_async(&mut connection).await).await
    }

    /// Runs one command.
    pub async fn command<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T> {
        self.on_a_lane(async |mut connection| command.query_async(&mut connection).await).await
    }

    pub async fn ping(&self) -> Result<()> {
        self.command(&redis::cmd("PING")).await
    }

    async fn on_a_lane<T>(
        &self,
        work: impl AsyncFnOnce(MultiplexedConnection) -> redis::RedisResult<T>,
    ) -> Result<T> {
        let lane = &self.lanes[self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len()];
        let connection = lane.connection(&self.client).await?;
        let answer = timed(work((*connection).clone())).await;
        if let Err(Error::Redis(error)) = &answer
            && (error.is_unrecoverable_error() || error.is_connection_dropped())
        {
            lane.forget(&connection);
        }
        answer
    }
}

async fn timed<T>(answer: impl Future<Output = redis::RedisResult<T>>) -> Result<T> {
    match tokio::time::timeout(ANSWER_WAIT, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::Redis(timed_out())),
    }
}

fn timed_out() -> redis::RedisError {
    redis::RedisError::from((redis::ErrorKind::Io, "no answer in time"))
}
