//! One call of a plugin: a fresh instance, its budgets, and the receipt. Whatever the plugin does is an outcome; nothing of
//! it is an error of the host.

use std::{collections::BTreeMap, fmt, time::Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmtime::{Store, Trap, WasmBacktrace};

use crate::{
    engine::Engine,
    hooks::{HookType, with_hook},
    limits,
    plugin::Plugin,
    settings::Settings,
    state::{LogLine, State, TooManyHostCalls},
    upload::Hook,
};

/// How long whoever calls can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A thread that serves requests: for what most calls of most plugins take, a tenth of a millisecond.
    Short,
    /// A thread that may block.
    Full,
}

/// It would take longer than [`Patience::Short`], and is not called, or was not called to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl Patience {
    fn fuel(self, lines: usize) -> u64 {
        match self {
            Self::Short => limits::fuel(lines).min(limits::FUEL_SHORT),
            Self::Full => limits::fuel(lines),
        }
    }

    const fn ticks(self) -> u64 {
        match self {
            // The clock may tick at once.
            Self::Short => 2,
            Self::Full => limits::DEADLINE_MS / limits::TICK_MS,
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Answered,
    /// The plugin answered with its own error.
    Declined,
    /// It panicked, divided by zero, left its memory, ran out of stack.
    Trapped,
    OutOfFuel,
    /// The deadline passed, which fuel should have prevented.
    OutOfTime,
    OutOfMemory,
    TooManyHostCalls,
    OutputTooLarge,
    /// No UTF-8, a line that is not there, a foreign currency.
    BadOutput,
    /// Not called: more lines than a cart has.
    InputTooLarge,
    /// Not called: the plugin does not have this hook.
    NoSuchHook,
    /// Not called: too many calls at once.
    Busy,
    /// Not called: it failed too often a moment ago.
    Suspended,
}

impl Outcome {
    pub const ALL: [Self; 13] = [
        Self::Answered,
        Self::Declined,
        Self::Trapped,
        Self::OutOfFuel,
        Self::OutOfTime,
        Self::OutOfMemory,
        Self::TooManyHostCalls,
        Self::OutputTooLarge,
        Self::BadOutput,
        Self::InputTooLarge,
        Self::NoSuchHook,
        Self::Busy,
        Self::Suspended,
    ];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Declined => "declined",
            Self::Trapped => "trapped",
            Self::OutOfFuel => "out_of_fuel",
            Self::OutOfTime => "out_of_time",
            Self::OutOfMemory => "out_of_memory",
            Self::TooManyHostCalls => "too_many_host_calls",
            Self::OutputTooLarge => "output_too_large",
            Self::BadOutput => "bad_output",
            Self::InputTooLarge => "input_too_large",
            Self::NoSuchHook => "no_such_hook",
            Self::Busy => "busy",
            Self::Suspended => "suspended",
        }
    }

    /// Whether the plugin is to blame. A plugin that declines works as it should.
    pub const fn is_failure(self) -> bool {
        !matches!(
            self,
            Self::Answered
                | Self::Declined
                | Self::NoSuchHook
                | Self::Busy
                | Self::Suspended
                | Self::InputTooLarge
        )
    }
}

/// As it stands in receipts and in the guide.
impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(formatter)
    }
}

/// What a call took and how it ended. Kept, and shown to organizer and author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub plugin: String,
    pub version: String,
    /// SHA-256 of the component, in hex.
    pub wasm_sha256: String,
    pub hook: Hook,
    pub outcome: Outcome,
    /// The plugin's error, or what went wrong and what to do; empty after an answer.
    pub detail: String,
    /// Instructions taken, and the most that this call could take. Equal for equal input and component.
    pub fuel: u64,
    pub fuel_limit: u64,
    pub micros: u64,
    /// Answered from memory: a look at a cart of which the plugin is told nothing new.
    #[serde(default)]
    pub is_repeated: bool,
    pub memory_bytes: usize,
    pub host_calls: u32,
    pub log: Vec<LogLine>,
    /// Log lines that are cut off.
    pub log_cut: u32,
}

/// The end of a call.
#[derive(Debug, Clone)]
pub struct Call<T> {
    pub receipt: Receipt,
    /// There is one only if the outcome is [`Outcome::Answered`].
    pub answer: Option<T>,
    /// Values to keep for the plugin; an empty one removes its key. Only after an answer.
    pub writes: BTreeMap<String, String>,
}

