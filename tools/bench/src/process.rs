//! The programs that a run starts: the server with its databases, the floor, pgbench; and what they cost, from `/proc`.

use std::{
    collections::HashMap,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The first start makes a database cluster.
const START_LIMIT: Duration = Duration::from_secs(120);
/// The server drains, then Postgres writes a checkpoint.
const STOP_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);
/// `/proc` counts CPU time in these, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// Settings of an operator that would lead the benchmark to real databases.
const FOREIGN_SETTINGS: [&str; 6] = [
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRETS",
    "STRIPE_API_URL",
];
pub const BOOTSTRAP_TOKEN: &str = "bench-bootstrap-token";

/// `eventflow serve`, as a child of ours. It gets the polite signal when it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub id: u32,
    /// Where its Stripe sandbox listens.
    pub sandbox: SocketAddr,
    log: PathBuf,
}

/// A port on loopback that nobody uses now.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Server {
    /// Starts the program on `data_dir` and returns when it is ready to sell, with the time that took.
    pub async fn start(
        program: &Path,
        data_dir: &Path,
        environment: &[(&str, String)],
        arguments: &[&str],
    ) -> Result<(Self, Duration)> {
        fs::create_dir_all(data_dir)?;
        let log = data_dir.join("server.log");
        let output = File::create(&log)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let sandbox = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut command = Command::new(program);
        command
            .arg("serve")
            .args(arguments)
            .env("EVENTFLOW_DATA_DIR", data_dir)
            .env("EVENTFLOW_LISTEN", address.to_string())
            .env("EVENTFLOW_SANDBOX_PORT", sandbox.port().to_string())
            .env("EVENTFLOW_BOOTSTRAP_TOKEN", BOOTSTRAP_TOKEN)
            .env("EVENTFLOW_RATE_LIMIT_SCALE", "0")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C is for us; we then stop the server in order.
            .process_group(0);
        for name in FOREIGN_SETTINGS {
            command.env_remove(name);
        }
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        die_with_us(&mut command);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let id = child.id().context("the server ended at once")?;
        let mut server = Self { child, address, id, sandbox, log };
        while !server.is_ready().await {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended at its start ({status}):\n{}", server.last_words());
            }
            if began.elapsed() > START_LIMIT {
                bail!("the server is not ready after {} s:\n{}", START_LIMIT.as_secs(), server.last_words());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok((server, began.elapsed()))
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut client) = crate::api::Client::connect(self.address, "").await else { return false };
        client.status("GET", "/readyz").await.is_ok_and(|status| status == 200)
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Lines of the log that warn.
    pub fn warnings(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines()
            .filter(|line| line.contains(" WARN ") || line.contains("ERROR"))
            .map(str::to_owned)
            .collect()
    }

    /// Stands still (or goes on): its databases work for somebody else meanwhile.
    pub fn pause(&self, still: bool) {
        signal(self.id, if still { libc::SIGSTOP } else { libc::SIGCONT });
    }

    /// Asks it to end and waits until it and its databases are gone.
    pub async fn stop(mut self) -> Result<()> {
        signal(self.id, libc::SIGCONT);
        signal(self.id, libc::SIGTERM);
        match tokio::time::timeout(STOP_LIMIT, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => bail!("the server ended with {}:\n{}", status?, self.last_words()),
            Err(_) => {
                self.child.kill().await?;
                bail!("the server did not stop within {} s and was killed", STOP_LIMIT.as_secs())
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(self.id, libc::SIGCONT);
            signal(self.id, libc::SIGTERM);
        }
    }
}

fn signal(id: u32, number: i32) {
    let Ok(id) = libc::pid_t::try_from(id) else { return };
    #[expect(unsafe_code, reason = "kill takes numbers only, and we have not yet waited for this child")]
    // SAFETY: no memory is involved.
    unsafe {
        libc::kill(id, number);
    }
}

/// Each stream is an open file: raises our limit as far as it may. The server does the same for itself.
pub fn allow_open_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    #[expect(unsafe_code, reason = "the standard library knows no limits of processes")]
    // SAFETY: both calls get a pointer to a structure of ours, of their type, that lives through them.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

fn die_with_us(command: &mut Command) {
    #[expect(unsafe_code, reason = "one async-signal-safe system call between fork and exec")]
    // SAFETY: prctl allocates nothing and touches no memory of ours.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

/// The floor as a process of its own; killed when dropped.
pub struct Floor {
    child: Child,
    pub address: SocketAddr,
    pub id: u32,
}

impl Floor {
    pub async fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor-server").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start the floor server")?;
        let id = child.id().context("the floor server ended at once")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let line = lines.next_line().await?.context("the floor server ended at once")?;
        Ok(Self { child, address: line.parse()?, id })
    }

    pub async fn stop(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// CPU seconds by kind of process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    pub server: f64,
    pub postgres: f64,
    pub redis: f64,
    /// The sandbox, which stands for a server elsewhere.
    pub sandbox: f64,
    /// Ours.
    pub generator: f64,
}

impl Cpu {
    /// Everything but the load generator and the sandbox.
    pub fn platform(&self) -> f64 {
        self.server + self.postgres + self.redis
    }

    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            server: self.server - earlier.server,
            postgres: self.postgres - earlier.postgres,
            redis: self.redis - earlier.redis,
            sandbox: self.sandbox - earlier.sandbox,
            generator: self.generator - earlier.generator,
        }
    }
}

