//! A Redis of one test.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

/// A Redis that may be flushed without harm to other tests.
pub struct OwnRedis {
    child: Child,
    directory: std::path::PathBuf,
    pub url: String,
}

impl OwnRedis {
    pub async fn start() -> Self {
        let directory = std::env::temp_dir().join(format!("ef-redis-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&directory).unwrap();
        let url = format!("redis+unix://{}", directory.join("redis.sock").display());
        let redis = Self { child: spawn(&directory), directory, url };
        redis.ready().await;
        redis
    }

    /// Ends it and starts it again, without its memory.
    pub async fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(&self.directory);
        self.ready().await;
    }

    /// Stands still, or goes on: whoever asks it anything waits meanwhile.
    pub fn stand_still(&self, still: bool) {
        let signal = if still { "-STOP" } else { "-CONT" };
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    async fn ready(&self) {
        super::wait_until("Redis", async || self.connection().await.is_ok()).await;
    }

    async fn connection(&self) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
        redis::Client::open(self.url.as_str())?.get_multiplexed_async_connection().await
    }

    pub async fn forget_everything(&self) {
        let mut connection = self.connection().await.unwrap();
        let _: String = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn spawn(directory: &Path) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(directory.join("redis.sock"))
        .arg("--dir")
        .arg(directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
