//! The embedded default: a private Postgres and a private Redis, as supervised children of this process, below one
//! data directory. Nothing listens on the network; both engines answer on unix sockets that only this account (and
//! the children's own) can open.
//!
//! ```text
//! <data dir>/lock               held (flock) while a server uses the directory
//! <data dir>/postgres/          the database cluster
//! <data dir>/redis/             working directory of Redis, which stores nothing
//! <data dir>/log/*.log          what the engines say
//! <data dir>/run/{postgres,redis}/   sockets; elsewhere when the path would be too long for a socket
//! ```

mod directories;
mod postgres;
mod process;
mod redis;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::directories::Directories;
use self::postgres::Postgres;
use self::process::Supervised;
use self::redis::Redis;

/// Both engines, running, ready and supervised. Call [`Embedded::stop`] to end them in order; a value that is merely
/// dropped asks them to stop and does not wait.
pub struct Embedded {
    owner_url: String,
    login_url: String,
    admin_url: String,
    redis_url: String,
    postgres: Supervised,
    redis: Supervised,
    directories: Directories,
    /// Released last: the directory is ours until both children are gone.
    lock: File,
}

impl Embedded {
    /// Starts both engines below `data_dir`, making it on the first run. `progress` hears one line before each step
    /// that can take a while. Fails when another server uses the directory, or when a program is not installed.
    pub async fn start(data_dir: &Path, progress: impl Fn(&str)) -> Result<Embedded> {
        let directories = Directories::prepare(data_dir)?;
        let lock = lock(&directories.root)?;
        let postgres = Postgres::prepare(&directories, &progress).await?;
        let (owner_url, login_url, admin_url) =
            (postgres.url("ef_owner"), postgres.url("ef_login"), postgres.url("postgres"));
        let maintenance_url = postgres.maintenance_url();
        let redis = Redis::prepare(&directories)?;
        let redis_url = redis.url();

        progress("starting Postgres");
        let postgres = Supervised::start(postgres, &progress).await?;
        progress("starting Redis");
        let redis = Supervised::start(redis, &progress).await?;
        postgres::create_roles_and_database(&maintenance_url, &admin_url).await?;
        Ok(Embedded { owner_url, login_url, admin_url, redis_url, postgres, redis, directories, lock })
    }

    /// Role `ef_owner`: owns the database and its objects. For migrations only.
    pub fn database_url(&self) -> &str {
        &self.owner_url
    }

    /// Role `ef_login`: owns nothing, inherits nothing, may `SET ROLE` to `ef_app` or `ef_system`.
    pub fn app_database_url(&self) -> &str {
        &self.login_url
    }

    /// The cluster's superuser, for tools and tests that make databases of their own. The server never uses it after start.
    pub fn admin_database_url(&self) -> &str {
        &self.admin_url
    }

    pub fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// Stops both engines cleanly (Redis first: it is the gate before Postgres) and frees the data directory.
    pub async fn stop(self) {
        let Embedded { postgres, redis, directories, lock, .. } = self;
        redis.stop().await;
        postgres.stop().await;
        directories.remove_sockets();
        drop(lock);
    }
}

/// The folder with Postgres's programs, or what to install.
pub fn find_postgres() -> Result<PathBuf> {
    postgres::find_programs(None, None)
}

/// The Redis server, or what to install.
pub fn find_redis() -> Result<PathBuf> {
    redis::find_program()
}

/// Takes the directory for this process, or names the process that has it.
fn lock(root: &Path) -> Result<File> {
    let path: PathBuf = root.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).ok();
            let holder = match holder.trim() {
                "" => "another server".to_owned(),
                pid => format!("another server (process {pid})"),
            };
            bail!(
                "the data directory {} is in use by {holder}: stop it first, or give this one its own directory",
                root.display()
            );
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())?;
    Ok(file)
}
