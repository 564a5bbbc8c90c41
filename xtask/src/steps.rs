//! `cargo xtask test` and its fast subset `check`: one table of steps.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::install::{self, Need};
use crate::{
    contract, demo, generators, plugins, process, repository, sdks, stripe_sdks, torture, viewer, widget,
};

/// Crates that must not come into the tree: they bring a second cryptography, or a C library to install.
const BANNED_CRATES: [&str; 6] = ["ring", "openssl", "openssl-sys", "native-tls", "pq-sys", "libpq-sys"];

#[derive(Args, Debug, Default)]
pub struct Options {
    /// Run only these steps
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    only: Vec<String>,
    /// Leave these steps out
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    skip: Vec<String>,
    /// Run the steps after a failed one too
    #[arg(long)]
    keep_going: bool,
    /// Say which steps there are, and run none
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    All,
    Fast,
}

enum Done {
    Passed,
    /// Not run, or not all of it; the reason is printed and repeated in the summary.
    Skipped(String),
}

struct Step {
    name: &'static str,
    about: &'static str,
    /// Part of `cargo xtask check` too.
    fast: bool,
    needs: &'static [&'static [Need]],
    run: fn() -> Result<Done>,
}

const COMPILER: &[&[Need]] = &[&[Need::Compiler]];

const STEPS: &[Step] = &[
    Step { name: "fmt", about: "every file is formatted", fast: true, needs: &[], run: fmt },
    Step { name: "clippy", about: "no warning in any target", fast: true, needs: COMPILER, run: clippy },
    Step {
        name: "wasm",
        about: "core builds for wasm32-unknown-unknown",
        fast: true,
        needs: &[&[Need::WasmTarget]],
        run: wasm,
    },
    Step { name: "unit", about: "unit tests that need no services", fast: true, needs: COMPILER, run: unit },
    Step {
        name: "build",
        about: "every binary, test and example builds",
        fast: false,
        needs: COMPILER,
        run: build,
    },
    Step {
        name: "tests",
        about: "all tests, with the real Postgres and Redis",
        fast: false,
        needs: &[install::SERVER, &[Need::WasmTarget]],
        run: tests,
    },
    Step {
        name: "tree",
        about: "no ring, no OpenSSL, no libpq in the tree",
        fast: false,
        needs: &[],
        run: tree,
    },
    Step {
        name: "deny",
        about: "bans, licences, sources and advisories of dependencies",
        fast: false,
        needs: &[&[Need::CargoDeny]],
        run: deny,
    },
    Step {
        name: "plugins",
        about: "the example plugins have no warnings and become components",
        fast: false,
        needs: &[plugins::NEEDS, plugins::CHECK_NEEDS],
        run: example_plugins,
    },
    Step {
        name: "openapi",
        about: "the committed contract is what the code says, and has all that clients of the released one know",
        fast: false,
        needs: COMPILER,
        run: openapi,
    },
    Step {
        name: "redocly",
        about: "the contract passes redocly's lint and keeps our conventions",
        fast: false,
        needs: &[&[Need::Node]],
        run: redocly,
    },
    Step {
        name: "schemathesis",
        about: "the running API keeps its contract",
        fast: false,
        needs: &[install::SERVER, &[Need::Python], plugins::RUST_NEEDS],
        run: schemathesis,
    },
    Step {
        name: "generators",
        about: "other people's generators make clients of the contract that compile and list events",
        fast: false,
        needs: &[install::SERVER, &[Need::Node, Need::Python]],
        run: generated_clients,
    },
    Step {
        name: "stripe-sdks",
        about: "Stripe's official SDKs against the sandbox",
        fast: false,
        needs: &[&[Need::Node, Need::Python]],
        run: stripe,
    },
    Step {
        name: "torture",
        about: "sales of three seeds while everything breaks: every invariant holds",
        fast: false,
        needs: &[install::SERVER],
        run: torture_check,
    },
    Step {
        name: "mutants",
        about: "the same with a program that is wrong, in eight ways: the checker sees each",
        fast: false,
        needs: &[install::SERVER],
        run: mutants,
    },
    Step {
        name: "failpoints",
        about: "one sale at some of whose points the server dies, once at each",
        fast: false,
        needs: &[install::SERVER],
        run: failpoints,
    },
    Step {
        name: "widget",
        about: "the seat picker builds, is small enough, and its TypeScript is right",
        fast: false,
        needs: &[widget::NEEDS],
        run: widget_check,
    },
    Step {
        name: "e2e",
        about: "seats are bought in a browser: mouse, finger, keyboard, races, axe",
        fast: false,
        needs: &[install::SERVER, widget::NEEDS, &[Need::Chromium]],
        run: e2e,
    },
    Step {
        name: "sdk-js",
        about: "the JavaScript SDK is what the contract says, small, and sells from Node, a page and a worker",
        fast: false,
        needs: &[install::SERVER, &[Need::Node, Need::Chromium]],
        run: sdk_js,
    },
    Step {
        name: "sdk-rust",
        about: "the Rust SDK is what the contract says, and sells, watches and scans through failures",
        fast: false,
        needs: &[install::SERVER],
        run: sdk_rust,
    },
    Step {
        name: "demo",
        about: "a whole sale: hold, pay, ticket, scan, refund, and prices of plugins",
        fast: false,
        needs: &[install::SERVER, plugins::RUST_NEEDS],
        run: demo_check,
    },
];

