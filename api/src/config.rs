//! The configuration: one typed structure, read once from flags and environment. Secrets are never printed.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

/// Characters of the token that makes tenants: nobody guesses so many.
const BOOTSTRAP_TOKEN_MIN: usize = 20;

/// Every setting has a default that works on a fresh machine. Flags win over the environment.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "EVENTFLOW_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR")]
    pub listen: SocketAddr,

    /// Directory of the embedded databases, the master key and logs. Not used for what is configured externally.
    #[arg(long, env = "EVENTFLOW_DATA_DIR", default_value = ".eventflow", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// Public base URL of this server, as browsers reach it. Default: `http://<listen>`.
    #[arg(long, env = "EVENTFLOW_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// A directory with the seat picker, as `cargo xtask widget` makes it. Default: the one in this program. Keep the
    /// directories of earlier versions in it, for pages that pin one.
    #[arg(long, env = "EVENTFLOW_WIDGET_DIR", value_name = "DIR")]
    pub widget_dir: Option<PathBuf>,

    /// Postgres for the application: a role that is a member of `ef_app` and `ef_system` and no superuser.
    /// Unset: a private Postgres below the data directory.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<SecretString>,

    /// Postgres for migrations: the owner of the database. Default: `DATABASE_URL`.
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true, value_name = "URL")]
    pub database_owner_url: Option<SecretString>,

    /// Redis for holds and rate limits. Unset: a private Redis below the data directory.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<SecretString>,

    /// Connections to Postgres for requests; workers have eight more. More than about 16 make a small machine slower.
    #[arg(long, env = "EVENTFLOW_DATABASE_POOL", default_value_t = 12, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=200))]
    pub database_pool: u32,

    /// Connections to Redis.
    #[arg(long, env = "EVENTFLOW_REDIS_POOL", default_value_t = 8, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=200))]
    pub redis_pool: u32,

    /// Token that may create tenants (`POST /v1/tenants`), 20 characters or more. Unset: creating tenants is off.
    #[arg(long, env = "EVENTFLOW_BOOTSTRAP_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub bootstrap_token: Option<SecretString>,

    /// Master key that seals private keys at rest: 64 hexadecimal digits. Unset: made once in the data directory.
    #[arg(long, env = "EVENTFLOW_MASTER_KEY", hide_env_values = true, value_name = "HEX")]
    pub master_key: Option<SecretString>,

    /// Stripe secret key. Unset: the Stripe sandbox is started beside the server, for test-mode tenants.
    #[arg(long, env = "STRIPE_SECRET_KEY", hide_env_values = true, value_name = "KEY")]
    pub stripe_secret_key: Option<SecretString>,

    /// Signing secrets of the Stripe webhook endpoints (account, Connect, and old ones during a roll), by commas.
    #[arg(
        long,
        env = "STRIPE_WEBHOOK_SECRETS",
        hide_env_values = true,
        value_delimiter = ',',
        value_name = "SECRET"
    )]
    pub stripe_webhook_secrets: Vec<SecretString>,

    /// Base URL of the Stripe API, for a compatible server.
    #[arg(long, env = "STRIPE_API_URL", value_name = "URL")]
    pub stripe_api_url: Option<String>,

    /// Port of the Stripe sandbox on loopback; 0 takes a free one.
    #[arg(long, env = "EVENTFLOW_SANDBOX_PORT", default_value_t = 0, value_name = "PORT")]
    pub sandbox_port: u16,

    /// Program of the Stripe sandbox. Default: `stripe-sandbox` beside this program, else on the PATH.
    #[arg(long, env = "EVENTFLOW_SANDBOX_PROGRAM", value_name = "FILE")]
    pub sandbox_program: Option<PathBuf>,

    /// Server that takes mail, as `smtps://user:password@mail.example.org` or `smtp://…:587?tls=required`. Unset: messages
    /// are kept and not sent.
    #[arg(long, env = "EVENTFLOW_SMTP_URL", hide_env_values = true, value_name = "URL")]
    pub smtp_url: Option<SecretString>,

    /// Address that mail comes from, as `tickets@example.org`; the name beside it is the tenant's.
    #[arg(long, env = "EVENTFLOW_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,

    /// Program that compiles plugins. Default: this one, which knows how.
    #[arg(long, env = "EVENTFLOW_PLUGIN_COMPILER", value_name = "FILE", hide = true)]
    pub plugin_compiler: Option<PathBuf>,

    /// For tests: requests that plugins want to have made go to this address, in the clear.
    #[arg(long, env = "EVENTFLOW_PLUGIN_HTTP_INSTEAD", value_name = "ADDRESS", hide = true)]
    pub plugin_http_instead: Option<SocketAddr>,

    /// Webhook endpoints may be on this machine, without TLS: for development. Otherwise they are on the public internet.
    #[arg(long, env = "EVENTFLOW_WEBHOOKS_ALLOW_LOOPBACK")]
    pub webhooks_allow_loopback: bool,

    /// Addresses of reverse proxies whose `X-Forwarded-For` is believed, by commas.
    #[arg(long, env = "EVENTFLOW_TRUSTED_PROXIES", value_delimiter = ',', value_name = "IP")]
    pub trusted_proxies: Vec<std::net::IpAddr>,

    /// Multiplies every rate limit; 0 switches them off (benchmarks).
    #[arg(long, env = "EVENTFLOW_RATE_LIMIT_SCALE", default_value_t = 1, value_name = "N")]
    pub rate_limit_scale: u32,

    /// Streams of availability that may be open at this server at one time.
    #[arg(long, env = "EVENTFLOW_STREAMS_MAX", default_value_t = 10_000, value_name = "N")]
    pub streams_max: usize,

    /// Seconds after which a client that does not read its answer is cut.
    #[arg(long, env = "EVENTFLOW_PATIENCE_SECS", default_value_t = 20, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub patience_secs: u64,

    /// Log format.
    #[arg(long, env = "EVENTFLOW_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// Threads of the runtime. Default: one per core.
    #[arg(long, env = "EVENTFLOW_THREADS", value_name = "N")]
    pub threads: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl Config {
    /// What is wrong with the bootstrap token. The text never repeats it, which the parser of flags would.
    pub fn bootstrap_token_fault(&self) -> Option<&'static str> {
        let text = self.bootstrap_token.as_ref()?.expose_secret();
        if text.len() < BOOTSTRAP_TOKEN_MIN {
            Some("EVENTFLOW_BOOTSTRAP_TOKEN is too short: use 20 characters or more (`openssl rand -hex 16`)")
        } else if text.starts_with("ef_") || text.contains('.') {
            Some(
                "EVENTFLOW_BOOTSTRAP_TOKEN must not look like another credential: no `ef_` in front, no full stop in it",
            )
        } else {
            None
        }
    }

    /// The URL under which browsers reach this server, without a trailing slash.
    pub fn base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }

    /// The origin of that URL, as browsers write it.
    pub fn origin(&self) -> String {
        origin_of(&self.base_url())
    }
}

