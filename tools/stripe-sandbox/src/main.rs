//! The sandbox as a program.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Parser;
use stripe_sandbox::{Config, start};
use tracing_subscriber::EnvFilter;

/// A stateful, Stripe-compatible server for development and tests, never for production.
///
/// Point any Stripe SDK at it by base URL. The buyer pays at the `url` of a checkout session with a test card. Webhooks
/// are signed and retried. `GET /_sandbox` lists the control API: the clock, paying without a browser, disputes, faults,
/// and the journal of what really happened.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// Port to listen on; 0 takes a free one and prints it
    #[arg(long, default_value_t = 12111, env = "STRIPE_SANDBOX_PORT")]
    port: u16,
    /// Address to listen on; anything but loopback is refused
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// The only key that is accepted: sk_test_…
    #[arg(long, env = "STRIPE_SECRET_KEY", hide_env_values = true, default_value = "sk_test_sandbox")]
    secret_key: String,
    /// Where to send webhooks (loopback only); none are sent without it
    #[arg(long, value_name = "URL", env = "STRIPE_SANDBOX_WEBHOOK_URL")]
    webhook_url: Option<String>,
    /// Signs webhooks of the platform's own account: whsec_…
    #[arg(long, env = "STRIPE_WEBHOOK_SECRET", hide_env_values = true, default_value = "")]
    webhook_secret: String,
    /// Signs webhooks of connected accounts; the same as --webhook-secret when left out
    #[arg(long, env = "STRIPE_CONNECT_WEBHOOK_SECRET", hide_env_values = true)]
    connect_webhook_secret: Option<String>,
    /// Keep everything in this file, so that a restart goes on where it was
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Let sessions end sooner than 30 minutes after creation, which Stripe refuses
    #[arg(long)]
    allow_short_sessions: bool,
    /// What the buyer's browser uses instead of the listening address, behind a port forward
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A connected account that exists from the start (repeatable): acct_…
    #[arg(long = "account", value_name = "ID")]
    accounts: Vec<String>,
}

const EXAMPLES: &str = "Example:
  stripe-sandbox --port 12111 --secret-key sk_test_1 \\
      --webhook-url http://127.0.0.1:8080/v1/webhooks/stripe --webhook-secret whsec_1
  curl -u sk_test_1: http://127.0.0.1:12111/v1/events
  curl http://127.0.0.1:12111/_sandbox";

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the address on standard output is the program's interface")]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,stripe_sandbox=info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let handle = start(Config {
        address: SocketAddr::new(arguments.bind, arguments.port),
        secret_key: arguments.secret_key,
        webhook_url: arguments.webhook_url,
        webhook_secret: arguments.webhook_secret,
        connect_webhook_secret: arguments.connect_webhook_secret,
        state: arguments.state,
        allow_short_sessions: arguments.allow_short_sessions,
        public_url: arguments.public_url,
        accounts: arguments.accounts,
    })
    .await?;
    println!("stripe-sandbox listens on {}", handle.url());
    stopped().await?;
    handle.stop().await;
    Ok(())
}

/// Ctrl-C, or the polite signal of a supervisor.
async fn stopped() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