struct Stat {
    name: String,
    parent: u32,
    seconds: f64,
}

fn stat(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let fields: Vec<&str> = text[close + 2..].split(' ').collect();
    // Own time, user and system, and that of children which were waited for.
    let ticks: f64 = fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum();
    Some(Stat {
        name: text[open + 1..close].to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        seconds: ticks / TICKS_PER_SECOND,
    })
}

fn processes() -> HashMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| Some((id, stat(id)?))).collect()
}

/// `root` and everything below it.
fn family(root: u32) -> HashMap<u32, Stat> {
    let mut all = processes();
    let mut family: HashMap<u32, Stat> = all.remove(&root).map(|stat| (root, stat)).into_iter().collect();
    loop {
        let children: Vec<u32> =
            all.iter().filter(|(_, stat)| family.contains_key(&stat.parent)).map(|(id, _)| *id).collect();
        if children.is_empty() {
            return family;
        }
        for id in children {
            family.extend(all.remove(&id).map(|stat| (id, stat)));
        }
    }
}

/// What the server `root` and everything below it have used so far, and we.
pub fn cpu(root: u32) -> Cpu {
    let mut cpu =
        Cpu { generator: stat(std::process::id()).map_or(0.0, |stat| stat.seconds), ..Cpu::default() };
    for stat in family(root).values() {
        match stat.name.as_str() {
            "postgres" => cpu.postgres += stat.seconds,
            "stripe-sandbox" => cpu.sandbox += stat.seconds,
            name if name.starts_with("redis") || name.starts_with("valkey") => cpu.redis += stat.seconds,
            _ => cpu.server += stat.seconds,
        }
    }
    cpu
}

/// Resident memory of one process, in MiB: now and at most.
pub fn memory_mib(id: u32) -> (f64, f64) {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    (field("VmRSS:").unwrap_or(0.0) / 1024.0, field("VmHWM:").unwrap_or(0.0) / 1024.0)
}

/// Memory by kind of process, in MiB. Processes of Postgres share much: each counts for its part of that.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    pub server: f64,
    pub postgres: f64,
    pub redis: f64,
}

/// What the server `root` and its databases have in memory.
pub fn memory(root: u32) -> Memory {
    let mut memory = Memory { server: memory_mib(root).0, ..Memory::default() };
    for (id, stat) in family(root) {
        match stat.name.as_str() {
            "postgres" => memory.postgres += proportional_mib(id),
            name if name.starts_with("redis") || name.starts_with("valkey") => {
                memory.redis += memory_mib(id).0
            }
            _ => {}
        }
    }
    memory
}

fn proportional_mib(id: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Where the private databases of the server listen: their command lines say it.
pub struct Sockets {
    pub postgres: PathBuf,
    pub redis: PathBuf,
    /// The directory of `psql` and `pgbench`.
    pub programs: PathBuf,
}

impl Sockets {
    pub fn of(server: u32) -> Result<Self> {
        let (mut postgres, mut redis, mut programs) = (None, None, None);
        for (id, stat) in family(server) {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            let mut words = line.split(['\0', ' ']);
            if stat.parent == server && stat.name == "postgres" {
                programs = Some(fs::read_link(format!("/proc/{id}/exe"))?.with_file_name(""));
                postgres = words.skip_while(|word| *word != "-k").nth(1).map(PathBuf::from);
            } else if stat.name.starts_with("redis") || stat.name.starts_with("valkey") {
                redis = words.find_map(|word| word.strip_prefix("unixsocket:")).map(PathBuf::from);
            }
        }
        Ok(Self {
            postgres: postgres.context("the server has no Postgres of its own")?,
            redis: redis.context("the server has no Redis of its own")?,
            programs: programs.context("no programs of Postgres")?,
        })
    }
}

/// The 1-minute load average.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0.0)
}
