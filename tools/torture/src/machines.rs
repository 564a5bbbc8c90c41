//! The processes of a run: Postgres, Redis and the servers, each of which can be killed, stopped and started again.

use std::{
    fs::{self, File, OpenOptions},
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use eventflow_torture::checker::rows;
use tokio::process::{Child, Command};

/// A busy machine takes its time, also for a program that begins at once.
const START_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
pub const BOOTSTRAP_TOKEN: &str = "bootstrap-of-the-torture";
pub const STRIPE_KEY: &str = "sk_test_torture";
pub const WEBHOOK_SECRET: &str = "whsec_torture";
pub const MASTER_KEY: &str = "0909090909090909090909090909090909090909090909090909090909090909";
/// Nobody asks for it here; it must not be told all the same.
pub const DATABASE_PASSWORD: &str = "correct-horse-battery-staple";
/// Settings of an operator that would lead the servers elsewhere.
const FOREIGN: [&str; 7] = [
    "EVENTFLOW_ABORT_AT",
    "EVENTFLOW_MUTANT",
    "EVENTFLOW_SMTP_URL",
    "EVENTFLOW_TRUSTED_PROXIES",
    "EVENTFLOW_WIDGET_DIR",
    "EVENTFLOW_WITHOUT_WORKER",
    "EVENTFLOW_LOG",
];
/// Where Debian's packages put it.
const FAKETIME: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

const ROLES: &str = "
    CREATE ROLE ef_owner LOGIN; CREATE ROLE ef_login LOGIN NOINHERIT; CREATE ROLE ef_app; CREATE ROLE ef_system;
    GRANT ef_app, ef_system TO ef_login;";
const GRANTS: &str = "
    GRANT USAGE, CREATE ON SCHEMA public TO ef_owner; GRANT USAGE ON SCHEMA public TO ef_app, ef_system;";

/// A port on loopback that nobody uses now.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The library that gives a process another clock, when it is installed.
pub fn faketime() -> Option<&'static Path> {
    FAKETIME.iter().map(Path::new).find(|path| path.is_file())
}