/// The origin of a URL, as browsers write it.
pub fn origin_of(url: &str) -> String {
    let url = url.to_ascii_lowercase();
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", &url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let usual_port = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", authority.strip_suffix(usual_port).unwrap_or(authority))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn our_origin_is_what_browsers_send() {
        let origin = |url: &str| CommandLine::parse_from(["eventflow", "--public-url", url]).config.origin();
        assert_eq!(origin("https://Tickets.example.org/"), "https://tickets.example.org");
        assert_eq!(origin("https://tickets.example.org:443/shop"), "https://tickets.example.org");
        assert_eq!(origin("http://localhost:8080"), "http://localhost:8080");
        assert_eq!(origin("http://10.0.0.1:80"), "http://10.0.0.1");
        assert_eq!(CommandLine::parse_from(["eventflow"]).config.origin(), "http://127.0.0.1:8080");
    }

    #[test]
    fn a_bootstrap_token_is_long_and_looks_like_no_other_credential() {
        let fault = |token: &str| {
            let arguments = ["eventflow", "--bootstrap-token", token];
            CommandLine::parse_from(arguments).config.bootstrap_token_fault()
        };
        let long = "x".repeat(BOOTSTRAP_TOKEN_MIN);
        assert_eq!(fault(&long), None);
        for bad in [&long[1..], "", &format!("ef_sk_{long}"), &format!("{long}.{long}")] {
            let text = fault(bad).unwrap_or_else(|| panic!("`{bad}` is taken"));
            assert!(bad.is_empty() || !text.contains(bad), "the text repeats the token: {text}");
        }
    }
}
