//! `eventflow doctor`: what is configured, reachable and migrated, and what to do about the rest. Changes nothing.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::Result;
use eventflow_store::{Db, db::pending_migrations, gate::Gate};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{config::Config, mail};

const WAIT: Duration = Duration::from_secs(5);

/// One line of the report.
struct Finding {
    good: bool,
    what: &'static str,
    text: String,
}

fn good(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { good: true, what, text: text.into() }
}

fn bad(what: &'static str, text: impl Into<String>) -> Finding {
    Finding { good: false, what, text: text.into() }
}

/// Prints the report; fails when something has to be done.
#[expect(clippy::print_stdout, reason = "the report is the program's output")]
pub async fn examine(config: &Config) -> Result<ExitCode> {
    let mut findings = vec![good("version", env!("CARGO_PKG_VERSION"))];
    findings.extend(postgres(config).await);
    findings.push(redis(config).await);
    findings.push(master_key(config));
    findings.push(match (&config.bootstrap_token, config.bootstrap_token_fault()) {
        (_, Some(fault)) => bad("bootstrap", fault),
        (Some(_), None) => good("bootstrap", "EVENTFLOW_BOOTSTRAP_TOKEN makes tenants"),
        (None, None) => good("bootstrap", "off; set EVENTFLOW_BOOTSTRAP_TOKEN to make tenants over HTTP"),
    });
    findings.extend(payments(config));
    findings.push(mail(config).await);
    findings.push(server(config).await);
    let healthy = findings.iter().all(|finding| finding.good);
    for Finding { good, what, text } in &findings {
        println!("{} {what:<14} {text}", if *good { "ok  " } else { "TODO" });
    }
    println!(
        "{}",
        if healthy { "Everything is in order." } else { "Do what stands behind TODO, then ask again." }
    );
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn postgres(config: &Config) -> Vec<Finding> {
    let Some(url) = &config.database_url else {
        return vec![match crate::embedded::find_postgres() {
            Ok(folder) => good(
                "postgres",
                format!("private, below {}, programs in {}", config.data_dir.display(), folder.display()),
            ),
            Err(error) => bad("postgres", format!("{error:#}")),
        }];
    };
    let owner = config.database_owner_url.as_ref().unwrap_or(url);
    let mut findings = Vec::new();
    match tokio::time::timeout(WAIT, pending_migrations(owner.expose_secret())).await {
        Err(_) => {
            return vec![bad(
                "postgres",
                "DATABASE_URL does not answer within 5 seconds; check host, port and firewall",
            )];
        }
        Ok(Err(error)) => return vec![bad("postgres", format!("DATABASE_URL cannot be used: {error}"))],
        Ok(Ok(pending)) if pending.is_empty() => findings.push(good("migrations", "up to date")),
        Ok(Ok(pending)) => {
            findings.push(bad("migrations", format!("{} pending; run `eventflow migrate`", pending.len())));
            return findings;
        }
    }
    match Db::connect(url.expose_secret(), 1).await {
        Ok(db) => match eventflow_store::db::session_facts(&db).await {
            Ok(facts) if facts.bypasses || facts.owns > 0 => findings.push(bad(
                "postgres",
                "the role ef_app can walk around row-level security; make it NOSUPERUSER NOBYPASSRLS and owner of nothing",
            )),
            Ok(facts) if facts.login_is_superuser => findings.push(bad(
                "postgres",
                "DATABASE_URL logs in as a superuser; make a role that is only a member of ef_app and ef_system, \
                 and give the owner's URL as DATABASE_OWNER_URL",
            )),
            Ok(_) => findings.push(good("postgres", "reachable; row-level security holds")),
            Err(error) => findings.push(bad("postgres", error.to_string())),
        },
        Err(error) => findings.push(bad("postgres", format!("cannot act as ef_app: {error}"))),
    }
    findings
}

async fn redis(config: &Config) -> Finding {
    let Some(url) = &config.redis_url else {
        return match crate::embedded::find_redis() {
            Ok(program) => good("redis", format!("private, {}", program.display())),
            Err(error) => bad("redis", format!("{error:#}")),
        };
    };
    let answer = async { Gate::connect(url.expose_secret(), 1).await?.ping().await };
    match tokio::time::timeout(WAIT, answer).await {
        Ok(Ok(())) => good("redis", "reachable"),
        Ok(Err(error)) => bad("redis", format!("REDIS_URL cannot be used: {error}")),
        Err(_) => bad("redis", "REDIS_URL does not answer within 5 seconds"),
    }
}

fn master_key(config: &Config) -> Finding {
    let file: &Path = &config.data_dir.join("master.key");
    match (&config.master_key, file.is_file(), &config.database_url) {
        (Some(_), ..) => good("master key", "from EVENTFLOW_MASTER_KEY"),
        (None, true, _) => good("master key", format!("in {}; keep a copy in a safe place", file.display())),
        (None, false, None) => good("master key", "made at the first start"),
        (None, false, Some(_)) => bad(
            "master key",
            "set EVENTFLOW_MASTER_KEY (`openssl rand -hex 32`): all servers of one database need the same",
        ),
    }
}

fn payments(config: &Config) -> Vec<Finding> {
    match (&config.stripe_secret_key, config.stripe_webhook_secrets.is_empty()) {
        (None, _) => {
            vec![good("payments", "the Stripe sandbox (test mode); set STRIPE_SECRET_KEY to take real money")]
        }
        (Some(_), false) => vec![good("payments", "Stripe, with webhook secrets")],
        (Some(_), true) => vec![bad(
            "payments",
            "set STRIPE_WEBHOOK_SECRETS: without it, webhooks are refused and orders are settled only by polling",
        )],
    }
}

async fn mail(config: &Config) -> Finding {
    let mailer = match mail::mailer(config) {
        Ok(Some(mailer)) => mailer,
        Ok(None) => {
            return good(
                "mail",
                "off: messages are kept and not sent; set EVENTFLOW_SMTP_URL and EVENTFLOW_MAIL_FROM to send them",
            );
        }
        Err(fault) => return bad("mail", fault),
    };
    match tokio::time::timeout(WAIT, mailer.probe()).await {
        Ok(Ok(())) => good("mail", "the server of EVENTFLOW_SMTP_URL answers"),
        Ok(Err(error)) => bad("mail", format!("EVENTFLOW_SMTP_URL cannot be used: {error}")),
        Err(_) => {
            bad("mail", "EVENTFLOW_SMTP_URL does not answer within 5 seconds; check host, port and firewall")
        }
    }
}

async fn server(config: &Config) -> Finding {
    match tokio::time::timeout(WAIT, ask_ready(config)).await {
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200") => {
            good("server", format!("running on {}", config.listen))
        }
        Ok(Ok(_)) => bad("server", format!("something on {} does not say that it is ready", config.listen)),
        _ => good("server", format!("not running on {}", config.listen)),
    }
}

async fn ask_ready(config: &Config) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(config.listen).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
