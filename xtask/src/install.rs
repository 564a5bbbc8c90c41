//! What the commands need of the machine. On Debian and Ubuntu, as root or with passwordless sudo, it is installed;
//! elsewhere the list says exactly what to install.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::{process, repository};

const NODE_OLDEST: u32 = 20;
const POSTGRES_OLDEST: u32 = 15;
const WASM_TARGET: &str = "wasm32-unknown-unknown";
const CARGO_DENY_VERSION: &str = "0.20.2";
const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// A thing that a command can need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Compiler,
    Postgres,
    Pgbench,
    Redis,
    Node,
    Python,
    WasmTarget,
    Chromium,
    CargoDeny,
    CargoFuzz,
    Faketime,
}

/// What runs the server on its embedded default.
pub const SERVER: &[Need] = &[Need::Compiler, Need::Postgres, Need::Redis];

/// One thing the machine must have.
struct Requirement {
    need: Need,
    name: &'static str,
    why: &'static str,
    /// What is there, in one line; `None` when it is missing or too old.
    probe: fn() -> Option<String>,
    source: Source,
}

enum Source {
    /// Packages of Debian and Ubuntu, and what to do when theirs is too old or there is no apt.
    Apt { packages: &'static [&'static str], elsewhere: &'static str },
    /// Installed by us, below the user's toolchain or the target directory.
    Own { install: fn() -> Result<()>, elsewhere: &'static str },
}

const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        need: Need::Compiler,
        name: "C compiler",
        why: "builds aws-lc, the cryptography under TLS and tokens",
        probe: || process::probe("cc", &["--version"]),
        source: Source::Apt {
            packages: &["build-essential"],
            elsewhere: "a C compiler as `cc` (Fedora: gcc; macOS: xcode-select --install)",
        },
    },
    Requirement {
        need: Need::Postgres,
        name: "PostgreSQL 15+",
        why: "the database; the server runs a private one",
        probe: || postgres_program("initdb"),
        source: Source::Apt {
            packages: &["postgresql", "postgresql-contrib"],
            elsewhere: "PostgreSQL 15 or newer with initdb and postgres (older Debian and Ubuntu: \
                        https://wiki.postgresql.org/wiki/Apt; Fedora: postgresql-server; macOS: brew install postgresql@17)",
        },
    },
    Requirement {
        need: Need::Pgbench,
        name: "pgbench",
        why: "measures what Postgres alone can do",
        probe: || postgres_program("pgbench"),
        source: Source::Apt {
            packages: &["postgresql", "postgresql-contrib"],
            elsewhere: "pgbench (Fedora: postgresql-contrib)",
        },
    },
    Requirement {
        need: Need::Redis,
        name: "redis-server",
        why: "the fast gate before the database; the server runs a private one",
        probe: || {
            process::probe("redis-server", &["--version"])
                .or_else(|| process::probe("valkey-server", &["--version"]))
        },
        source: Source::Apt {
            packages: &["redis-server"],
            elsewhere: "redis-server 6.2 or newer, or valkey-server (Fedora: valkey; macOS: brew install redis)",
        },
    },
    Requirement {
        need: Need::Node,
        name: "Node.js 20+ and npm",
        why: "lints the contract, tests the JavaScript SDK, and runs Stripe's official one against the sandbox",
        probe: node,
        source: Source::Apt {
            packages: &["nodejs", "npm"],
            elsewhere: "Node.js 20 or newer with npm (https://nodejs.org/en/download, or on Debian: \
                        curl -fsSL https://deb.nodesource.com/setup_22.x | sudo bash - && sudo apt-get install nodejs)",
        },
    },
    Requirement {
        need: Need::Python,
        name: "Python 3.10+ with venv",
        why: "tests the API against its contract and runs Stripe's official Python SDK against the sandbox",
        probe: python,
        source: Source::Apt {
            packages: &["python3", "python3-venv"],
            elsewhere: "Python 3.10 or newer with the modules venv and ensurepip",
        },
    },
    Requirement {
        need: Need::WasmTarget,
        name: "wasm32 target, rust-src",
        why: "core and the seat picker are built for browsers",
        probe: wasm_target,
        source: Source::Own {
            install: || {
                for arguments in [["target", "add", WASM_TARGET], ["component", "add", "rust-src"]] {
                    let mut command = Command::new("rustup");
                    command.args(arguments).current_dir(repository::root());
                    process::run(&format!("rustup {}", arguments.join(" ")), command)?;
                }
                Ok(())
            },
            elsewhere: WASM_ELSEWHERE,
        },
    },
    Requirement {
        need: Need::Chromium,
        name: "Chromium",
        why: "buys seats in the picker as people do, by mouse, finger and keyboard",
        probe: || process::probe(chromium()?, &["--version"]),
        source: Source::Apt {
            packages: &["chromium"],
            elsewhere: "Chromium or Chrome 126 or newer as `chromium`, `google-chrome` or in CHROMIUM=/path/to/it (Ubuntu: \
                        https://www.google.com/chrome, its own package is a snap; Fedora: chromium; macOS: brew install chromium)",
        },
    },
    Requirement {
        need: Need::Faketime,
        name: "libfaketime",
        why: "gives one of two servers a clock that is off",
        probe: || process::probe("faketime", &["--version"]),
        source: Source::Apt {
            packages: &["faketime"],
            elsewhere: "libfaketime 0.9.10 or newer (Fedora: libfaketime)",
        },
    },
    Requirement {
        need: Need::CargoDeny,
        name: "cargo-deny",
        why: "checks licences, bans, sources and advisories of every dependency",
        probe: || process::probe(cargo_deny()?, &["--version"]),
        source: Source::Own {
            install: || cargo_install("cargo-deny", CARGO_DENY_VERSION),
            elsewhere: "cargo install --locked cargo-deny",
        },
    },
    Requirement {
        need: Need::CargoFuzz,
        name: "cargo-fuzz",
        why: "builds the fuzz targets, instrumented",
        probe: || process::probe(cargo_fuzz()?, &["--version"]),
        source: Source::Own {
            install: || cargo_install("cargo-fuzz", CARGO_FUZZ_VERSION),
            elsewhere: "cargo install --locked cargo-fuzz",
        },
    },
];

