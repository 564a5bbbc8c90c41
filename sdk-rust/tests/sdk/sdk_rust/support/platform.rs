//! `eventflow serve` with private databases in a temporary directory, one for all tests of this program.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The first start makes a database cluster and migrates it.
const START_LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);
const BOOTSTRAP_TOKEN: &str = "a-bootstrap-token-for-tests";
/// Settings of the operator that would lead the tests to real databases or a real Stripe account.
const FOREIGN_SETTINGS: [&str; 6] = [
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "REDIS_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRETS",
    "STRIPE_API_URL",
];
/// Ends the server and removes its data when this process is gone, however it ended: the standard input closes then.
const KEEPER: &str = r#""$0" serve >"$EVENTFLOW_DATA_DIR/server.log" 2>&1 </dev/null & server=$!
cat >/dev/null; kill -TERM $server; wait $server; rm -rf "$EVENTFLOW_DATA_DIR""#;

pub struct Platform {
    pub url: String,
    pub bootstrap_token: &'static str,
    _keeper: Child,
}

/// Started by whoever asks first.
pub async fn platform() -> &'static Platform {
    static PLATFORM: OnceLock<Platform> = OnceLock::new();
    let start = || PLATFORM.get_or_init(|| Platform::start(binary("eventflow")));
    let platform = tokio::task::spawn_blocking(start).await.unwrap();
    let began = Instant::now();
    while !is_ready(&platform.url).await {
        let log = || std::fs::read_to_string(data_dir().join("server.log")).unwrap_or_default();
        assert!(began.elapsed() < START_LIMIT, "the server does not get ready:\n{}", log());
        tokio::time::sleep(POLL).await;
    }
    platform
}

/// A program of the same build as this one, or the `EVENTFLOW_PROGRAM` that is given.
pub fn binary(name: &str) -> PathBuf {
    if let Some(program) = std::env::var_os("EVENTFLOW_PROGRAM").filter(|_| name == "eventflow") {
        return program.into();
    }
    let this = std::env::current_exe().unwrap();
    let program = this.parent().and_then(|deps| deps.parent()).unwrap().join(name);
    assert!(program.exists(), "{} is missing: run `cargo build --workspace`", program.display());
    program
}

impl Platform {
    fn start(program: PathBuf) -> Self {
        let ports = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [api, sandbox] = ports.map(|listener| listener.local_addr().unwrap().port());
        std::fs::create_dir(data_dir()).unwrap();
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER])
            .arg(program)
            .env("EVENTFLOW_DATA_DIR", data_dir())
            .env("EVENTFLOW_LISTEN", format!("127.0.0.1:{api}"))
            .env("EVENTFLOW_SANDBOX_PORT", sandbox.to_string())
            .env("EVENTFLOW_BOOTSTRAP_TOKEN", BOOTSTRAP_TOKEN)
            // Receivers of webhooks are in the tests.
            .env("EVENTFLOW_WEBHOOKS_ALLOW_LOOPBACK", "true")
            // The tests send as fast as they can.
            .env("EVENTFLOW_RATE_LIMIT_SCALE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for name in FOREIGN_SETTINGS {
            keeper.env_remove(name);
        }
        let keeper = keeper.spawn().unwrap();
        Self { url: format!("http://127.0.0.1:{api}"), bootstrap_token: BOOTSTRAP_TOKEN, _keeper: keeper }
    }
}

fn data_dir() -> PathBuf {
    std::env::temp_dir().join(format!("eventflow-sdk-rust-{}", std::process::id()))
}

async fn is_ready(url: &str) -> bool {
    let answer = reqwest::get(format!("{url}/readyz")).await;
    answer.is_ok_and(|answer| answer.status().is_success())
}
