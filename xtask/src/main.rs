//! The commands of this repository. `cargo xtask --help` lists them.
#![expect(clippy::print_stdout, reason = "a command-line program speaks through stdout")]

mod bench;
mod compatibility;
mod contract;
mod demo;
mod fuzz;
mod generators;
mod install;
mod packages;
mod plugins;
mod process;
mod repository;
mod rust_sdk;
mod sdks;
mod steps;
mod stripe_sdks;
mod torture;
mod viewer;
mod widget;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// EventFlow: everything a contributor or a curious stranger runs.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the platform with a demo venue and print every link, key and a curl tour
    Demo(demo::Options),
    /// Everything that CI runs: lints, builds, tests, the contract, the official Stripe SDKs, a whole sale
    Test(steps::Options),
    /// The fast subset of `test`: format, clippy, core for wasm, unit tests without services
    Check(steps::Options),
    /// Write openapi/eventflow.json and openapi/seat-map.schema.json from the code
    Openapi {
        /// Write nothing; fail when the committed contract differs, or breaks clients of the released one
        #[arg(long)]
        check: bool,
        /// Keep the contract as the one of its version, in openapi/released
        #[arg(long, conflicts_with = "check")]
        release: bool,
    },
    /// Fetch the viewer of /docs, into tools/viewer/dist
    Docs,
    /// Write the generated parts of the SDKs from the committed contract
    Codegen {
        /// Write nothing; fail when a committed file differs
        #[arg(long)]
        check: bool,
    },
    /// Build the seat picker that partners embed, into embed-widget/dist
    Widget(widget::Options),
    /// Build the example plugins, into target/plugins
    Plugins {
        /// Check their format and lints too
        #[arg(long)]
        check: bool,
    },
    /// Take pictures of the seat picker, for people to look at
    Screenshots,
    /// Build the release binaries and run the benchmarks; arguments go to `eventflow-bench`
    Bench {
        /// Measure the seat picker in a browser instead, beside pixi.js and konva
        #[arg(long)]
        widget: bool,
        /// Measure plugins instead: their calls, and holds with none, one and three of them
        #[arg(long, conflicts_with = "widget")]
        plugins: bool,
        /// Open the sale of an arena to a crowd of virtual buyers instead; the report goes to docs/benchmarks
        #[arg(long, conflicts_with_all = ["widget", "plugins"])]
        onsale: bool,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
    /// Sell while everything breaks, and check what must be true; arguments go to `eventflow-torture`
    Torture {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
    /// Run the fuzz targets, each for a while; the tests run the same checks on changed samples
    Fuzz(fuzz::Options),
    /// Check this machine and install what the other commands need
    Install {
        /// Only say what is there and what is missing
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => steps::run(&options, steps::Set::All),
        Command::Check(options) => steps::run(&options, steps::Set::Fast),
        Command::Openapi { release: true, .. } => contract::release(),
        Command::Openapi { check, .. } => contract::build_and_update(check),
        Command::Docs => viewer::build(),
        Command::Codegen { check } => sdks::generate(check),
        Command::Widget(options) => widget::run(&options),
        Command::Plugins { check: true } => plugins::check(),
        Command::Plugins { check: false } => plugins::run(),
        Command::Screenshots => widget::e2e::screenshots(),
        Command::Bench { widget: true, arguments, .. } => widget::bench::run(&arguments),
        Command::Bench { plugins: true, arguments, .. } => bench::plugins(&arguments),
        Command::Bench { onsale: true, arguments, .. } => bench::onsale(&arguments),
        Command::Bench { arguments, .. } => bench::run(&arguments),
        Command::Torture { arguments } => torture::run(&arguments),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Install { check: true } => install::report(),
        Command::Install { check: false } => install::install_all(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<install::Missing>() => {
            println!("\n{error}");
            ExitCode::from(2)
        }
        Err(error) => {
            println!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
