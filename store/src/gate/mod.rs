//! Redis: the fast gate before Postgres. Losing all of it may cost somebody a cart, never a seat sold twice.

pub mod rate_limit;

use std::time::Duration;

use bb8_redis::RedisConnectionManager;

use crate::error::{Error, Result};

/// A gate that does not answer in this time counts as closed.
const ANSWER_WAIT: Duration = Duration::from_millis(1500);

/// A pool of connections to Redis; each command has a time limit.
#[derive(Clone)]
pub struct Gate {
    pool: bb8::Pool<RedisConnectionManager>,
    url: String,
}

impl Gate {
    pub async fn connect(url: &str, pool_size: u32) -> Result<Self> {
        let manager = RedisConnectionManager::new(url)?;
        let pool = bb8::Pool::builder()
            .max_size(pool_size)
            .connection_timeout(ANSWER_WAIT)
            .test_on_check_out(false)
            .build(manager)
            .await?;
        Ok(Self { pool, url: url.to_owned() })
    }

    /// A connection of its own, for blocking reads of streams.
    pub async fn dedicated(&self) -> Result<redis::aio::MultiplexedConnection> {
        let client = redis::Client::open(self.url.as_str())?;
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// Runs a script (by its hash; loaded when Redis does not know it yet).
    pub async fn run<T: redis::FromRedisValue>(&self, script: &redis::ScriptInvocation<'_>) -> Result<T> {
        let mut connection = self.connection().await?;
        timed(script.invoke_async(&mut *connection)).await
    }

    /// Runs one command.
    pub async fn command<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T> {
        let mut connection = self.connection().await?;
        timed(command.query_async(&mut *connection)).await
    }

    pub async fn ping(&self) -> Result<()> {
        self.command(&redis::cmd("PING")).await
    }

    async fn connection(&self) -> Result<bb8::PooledConnection<'_, RedisConnectionManager>> {
        self.pool.get().await.map_err(|error| match error {
            bb8::RunError::User(error) => Error::Redis(error),
            bb8::RunError::TimedOut => Error::Redis(timed_out()),
        })
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