pub fn run(options: &Options, set: Set) -> Result<()> {
    let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    if let Some(unknown) =
        options.only.iter().chain(&options.skip).find(|name| !known.contains(&name.as_str()))
    {
        bail!("there is no step `{unknown}`; the steps are {}", known.join(", "));
    }
    let chosen: Vec<&Step> = STEPS.iter().filter(|step| options.chooses(step, set)).collect();
    if options.list {
        for step in chosen {
            println!("{:<14} {}", step.name, step.about);
        }
        return Ok(());
    }
    let needs: Vec<Need> = chosen.iter().flat_map(|step| step.needs.concat()).collect();
    install::install(&needs)?;
    let mut results = Vec::new();
    for step in &chosen {
        println!("\n== {}: {}", step.name, step.about);
        let began = Instant::now();
        let done = (step.run)();
        match &done {
            Err(error) => println!("error: {error:#}"),
            Ok(Done::Skipped(reason)) => println!("!!!!!! SKIPPED: {reason}"),
            Ok(Done::Passed) => {}
        }
        let failed = done.is_err();
        results.push((step.name, began.elapsed(), done));
        if failed && !options.keep_going {
            break;
        }
    }
    summarize(&results, chosen.len())
}

impl Options {
    fn chooses(&self, step: &Step, set: Set) -> bool {
        let in_set = match set {
            // `tests` runs the unit tests again, so the whole does not need them apart.
            Set::All => step.name != "unit",
            Set::Fast => step.fast,
        };
        let listed = |names: &[String]| names.iter().any(|name| name == step.name);
        if self.only.is_empty() {
            in_set && !listed(&self.skip)
        } else {
            listed(&self.only) && !listed(&self.skip)
        }
    }
}

fn summarize(results: &[(&str, Duration, Result<Done>)], chosen: usize) -> Result<()> {
    println!("\n{:<14} {:>9}  result", "step", "seconds");
    for (name, time, done) in results {
        let word = match done {
            Ok(Done::Passed) => "ok".to_owned(),
            Ok(Done::Skipped(reason)) => format!("SKIPPED: {reason}"),
            Err(_) => "FAILED".to_owned(),
        };
        println!("{name:<14} {:>9.1}  {word}", time.as_secs_f64());
    }
    let total: f64 = results.iter().map(|(_, time, _)| time.as_secs_f64()).sum();
    println!("{:<14} {total:>9.1}", "in all");
    let failed: Vec<&str> =
        results.iter().filter(|(_, _, done)| done.is_err()).map(|(name, ..)| *name).collect();
    if !failed.is_empty() {
        bail!("failed: {}; not run: {}", failed.join(", "), chosen - results.len());
    }
    Ok(())
}

fn fmt() -> Result<Done> {
    process::run("cargo fmt --check", repository::cargo(&["fmt", "--all", "--", "--check"]))?;
    Ok(Done::Passed)
}

fn clippy() -> Result<Done> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    process::run("cargo clippy", repository::cargo(&arguments))?;
    Ok(Done::Passed)
}

fn wasm() -> Result<Done> {
    let arguments = ["build", "-p", "eventflow-core", "--target", "wasm32-unknown-unknown"];
    process::run("core for wasm32", repository::cargo(&arguments))?;
    Ok(Done::Passed)
}

