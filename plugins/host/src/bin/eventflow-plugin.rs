//! The author's commands without the server.

use std::process::ExitCode;

use clap::Parser;
use eventflow_plugin_host::author::command::{self, Command};

/// Write, test, measure and upload plugins.
#[derive(Parser)]
#[command(name = "eventflow-plugin", max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    command::main(&Arguments::parse().command)
}
