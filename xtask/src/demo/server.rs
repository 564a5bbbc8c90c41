//! A server of our own: `eventflow serve` on its embedded default, as a child that never outlives us.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::api::Api;
use crate::{process, repository};

/// The first start makes a database cluster and migrates it.
const START_LIMIT: Duration = Duration::from_secs(120);
/// The server drains requests, then stops Postgres with a checkpoint.
const STOP_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// Settings of the operator that would lead the demo to real databases or a real Stripe account.
const FOREIGN_SETTINGS: [&str; 6] = [
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRETS",
    "STRIPE_API_URL",
];

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Where the API, the Stripe sandbox and the partner's site listen, on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub api: u16,
    pub sandbox: u16,
    pub site: u16,
}

impl Ports {
    /// Ports that nobody uses now.
    pub fn free() -> Result<Ports> {
        let open = [listen(0)?, listen(0)?, listen(0)?];
        let port = |number: usize| open[number].local_addr().map(|address| address.port());
        Ok(Ports { api: port(0)?, sandbox: port(1)?, site: port(2)? })
    }

    /// The port for the API, and the next free ones for the others.
    pub fn from(api: u16) -> Result<Ports> {
        listen(api).with_context(|| format!("port {api} is taken; choose another with --port"))?;
        let mut next = (1..50).filter_map(|step| api.checked_add(step)).filter(|port| listen(*port).is_ok());
        let mut take = || next.next().with_context(|| format!("no free port after {api}"));
        Ok(Ports { api, sandbox: take()?, site: take()? })
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

pub struct Server {
    child: Child,
    url: String,
    sandbox_url: String,
    bootstrap_token: String,
    log: PathBuf,
}

impl Server {
    /// Starts the server and returns when it is ready to sell.
    pub fn start(data_dir: &Path, ports: Ports) -> Result<Server> {
        Self::start_with(data_dir, ports, &[])
    }

    /// The same without rate limits, for tests that send as fast as they can.
    pub fn start_unlimited(data_dir: &Path, ports: Ports) -> Result<Server> {
        Self::start_with(data_dir, ports, &[("EVENTFLOW_RATE_LIMIT_SCALE", "0")])
    }

    fn start_with(data_dir: &Path, ports: Ports, settings: &[(&str, &str)]) -> Result<Server> {
        catch_interrupts();
        let log = data_dir.join("server.log");
        let output = OpenOptions::new().create(true).append(true).mode(0o600).open(&log)?;
        let bootstrap_token = bootstrap_token(data_dir)?;
        let mut command = Command::new(repository::binary("eventflow"));
        command
            .arg("serve")
            .current_dir(repository::root())
            .env("EVENTFLOW_DATA_DIR", data_dir)
            .env("EVENTFLOW_LISTEN", format!("127.0.0.1:{}", ports.api))
            .env("EVENTFLOW_SANDBOX_PORT", ports.sandbox.to_string())
            .env("EVENTFLOW_BOOTSTRAP_TOKEN", &bootstrap_token)
            // Receivers of whoever tries it are on this machine.
            .env("EVENTFLOW_WEBHOOKS_ALLOW_LOOPBACK", "true")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C is for us; we then stop the server in order.
            .process_group(0);
        command.envs(settings.iter().copied());
        for name in FOREIGN_SETTINGS {
            command.env_remove(name);
        }
        die_with_us(&mut command);
        let child = command.spawn().context("cannot start the server")?;
        let mut server = Server {
            child,
            url: format!("http://127.0.0.1:{}", ports.api),
            sandbox_url: format!("http://127.0.0.1:{}", ports.sandbox),
            bootstrap_token,
            log,
        };
        match server.wait_until_ready() {
            Ok(()) => Ok(server),
            Err(error) => {
                server.stop().ok();
                Err(error)
            }
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn sandbox_url(&self) -> &str {
        &self.sandbox_url
    }

    pub fn bootstrap_token(&self) -> &str {
        &self.bootstrap_token
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks the server to drain and waits until it and its databases are gone.
    pub fn stop(mut self) -> Result<()> {
        self.signal(libc::SIGTERM);
        let began = Instant::now();
        while began.elapsed() < STOP_LIMIT {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the server ended with {status}; see {}", self.log.display()),
                None => process::pause(POLL),
            }
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!("the server did not stop within {} s and was killed", STOP_LIMIT.as_secs())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let api = Api::public(&self.url);
        let began = Instant::now();
        for path in ["/healthz", "/readyz"] {
            while api.try_get(path).is_none_or(|answer| answer.status != 200) {
                check_interrupt()?;
                if let Some(status) = self.ended()? {
                    bail!(
                        "the server ended at its start ({status}); its log says:\n{}",
                        process::tail(&self.log, 20)
                    );
                }
                if began.elapsed() > START_LIMIT {
                    let log = process::tail(&self.log, 20);
                    bail!(
                        "{path} does not answer 200 after {} s; the log says:\n{log}",
                        START_LIMIT.as_secs()
                    );
                }
                process::pause(POLL);
            }
        }
        Ok(())
    }

    fn signal(&self, number: i32) {
        let Ok(pid) = libc::pid_t::try_from(self.child.id()) else { return };
        #[expect(unsafe_code, reason = "kill takes numbers only, and we have not yet waited for this child")]
        unsafe {
            libc::kill(pid, number);
        }
    }
}

/// A server that was not stopped in order (an error, a panic) still gets the request to end.
impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(libc::SIGTERM);
        }
    }
}

/// Whether somebody pressed Ctrl-C, or asked us to end.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

pub fn check_interrupt() -> Result<()> {
    if interrupted() { bail!("interrupted") } else { Ok(()) }
}

/// From now on the usual signals are noted, and everything is stopped in order before we end.
fn catch_interrupts() {
    extern "C" fn note(_signal: i32) {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            let handler: extern "C" fn(i32) = note;
            #[expect(
                unsafe_code,
                reason = "the handler only stores into an atomic, which is safe in a signal handler"
            )]
            unsafe {
                libc::signal(number, handler as libc::sighandler_t);
            }
        }
    });
}

/// The token that may create tenants: made once, kept where only the owner of the data can read it.
fn bootstrap_token(data_dir: &Path) -> Result<String> {
    let path = data_dir.join("bootstrap-token");
    if let Ok(token) = fs::read_to_string(&path) {
        return Ok(token.trim().to_owned());
    }
    let mut random = [0_u8; 32];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    writeln!(file, "{token}")?;
    Ok(token)
}

#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command) {
    #[expect(
        unsafe_code,
        reason = "the closure makes one async-signal-safe system call between fork and exec"
    )]
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_us(_command: &mut Command) {}