/// Tried: the standard library is built from Debian's sources, and linked by rustup's own linker.
const WASM_ELSEWHERE: &str = "rustup target add wasm32-unknown-unknown; rustup component add rust-src\n      \
    where the target cannot be fetched, on Debian:\n      \
    sudo apt-get install rustc-web rust-web-src cargo-web\n      \
    RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \\\n      \
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=\"$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld\" \\\n      \
    /usr/bin/cargo build -p eventflow-core --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort";

/// Something is missing that we may not or cannot install. Printed as it is; exit code 2.
#[derive(Debug)]
pub struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// Makes sure that everything is there. Quick when it is.
pub fn install(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    println!("this machine lacks:");
    for requirement in &missing {
        println!("    {}: {}", requirement.name, requirement.why);
    }
    let mut packages: Vec<&str> = missing
        .iter()
        .flat_map(|requirement| match &requirement.source {
            Source::Apt { packages, .. } => *packages,
            Source::Own { .. } => &[],
        })
        .copied()
        .collect();
    packages.sort_unstable();
    packages.dedup();
    if !packages.is_empty() {
        match apt() {
            Some(apt) => apt.install(&packages)?,
            None => return Err(explain(&missing).into()),
        }
    }
    for requirement in &missing {
        if let Source::Own { install, .. } = requirement.source
            && let Err(error) = install()
        {
            println!("{error:#}");
        }
    }
    match self::missing(needs) {
        still if still.is_empty() => Ok(()),
        still => Err(explain(&still).into()),
    }
}

/// Everything that any command needs.
pub fn install_all() -> Result<()> {
    let needs: Vec<Need> = REQUIREMENTS.iter().map(|requirement| requirement.need).collect();
    install(&needs)
}

/// `cargo xtask install --check`
pub fn report() -> Result<()> {
    let mut missing = Vec::new();
    for requirement in REQUIREMENTS {
        let found = (requirement.probe)();
        println!("{:<24} {}", requirement.name, found.as_deref().unwrap_or("MISSING"));
        println!("{:<24} {}", "", requirement.why);
        if found.is_none() {
            missing.push(requirement);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(explain(&missing).into()) }
}

/// The browser to test with: the one that `CHROMIUM` names, else the first that is in PATH.
pub fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];
    std::env::var_os("CHROMIUM")
        .map(PathBuf::from)
        .into_iter()
        .chain(usual.iter().flat_map(|name| {
            std::env::split_paths(&path).map(move |directory| directory.join(name)).collect::<Vec<_>>()
        }))
        .find(|program| program.is_file())
}

/// The cargo-deny to use: ours, else that of the machine.
pub fn cargo_deny() -> Option<PathBuf> {
    cargo_tool("cargo-deny")
}

/// As [`cargo_deny`].
pub fn cargo_fuzz() -> Option<PathBuf> {
    cargo_tool("cargo-fuzz")
}

fn cargo_tool(name: &str) -> Option<PathBuf> {
    let ours = repository::tools().join("bin").join(name);
    if ours.is_file() {
        return Some(ours);
    }
    process::probe(name, &["--version"]).map(|_| name.into())
}

