//! The words of the author's commands.

use std::fmt::Write as _;

use serde_json::Value;

use super::Recording;
use crate::{Fixture, FixtureError, Outcome, Receipt, Upload, limits};

pub fn upload(upload: &Upload) -> String {
    let manifest = &upload.manifest;
    let hooks: Vec<_> = upload.hooks.iter().map(|(hook, _)| hook.interface()).collect();
    let mut text = format!("{} {}  {}\n", manifest.name, manifest.version, manifest.description);
    let hooks_max = upload.hooks.iter().map(|(hook, _)| hook.upload_bytes_max());
    let bytes_max = hooks_max.min().unwrap_or(limits::UPLOAD_BYTES_MAX);
    let yes = |is: bool| if is { "asked for" } else { "not asked for" };
    for (what, value) in [
        ("hooks", hooks.join(", ")),
        ("imports", upload.imports.join(", ")),
        ("size", format!("{} of {bytes_max} bytes", upload.wasm.len())),
        ("sha256", hex::encode(upload.hash)),
        ("settings", if manifest.config_schema.is_some() { "by schema".into() } else { "none".into() }),
        ("key-value", yes(manifest.key_value).to_owned()),
        (
            "hosts",
            if manifest.http_hosts.is_empty() { "none".into() } else { manifest.http_hosts.join(", ") },
        ),
        ("fixtures", manifest.fixtures.len().to_string()),
    ] {
        let _written = writeln!(text, "  {what:<10} {value}");
    }
    text
}

pub fn call(answer: Option<&Value>, receipt: &Receipt) -> String {
    let mut text = String::new();
    if let Some(answer) = answer {
        let _written = writeln!(text, "{answer:#}");
    }
    if !receipt.detail.is_empty() {
        let _written = writeln!(text, "{}", receipt.detail);
    }
    text + &receipt_text(receipt)
}

/// All of a receipt but its detail.
fn receipt_text(receipt: &Receipt) -> String {
    let mut text = format!(
        "  {}: fuel {} of {}, {} us, {} KiB of memory, {} host calls\n",
        receipt.outcome,
        receipt.fuel,
        receipt.fuel_limit,
        receipt.micros,
        receipt.memory_bytes >> 10,
        receipt.host_calls
    );
    for line in &receipt.log {
        let _written = writeln!(text, "  {:?}: {}", line.level, line.message.replace('\n', "\n    "));
    }
    if receipt.log_cut > 0 {
        let _written = writeln!(text, "  {} lines of the log are cut off", receipt.log_cut);
    }
    text
}

pub fn fixtures(fixtures: &[Fixture], results: &[Result<Receipt, FixtureError>]) -> String {
    let mut text = String::new();
    for (fixture, result) in fixtures.iter().zip(results) {
        match result {
            Ok(receipt) => {
                let max = fixture.max_fuel.map(|max| format!(" of {max}")).unwrap_or_default();
                let _written = writeln!(text, "ok    {:<24} fuel {}{max}", fixture.name, receipt.fuel);
            }
            Err(error) => {
                let _written = writeln!(text, "FAIL  {error}");
                text += &error.receipt.as_deref().map(receipt_text).unwrap_or_default();
            }
        }
    }
    let failed = results.iter().filter(|result| result.is_err()).count();
    text + &format!("{} fixtures, {failed} failed", results.len())
}

/// What differs from the recording, and whether nothing does.
pub fn replay(recorded: &Recording, answer: Option<&Value>, now: &Receipt) -> (String, bool) {
    let mut text = call(answer, now);
    let then = &recorded.receipt;
    let mut differences = Vec::new();
    if (then.outcome, &then.detail) != (now.outcome, &now.detail) {
        differences.push(format!("it ended as {} {}", then.outcome, then.detail));
    }
    if then.outcome == Outcome::Answered && recorded.call.output.as_ref() != answer {
        let output = recorded.call.output.clone().unwrap_or_default();
        differences.push(format!("it answered {output:#}"));
    }
    let is_same_component = then.wasm_sha256 == now.wasm_sha256;
    if is_same_component && then.fuel != now.fuel {
        differences.push(format!("it took {} instructions", then.fuel));
    }
    let component = if is_same_component { "the same component" } else { "another component" };
    if differences.is_empty() {
        text += &format!("the same as recorded, by {component}");
        return (text, true);
    }
    for difference in &differences {
        let _written = writeln!(text, "recorded: {difference}");
    }
    text += &format!("not the same as recorded, by {component}");
    (text, false)
}