fn append(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Sends a signal to a child that was not waited for yet.
fn signal(child: &Child, number: i32) {
    let Some(id) = child.id().and_then(|id| libc::pid_t::try_from(id).ok()) else { return };
    #[expect(unsafe_code, reason = "kill(2) has no safe form in the standard library")]
    // SAFETY: kill takes numbers only, and the child's is not another's as long as it was not waited for.
    unsafe {
        libc::kill(id, number);
    }
}

fn die_with_us(command: &mut Command, with: i32) {
    #[expect(unsafe_code, reason = "one async-signal-safe system call between fork and exec")]
    // SAFETY: prctl allocates nothing and touches no memory of ours.
    unsafe {
        command.pre_exec(move || match libc::prctl(libc::PR_SET_PDEATHSIG, with) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

async fn wait_for<F>(what: &str, ready: impl Fn() -> F) -> Result<()>
where
    F: Future<Output = bool>,
{
    let began = Instant::now();
    while !ready().await {
        if began.elapsed() > START_LIMIT {
            bail!("{what} is not ready after {} s", START_LIMIT.as_secs());
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Stands still, or goes on.
fn pause(child: Option<&Child>, still: bool) {
    if let Some(child) = child {
        signal(child, if still { libc::SIGSTOP } else { libc::SIGCONT });
    }
}

pub struct Postgres {
    programs: PathBuf,
    data: PathBuf,
    port: u16,
    log: PathBuf,
    account: Option<(u32, u32)>,
    child: Option<Child>,
}

impl Postgres {
    /// A new cluster below `home`. Commits are kept over a crash of the process; over one of the machine they need not be.
    pub async fn start(home: &Path, log: PathBuf) -> Result<Self> {
        let data = home.join("postgres");
        fs::create_dir_all(&data)?;
        fs::set_permissions(home, fs::Permissions::from_mode(0o711))?;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700))?;
        let account = account().await?;
        if let Some((user, group)) = account {
            chown(&data, Some(user), Some(group))?;
        }
        let mut postgres =
            Self { programs: programs()?, data, port: free_port()?, log, account, child: None };
        let mut initdb = postgres.command("initdb")?;
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]);
        let made = initdb.arg(&postgres.data).status().await.context("cannot start initdb")?;
        if !made.success() {
            bail!("initdb failed; see {}", postgres.log.display());
        }
        postgres.start_again().await?;
        execute(&postgres.url("postgres", "postgres"), ROLES).await?;
        execute(&postgres.url("postgres", "postgres"), "CREATE DATABASE eventflow OWNER ef_owner").await?;
        execute(&postgres.admin_url(), GRANTS).await?;
        Ok(postgres)
    }

    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.programs.join(program));
        let log = append(&self.log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir("/").process_group(0);
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        Ok(command)
    }

    pub fn address(&self) -> SocketAddr {
        loopback(self.port)
    }

    fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// The superuser, past every proxy.
    pub fn admin_url(&self) -> String {
        self.url("postgres", "eventflow")
    }

    /// The owner, who migrates.
    pub fn owner_url(&self) -> String {
        self.url("ef_owner", "eventflow")
    }

    pub async fn start_again(&mut self) -> Result<()> {
        let port = self.port.to_string();
        let mut command = self.command("postgres")?;
        command.arg("-D").arg(&self.data).args(["-h", "127.0.0.1", "-p", &port]);
        for setting in [
            "unix_socket_directories=",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=80",
            "log_min_messages=warning",
            "log_min_error_statement=panic",
        ] {
            command.args(["-c", setting]);
        }
        die_with_us(&mut command, libc::SIGQUIT);
        self.child = Some(command.spawn().context("cannot start Postgres")?);
        let url = self.url("postgres", "postgres");
        wait_for("Postgres", || async { rows(&url, "SELECT 1 AS one").await.is_ok() }).await
    }

    /// An immediate stop: no farewell to anybody, recovery at the next start.
    pub async fn crash(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            signal(&child, libc::SIGQUIT);
            child.wait().await?;
        }
        Ok(())
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Every write to a file fails, as on a full disk, or may succeed again.
    pub async fn fill_disk(&self, full: bool) -> Result<()> {
        let Some(id) = self.child.as_ref().and_then(Child::id) else { return Ok(()) };
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse::<u32>().ok());
        // The first one is the parent of all that come later.
        for process in std::iter::once(id).chain(children) {
            let mut command = Command::new("prlimit");
            command.args([
                "--pid",
                &process.to_string(),
                if full { "--fsize=0:" } else { "--fsize=unlimited:" },
            ]);
            if let Some((user, group)) = self.account {
                // Not even root may do this to others without a capability.
                command.uid(user).gid(group);
            }
            let output = command.output().await.context("cannot start prlimit (util-linux)")?;
            // A child may have ended by itself meanwhile.
            if process == id && !output.status.success() {
                bail!("no limit for Postgres: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
        }
        Ok(())
    }
}

/// The account that Postgres runs as when we are root, whom it refuses.
async fn account() -> Result<Option<(u32, u32)>> {
    async fn id(arguments: &[&str]) -> Result<u32> {
        let output = Command::new("id").args(arguments).output().await.context("cannot start id")?;
        let text = String::from_utf8(output.stdout)?;
        text.trim().parse().with_context(|| format!("`id {}` says nothing", arguments.join(" ")))
    }
    if id(&["-u"]).await? != 0 {
        return Ok(None);
    }
    Ok(Some((id(&["-u", "postgres"]).await?, id(&["-g", "postgres"]).await?)))
}

/// The folder of `initdb` and `postgres`: the newest of Debian's, else that of the PATH.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian =
        versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").is_file());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut others = std::env::split_paths(&path).filter(|folder| folder.join("initdb").is_file());
    let found = debian.max().or_else(|| others.next());
    found.context("there is no initdb: install PostgreSQL 15 or newer (`cargo xtask install` does)")
}

pub async fn execute(url: &str, sql: &str) -> Result<()> {
    use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
    AsyncPgConnection::establish(url).await?.batch_execute(sql).await?;
    Ok(())
}

pub struct Redis {
    home: PathBuf,
    port: u16,
    log: PathBuf,
    child: Option<Child>,
}

impl Redis {
    pub async fn start(home: &Path, log: PathBuf) -> Result<Self> {
        let mut redis = Self { home: home.to_owned(), port: free_port()?, log, child: None };
        redis.start_again().await?;
        Ok(redis)
    }

    pub fn address(&self) -> SocketAddr {
        loopback(self.port)
    }

    /// Past every proxy.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// It keeps nothing: whoever starts again knows nothing.
    pub async fn start_again(&mut self) -> Result<()> {
        let log = append(&self.log)?;
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.home)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        die_with_us(&mut command, libc::SIGKILL);
        self.child = Some(command.spawn().context("cannot start redis-server")?);
        let url = self.url();
        wait_for("Redis", || async { ask(&url, "PING").await.is_ok() }).await
    }

    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    pub async fn forget(&self) -> Result<()> {
        ask(&self.url(), "FLUSHALL").await
    }

    pub fn pause(&self, still: bool) {
        pause(self.child.as_ref(), still);
    }
}

async fn ask(url: &str, command: &str) -> Result<()> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let _: String = redis::cmd(command).query_async(&mut connection).await?;
    Ok(())
}

/// Where a server finds what it depends on: the proxies in front of it.
#[derive(Clone)]
pub struct Dependencies {
    pub postgres: SocketAddr,
    pub owner_url: String,
    pub redis: SocketAddr,
    pub stripe: SocketAddr,
}

