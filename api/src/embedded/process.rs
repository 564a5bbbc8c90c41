//! Child processes that live exactly as long as they should: they die with this process however it dies, they come
//! back when they die alone, and what an earlier run left behind is ended before a new one starts.

use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::directories::Account;

const POLL: Duration = Duration::from_millis(20);
/// A start may include crash recovery of a large write-ahead log.
const READY_LIMIT: Duration = Duration::from_secs(300);
/// Silence longer than this is explained to whoever waits.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_LIMIT: Duration = Duration::from_secs(10);
/// A child that ran this long was healthy; its next restart is prompt again.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);
/// One older log is kept beside the current one.
const LOG_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
const LOG_TAIL_LINES: usize = 12;

/// What the supervisor must know of a database engine.
pub(super) trait Engine: Send + Sync + 'static {
    const NAME: &'static str;
    /// Signals that end it, mildest first, each with the time it gets. SIGKILL follows by itself.
    const STOP: &'static [(i32, Duration)];

    fn command(&self) -> Command;
    /// The directory that it works in: this is how a process is known to be ours.
    fn home(&self) -> &Path;
    /// Written by the engine; the first line is its process id.
    fn pid_file(&self) -> &Path;
    fn log(&self) -> &Path;
    /// Whether the process `pid` answers by now.
    fn ready(&self, pid: u32) -> impl Future<Output = bool> + Send;
}

/// A running engine and the task that watches it.
pub(super) struct Supervised {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Ends a leftover of an earlier run, starts the engine, and returns when it answers.
    pub(super) async fn start<E: Engine>(engine: E, progress: &impl Fn(&str)) -> Result<Supervised> {
        let spawner = Spawner::new(E::NAME)?;
        end_leftover(&engine, progress).await?;
        let mut child = spawner.spawn(engine.command(), E::STOP[0].0, engine.log()).await?;
        if let Err(error) = wait_until_ready(&engine, &mut child, progress).await {
            end(&mut child, E::NAME, E::STOP).await;
            return Err(error);
        }
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(supervise(engine, spawner, child, stopped));
        Ok(Supervised { stop, task })
    }

    /// Ends the engine and waits until it is gone.
    pub(super) async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the supervisor of an embedded engine failed");
        }
    }
}

/// Starts children from one thread that lives as long as they may: the kernel sends a child its parent-death signal
/// when the *thread* that made it ends, and threads of the async runtime come and go.
pub(super) struct Spawner {
    orders: mpsc::Sender<Order>,
}

struct Order {
    command: Command,
    answer: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    pub(super) fn new(name: &str) -> Result<Spawner> {
        let (orders, inbox) = mpsc::channel::<Order>();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name(format!("spawn-{name}"))
            .spawn(move || {
                for Order { mut command, answer } in inbox {
                    let _context = runtime.enter();
                    answer.send(command.spawn()).ok();
                }
            })
            .context("cannot start the thread that starts children")?;
        Ok(Spawner { orders })
    }

