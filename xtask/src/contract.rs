//! The contract: written from the code, compared with what is committed, linted, and tried against a running server.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use serde_json::{Value, json};

use crate::demo::{
    self,
    api::{Api, random_key, text},
    server::Server,
};
use crate::{compatibility, packages, plugins, process, repository};

pub const CONTRACT: &str = "openapi/eventflow.json";
/// The contract of each released version, as it was.
const RELEASED: &str = "openapi/released";
const SEAT_MAPS: &str = "openapi/seat-map.schema.json";
const TOOLS: &str = "tools/contract";
const BROKEN: &str = "tools/contract/broken.json";
/// Our rules, and those that look at examples.
const CONVENTIONS: [&str; 7] = [
    "conventions/operations",
    "conventions/problems",
    "conventions/members",
    "conventions/currencies",
    "conventions/bounds",
    "conventions/pages",
    "no-invalid-schema-examples",
];

/// `cargo xtask openapi`
pub fn build_and_update(check: bool) -> Result<()> {
    repository::build_binaries()?;
    write_or_check(check)?;
    check_released()
}

/// `cargo xtask openapi --release`: keeps the committed contract under its version.
pub fn release() -> Result<()> {
    build_and_update(true)?;
    let contract = fs::read(repository::root().join(CONTRACT))?;
    let version = version_of(&serde_json::from_slice(&contract)?)?;
    let file = repository::root().join(RELEASED).join(format!("{version}.json"));
    if fs::read(&file).is_ok_and(|kept| kept != contract) {
        bail!("{version} is released already, with another contract: raise the version in Cargo.toml first");
    }
    fs::write(&file, &contract)?;
    println!("{} written", file.display());
    Ok(())
}

/// Fails when clients of the last released contract would miss something in the committed one. A new major version may
/// break them, and before 1.0 a new minor one.
pub fn check_released() -> Result<()> {
    let contract: Value = serde_json::from_slice(&fs::read(repository::root().join(CONTRACT))?)?;
    let version = version_of(&contract)?;
    let (last, released) = last_released()?;
    let found = compatibility::breaks(&released, &contract);
    if found.is_empty() {
        println!("{CONTRACT} has all that clients of {} know", shown(last));
        return Ok(());
    }
    let report: Vec<String> = found.iter().map(|broken| format!("  {broken}")).collect();
    let report = report.join("\n");
    if may_break(last, version_numbers(&version)?) {
        println!("{version} breaks clients of {}; say so in the changelog:\n{report}", shown(last));
        return Ok(());
    }
    bail!(
        "the contract breaks clients of {} in {} places:\n{report}\nKeep what was there beside what is new. If it has to \
         go, raise the version in Cargo.toml: the major one, or before 1.0 the minor one.",
        shown(last),
        found.len()
    )
}

type Version = [u32; 3];

fn may_break(released: Version, present: Version) -> bool {
    released[0] != present[0] || (present[0] == 0 && released[1] != present[1])
}

fn last_released() -> Result<(Version, Value)> {
    let mut last = None;
    for entry in fs::read_dir(repository::root().join(RELEASED))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        last = last.max(Some((version_numbers(&name)?, path)));
    }
    let (version, path) = last.with_context(|| format!("{RELEASED} has no contract"))?;
    Ok((version, serde_json::from_slice(&fs::read(path)?)?))
}

fn version_of(contract: &Value) -> Result<String> {
    text(contract, "/info/version")
}

fn version_numbers(text: &str) -> Result<Version> {
    let numbers: Vec<u32> = text.split('.').map(str::parse).collect::<Result<_, _>>().unwrap_or_default();
    numbers.try_into().ok().with_context(|| format!("{text} is no version, as 1.2.3"))
}

