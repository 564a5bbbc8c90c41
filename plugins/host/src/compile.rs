//! Compiling an upload, in a process of its own: what a compiler does with hostile input must neither take this process's
//! memory nor its time.

use std::{
    io::{self, Read, Write},
    process::{Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use wasmtime::component::Component;

use crate::{
    engine::{self, Engine},
    limits,
    upload::Upload,
};

/// Native code that our own compiler made. Nothing else may make one: running it is as good as running a library.
pub struct Compiled {
    cwasm: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("{0}")]
    Refused(String),
    #[error("compiling took longer than {max} seconds; make the plugin smaller", max = limits::COMPILE_SECS_MAX)]
    TooSlow,
    #[error("compiling took more memory than a plugin gets, or failed: {0}")]
    Failed(String),
    #[error("the compiler could not be run: {0}")]
    Io(#[from] io::Error),
}

impl Compiled {
    /// Compiles in this process: for authors and tests, who trust their own plugin.
    pub fn here(upload: &Upload) -> Result<Self, CompileError> {
        let engine = engine::compiling().map_err(|error| CompileError::Failed(format!("{error:#}")))?;
        let cwasm = engine
            .precompile_component(&upload.wasm)
            .map_err(|error| CompileError::Refused(format!("{error:#}")))?;
        Ok(Self { cwasm })
    }

    /// Compiles in a child: `command` has to start a program that calls [`compiler_main`] and nothing else. It gets no
    /// environment.
    pub fn in_child(mut command: Command, upload: &Upload) -> Result<Self, CompileError> {
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (done, waiting) = mpsc::channel();
        thread::scope(|scope| {
            // A child that refuses its input closes the pipe; its words then say why.
            scope.spawn(|| stdin.map(|mut pipe| pipe.write_all(&upload.wasm)));
            let errors = scope.spawn(|| read_at_most(stderr, 4 << 10));
            scope.spawn(move || done.send(read_at_most(stdout, limits::COMPILED_BYTES_MAX)));
            let cwasm = waiting.recv_timeout(Duration::from_secs(limits::COMPILE_SECS_MAX));
            if cwasm.is_err() {
                child.kill()?;
            }
            let status = child.wait()?;
            let errors = errors.join().unwrap_or_default();
            let errors = String::from_utf8_lossy(&errors).trim().to_owned();
            match cwasm {
                Err(_) => Err(CompileError::TooSlow),
                Ok(cwasm) if status.success() => Ok(Self { cwasm }),
                Ok(_) if status.code() == Some(REFUSED.into()) => Err(CompileError::Refused(errors)),
                Ok(_) => Err(CompileError::Failed(format!("{status} {errors}"))),
            }
        })
    }

    pub(crate) fn from_cache(cwasm: Vec<u8>) -> Self {
        Self { cwasm }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.cwasm
    }

    #[expect(unsafe_code, reason = "wasmtime cannot know who compiled the code that it loads")]
    pub(crate) fn component(&self, engine: &Engine) -> Result<Component, wasmtime::Error> {
        // SAFETY: the bytes come from our own compiler: `Compiled` is made by `here`, by `in_child` from the pipe of our
        // own program, and by `Cache::load`, which compares the SHA-256 of what it wrote. wasmtime itself compares its
        // version, the processor and the configuration.
        unsafe { Component::deserialize(engine.wasmtime(), &self.cwasm) }
    }
}

fn read_at_most(pipe: Option<impl Read>, max: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let max = u64::try_from(max).unwrap_or(u64::MAX);
    // A pipe that breaks leaves too few bytes, which the child's status explains.
    let _read = pipe.map(|pipe| pipe.take(max).read_to_end(&mut bytes));
    bytes
}

/// The exit code of a compiler that understood its input and refuses it.
const REFUSED: u8 = 3;

/// The whole program of the child: a component on stdin, its native code on stdout, or a reason on stderr.
pub fn compiler_main() -> ExitCode {
    match compile_stdin() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _written = writeln!(io::stderr(), "{error}");
            ExitCode::from(if matches!(error, CompileError::Refused(_)) { REFUSED } else { 1 })
        }
    }
}

fn compile_stdin() -> Result<(), CompileError> {
    limit_self()?;
    let wasm = read_at_most(Some(io::stdin().lock()), limits::NOTIFICATION_UPLOAD_BYTES_MAX + 1);
    let upload = Upload::read(&wasm).map_err(|error| CompileError::Refused(error.to_string()))?;
    let compiled = Compiled::here(&upload)?;
    io::stdout().lock().write_all(compiled.bytes())?;
    Ok(())
}

/// Memory and processor time of this process, from now on; and no dump of it when it breaks them.
#[cfg(unix)]
fn limit_self() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    for (resource, max) in [
        (Resource::As, reserved_bytes() + limits::COMPILE_MEMORY_BYTES_MAX),
        (Resource::Cpu, limits::COMPILE_SECS_MAX),
        (Resource::Core, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(max), maximum: Some(max) })?;
    }
    Ok(())
}

/// Addresses that this process has before it begins: the server's allocator takes a gigabyte of them at its start, which
/// would leave nothing. 0 where the system does not say.
#[cfg(unix)]
fn reserved_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kib = size.and_then(|size| size.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

#[cfg(not(unix))]
fn limit_self() -> io::Result<()> {
    Ok(())
}
