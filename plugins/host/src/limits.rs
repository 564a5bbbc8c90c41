//! Every limit on plugins, once, with its reason. [`TABLE`] is what the author's guide prints.

/// One limit: its name, value, unit and reason.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub name: &'static str,
    pub value: u64,
    pub unit: &'static str,
    pub reason: &'static str,
}

macro_rules! limits {
    ($($(#[doc = $reason:literal])+ $name:ident: $type:ty = $value:expr, $unit:literal;)*) => {
        $($(#[doc = $reason])+ pub const $name: $type = $value;)*
        pub const TABLE: &[Limit] = &[$(Limit {
            name: stringify!($name),
            value: $value as u64,
            unit: $unit,
            reason: concat!($($reason),+),
        }),*];
    };
}

limits! {
    /// JavaScript guests have 1.6 MB; a plugin that is larger compiles for longer than an upload should take.
    UPLOAD_BYTES_MAX: usize = 4 << 20, "bytes";
    /// With no hooks but notification and notice-requests: all of CPython is 19 MB, and messages have time.
    NOTIFICATION_UPLOAD_BYTES_MAX: usize = 24 << 20, "bytes";
    /// Name, schema and fixtures travel with every upload and are read before it is trusted.
    MANIFEST_BYTES_MAX: usize = 256 << 10, "bytes";
    /// Each fixture is a call, and an upload waits for all of them.
    FIXTURES_MAX: usize = 50, "fixtures";
    /// Settings that people write are far smaller; each call may read all of them.
    CONFIG_BYTES_MAX: usize = 64 << 10, "bytes";
    /// One value of the key-value store; a list of 2,000 member codes fits.
    VALUE_BYTES_MAX: usize = 32 << 10, "bytes";
    /// A key is a word, not a document.
    KEY_BYTES_MAX: usize = 200, "bytes";
    /// Values that one call may set: more is a sign of a loop.
    WRITES_MAX: usize = 20, "values per call";

    /// QuickJS needs 1.4 million for a cart of 8 lines, Rust 70,000: this leaves room for real work.
    FUEL: u64 = 10_000_000, "instructions per call";
    /// Work grows with the cart; a fixed budget would break large orders only.
    FUEL_PER_LINE: u64 = 300_000, "instructions per line";
    /// About 10 ms of a loop: nobody waits longer for a price.
    FUEL_MAX: u64 = 100_000_000, "instructions per call";
    /// About a tenth of a millisecond, and ten times what plugins in Rust take: who needs no more is called at once, everybody
    /// else on a thread that may wait.
    FUEL_SHORT: u64 = 1_000_000, "instructions per call";
    /// Only a backstop, for fuel counts no time: on a busy machine an innocent call may stand still this long.
    DEADLINE_MS: u64 = 1_000, "ms per call";
    /// How often the clock of the deadline ticks.
    TICK_MS: u64 = 50, "ms";
    /// JavaScript needs 1.4 MiB, Rust 1.2: this is for tables and texts of the author.
    MEMORY_BYTES_MAX: usize = 16 << 20, "bytes per call";
    /// Functions that a guest calls through pointers.
    TABLE_ELEMENTS_MAX: usize = 10_000, "elements per call";
    /// Deep recursion of an honest parser fits; the stack of the host's thread is larger.
    STACK_BYTES_MAX: usize = 512 << 10, "bytes";
    /// Fuel does not run while the host works, so its calls are counted.
    HOST_CALLS_MAX: u32 = 1_000, "host calls per call";
    /// What a person reads of a receipt.
    LOG_LINES_MAX: usize = 50, "lines per call";
    /// Receipts are kept for weeks.
    LOG_BYTES_MAX: usize = 4 << 10, "bytes per call";
    /// What one call hands over; a guest can point at one long text a thousand times.
    OUTPUT_BYTES: usize = 64 << 10, "bytes per call";
    /// Answers grow with the cart.
    OUTPUT_BYTES_PER_LINE: usize = 2 << 10, "bytes per line";
    /// The largest order of the platform.
    LINES_MAX: usize = 500, "lines per cart";

    /// Changes of a price that a person could still follow.
    ADJUSTMENTS_PER_LINE_MAX: usize = 4, "adjustments per line";
    /// Ten times the price: more is a mistake of the author.
    PERCENT_BPS_MAX: u32 = 100_000, "basis points";
    /// A line of a receipt.
    LABEL_CHARS_MAX: usize = 80, "characters";
    /// A sentence for the organizer.
    REASON_CHARS_MAX: usize = 200, "characters";
    /// A sentence for the buyer.
    TEXT_CHARS_MAX: usize = 500, "characters";
    /// A letter with its HTML.
    BODY_BYTES_MAX: usize = 48 << 10, "bytes";
    /// Messages for one thing that happened.
    MESSAGES_MAX: usize = 20, "messages per notice";
    /// Fields of a wallet's pass.
    FIELDS_MAX: usize = 20, "fields per ticket";
    /// Requests that a call may wait for.
    REQUESTS_MAX: usize = 3, "requests per call";
    /// Answers go into the guest's memory.
    RESPONSE_BYTES_MAX: usize = 128 << 10, "bytes per response";
    /// A partner's server that is slower would be felt at the checkout.
    RESPONSE_TIMEOUT_MS: u64 = 2_000, "ms per response";

    /// Calls that run at once in one process: they are short, and the machine has fewer cores.
    CALLS_AT_ONCE: u32 = 64, "calls";
    /// A tenant whose plugins are slow leaves most of the places to others.
    CALLS_AT_ONCE_PER_TENANT: u32 = 16, "calls";
    /// Calls take a hundredth of it; who still finds no place is told so.
    PLACE_WAIT_MS: u64 = 250, "ms";
    /// Failures among few calls say little.
    BREAKER_CALLS: u32 = 20, "calls";
    /// A plugin that fails every second time is broken.
    BREAKER_FAILURES_PERCENT: u32 = 50, "percent";
    /// Failures are forgotten after it.
    BREAKER_WINDOW_MS: u64 = 60_000, "ms";
    /// How long a broken plugin is left alone before one call tries again.
    BREAKER_OPEN_MS: u64 = 30_000, "ms";

    /// Compiling 1.6 MB of QuickJS takes 1.5 s in a release build; CPython takes 25 s in a debug build, whose compiler is optimized.
    COMPILE_SECS_MAX: u64 = 60, "seconds";
    /// Compiling CPython takes 350 MB, QuickJS 90.
    COMPILE_MEMORY_BYTES_MAX: u64 = 1 << 30, "bytes";
    /// Compiled code is up to four times as large as the upload; CPython has 44 MB.
    COMPILED_BYTES_MAX: usize = 64 << 20, "bytes";
    /// Compiled code of all tenants on one server; the oldest goes first.
    CACHE_BYTES_MAX: u64 = 2 << 30, "bytes";
}

/// [`TABLE`] in Markdown.
pub fn markdown() -> String {
    let rows = TABLE.iter().map(|limit| {
        format!("| `{}` | {} {} | {} |\n", limit.name, limit.value, limit.unit, limit.reason.trim())
    });
    "| limit | value | reason |\n|---|---|---|\n".to_owned() + &rows.collect::<String>()
}

/// Fuel for a call about so many lines.
pub fn fuel(lines: usize) -> u64 {
    let lines = u64::try_from(lines).unwrap_or(u64::MAX);
    FUEL.saturating_add(FUEL_PER_LINE.saturating_mul(lines)).min(FUEL_MAX)
}

/// Bytes that a call about so many lines may hand over at once.
pub fn output_bytes(lines: usize) -> usize {
    OUTPUT_BYTES.saturating_add(OUTPUT_BYTES_PER_LINE.saturating_mul(lines.min(LINES_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_grow_with_the_cart_and_end() {
        assert_eq!(fuel(8), 12_400_000);
        assert_eq!(fuel(usize::MAX), FUEL_MAX);
        assert_eq!(output_bytes(8), (64 << 10) + 8 * (2 << 10));
        assert_eq!(output_bytes(usize::MAX), output_bytes(LINES_MAX));
    }

    /// The guide says what the code does.
    #[test]
    fn the_guide_has_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
        let guide = std::fs::read_to_string(path).unwrap();
        let (before, rest) = guide.split_once("limits.rs -->\n").unwrap();
        let (_, after) = rest.split_once("<!-- end of limits -->").unwrap();
        let expected = format!("{before}limits.rs -->\n{}<!-- end of limits -->{after}", markdown());
        if std::env::var_os("EVENTFLOW_WRITE_GUIDE").is_some() {
            std::fs::write(path, expected).unwrap();
            return;
        }
        assert!(
            guide == expected,
            "plugins/README.md is out of date: run this test with EVENTFLOW_WRITE_GUIDE=1"
        );
    }

    #[test]
    fn every_limit_has_a_reason() {
        assert!(TABLE.iter().all(|limit| limit.value > 0 && limit.reason.len() > 20), "{TABLE:#?}");
    }
}
