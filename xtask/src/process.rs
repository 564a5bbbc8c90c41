//! Running programs so that a person sees what happens: a line that lives while it runs, its seconds when it is done,
//! the end of its output when it fails.

use std::fs::{self, File};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::repository;

/// Lines of one failed test that are shown.
const FAILED_LINES: usize = 60;
const TAIL_LINES: usize = 60;
const POLL: Duration = Duration::from_millis(100);
/// Without a terminal (CI), one line says from time to time that it is still running.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Runs the command; its output goes to `target/xtask/<label>.log`.
pub fn run(label: &str, mut command: Command) -> Result<()> {
    let log = log_path(label)?;
    let output = File::create(&log)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let mut line = Line::new(label);
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None => line.update(&log),
        }
        pause(POLL);
    };
    line.finish(status.success());
    if status.success() {
        return Ok(());
    }
    for failed in failed_tests(&log) {
        println!("{failed}\n");
    }
    println!("{}", tail(&log, TAIL_LINES));
    bail!("{label} failed ({status}); all of its output: {}", log.display())
}

/// What the command printed, or its error output as an error.
pub fn output(mut command: Command) -> Result<Vec<u8>> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        bail!("{program} failed ({}):\n{}", output.status, last_lines(&text, TAIL_LINES));
    }
    Ok(output.stdout)
}

/// The first line a program prints about itself, when it is there and works.
pub fn probe(program: impl AsRef<Path>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program.as_ref()).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The end of a file of text.
pub fn tail(file: &Path, lines: usize) -> String {
    last_lines(&String::from_utf8_lossy(&fs::read(file).unwrap_or_default()), lines)
}

/// What a log in the Test Anything Protocol says of each test that failed: it may stand far above the end.
fn failed_tests(log: &Path) -> Vec<String> {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let begins = lines.iter().enumerate().filter(|(_, line)| line.trim_start().starts_with("not ok "));
    begins
        .map(|(at, _)| {
            let report = lines[at..].iter().take(FAILED_LINES);
            let end = report.clone().position(|line| line.trim() == "...").unwrap_or(FAILED_LINES);
            report.take(end).copied().collect::<Vec<_>>().join("\n")
        })
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "xtask has no async runtime; its main thread may wait")]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn log_path(label: &str) -> Result<PathBuf> {
    let directory = repository::target().join("xtask");
    fs::create_dir_all(&directory)?;
    let name: String = label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Ok(directory.join(format!("{name}.log")))
}

/// One line of progress.
struct Line<'a> {
    label: &'a str,
    began: Instant,
    spoke: Instant,
    terminal: bool,
}

impl Line<'_> {
    fn new(label: &str) -> Line<'_> {
        let terminal = std::io::stdout().is_terminal();
        if !terminal {
            println!("    …  {label}");
        }
        Line { label, began: Instant::now(), spoke: Instant::now(), terminal }
    }

    fn update(&mut self, log: &Path) {
        let every = if self.terminal { Duration::from_millis(500) } else { HEARTBEAT };
        if self.spoke.elapsed() < every {
            return;
        }
        self.spoke = Instant::now();
        let seconds = self.began.elapsed().as_secs();
        let now: String = tail(log, 1).trim().chars().filter(|c| !c.is_control()).take(60).collect();
        if self.terminal {
            print!("\r\x1b[K    …  {} ({seconds} s)  {now}", self.label);
            std::io::stdout().flush().ok();
        } else {
            println!("    …  {} ({seconds} s)  {now}", self.label);
        }
    }

    fn finish(&self, passed: bool) {
        let mark = if passed { "ok" } else { "FAILED" };
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        println!("{clear}{mark:>6} {:7.1} s  {}", self.began.elapsed().as_secs_f64(), self.label);
    }
}
