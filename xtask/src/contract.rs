//! The contract: written from the code, compared with what is committed, linted, and tried against a running server.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use serde_json::json;

use crate::demo::{
    self,
    api::{Api, random_key, text},
    server::Server,
};
use crate::{packages, plugins, process, repository};

const CONTRACT: &str = "openapi/eventflow.json";
const SEAT_MAPS: &str = "openapi/seat-map.schema.json";
const TOOLS: &str = "tools/contract";

/// `cargo xtask openapi`
pub fn build_and_update(check: bool) -> Result<()> {
    repository::build_binaries()?;
    write_or_check(check)
}

/// Compares what is committed with what the code says. With `check` a difference is an error, else it is written.
pub fn write_or_check(check: bool) -> Result<()> {
    for (path, arguments) in [(CONTRACT, &["openapi"][..]), (SEAT_MAPS, &["openapi", "--seat-map"])] {
        let mut command = Command::new(repository::binary("eventflow"));
        command.args(arguments).current_dir(repository::root());
        let generated = process::output(command)?;
        serde_json::from_slice::<serde_json::Value>(&generated)
            .with_context(|| format!("`eventflow {}` does not print JSON", arguments.join(" ")))?;
        let file = repository::root().join(path);
        let committed = fs::read(&file).unwrap_or_default();
        if committed == generated {
            println!("{path} is up to date");
        } else if check {
            let place = difference(&committed, &generated);
            bail!("{path} differs from the code {place}: run `cargo xtask openapi` and commit it");
        } else {
            fs::create_dir_all(file.parent().expect("the contract lies in a directory"))?;
            fs::write(&file, &generated)?;
            println!("{path} written");
        }
    }
    Ok(())
}

/// Redocly, pinned by tools/contract/package-lock.json.
pub fn lint() -> Result<()> {
    let redocly =
        packages::npm_install("contract", &repository::root().join(TOOLS))?.join("node_modules/.bin/redocly");
    let mut command = Command::new(redocly);
    command
        .args(["lint", CONTRACT, "--config", "tools/contract/redocly.yaml"])
        .current_dir(repository::root());
    command.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    process::run("redocly lint", command)
}

/// Schemathesis against a server of its own with a tenant of its own: once with the secret key, once with the
/// publishable one. `tools/contract/hooks.py` makes what the requests speak of. Before it, a webhook of that server is
/// verified with the official package of Standard Webhooks.
pub fn schemathesis() -> Result<()> {
    let tools = repository::root().join(TOOLS);
    let python = packages::pip_install("schemathesis", &tools.join("requirements.txt"))?.join("bin");
    let program = python.join("schemathesis");
    // What the hooks upload.
    let plugin = plugins::build_rust()?.join("hello.wasm");
    let data = demo::TemporaryData::new("schemathesis")?;
    let server = Server::start_unlimited(data.path(), demo::server::Ports::free()?)?;
    let tried = tenant_keys(&server).and_then(|[secret, publishable]| {
        webhook(&python.join("python"), &server, &secret)?;
        let bootstrap = server.bootstrap_token();
        let program = Program { schemathesis: &program, plugin: &plugin };
        try_with(program, &server, "secret key", &secret, [&secret, bootstrap], &[])?;
        // What a publishable key may not call answers 403; the sweeps of the API's tests see to that.
        let operations = operations_for("publishable_key")?;
        try_with(program, &server, "publishable key", &secret, [&publishable, bootstrap], &operations)
    });
    if tried.is_err() {
        println!("the end of the server's log:\n{}", process::tail(server.log(), 20));
    }
    server.stop().and(tried)
}

/// `tools/contract/webhooks.py`
fn webhook(python: &Path, server: &Server, secret: &str) -> Result<()> {
    let mut command = Command::new(python);
    command
        .arg(format!("{TOOLS}/webhooks.py"))
        .current_dir(repository::root())
        .env("EVENTFLOW_URL", server.url())
        .env("EVENTFLOW_SECRET_KEY", secret);
    process::run("a webhook, verified in Python", command)
}

/// The keys of a new tenant: the secret one and the publishable one.
fn tenant_keys(server: &Server) -> Result<[String; 2]> {
    let body = json!({
        "name": "Contract", "currency": "EUR", "time_zone": "Europe/Berlin",
        "owner": { "email": "ada@example.org", "name": "Ada Lovelace" },
        "origins": ["https://tickets.example.org", "https://shop.example"],
    });
    let api = Api::new(server.url(), server.bootstrap_token());
    let made = api.post_once("/v1/tenants", &body, &random_key()?)?;
    Ok([text(&made, "/secret_key")?, text(&made, "/publishable_key")?])
}

/// The ids of the operations that take a kind of credential.
fn operations_for(scheme: &str) -> Result<Vec<String>> {
    let contract: serde_json::Value = serde_json::from_slice(&fs::read(repository::root().join(CONTRACT))?)?;
    let paths = contract["paths"].as_object().context("the contract has no paths")?;
    let operations = paths.values().filter_map(|path| path.as_object()).flat_map(|path| path.values());
    let takes = |operation: &&serde_json::Value| {
        operation["security"].as_array().is_some_and(|ways| ways.iter().any(|way| way.get(scheme).is_some()))
    };
    Ok(operations
        .filter(takes)
        .filter_map(|operation| operation["operationId"].as_str())
        .map(str::to_owned)
        .collect())
}

/// What is run, and the component that its hooks upload.
#[derive(Clone, Copy)]
struct Program<'a> {
    schemathesis: &'a Path,
    plugin: &'a Path,
}

/// One run over all operations, or those named. `secret` is for the hooks, the two credentials for the requests of
/// schemathesis itself.
fn try_with(
    program: Program<'_>,
    server: &Server,
    name: &str,
    secret: &str,
    credentials: [&str; 2],
    operations: &[String],
) -> Result<()> {
    let mut command = Command::new(program.schemathesis);
    let config = format!("{TOOLS}/schemathesis.toml");
    command.args(["--config-file", &config, "run", CONTRACT, "--url", server.url()]);
    for operation in operations {
        command.args(["--include-operation-id", operation]);
    }
    command
        .current_dir(repository::root())
        .env("EVENTFLOW_URL", server.url())
        .env("EVENTFLOW_SECRET_KEY", secret)
        .env("EVENTFLOW_KEY", credentials[0])
        .env("EVENTFLOW_BOOTSTRAP_KEY", credentials[1])
        .env("EVENTFLOW_PLUGIN", program.plugin)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Its example database must not fill the checkout.
        .env("HYPOTHESIS_STORAGE_DIRECTORY", repository::target().join("xtask/hypothesis"));
    process::run(&format!("schemathesis with the {name}"), command)
}

/// Where two texts part: a line number and both lines.
fn difference(committed: &[u8], generated: &[u8]) -> String {
    let (committed, generated) = (String::from_utf8_lossy(committed), String::from_utf8_lossy(generated));
    let (mut old, mut new) = (committed.lines(), generated.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (old, new) if old != new => {
                let show = |line: Option<&str>| {
                    line.map_or("<end>".to_owned(), |line| line.trim().chars().take(100).collect())
                };
                return format!(
                    "at line {number}:\n  committed: {}\n  code:      {}\n",
                    show(old),
                    show(new)
                );
            }
            _ => {}
        }
    }
    "in its line ends".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(difference(b"a\nb\n", b"a\nc\n"), "at line 2:\n  committed: b\n  code:      c\n");
        assert_eq!(difference(b"", b"a"), "at line 1:\n  committed: <end>\n  code:      a\n");
    }
}