    /// Starts `command` in a group of its own (Ctrl-C in a terminal is for this process, which then stops its children
    /// in order), with its output in `log`, and with `death_signal` as the last thing it hears from a dying parent.
    pub(super) async fn spawn(&self, mut command: Command, death_signal: i32, log: &Path) -> Result<Child> {
        let program = command.as_std().get_program().to_owned();
        let output = open_log(log).with_context(|| format!("cannot open {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        die_with_parent(&mut command, death_signal);
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order { command, answer }).ok().context("the spawning thread has ended")?;
        answered
            .await
            .context("the spawning thread has ended")?
            .with_context(|| format!("cannot start {}", Path::new(&program).display()))
    }
}

/// A command with nothing of this process's environment but the search paths, run as `account` if one is given.
pub(super) fn bare_command(program: &Path, directory: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC").current_dir(directory);
    for name in ["PATH", "LD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

/// The end of a log, for an error message.
pub(super) fn log_tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

/// The directories of PATH that hold `program`, in order.
pub(super) fn directories_in_path(program: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|directory| directory.join(program).is_file()).collect()
}

pub(super) fn effective_uid() -> u32 {
    #[expect(unsafe_code, reason = "geteuid has no precondition and cannot fail")]
    unsafe {
        libc::geteuid()
    }
}

async fn supervise<E: Engine>(
    engine: E,
    spawner: Spawner,
    mut child: Child,
    mut stop: oneshot::Receiver<()>,
) {
    let mut backoff = BACKOFF_FIRST;
    loop {
        let started = Instant::now();
        tokio::select! {
            biased;
            _ = &mut stop => return end(&mut child, E::NAME, E::STOP).await,
            status = child.wait() => match status {
                Ok(status) => tracing::error!(engine = E::NAME, %status, "an embedded engine ended; starting it again"),
                Err(error) => tracing::error!(engine = E::NAME, %error, "lost sight of an embedded engine"),
            },
        }
        if started.elapsed() >= HEALTHY_AFTER {
            backoff = BACKOFF_FIRST;
        }
        child = tokio::select! {
            biased;
            _ = &mut stop => return,
            child = restart(&engine, &spawner, &mut backoff) => child,
        };
        tracing::info!(engine = E::NAME, pid = child.id(), "an embedded engine is back");
    }
}

/// Tries until it works. Dropped in the middle, it leaves a child that ends with the spawner.
async fn restart<E: Engine>(engine: &E, spawner: &Spawner, backoff: &mut Duration) -> Child {
    loop {
        sleep(*backoff).await;
        *backoff = (*backoff * 2).min(BACKOFF_LIMIT);
        let attempt = async {
            end_leftover(engine, &|_| {}).await?;
            let mut child = spawner.spawn(engine.command(), E::STOP[0].0, engine.log()).await?;
            match wait_until_ready(engine, &mut child, &|_| {}).await {
                Ok(()) => Ok(child),
                Err(error) => {
                    end(&mut child, E::NAME, E::STOP).await;
                    Err(error)
                }
            }
        };
        match attempt.await {
            Ok(child) => return child,
            Err(error) => tracing::error!(engine = E::NAME, "an embedded engine does not start: {error:#}"),
        }
    }
}

async fn wait_until_ready<E: Engine>(engine: &E, child: &mut Child, progress: &impl Fn(&str)) -> Result<()> {
    let pid = child.id().with_context(|| format!("{} ended at once", E::NAME))?;
    let began = Instant::now();
    let mut announced = began;
    loop {
        if engine.ready(pid).await {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("{} ended at its start ({status}); its log says:\n{}", E::NAME, log_tail(engine.log()));
        }
        if began.elapsed() > READY_LIMIT {
            let log = engine.log().display().to_string();
            bail!("{} is not ready after {} s; see {log}", E::NAME, READY_LIMIT.as_secs());
        }
        if announced.elapsed() > PROGRESS_EVERY {
            announced = Instant::now();
            progress(&format!("waiting for {} ({} s)", E::NAME, began.elapsed().as_secs()));
        }
        sleep(POLL).await;
    }
}

/// Ends a child of ours, mildly first.
async fn end(child: &mut Child, name: &str, signals: &[(i32, Duration)]) {
    for (number, patience) in signals {
        let Some(pid) = child.id() else { return };
        signal(pid, *number);
        if timeout(*patience, child.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(engine = name, pid, signal = number, "an embedded engine does not stop");
    }
    child.kill().await.ok();
}

/// Ends the engine of an earlier run that is still there (its server was killed), or forgets its stale process id. We
/// hold the directory's lock, so nobody else's server can be using it.
async fn end_leftover<E: Engine>(engine: &E, progress: &impl Fn(&str)) -> Result<()> {
    let Some(pid) = read_pid(engine.pid_file()) else { return Ok(()) };
    if !works_in(pid, engine.home()) {
        return remove_if_there(engine.pid_file());
    }
    progress(&format!("stopping the {} of an earlier run (process {pid})", E::NAME));
    for (number, patience) in E::STOP.iter().chain(&[(libc::SIGKILL, Duration::from_secs(10))]) {
        signal(pid, *number);
        let began = Instant::now();
        while began.elapsed() < *patience {
            if !works_in(pid, engine.home()) {
                return remove_if_there(engine.pid_file());
            }
            sleep(POLL).await;
        }
    }
    bail!("the {} of an earlier run (process {pid}) does not end", E::NAME)
}

pub(super) fn read_pid(pid_file: &Path) -> Option<u32> {
    fs::read_to_string(pid_file).ok()?.lines().next()?.trim().parse().ok().filter(|pid| *pid > 1)
}

/// Whether the process is one of our engines and not a stranger that got the same number: it works in `home`, or names
/// it on its command line. A process that has ended, even one nobody has waited for, does neither.
fn works_in(pid: u32, home: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    if process.parent().is_some_and(|proc| proc.join("self").exists()) {
        let named = fs::read(process.join("cmdline")).unwrap_or_default();
        return !named.is_empty()
            && (fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == home)
                || String::from_utf8_lossy(&named).contains(&*home.to_string_lossy()));
    }
    std::process::Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&*home.to_string_lossy()))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn open_log(log: &Path) -> io::Result<File> {
    if fs::metadata(log).is_ok_and(|metadata| metadata.len() > LOG_LIMIT_BYTES) {
        fs::rename(log, log.with_extension("log.1"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(log)
}

fn signal(pid: u32, number: i32) {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return };
    #[expect(
        unsafe_code,
        reason = "kill takes numbers only; a process that is gone is an error we do not need"
    )]
    unsafe {
        libc::kill(pid, number);
    }
}

/// Asks the kernel to signal the child when its parent dies, and ends it at once if that has happened already.
#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command, death_signal: i32) {
    let parent = std::process::id();
    #[expect(
        unsafe_code,
        reason = "the closure makes async-signal-safe system calls only, between fork and exec"
    )]
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, death_signal) != 0 {
                return Err(io::Error::last_os_error());
            }
            if u32::try_from(libc::getppid()) != Ok(parent) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

/// Other systems have no such signal: an orphan is ended by the next start.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command, _death_signal: i32) {}
