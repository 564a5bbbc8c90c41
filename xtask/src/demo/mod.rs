//! `cargo xtask demo`: the whole platform on this machine, with a venue to sell.

pub mod api;
mod plugins;
mod prices;
mod sale;
pub mod seed;
pub mod server;
pub mod site;
mod tour;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use self::seed::Seed;
use self::server::{Ports, Server};
use self::site::{Shop, Site};
use crate::{install, plugins as examples, process, repository, viewer, widget};

/// Lies in every directory that the demo made: only such a directory is ever removed.
const MARKER: &str = ".eventflow-demo";
const DEFAULT_PORT: u16 = 8080;

#[derive(Args, Debug)]
pub struct Options {
    /// Remove the demo's data first and start over
    #[arg(long)]
    fresh: bool,
    /// Sell a seat from end to end, check every step, stop everything. Uses a data directory and ports of its own
    #[arg(long)]
    check: bool,
    /// Where databases, keys and logs lie [default: .eventflow/demo in the checkout; with --check a temporary one]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Port of the API on 127.0.0.1; the Stripe sandbox and the partner's site take the next ones [default: 8080; with
    /// --check free ones]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

pub fn run(options: &Options) -> Result<()> {
    install::install(install::SERVER)?;
    install::install(examples::RUST_NEEDS)?;
    if options.check {
        repository::build_binaries()?;
        return check(options);
    }
    install::install(widget::NEEDS)?;
    widget::build()?;
    viewer::build()?;
    repository::build_binaries()?;
    serve(options)
}

/// The check alone, with binaries that are built already.
pub fn check_built() -> Result<()> {
    check(&Options { fresh: false, check: true, data_dir: None, port: None })
}

fn check(options: &Options) -> Result<()> {
    let temporary = match options.data_dir {
        Some(_) => None,
        None => Some(TemporaryData::new("demo")?),
    };
    let data_dir = match (&options.data_dir, &temporary) {
        (Some(chosen), _) => prepare(chosen, options.fresh)?,
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => unreachable!("without a chosen directory there is a temporary one"),
    };
    let ports = options.port.map_or_else(Ports::free, Ports::from)?;
    let components = examples::build_rust()?;
    let began = Instant::now();
    let server = timed("start the server with its databases", || Server::start(&data_dir, ports))?;
    let sold = timed("seed the demo venue", || Seed::plant(&server, &data_dir)).and_then(|seed| {
        timed("install the plugins", || plugins::install(&server, &seed, &data_dir, &components))?;
        let step: Step<'_> = &|name, step| {
            server::check_interrupt()?;
            timed(name, step)
        };
        sale::run(&server, &seed, step)?;
        prices::run(&server, &seed, step)
    });
    if sold.is_err() {
        println!("the end of the server's log:\n{}", process::tail(server.log(), 30));
    }
    let stopped = timed("stop everything", || server.stop());
    sold.and(stopped)?;
    println!("the whole sale works ({:.1} s)", began.elapsed().as_secs_f64());
    Ok(())
}

fn serve(options: &Options) -> Result<()> {
    let chosen = options.data_dir.clone().map_or_else(default_data_dir, Ok)?;
    let data_dir = prepare(&chosen, options.fresh)?;
    let ports = Ports::from(options.port.unwrap_or(DEFAULT_PORT))?;
    let components = examples::build_rust()?;
    let mut server = timed("start the server with its databases", || Server::start(&data_dir, ports))?;
    let opened = timed("seed the demo venue", || Seed::plant(&server, &data_dir)).and_then(|seed| {
        timed("install the plugins", || plugins::install(&server, &seed, &data_dir, &components))?;
        let site = timed("open the partner's site", || open_site(&server, &seed, &data_dir, ports.site))?;
        tour::print(&server, &seed, &data_dir, &site);
        Ok(())
    });
    if let Err(error) = opened {
        server.stop()?;
        return Err(error);
    }
    while !server::interrupted() {
        if let Some(status) = server.ended()? {
            bail!("the server ended ({status}); its log says:\n{}", process::tail(server.log(), 30));
        }
        process::pause(Duration::from_millis(100));
    }
    println!("\nstopping");
    timed("stop everything", || server.stop())?;
    println!("the data stays in {}; `cargo xtask demo` continues with it", data_dir.display());
    Ok(())
}

/// Serves the partner's site with a key for its origin; returns the origin.
pub fn open_site(server: &Server, seed: &Seed, data_dir: &Path, port: u16) -> Result<String> {
    let site = Site::bind(port)?;
    let origin = site.origin().to_owned();
    site.open(Shop {
        platform: server.url().to_owned(),
        publishable_key: seed.key_for(server, data_dir, &origin)?,
        event_id: seed.concert_id.clone(),
        other_event_id: seed.party_id.clone(),
    })?;
    Ok(origin)
}

/// Runs a named step of a check, and says how it went.
type Step<'a> = &'a dyn Fn(&str, &mut dyn FnMut() -> Result<Value>) -> Result<Value>;

/// Runs one step and prints how it went and how long it took.
fn timed<T>(name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    let done = step();
    let mark = if done.is_ok() { "ok" } else { "FAILED" };
    println!("{mark:>6} {:8.3} s  {name}", began.elapsed().as_secs_f64());
    done.with_context(|| name.to_owned())
}

/// Makes the directory with our marker, or accepts one that has it. With `fresh` such a directory is emptied first.
fn prepare(directory: &Path, fresh: bool) -> Result<PathBuf> {
    let marker = directory.join(MARKER);
    let empty = fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none());
    if !empty && !marker.is_file() {
        bail!(
            "{} is not a directory of the demo (it has no {MARKER}): choose another --data-dir",
            directory.display()
        );
    }
    if fresh && !empty {
        fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    fs::write(&marker, "Made by `cargo xtask demo`; `--fresh` removes this directory.\n")?;
    Ok(directory.canonicalize()?)
}

/// In the checkout; but when root works in a closed home, where the unprivileged databases could not reach it.
fn default_data_dir() -> Result<PathBuf> {
    let root = repository::root().canonicalize()?;
    let open = |directory: &Path| fs::metadata(directory).is_ok_and(|metadata| metadata.mode() & 0o001 != 0);
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) && !root.ancestors().all(open) {
        return Ok(PathBuf::from("/var/lib/eventflow-demo"));
    }
    Ok(root.join(".eventflow/demo"))
}

/// A data directory for one run.
pub struct TemporaryData(PathBuf);

impl TemporaryData {
    pub fn new(name: &str) -> Result<TemporaryData> {
        let path =
            std::env::temp_dir().canonicalize()?.join(format!("eventflow-{name}-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        fs::set_permissions(&path, Permissions::from_mode(0o711))?;
        Ok(TemporaryData(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryData {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_of_the_demo_are_removed() {
        let own = TemporaryData::new("test-marker").unwrap();
        let foreign = own.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("thesis.txt"), "precious").unwrap();
        assert!(prepare(&foreign, true).is_err());
        assert!(foreign.join("thesis.txt").exists());

        let ours = own.path().join("demo");
        prepare(&ours, false).unwrap();
        fs::write(ours.join("old"), "").unwrap();
        prepare(&ours, false).unwrap();
        assert!(ours.join("old").exists());
        prepare(&ours, true).unwrap();
        assert!(!ours.join("old").exists() && ours.join(MARKER).exists());
    }
}