/// The input is no JSON of the hook's argument.
#[derive(Debug, thiserror::Error)]
#[error("the input does not fit the hook: {0}")]
pub struct InputError(#[from] serde_json::Error);

impl Plugin {
    /// Calls a hook. Blocks for as long as the plugin runs: microseconds as a rule, and never much longer than the
    /// deadline.
    pub fn call<H: HookType>(
        &self,
        engine: &Engine,
        settings: &Settings,
        input: &H::Input,
    ) -> Call<H::Output> {
        self.call_within::<H>(engine, settings, input, Patience::Full)
    }

    /// As [`Plugin::call`]. With little patience a call that takes more has the outcome `OutOfFuel` or `OutOfTime`, which says
    /// nothing about it.
    pub(crate) fn call_within<H: HookType>(
        &self,
        engine: &Engine,
        settings: &Settings,
        input: &H::Input,
        patience: Patience,
    ) -> Call<H::Output> {
        let began = Instant::now();
        let lines = H::lines(input);
        let mut receipt = self.receipt(H::HOOK, limits::fuel(lines));
        if lines > limits::LINES_MAX {
            let detail = format!("{lines} lines; a call is about at most {}", limits::LINES_MAX);
            return receipt.not_called(Outcome::InputTooLarge, detail);
        }
        let Some(export) = self.hooks.get(&H::HOOK) else {
            let detail = format!("the plugin does not export `{}`", H::HOOK.interface());
            return receipt.not_called(Outcome::NoSuchHook, detail);
        };
        let seen = H::seen(&self.manifest, input);
        let input = seen.as_ref().unwrap_or(input);
        let mut store = store(engine, settings, H::WRITES, lines, patience);
        let result = self.pre.instantiate(&mut store).and_then(|instance| {
            let function =
                instance.get_typed_func::<(&H::Input,), (Result<H::Output, String>,)>(&mut store, export)?;
            function.call(&mut store, (input,))
        });
        receipt.micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        receipt.fuel = patience.fuel(lines) - store.get_fuel().unwrap_or(0);
        let state = store.into_data();
        let (outcome, detail, answer) = match result {
            Ok((Ok(output),)) => match H::check(input, &output) {
                Ok(()) => (Outcome::Answered, String::new(), Some(output)),
                Err(problem) => (Outcome::BadOutput, problem, None),
            },
            Ok((Err(text),)) => (Outcome::Declined, text, None),
            Err(error) => {
                let outcome = classify(&error, &state);
                (outcome, explain(outcome, &error, &state, receipt.fuel_limit), None)
            }
        };
        receipt.outcome = outcome;
        receipt.detail = cut(detail);
        receipt.memory_bytes = state.memory.bytes();
        receipt.host_calls = state.host_calls;
        receipt.log = state.log;
        receipt.log_cut = state.log_cut;
        let writes = if answer.is_some() { state.writes } else { BTreeMap::new() };
        Call { receipt, answer, writes }
    }

    /// As [`Plugin::call`], with the argument and the answer as JSON.
    pub fn call_json(
        &self,
        engine: &Engine,
        hook: Hook,
        settings: &Settings,
        input: &Value,
    ) -> Result<Call<Value>, InputError> {
        with_hook!(hook, H => self.call_json_of::<H>(engine, settings, input))
    }

    fn call_json_of<H: HookType>(
        &self,
        engine: &Engine,
        settings: &Settings,
        input: &Value,
    ) -> Result<Call<Value>, InputError> {
        let input = <H::Input as serde::Deserialize>::deserialize(input)?;
        let Call { receipt, answer, writes } = self.call::<H>(engine, settings, &input);
        let answer = answer.map(serde_json::to_value).transpose()?;
        Ok(Call { receipt, answer, writes })
    }

    /// The receipt of a call that has not happened yet.
    pub(crate) fn receipt(&self, hook: Hook, fuel_limit: u64) -> Receipt {
        Receipt {
            plugin: self.manifest.name.clone(),
            version: self.manifest.version.clone(),
            wasm_sha256: hex::encode(self.hash),
            hook,
            outcome: Outcome::Answered,
            detail: String::new(),
            fuel: 0,
            fuel_limit,
            micros: 0,
            is_repeated: false,
            memory_bytes: 0,
            host_calls: 0,
            log: Vec::new(),
            log_cut: 0,
        }
    }
}

impl Receipt {
    pub(crate) fn not_called<T>(self, outcome: Outcome, detail: String) -> Call<T> {
        Call { receipt: Self { outcome, detail, ..self }, answer: None, writes: BTreeMap::new() }
    }
}

/// A store for one call about so many lines.
pub(crate) fn store(
    engine: &Engine,
    settings: &Settings,
    may_write: bool,
    lines: usize,
    patience: Patience,
) -> Store<State> {
    let mut store = Store::new(engine.wasmtime(), State::new(settings.clone(), may_write));
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(limits::output_bytes(lines));
    store.set_epoch_deadline(patience.ticks());
    let _fuel = store.set_fuel(patience.fuel(lines));
    store
}

/// What wasmtime says when a guest hands over more bytes than the store allows. The error's type is private to it.
const TOO_MUCH_DATA: &str = "too much data is being copied between the host and the guest";

fn classify(error: &wasmtime::Error, state: &State) -> Outcome {
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return match trap {
            Trap::OutOfFuel => Outcome::OutOfFuel,
            Trap::Interrupt => Outcome::OutOfTime,
            _ if state.memory.was_refused => Outcome::OutOfMemory,
            _ => Outcome::Trapped,
        };
    }
    if error.is::<TooManyHostCalls>() {
        return Outcome::TooManyHostCalls;
    }
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return Outcome::Busy;
    }
    if error.chain().any(|cause| cause.to_string().starts_with(TOO_MUCH_DATA)) {
        return Outcome::OutputTooLarge;
    }
    Outcome::BadOutput
}