pub struct Server {
    program: PathBuf,
    home: PathBuf,
    port: u16,
    log: PathBuf,
    dependencies: Dependencies,
    /// More settings, as `EVENTFLOW_MUTANT`.
    pub environment: Vec<(String, String)>,
    /// What its clock is off by, when it can be made to be.
    clock: Option<PathBuf>,
    child: Option<Child>,
}

impl Server {
    /// Prepares a server that does not run yet.
    pub fn new(program: &Path, home: &Path, log: PathBuf, dependencies: Dependencies) -> Result<Self> {
        let home = home.to_owned();
        fs::create_dir_all(&home)?;
        Ok(Self {
            program: program.to_owned(),
            home,
            port: free_port()?,
            log,
            dependencies,
            environment: Vec::new(),
            clock: None,
            child: None,
        })
    }

    /// Its clock can be set from now on, if this machine has the library for it.
    pub fn with_clock(&mut self) -> Result<()> {
        if faketime().is_some() {
            self.clock = Some(self.home.join("clock"));
            self.set_clock(0)?;
        }
        Ok(())
    }

    /// Seconds that its clock is ahead of everybody else's.
    pub fn set_clock(&self, secs: i64) -> Result<()> {
        if let Some(clock) = &self.clock {
            fs::write(clock, format!("{secs:+}\n"))?;
        }
        Ok(())
    }

    pub fn address(&self) -> SocketAddr {
        loopback(self.port)
    }

    /// Starts it; ready or not, it may be killed again at once.
    pub fn spawn(&mut self) -> Result<()> {
        let Dependencies { postgres, owner_url, redis, stripe } = &self.dependencies;
        let log = append(&self.log)?;
        let mut command = Command::new(&self.program);
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .arg("serve")
            .env("EVENTFLOW_LISTEN", self.address().to_string())
            .env("EVENTFLOW_DATA_DIR", &self.home)
            .env("EVENTFLOW_PUBLIC_URL", "http://tickets.example.org")
            .env("EVENTFLOW_MASTER_KEY", MASTER_KEY)
            .env("EVENTFLOW_BOOTSTRAP_TOKEN", BOOTSTRAP_TOKEN)
            .env("EVENTFLOW_RATE_LIMIT_SCALE", "0")
            .env("EVENTFLOW_DATABASE_POOL", "8")
            .env("EVENTFLOW_REDIS_POOL", "4")
            .env("EVENTFLOW_WEBHOOKS_ALLOW_LOOPBACK", "true")
            .env("DATABASE_URL", format!("postgres://ef_login:{DATABASE_PASSWORD}@{postgres}/eventflow"))
            // The most that anybody runs with: what is said then is looked through for secrets.
            .env("EVENTFLOW_LOG", "debug")
            .env("DATABASE_OWNER_URL", owner_url)
            .env("REDIS_URL", format!("redis://{redis}"))
            .env("STRIPE_SECRET_KEY", STRIPE_KEY)
            .env("STRIPE_API_URL", format!("http://{stripe}"))
            .env("STRIPE_WEBHOOK_SECRETS", WEBHOOK_SECRET)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        if let (Some(clock), Some(library)) = (&self.clock, faketime()) {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME_TIMESTAMP_FILE", clock)
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        die_with_us(&mut command, libc::SIGKILL);
        self.child =
            Some(command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?);
        Ok(())
    }

    /// Waits until it answers.
    pub async fn ready(&mut self) -> Result<()> {
        let url = format!("http://{}/readyz", self.address());
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        let began = Instant::now();
        loop {
            if client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if self.has_ended() {
                bail!("a server has ended at its start; see {}", self.log.display());
            }
            if began.elapsed() > START_LIMIT {
                bail!("a server is not ready after {} s; see {}", START_LIMIT.as_secs(), self.log.display());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Starts it again if it has ended by itself, as a supervisor does: at its start a database may have been away.
    pub fn revive(&mut self) -> Result<bool> {
        let dead = self.has_ended();
        if dead {
            self.spawn()?;
        }
        Ok(dead)
    }

    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Starts it with a life that ends at a point that it counts to; the next start is an ordinary one.
    pub fn spawn_mortal(&mut self, at: u64) -> Result<()> {
        self.environment.push(("EVENTFLOW_ABORT_AT".into(), at.to_string()));
        let spawned = self.spawn();
        self.environment.pop();
        spawned
    }

    /// Asks it to end, and ends it when that takes too long.
    pub async fn stop(&mut self, patience: Duration) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            signal(&child, libc::SIGTERM);
            if tokio::time::timeout(patience, child.wait()).await.is_err() {
                child.kill().await?;
            }
        }
        Ok(())
    }

    pub fn pause(&self, still: bool) {
        pause(self.child.as_ref(), still);
    }
}
