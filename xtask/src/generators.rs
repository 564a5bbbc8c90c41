//! Generators of other people: each makes a client of the committed contract, the client compiles, and a program of a few
//! lines lists the events of a running platform with it. progenitor has a crate of its own, `sdk-rust`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::contract::{CONTRACT, tenant_keys};
use crate::demo::{
    self,
    api::{Api, random_key, text},
    server::{Ports, Server},
};
use crate::{packages, process, repository};

const TOOLS: &str = "tools/generators";
const EVENT: &str = "Così fan tutte";

/// Every generator; what they write is in `target/generators`.
pub fn run() -> Result<()> {
    let clients = [typescript()?, python()?].concat();
    let data = demo::TemporaryData::new("generators")?;
    let server = Server::start_unlimited(data.path(), Ports::free()?)?;
    let listed = list_with(&server, clients);
    if listed.is_err() {
        println!("the end of the server's log:\n{}", process::tail(server.log(), 20));
    }
    server.stop().and(listed)
}

/// A program that lists events with a generated client.
type Client = (&'static str, Vec<PathBuf>);

fn list_with(server: &Server, clients: Vec<Client>) -> Result<()> {
    let [secret, _] = tenant_keys(server)?;
    make_event(&Api::new(server.url(), &secret))?;
    for (name, arguments) in clients {
        let mut command = Command::new(&arguments[0]);
        command.args(&arguments[1..]).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("EVENTFLOW_URL", server.url()).env("EVENTFLOW_SECRET_KEY", &secret);
        let listed = String::from_utf8(process::output(command).with_context(|| name.to_owned())?)?;
        ensure!(listed.trim() == EVENT, "the client of {name} lists {listed:?}, not {EVENT:?}");
        println!("the client of {name} lists the event");
    }
    Ok(())
}

/// openapi-typescript with openapi-fetch, and hey-api: both are compiled strictly.
fn typescript() -> Result<Vec<Client>> {
    let tools = packages::npm_install("generators", &repository::root().join(TOOLS))?;
    let folder = fresh(&tools, "generated")?;
    // hey-api reads in the settings of the compiler how modules are named.
    for file in ["openapi-typescript.ts", "hey-api.ts", "tsconfig.json"] {
        fs::copy(repository::root().join(TOOLS).join(file), tools.join(file))?;
    }
    let contract = repository::root().join(CONTRACT);
    let program = |name: &str| tools.join("node_modules/.bin").join(name);
    let mut types = Command::new(program("openapi-typescript"));
    types.arg(&contract).arg("-o").arg(folder.join("contract.d.ts"));
    process::run("openapi-typescript", types)?;
    let mut client = Command::new(program("openapi-ts"));
    client.arg("-i").arg(&contract).arg("-o").arg(folder.join("hey-api"));
    client.args(["-c", "@hey-api/client-fetch", "--no-log-file"]).current_dir(&tools);
    process::run("@hey-api/openapi-ts", client)?;
    let mut compiler = Command::new(program("tsc"));
    compiler.args(["-p", "tsconfig.json"]).current_dir(&tools);
    process::run("tsc of the generated clients", compiler)?;
    let compiled = |name: &str| vec!["node".into(), tools.join("compiled").join(name)];
    Ok(vec![
        ("openapi-typescript", compiled("openapi-typescript.js")),
        ("@hey-api/openapi-ts", compiled("hey-api.js")),
    ])
}

fn python() -> Result<Vec<Client>> {
    let source = repository::root().join(TOOLS);
    let tools = packages::pip_install("generators-python", &source.join("requirements.txt"))?;
    let folder = fresh(&tools, "generated")?;
    let mut generator = Command::new(tools.join("bin/openapi-python-client"));
    generator.args(["generate", "--fail-on-warning", "--meta", "none", "--path"]);
    generator
        .arg(repository::root().join(CONTRACT))
        .arg("--config")
        .arg(source.join("openapi-python-client.yaml"));
    generator.arg("--output-path").arg(folder.join("eventflow_client"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::iter::once(tools.join("bin")).chain(std::env::split_paths(&path));
    generator.env("PATH", std::env::join_paths(own)?).current_dir(&folder);
    process::run("openapi-python-client", generator)?;
    let python = tools.join("bin/python");
    let mut compiler = Command::new(&python);
    compiler.args(["-W", "error", "-m", "compileall", "-q"]).arg(&folder);
    process::run("compile the Python client", compiler)?;
    fs::copy(source.join("list_events.py"), folder.join("list_events.py"))?;
    Ok(vec![("openapi-python-client", vec![python, folder.join("list_events.py")])])
}

/// An empty folder beside the tools, where the compiler finds their packages.
fn fresh(tools: &Path, name: &str) -> Result<PathBuf> {
    let folder = tools.join(name);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn make_event(api: &Api) -> Result<()> {
    let make = |path: &str, body| api.post_once(path, &body, &random_key()?);
    let venue = text(&make("/v1/venues", json!({ "name": "Opera", "time_zone": "Europe/Vienna" }))?, "/id")?;
    let document = json!({
        "format": "eventflow.seat-map/1", "name": "Stage",
        "categories": [{ "key": "a", "name": "Standing", "color": "#aa0000" }],
        "ga_areas": [{ "key": "floor", "name": "Floor", "category": "a", "capacity": 100 }],
    });
    let map = json!({ "name": "Stage", "document": document });
    let map = text(&make(&format!("/v1/venues/{venue}/seat-maps"), map)?, "/id")?;
    make(&format!("/v1/seat-maps/{map}/publish"), json!({}))?;
    let event = json!({
        "seat_map_id": map, "name": EVENT,
        "starts_at": "2099-06-01T18:00:00Z", "ends_at": "2099-06-01T21:00:00Z",
    });
    make("/v1/events", event).map(drop)
}
