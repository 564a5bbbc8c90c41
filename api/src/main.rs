//! The command line of EventFlow.

use std::{process::ExitCode, sync::Arc};

use anyhow::Result;
use clap::{Parser, Subcommand};
use eventflow_api::{
    boot::{self, Databases, Payments},
    config::{Config, LogFormat},
    doctor, openapi, worker,
};
use eventflow_plugin_host::{author, compiler_main};
use eventflow_store::migrate;
use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// EventFlow: a ticketing platform that cannot oversell.
///
/// Without configuration, `eventflow serve` runs everything it needs below one data directory. Every flag can be set by
/// the environment variable beside it.
#[derive(Parser)]
#[command(name = "eventflow", version)]
struct Arguments {
    #[command(subcommand)]
    program: Program,
}

#[derive(Subcommand)]
enum Program {
    #[command(flatten)]
    Platform(Command),
    /// Write, test, measure and upload plugins
    #[command(subcommand)]
    Plugin(author::command::Command),
    /// Compile a plugin: the server starts this for each upload, without an environment
    #[command(hide = true)]
    PluginCompiler,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (and, unless told otherwise, the worker)
    Serve {
        #[command(flatten)]
        config: Box<Config>,
        /// Leave the background work to `eventflow worker` processes
        #[arg(long, env = "EVENTFLOW_WITHOUT_WORKER")]
        without_worker: bool,
    },
    /// Run only the background work; needs DATABASE_URL and REDIS_URL
    Worker {
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Bring the database up to date and exit
    Migrate {
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Print the contract (OpenAPI 3.0) and exit; needs no database
    Openapi {
        /// Print the JSON Schema of seat map documents instead
        #[arg(long)]
        seat_map: bool,
    },
    /// Say what is configured, reachable and migrated, and what to do
    Doctor {
        #[command(flatten)]
        config: Box<Config>,
    },
}

fn main() -> ExitCode {
    // What needs neither configuration nor runtime comes first.
    let command = match Arguments::parse().program {
        Program::PluginCompiler => return compiler_main(),
        Program::Plugin(command) => return author::command::main(&command),
        Program::Platform(command) => command,
    };
    let threads = match &command {
        Command::Serve { config, .. } | Command::Worker { config } => config.threads,
        _ => None,
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // Plugins are called on these threads: their stack comes on top of what a request takes.
    runtime.enable_all().thread_stack_size(4 << 20);
    if let Some(threads) = threads {
        runtime.worker_threads(threads.max(2));
    }
    let runtime = match runtime.build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(run(command)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a command line program")]
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("eventflow: {error:#}");
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "the contract and the address are the program's output")]
async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve { config, without_worker } => {
            logs(&config);
            // Before anything is started or made.
            if let Some(fault) = config.bootstrap_token_fault() {
                anyhow::bail!(fault);
            }
            serve(*config, !without_worker).await?;
        }
        Command::Worker { config } => {
            logs(&config);
            if config.database_url.is_none() || config.redis_url.is_none() {
                anyhow::bail!(
                    "a worker of its own needs DATABASE_URL and REDIS_URL; `serve` has one built in"
                );
            }
            work(*config).await?;
        }
        Command::Migrate { config } => {
            logs(&config);
            let databases = Databases::start(&config, |step| tracing::info!("{step}")).await?;
            let applied = migrate(databases.owner_url.expose_secret()).await;
            databases.stop().await;
            println!("{} migrations applied", applied?.len());
        }
        Command::Openapi { seat_map: false } => print!("{}", openapi::text()),
        Command::Openapi { seat_map: true } => println!("{:#}", eventflow_core::seat_map::schema()),
        Command::Doctor { config } => return doctor::examine(&config).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// What is logged unless `EVENTFLOW_LOG` says something else.
const LOGGED: &str = "info,poem=warn";
/// The driver of Postgres logs the parameters of every statement, buyers and codes of tickets among them: only for who asks for it by name.
const QUIET: &str = "tokio_postgres";

fn logs(config: &Config) {
    let wanted = std::env::var("EVENTFLOW_LOG").unwrap_or_else(|_| LOGGED.to_owned());
    let wanted = if wanted.contains(QUIET) { wanted } else { format!("{wanted},{QUIET}=warn") };
    let filter = EnvFilter::try_new(&wanted).unwrap_or_else(|_| format!("{LOGGED},{QUIET}=warn").into());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

async fn serve(config: Config, with_worker: bool) -> Result<()> {
    let started = std::time::Instant::now();
    let databases = Databases::start(&config, |step| tracing::info!("{step}")).await?;
    let mut payments = Payments { provider: None, webhook_secrets: vec![], sandbox: None };
    let result = serve_with(config, with_worker, &databases, &mut payments, started).await;
    boot::stop(payments, databases).await;
    result
}

async fn serve_with(
    config: Config,
    with_worker: bool,
    databases: &Databases,
    payments: &mut Payments,
    started: std::time::Instant,
) -> Result<()> {
    *payments = Payments::start(&config, config.listen).await?;
    let app = boot::app(config, databases, payments).await?;
    let running = boot::listen(app.clone(), with_worker).await?;
    tracing::info!(
        elapsed_ms = started.elapsed().as_millis(),
        sandbox = payments.sandbox.as_ref().map_or("none", |sandbox| sandbox.url.as_str()),
        "EventFlow listens on http://{}",
        running.address
    );
    boot::stop_signal().await?;
    tracing::info!("stopping: requests and jobs under way come to their end");
    running.stop().await;
    Ok(())
}

async fn work(config: Config) -> Result<()> {
    let databases = Databases::start(&config, |step| tracing::info!("{step}")).await?;
    let payments = Payments::start(&config, config.listen).await?;
    let app: Arc<_> = boot::app(config, &databases, &payments).await?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(worker::run(app, stopped));
    tracing::info!("the worker runs");
    boot::stop_signal().await?;
    let _ = stop.send(true);
    working.await?;
    boot::stop(payments, databases).await;
    Ok(())
}