fn missing(needs: &[Need]) -> Vec<&'static Requirement> {
    REQUIREMENTS
        .iter()
        .filter(|requirement| needs.contains(&requirement.need) && (requirement.probe)().is_none())
        .collect()
}

fn explain(missing: &[&Requirement]) -> Missing {
    let mut text = String::from("please install, then run this again:\n");
    let mut packages = Vec::new();
    for requirement in missing {
        let how = match &requirement.source {
            Source::Apt { packages: wanted, elsewhere } => {
                packages.extend(
                    wanted.iter().filter(|package| !packages.contains(*package)).copied().collect::<Vec<_>>(),
                );
                elsewhere
            }
            Source::Own { elsewhere, .. } => elsewhere,
        };
        text.push_str(&format!("    {}: {how}\n", requirement.name));
    }
    if !packages.is_empty() {
        text.push_str(&format!(
            "Debian, Ubuntu:\n    sudo apt-get install --no-install-recommends {}\n",
            packages.join(" ")
        ));
    }
    Missing(text)
}

/// apt-get, as root or through sudo that asks for no password.
struct Apt {
    sudo: bool,
}

fn apt() -> Option<Apt> {
    process::probe("apt-get", &["--version"])?;
    let root = process::probe("id", &["-u"])? == "0";
    (root || process::probe("sudo", &["-n", "true"]).is_some()).then_some(Apt { sudo: !root })
}

impl Apt {
    fn install(&self, packages: &[&str]) -> Result<()> {
        let update = process::run("apt-get update", self.command(&["update"]));
        let arguments = [&["install", "-y", "--no-install-recommends"], packages].concat();
        let label = format!("apt-get install {}", packages.join(" "));
        process::run(&label, self.command(&arguments)).or_else(|error| match update {
            Ok(()) => Err(error),
            Err(update) => bail!("{error:#}\n(before that: {update:#})"),
        })
    }

    /// No questions; and the services that packages bring are not started, we run our own engines.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(if self.sudo { "sudo" } else { "env" });
        if self.sudo {
            command.args(["-n", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]).args(arguments);
        command
    }
}

/// A program of the PostgreSQL server, in PATH or where distributions hide it.
fn postgres_program(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let hidden = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let fedora = fs::read_dir("/usr").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    std::env::split_paths(&path)
        .chain(hidden)
        .chain(fedora.filter(|path| path.to_string_lossy().contains("/pgsql-")))
        .filter(|directory| directory.join("postgres").is_file())
        .filter_map(|directory| process::probe(directory.join(name), &["--version"]))
        .find(|version| {
            leading_number(version.rsplit(") ").next().unwrap_or(version)) >= Some(POSTGRES_OLDEST)
        })
}

fn node() -> Option<String> {
    let node = process::probe("node", &["--version"])?;
    let npm = process::probe("npm", &["--version"])?;
    (leading_number(node.trim_start_matches('v'))? >= NODE_OLDEST).then(|| format!("node {node}, npm {npm}"))
}

fn python() -> Option<String> {
    let program = "import ensurepip, venv, sys; assert sys.version_info >= (3, 10); print('Python', sys.version.split()[0])";
    process::probe("python3", &["-c", program])
}

fn wasm_target() -> Option<String> {
    let mut command = Command::new("rustc");
    command.args(["--print", "sysroot"]).current_dir(repository::root());
    let sysroot = String::from_utf8(process::output(command).ok()?).ok()?;
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
    let there = libraries.join(WASM_TARGET).is_dir() && libraries.join("src/rust/library").is_dir();
    there.then(|| "installed".to_owned())
}

fn cargo_install(name: &str, version: &str) -> Result<()> {
    let tools = repository::tools();
    let mut command = repository::cargo(&["install", "--locked", name, "--version", version, "--root"]);
    command.arg(&tools).env("CARGO_TARGET_DIR", tools.join("build"));
    process::run(&format!("cargo install {name} (once, some minutes)"), command)?;
    fs::remove_dir_all(tools.join("build")).ok();
    Ok(())
}

fn leading_number(text: &str) -> Option<u32> {
    text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_explained_with_one_apt_line() {
        let missing: Vec<&Requirement> = REQUIREMENTS.iter().collect();
        let text = explain(&missing).to_string();
        assert!(
            text.contains("sudo apt-get install --no-install-recommends build-essential postgresql "),
            "{text}"
        );
        assert_eq!(text.matches(" postgresql ").count(), 1, "{text}");
        assert!(REQUIREMENTS.iter().all(|requirement| text.contains(requirement.name)));
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(leading_number("20.19.0"), Some(20));
        assert_eq!(leading_number("15.8 (Debian)"), Some(15));
        assert_eq!(leading_number("unknown"), None);
    }
}