fn unit() -> Result<Done> {
    process::run(
        "unit tests",
        repository::cargo(&["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]),
    )?;
    Ok(Done::Passed)
}

fn build() -> Result<Done> {
    process::run("cargo build", repository::cargo(&["build", "--workspace", "--all-targets"]))?;
    Ok(Done::Passed)
}

fn tests() -> Result<Done> {
    // Those of the Rust SDK are a step of their own.
    let mut command =
        repository::cargo(&["test", "--workspace", "--no-fail-fast", "--", "--skip", "sdk_rust::"]);
    // The end of the output is what people see: what failed and why, not the frames of the runtime.
    command.env("RUST_BACKTRACE", "0");
    process::run("cargo test", command)?;
    Ok(Done::Passed)
}

fn tree() -> Result<Done> {
    let arguments = [
        "tree",
        "--workspace",
        "--target",
        "all",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let tree = String::from_utf8(process::output(repository::cargo(&arguments))?)?;
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let mut found: Vec<&str> = names.filter(|name| BANNED_CRATES.contains(name)).collect();
    found.sort_unstable();
    found.dedup();
    match found.first() {
        None => Ok(Done::Passed),
        Some(first) => {
            let why = process::output(repository::cargo(&[
                "tree",
                "--workspace",
                "--target",
                "all",
                "--invert",
                first,
            ]))?;
            bail!("in the tree: {}\n{}", found.join(", "), String::from_utf8_lossy(&why));
        }
    }
}

fn deny() -> Result<Done> {
    let deny = |arguments: &[&str]| {
        let program = install::cargo_deny().unwrap_or_else(|| "cargo-deny".into());
        let mut command = std::process::Command::new(program);
        command.args(arguments).current_dir(repository::root());
        command
    };
    process::run("cargo deny check", deny(&["check", "bans", "licenses", "sources"]))?;
    // The database of advisories is a repository elsewhere; a machine without a way to it still runs the rest.
    if let Err(error) = process::output(deny(&["fetch", "db"])) {
        let reason = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
        return Ok(Done::Skipped(format!("advisories: their database cannot be fetched ({reason})")));
    }
    process::run("cargo deny check advisories", deny(&["check", "--disable-fetch", "advisories"]))?;
    Ok(Done::Passed)
}

fn example_plugins() -> Result<Done> {
    plugins::check()?;
    Ok(Done::Passed)
}

fn openapi() -> Result<Done> {
    contract::write_or_check(true)?;
    contract::check_released()?;
    Ok(Done::Passed)
}

fn redocly() -> Result<Done> {
    contract::lint()?;
    Ok(Done::Passed)
}

fn schemathesis() -> Result<Done> {
    contract::schemathesis()?;
    Ok(Done::Passed)
}

fn torture_check() -> Result<Done> {
    torture::check()?;
    Ok(Done::Passed)
}

fn mutants() -> Result<Done> {
    torture::mutants()?;
    Ok(Done::Passed)
}

fn failpoints() -> Result<Done> {
    torture::failpoints()?;
    Ok(Done::Passed)
}

fn generated_clients() -> Result<Done> {
    generators::run()?;
    Ok(Done::Passed)
}

fn stripe() -> Result<Done> {
    Ok(stripe_sdks::run()?.map_or(Done::Passed, Done::Skipped))
}

fn widget_check() -> Result<Done> {
    widget::check()?;
    Ok(Done::Passed)
}

fn e2e() -> Result<Done> {
    widget::build()?;
    viewer::build()?;
    widget::e2e::test()?;
    Ok(Done::Passed)
}

fn sdk_js() -> Result<Done> {
    sdks::test_javascript()?;
    Ok(Done::Passed)
}

fn sdk_rust() -> Result<Done> {
    sdks::test_rust()?;
    Ok(Done::Passed)
}

fn demo_check() -> Result<Done> {
    demo::check_built()?;
    Ok(Done::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &Options, set: Set) -> Vec<&'static str> {
        STEPS.iter().filter(|step| options.chooses(step, set)).map(|step| step.name).collect()
    }

    #[test]
    fn check_is_the_fast_part_of_test() {
        assert_eq!(names(&Options::default(), Set::Fast), ["fmt", "clippy", "wasm", "unit"]);
        let all = names(&Options::default(), Set::All);
        assert_eq!(all.first(), Some(&"fmt"));
        assert_eq!(all.last(), Some(&"demo"));
    }

    #[test]
    fn steps_are_chosen_by_name() {
        let only = Options { only: vec!["demo".to_owned(), "unit".to_owned()], ..Options::default() };
        assert_eq!(names(&only, Set::All), ["unit", "demo"]);
        let skip = Options { skip: vec!["clippy".to_owned()], ..Options::default() };
        assert_eq!(names(&skip, Set::Fast), ["fmt", "wasm", "unit"]);
        let unknown = Options { skip: vec!["clipy".to_owned()], ..Options::default() };
        assert!(run(&unknown, Set::Fast).is_err());
    }
}