/// What went wrong, where the guest was, and what to do about it.
fn explain(outcome: Outcome, error: &wasmtime::Error, state: &State, fuel_limit: u64) -> String {
    let panic = state.log.last().filter(|line| line.message.starts_with("panicked at"));
    let what = match outcome {
        Outcome::OutOfFuel => format!(
            "all {fuel_limit} instructions of a call of this size are used up. Look for a loop that does not end, or for work that grows with the square of the cart; `eventflow plugin test` shows the fuel of each fixture"
        ),
        Outcome::OutOfTime => "the deadline passed".to_owned(),
        Outcome::OutOfMemory => format!(
            "the plugin asked for more memory than the {} bytes that a call gets: keep fewer or smaller tables and texts",
            limits::MEMORY_BYTES_MAX
        ),
        Outcome::TooManyHostCalls => {
            "log, config and key-value were called too often: read settings once".to_owned()
        }
        Outcome::OutputTooLarge => {
            "the answer is too large: return fewer adjustments and shorter texts".to_owned()
        }
        Outcome::Trapped => match panic {
            // It says the place itself.
            Some(line) => return format!("the plugin {}", line.message.replace('\n', " ")),
            None => format!(
                "the plugin trapped (in JavaScript mostly a missing export, or a value that has not the shape of src/plugin.d.ts): {}",
                causes(error)
            ),
        },
        _ => format!("the answer cannot be read: {}", causes(error)),
    };
    what + &place(error)
}

fn causes(error: &wasmtime::Error) -> String {
    let texts = error.chain().map(ToString::to_string).filter(|text| !text.starts_with(BACKTRACE));
    texts.map(|text| text.replace('\n', " ")).collect::<Vec<_>>().join(": ")
}

/// How a trap begins that says where it was; [`place`] says it shorter.
const BACKTRACE: &str = "error while executing at wasm backtrace";

/// The guest's functions, the innermost first. Engines of other languages have functions without names.
fn place(error: &wasmtime::Error) -> String {
    const FUNCTIONS_MAX: usize = 6;
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let text = trace.to_string();
    if text.contains(WASI) {
        return NO_WASI.to_owned();
    }
    let names = text.lines().filter_map(|line| line.split_once('!')).map(|(_, name)| name);
    let mut names: Vec<&str> = names.filter(|name| !name.starts_with("<wasm function")).collect();
    names.dedup();
    names.truncate(FUNCTIONS_MAX);
    if !names.is_empty() {
        return format!(" (in {})", names.join(", called by "));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => UNNAMED.to_owned(),
        _ => String::new(),
    }
}

/// In the names of functions that look for a file.
const WASI: &str = "__wasilibc_";
const NO_WASI: &str = ". It looked for a file: in Python that is an import below the top of the source, or an exception that nothing caught, whose traceback wants the source. Catch it and raise `componentize_py_types.Err(\"why\")`";

/// What ends a call without a word from the engine of JavaScript.
const UNNAMED: &str = ". In JavaScript that is a hook which `wit/world.wit` has and the source does not export, or an answer with a field that is missing or of another type: `src/plugin.d.ts` has them all";

/// Details are read by people.
fn cut(mut detail: String) -> String {
    const DETAIL_BYTES_MAX: usize = 1_000;
    detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
    detail
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_those_of_json() {
        assert!(Outcome::ALL.iter().all(|outcome| json!(outcome) == outcome.name()));
        assert!(Hook::ALL.iter().all(|hook| json!(hook) == hook.name()));
    }
}
