//! The private Redis: memory only. What it forgets is rebuilt from Postgres.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::directories::{Account, Directories, encode_path};
use super::process::{self, Engine};

const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];
/// Holds of a big on-sale need a few MB; a runaway must fail (noeviction) before it takes the machine.
const MEMORY_LIMIT: &str = "512mb";
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

pub(super) struct Redis {
    program: PathBuf,
    account: Option<Account>,
    home: PathBuf,
    socket: PathBuf,
    pid_file: PathBuf,
    log: PathBuf,
}

impl Redis {
    pub(super) fn prepare(directories: &Directories) -> Result<Redis> {
        let program = find_program()?;
        let account = directories.account_for_child("redis", &directories.root.join("redis"))?;
        let home = directories.home("redis", account.as_ref())?;
        let socket = directories.socket_home("redis", account.as_ref())?.join("redis.sock");
        let pid_file = home.join("redis.pid");
        Ok(Redis { program, account, home, socket, pid_file, log: directories.log("redis") })
    }

    pub(super) fn url(&self) -> String {
        format!("redis+unix://{}", encode_path(&self.socket))
    }
}

impl Engine for Redis {
    const NAME: &'static str = "Redis";
    const STOP: &'static [(i32, Duration)] = &[(libc::SIGTERM, Duration::from_secs(10))];

    fn command(&self) -> Command {
        let mut command = process::bare_command(&self.program, &self.home, self.account.as_ref());
        command
            .arg("--unixsocket")
            .arg(&self.socket)
            .arg("--pidfile")
            .arg(&self.pid_file)
            .arg("--dir")
            .arg(&self.home);
        for (setting, value) in [
            ("--port", "0"),
            ("--unixsocketperm", "700"),
            ("--protected-mode", "yes"),
            ("--daemonize", "no"),
            ("--logfile", ""),
            ("--loglevel", "notice"),
            ("--save", ""),
            ("--appendonly", "no"),
            ("--maxmemory", MEMORY_LIMIT),
            ("--maxmemory-policy", "noeviction"),
        ] {
            command.args([setting, value]);
        }
        command
    }

    fn home(&self) -> &Path {
        &self.home
    }

    fn pid_file(&self) -> &Path {
        &self.pid_file
    }

    fn log(&self) -> &Path {
        &self.log
    }

    async fn ready(&self, _pid: u32) -> bool {
        let ping = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            stream.write_all(b"PING\r\n").await?;
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).await?;
            std::io::Result::Ok(&answer == b"+PONG\r\n")
        };
        matches!(timeout(ANSWER_LIMIT, ping).await, Ok(Ok(true)))
    }
}

pub(super) fn find_program() -> Result<PathBuf> {
    for name in PROGRAMS {
        let system = ["/usr/bin", "/usr/local/bin", "/usr/sbin"].map(PathBuf::from);
        for directory in process::directories_in_path(name).into_iter().chain(system) {
            let program = directory.join(name);
            if program.is_file() {
                return Ok(program);
            }
        }
    }
    bail!(
        "`redis-server` is not installed: install it (Debian, Ubuntu: `apt-get install redis-server`; Fedora: `dnf \
         install valkey`), or set REDIS_URL to a Redis of yours"
    )
}
