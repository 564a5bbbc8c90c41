//! From a configuration to a running platform: databases (embedded or the operator's), migrations, keys, the payment
//! provider (Stripe, or its sandbox beside the server), the worker and the HTTP server; and all of it down again, in order.

use std::{
    io::Write,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use eventflow_payments::{PaymentProvider, StripeProvider};
use eventflow_store::{
    Db, Sealer,
    check_ins::Doors,
    db::{migrate, session_facts},
    embed_files,
    gate::{Gate, rate_limit::Limiter},
    holds::Holds,
    recent::Recent,
};
use poem::{
    Server,
    listener::{Acceptor, Listener, TcpListener},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::{Notify, watch},
    task::JoinHandle,
};

use crate::{
    app::{App, SELLERS_MAX},
    bodies::Bodies,
    config::Config,
    connections::Impatient,
    credentials::CredentialCache,
    embedded::Embedded,
    hosting::Widget,
    mail,
    plans::Plans,
    plugins::Plugins,
    server,
    signing::TicketSigner,
    streams::Streams,
    tokens::Tokens,
    webhooks::Sender,
    worker,
};

/// Requests under way may take this long to end when the server is asked to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// A connection on which nothing happens is closed.
const IDLE: Duration = Duration::from_secs(75);
/// So is one that was written nothing for so long, whatever it sends: a body has 30 seconds, and no answer takes a minute.
const SILENCE: Duration = Duration::from_secs(120);
/// The sandbox must say where it listens within this time.
const SANDBOX_START: Duration = Duration::from_secs(15);

/// Where the databases are.
pub struct Databases {
    /// Logs in for migrations.
    pub owner_url: SecretString,
    /// Logs in for everything else.
    pub app_url: SecretString,
    pub redis_url: SecretString,
    /// Set when at least one of them is ours.
    pub embedded: Option<Embedded>,
}

impl Databases {
    /// The operator's databases, or private ones below the data directory for what is not configured.
    pub async fn start(config: &Config, progress: impl Fn(&str)) -> Result<Self> {
        let embedded = match (&config.database_url, &config.redis_url) {
            (Some(_), Some(_)) => None,
            _ => Some(Embedded::start(&config.data_dir, progress).await?),
        };
        let ours = |url: fn(&Embedded) -> &str| -> SecretString {
            embedded.as_ref().map(url).unwrap_or_default().to_owned().into()
        };
        let app_url = config.database_url.clone().unwrap_or_else(|| ours(Embedded::app_database_url));
        let owner_url = match (&config.database_owner_url, &config.database_url) {
            (Some(url), _) | (None, Some(url)) => url.clone(),
            (None, None) => ours(Embedded::database_url),
        };
        let redis_url = config.redis_url.clone().unwrap_or_else(|| ours(Embedded::redis_url));
        Ok(Self { owner_url, app_url, redis_url, embedded })
    }

    pub async fn stop(self) {
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// The payment provider and the secrets of its webhooks.
pub struct Payments {
    pub provider: Option<Arc<dyn PaymentProvider>>,
    pub webhook_secrets: Vec<SecretString>,
    pub sandbox: Option<Sandbox>,
}

/// The Stripe sandbox as a child of the server.
pub struct Sandbox {
    pub url: String,
    child: Child,
}

impl Payments {
    pub async fn start(config: &Config, listen: SocketAddr) -> Result<Self> {
        if let Some(key) = &config.stripe_secret_key {
            let provider = StripeProvider::new(key, config.stripe_api_url.as_deref())?;
            return Ok(Self {
                provider: Some(Arc::new(provider)),
                webhook_secrets: config.stripe_webhook_secrets.clone(),
                sandbox: None,
            });
        }
        let Some(program) = sandbox_program(config) else {
            tracing::warn!(
                "no Stripe key, and no stripe-sandbox program: only manual and free orders can be sold"
            );
            return Ok(Self { provider: None, webhook_secrets: vec![], sandbox: None });
        };
        let (key, secret): (SecretString, SecretString) = (random("sk_test_"), random("whsec_"));
        let key = keep(&config.data_dir, "sandbox-key", &key)?;
        let secret = keep(&config.data_dir, "sandbox-webhook-secret", &secret)?;
        let sandbox = Sandbox::start(config, &program, listen, &key, &secret).await?;
        let provider = StripeProvider::new(&key, Some(&sandbox.url))?;
        Ok(Self { provider: Some(Arc::new(provider)), webhook_secrets: vec![secret], sandbox: Some(sandbox) })
    }
}

impl Sandbox {
    async fn start(
        config: &Config,
        program: &Path,
        listen: SocketAddr,
        key: &SecretString,
        webhook_secret: &SecretString,
    ) -> Result<Self> {
        let port = match (config.sandbox_port, listen.port()) {
            (0, port) if port < u16::MAX => port + 1,
            (port, _) => port,
        };
        let mut command = Command::new(program);
        command
            .args(["--port", &port.to_string()])
            .arg("--webhook-url")
            .arg(format!("http://{listen}/v1/webhooks/stripe"))
            .arg("--state")
            .arg(config.data_dir.join("stripe-sandbox.json"))
            .arg("--allow-short-sessions")
            .env_clear()
            // In the environment: arguments can be read by everybody on the machine.
            .env("STRIPE_SECRET_KEY", key.expose_secret())
            .env("STRIPE_WEBHOOK_SECRET", webhook_secret.expose_secret())
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take().context("the sandbox has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(SANDBOX_START, lines.next_line())
            .await
            .context("the Stripe sandbox did not start in time")??
            .context("the Stripe sandbox ended at once; is its port taken?")?;
        let url = line.rsplit(' ').next().unwrap_or_default().trim_end_matches('/').to_owned();
        // Whatever else it prints must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { url: format!("{url}/"), child })
    }

    async fn stop(mut self) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            terminate(id);
        }
        if tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

#[expect(unsafe_code, reason = "kill(2) has no safe form in the standard library")]
fn terminate(process: i32) {
    // SAFETY: the process is our child and was not waited for yet, so its number cannot be another's.
    unsafe { libc::kill(process, libc::SIGTERM) };
}

fn sandbox_program(config: &Config) -> Option<PathBuf> {
    if let Some(program) = &config.sandbox_program {
        return Some(program.clone());
    }
    let beside = std::env::current_exe().ok()?.with_file_name("stripe-sandbox");
    if beside.is_file() {
        return Some(beside);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("stripe-sandbox")).find(|program| program.is_file())
}

fn random(prefix: &str) -> SecretString {
    format!("{prefix}{}", hex::encode(rand::random::<[u8; 24]>())).into()
}

/// Reads a secret from the data directory; the first time, writes `fresh` there, readable for the owner only.
fn keep(data_dir: &Path, name: &str, fresh: &SecretString) -> Result<SecretString> {
    let path = data_dir.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned().into()),
        Ok(_) => bail!("{} is empty; remove it to make a new secret", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    std::fs::create_dir_all(data_dir).with_context(|| format!("cannot make {}", data_dir.display()))?;
    // Written aside and renamed: a killed start leaves no half a key behind.
    let aside = data_dir.join(format!("{name}.new"));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(fresh.expose_secret().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&aside, &path)?;
    Ok(fresh.clone())
}

fn master_key(config: &Config) -> Result<[u8; 32]> {
    let text = match &config.master_key {
        Some(key) => key.clone(),
        None => keep(&config.data_dir, "master.key", &hex::encode(rand::random::<[u8; 32]>()).into())?,
    };
    let mut key = [0; 32];
    hex::decode_to_slice(text.expose_secret().trim(), &mut key)
        .context("the master key must have 64 hexadecimal digits")?;
    Ok(key)
}

/// Everything that answers requests and works in the background, without the listener.
pub async fn app(config: Config, databases: &Databases, payments: &Payments) -> Result<Arc<App>> {
    #[cfg(debug_assertions)]
    if let Some(mutant) = eventflow_store::mutants::chosen() {
        // Its wrongs are for the sandbox.
        if payments.provider.as_ref().is_some_and(|provider| provider.livemode()) {
            bail!("EVENTFLOW_MUTANT is set, and the payment provider is live: unset it");
        }
        tracing::error!(?mutant, "this server is wrong on purpose");
    }
    migrate(databases.owner_url.expose_secret())
        .await
        .context("the database cannot be migrated; `eventflow doctor` says more")?;
    let db = Db::connect(databases.app_url.expose_secret(), config.database_pool).await?;
    check_wall(&db).await?;
    let gate = Gate::connect(databases.redis_url.expose_secret(), config.redis_pool).await?;
    let sealer = Sealer::new(&master_key(&config)?);
    let tokens = Tokens::load(&db, &sealer).await?;
    let mailer = mail::mailer(&config).map_err(anyhow::Error::msg)?;
    let widget = Widget::new(config.widget_dir.clone());
    embed_files::keep(&db, &widget.immutable()).await?;
    Ok(Arc::new(App {
        limiter: Limiter::new(gate.clone()),
        holds: Arc::new(Holds::new(db.clone(), gate.clone())),
        signer: TicketSigner::new(db.clone(), sealer.clone()),
        streams: Streams::new(room_for_streams(config.streams_max)),
        bodies: Bodies::default(),
        mirror_bell: Notify::new(),
        job_bell: Notify::new(),
        credentials: CredentialCache::default(),
        payments: payments.provider.clone(),
        mailer,
        webhook_secrets: payments.webhook_secrets.clone(),
        doors: Doors::default(),
        sellers: Recent::new(SELLERS_MAX),
        plans: Plans::default(),
        plugins: Plugins::new(&config).map_err(anyhow::Error::msg)?,
        sender: Sender::new(&config).map_err(anyhow::Error::msg)?,
        widget,
        origin: config.origin(),
        config,
        db,
        gate,
        sealer,
        tokens,
    }))
}

/// Every stream is an open file. Raises the limit of this process as far as it may, and leaves a reserve for everything else.
fn room_for_streams(wanted: usize) -> usize {
    const RESERVE: usize = 512;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    #[expect(unsafe_code, reason = "the standard library knows no limits of processes")]
    // SAFETY: both calls get a pointer to a structure of ours, of their type, that lives through them.
    let files = unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return wanted;
        }
        let soft = std::mem::replace(&mut limit.rlim_cur, limit.rlim_max);
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0 { limit.rlim_max } else { soft }
    };
    let room = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(RESERVE).max(1);
    if room < wanted {
        tracing::warn!(
            open_files = files,
            streams = room,
            "the limit of open files leaves room for fewer streams"
        );
    }
    wanted.min(room)
}

/// Row-level security is a wall only for a role that cannot walk around it.
async fn check_wall(db: &Db) -> Result<()> {
    let facts = session_facts(db).await?;
    if facts.bypasses || facts.owns > 0 {
        bail!(
            "the role ef_app may bypass row-level security or owns tables; it must be NOSUPERUSER NOBYPASSRLS"
        );
    }
    if facts.login_is_superuser {
        tracing::warn!(
            "DATABASE_URL logs in as a superuser; use a role that is only a member of ef_app and ef_system"
        );
    }
    Ok(())
}

/// A running server.
pub struct Running {
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    http: JoinHandle<std::io::Result<()>>,
    worker: Option<JoinHandle<()>>,
    receipts: JoinHandle<()>,
}

/// Starts the HTTP server and, with `with_worker`, the worker.
pub async fn listen(app: Arc<App>, with_worker: bool) -> Result<Running> {
    let (stop, mut stopped) = watch::channel(false);
    let address = app.config.listen;
    let acceptor = TcpListener::bind(address)
        .into_acceptor()
        .await
        .with_context(|| format!("cannot listen on {address}; is another server running there?"))?;
    let bound = acceptor
        .local_addr()
        .into_iter()
        .find_map(|address| address.as_socket_addr().copied())
        .context("the listener has no address")?;
    let worker = with_worker.then(|| tokio::spawn(worker::run(app.clone(), stop.subscribe())));
    let receipts = tokio::spawn({
        let (app, stopped) = (app.clone(), stop.subscribe());
        async move { app.plugins.receipts.run(&app.db, stopped).await }
    });
    let streams = app.streams.clone();
    let signal = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
        // They have no end of their own to wait for.
        streams.close();
    };
    let acceptor = Impatient::new(acceptor, Duration::from_secs(app.config.patience_secs), SILENCE);
    let http =
        tokio::spawn(Server::new_with_acceptor(acceptor).idle_timeout(IDLE).run_with_graceful_shutdown(
            server::endpoint(app),
            signal,
            Some(DRAIN),
        ));
    Ok(Running { address: bound, stop, http, worker, receipts })
}

impl Running {
    /// Ends requests and jobs under way, and takes no new ones.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.http.await;
        if let Some(worker) = self.worker {
            let _ = worker.await;
        }
        let _ = self.receipts.await;
    }
}

/// Ctrl-C, or the polite signal of a supervisor.
pub async fn stop_signal() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Stops what [`Payments::start`] and [`Databases::start`] began.
pub async fn stop(payments: Payments, databases: Databases) {
    if let Some(sandbox) = payments.sandbox {
        sandbox.stop().await;
    }
    databases.stop().await;
}
