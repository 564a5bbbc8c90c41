//! The commands as they are typed. The server's binary has them as `eventflow plugin`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Subcommand;

use super::{AuthorError, Server, Template};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin a plugin that builds and passes its test
    New {
        /// 1 to 40 lower-case letters, digits and hyphens; a directory of that name is made
        name: String,
        /// rust, js, or python for notifications
        #[arg(long, default_value = "rust")]
        template: Template,
    },
    /// Make the file to upload
    Build {
        #[arg(default_value = ".")]
        project: PathBuf,
    },
    /// Say what a plugin is: hooks, imports, size, settings
    Inspect(Target),
    /// Make one call and show answer and receipt
    Run {
        /// A fixture, or a receipt as the API answers it
        #[arg(value_name = "INPUT")]
        file: Option<PathBuf>,
        /// The same, by name
        #[arg(long, conflicts_with = "file")]
        input: Option<PathBuf>,
        #[command(flatten)]
        target: Target,
    },
    /// Run the fixtures
    Test(Target),
    /// Run a call again that the platform kept, and compare
    Replay {
        /// A receipt as GET /v1/plugin-receipts/{id} answers it, or its `recording` alone
        receipt: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Call each fixture for two seconds
    Bench(Target),
    /// Upload to a server
    Push {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, clap::Args)]
pub struct Target {
    /// A project, which is built first, or a built .wasm file
    #[arg(long, default_value = ".")]
    plugin: PathBuf,
}

impl Target {
    fn component(&self) -> Result<PathBuf, AuthorError> {
        if self.plugin.is_dir() { super::build(&self.plugin, None) } else { Ok(self.plugin.clone()) }
    }
}

const BENCH_TIME: Duration = Duration::from_secs(2);

/// The whole of a program that does what was typed.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program speaks through both")]
pub fn main(command: &Command) -> ExitCode {
    match run(command) {
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

/// Does what was typed and answers the text to show. An error's text is for people too.
pub fn run(command: &Command) -> Result<String, AuthorError> {
    match command {
        Command::New { name, template } => {
            let project = super::create(Path::new("."), name, *template)?;
            Ok(format!("{} is there; its README.md says how to go on", project.display()))
        }
        Command::Build { project } => Ok(super::build(project, None)?.display().to_string()),
        Command::Inspect(target) => super::inspect(&target.component()?),
        Command::Run { file, input, target } => {
            let input = file.as_ref().or(input.as_ref()).ok_or(AuthorError::NoInput)?;
            super::run(&target.component()?, input)
        }
        Command::Test(target) => super::test(&target.component()?),
        Command::Replay { receipt, target } => super::replay(&target.component()?, receipt),
        Command::Bench(target) => super::bench(&target.component()?, BENCH_TIME),
        Command::Push { target, server } => super::push(&target.component()?, server),
    }
}