fn shown(version: Version) -> String {
    version.map(|number| number.to_string()).join(".")
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

/// Redocly, pinned by tools/contract/package-lock.json, with its rules and ours; and ours against a contract that breaks
/// each of them, so that a rule that finds nothing any more is noticed.
pub fn lint() -> Result<()> {
    let redocly =
        packages::npm_install("contract", &repository::root().join(TOOLS))?.join("node_modules/.bin/redocly");
    let lint = |contract: &str| {
        let mut command = Command::new(&redocly);
        command.args(["lint", contract, "--config", "tools/contract/redocly.yaml"]);
        command.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        command.current_dir(repository::root());
        command
    };
    process::run("redocly lint", lint(CONTRACT))?;
    let broken = lint(BROKEN).arg("--format=json").output()?;
    let report: Value = serde_json::from_slice(&broken.stdout).context("redocly prints no report")?;
    let found: Vec<&str> =
        report["problems"].as_array().into_iter().flatten().filter_map(|p| p["ruleId"].as_str()).collect();
    let blind: Vec<&str> = CONVENTIONS.into_iter().filter(|rule| !found.contains(rule)).collect();
    if !blind.is_empty() {
        bail!("these rules find nothing in {BROKEN}: {}", blind.join(", "));
    }
    Ok(())
}

/// Schemathesis against a server of its own with a tenant of its own, once for each role: the owner at length and along
/// the links, the others with less of everything. `tools/contract/hooks.py` makes what the requests speak of. Before it, a
/// webhook of that server is verified with the official package of Standard Webhooks.
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
        let try_as = |name: &str, key: &str, arguments: &[String]| {
            try_with(program, &server, name, &secret, [key, bootstrap], arguments)
        };
        try_as("the owner's key", &secret, &[])?;
        let api = Api::new(server.url(), &secret);
        // What a credential may not call answers 403; the sweeps of the API's tests see to that.
        for role in ["admin", "staff"] {
            let (key, permissions) = key_of(&api, role)?;
            let may = |operation: &Value| {
                takes(operation, "secret_key") && permissions.contains(&operation["x-permission"])
            };
            try_as(&format!("a key of {role}"), &key, &brief(&operations_that(may)?))?;
        }
        for (name, key, scheme) in [
            ("the publishable key", publishable, "publishable_key"),
            ("a device", device(&api)?, "device_token"),
        ] {
            try_as(name, &key, &brief(&operations_that(|operation| takes(operation, scheme))?))?;
        }
        Ok(())
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
pub fn tenant_keys(server: &Server) -> Result<[String; 2]> {
    let body = json!({
        "name": "Contract", "currency": "EUR", "time_zone": "Europe/Berlin",
        "owner": { "email": "ada@example.org", "name": "Ada Lovelace" },
        "origins": ["https://tickets.example.org", "https://shop.example"],
    });
    let api = Api::new(server.url(), server.bootstrap_token());
    let made = api.post_once("/v1/tenants", &body, &random_key()?)?;
    Ok([text(&made, "/secret_key")?, text(&made, "/publishable_key")?])
}

/// Fewer cases, of the operations named: the walk along the links is the owner's.
fn brief(operations: &[String]) -> Vec<String> {
    let mut arguments = ["--phases", "examples,fuzzing", "--max-examples", "2"].map(str::to_owned).to_vec();
    for operation in operations {
        arguments.extend(["--include-operation-id".to_owned(), operation.clone()]);
    }
    arguments
}

/// A key with the permissions of a role, and those.
fn key_of(api: &Api, role: &str) -> Result<(String, Vec<Value>)> {
    let roles = api.get("/v1/roles")?;
    let found = roles["data"].as_array().into_iter().flatten().find(|found| found["role"] == role);
    let permissions = found.and_then(|found| found["permissions"].as_array()).context("no such role")?;
    let scopes: Vec<Value> = permissions.iter().map(|permission| permission["permission"].clone()).collect();
    let body = json!({ "kind": "secret", "name": role, "scopes": scopes });
    Ok((text(&api.post_once("/v1/api-keys", &body, &random_key()?)?, "/token")?, scopes))
}

/// The token of a scanner, at a list of an event of its own.
fn device(api: &Api) -> Result<String> {
    let event = api.get("/v1/events?limit=1")?;
    let body = json!({ "event_id": text(&event, "/data/0/id")?, "name": "The door of schemathesis" });
    let list = text(&api.post_once("/v1/check-in-lists", &body, &random_key()?)?, "/id")?;
    let path = format!("/v1/check-in-lists/{list}/devices");
    let body = json!({ "name": "Scanner", "gate": "North" });
    text(&api.post_once(&path, &body, &random_key()?)?, "/token")
}

/// The ids of some operations of the contract.
fn operations_that(fits: impl Fn(&Value) -> bool) -> Result<Vec<String>> {
    let contract: Value = serde_json::from_slice(&fs::read(repository::root().join(CONTRACT))?)?;
    let paths = contract["paths"].as_object().context("the contract has no paths")?;
    let operations = paths.values().filter_map(Value::as_object).flat_map(|path| path.values());
    let ids = operations
        .filter(|operation| fits(operation))
        .filter_map(|operation| operation["operationId"].as_str());
    Ok(ids.map(str::to_owned).collect())
}

/// Whether an operation takes a kind of credential.
fn takes(operation: &Value, scheme: &str) -> bool {
    operation["security"].as_array().is_some_and(|ways| ways.iter().any(|way| way.get(scheme).is_some()))
}

/// What is run, and the component that its hooks upload.
#[derive(Clone, Copy)]
struct Program<'a> {
    schemathesis: &'a Path,
    plugin: &'a Path,
}

/// One run. `secret` is for the hooks, the two credentials for the requests of schemathesis itself.
fn try_with(
    program: Program<'_>,
    server: &Server,
    name: &str,
    secret: &str,
    credentials: [&str; 2],
    arguments: &[String],
) -> Result<()> {
    let mut command = Command::new(program.schemathesis);
    let config = format!("{TOOLS}/schemathesis.toml");
    command.args(["--config-file", &config, "run", CONTRACT, "--url", server.url()]);
    command.args(arguments);
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
    process::run(&format!("schemathesis with {name}"), command)
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
    fn only_a_version_that_says_so_may_break() {
        let numbers = |text| version_numbers(text).unwrap();
        assert!(
            may_break(numbers("0.1.9"), numbers("0.2.0")) && may_break(numbers("0.9.0"), numbers("1.0.0"))
        );
        assert!(
            !may_break(numbers("0.1.0"), numbers("0.1.1")) && !may_break(numbers("1.1.0"), numbers("1.2.0"))
        );
        assert!(numbers("0.10.0") > numbers("0.9.1"));
        for nonsense in ["", "1.2", "1.2.x", "v1.2.3"] {
            assert!(version_numbers(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(difference(b"a\nb\n", b"a\nc\n"), "at line 2:\n  committed: b\n  code:      c\n");
        assert_eq!(difference(b"", b"a"), "at line 1:\n  committed: <end>\n  code:      a\n");
    }
}
