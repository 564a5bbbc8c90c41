//! The author's commands without the server.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program speaks through both")]

use std::process::ExitCode;

use clap::Parser;
use eventflow_plugin_host::author::command::{Command, run};

/// Write, test and measure plugins.
#[derive(Parser)]
#[command(name = "eventflow-plugin", max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
