//! Plugins that mean harm. Each is cut with the right outcome, and the next call works.

use std::sync::LazyLock;

use eventflow_plugin_host::{Outcome, Plugin, Receipt, Settings, SettingsError, hooks::Pricing, limits};
use serde_json::{Value, json};

use crate::support::{adjustment_at_2048, cart, engine, example, load, pricing, pricing_with, quote};

/// Calls it, then an honest plugin, then it once more: nothing is left over.
fn cut(wasm: &[u8]) -> Receipt {
    static HONEST: LazyLock<Plugin> = LazyLock::new(|| load(&example("hello")));
    let hostile = load(wasm);
    let receipt = quote(&hostile, &cart(8)).receipt;
    assert_eq!(quote(&HONEST, &cart(8)).receipt.outcome, Outcome::Answered);
    let again = quote(&hostile, &cart(8)).receipt;
    assert_eq!(Receipt { micros: 0, ..again }, Receipt { micros: 0, ..receipt.clone() });
    receipt
}

fn outcome(body: &str) -> Outcome {
    cut(&pricing(body)).outcome
}

#[test]
fn an_honest_one_in_text() {
    let body = format!("{} (call $ok (i32.const 2048) (i32.const 1))", adjustment_at_2048(-500, 64, 4));
    let plugin = load(&pricing_with("(data (i32.const 64) \"Text\")", &body));
    let call = quote(&plugin, &cart(8));
    assert_eq!(
        serde_json::to_value(call.answer).unwrap(),
        json!([
            { "change": { "percent_bps": -500 }, "label": "Text", "reason": "" }
        ])
    );
}

#[test]
fn a_loop_without_end() {
    let receipt = cut(&pricing("(loop $again (br $again)) unreachable"));
    assert_eq!(receipt.outcome, Outcome::OutOfFuel);
    assert_eq!((receipt.fuel, receipt.fuel_limit), (limits::fuel(8), limits::fuel(8)));
    assert!(receipt.detail.contains("loop that does not end"), "{}", receipt.detail);
}

#[test]
fn recursion_without_end() {
    assert_eq!(outcome("(call $quote (local.get $cart))"), Outcome::Trapped);
}

#[test]
fn more_memory_than_there_is() {
    let greedy = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))";
    let receipt = cut(&pricing(&format!("{greedy} unreachable")));
    assert_eq!(receipt.outcome, Outcome::OutOfMemory);
    let receipt = cut(&pricing(&format!("{greedy} (call $ok (i32.const 0) (i32.const 0))")));
    assert_eq!(receipt.outcome, Outcome::Answered, "who does with less may live");
    assert!(receipt.memory_bytes <= limits::MEMORY_BYTES_MAX, "{}", receipt.memory_bytes);
}

#[test]
fn tables_without_end() {
    let grow = "(loop $again (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))";
    let receipt =
        cut(&pricing_with("(table $t 1 funcref)", &format!("{grow} (call $ok (i32.const 0) (i32.const 0))")));
    assert_eq!(receipt.outcome, Outcome::Answered);
}

#[test]
fn memory_filled_again_and_again() {
    let body =
        "(loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (br $again)) unreachable";
    assert_eq!(outcome(body), Outcome::OutOfFuel);
}

/// What costs little fuel and much time ends too: by the clock, if not by fuel.
#[test]
fn a_slow_instruction_again_and_again() {
    let slow = load(&pricing(
        "(drop (memory.grow (i32.const 200)))
         (loop $again (memory.fill (i32.const 65536) (local.get $n) (i32.const 13000000)) (br $again)) unreachable",
    ));
    let began = std::time::Instant::now();
    let outcome = quote(&slow, &cart(8)).receipt.outcome;
    assert!(matches!(outcome, Outcome::OutOfFuel | Outcome::OutOfTime), "{outcome:?}");
    assert!(began.elapsed().as_millis() < 10 * u128::from(limits::DEADLINE_MS), "{:?}", began.elapsed());
}

#[test]
fn traps() {
    for body in [
        "unreachable",
        "(drop (i32.div_u (i32.const 1) (local.get $n))) unreachable",
        "(drop (i32.load (i32.const -4))) unreachable",
        "(drop (i32.trunc_f64_s (f64.const nan))) unreachable",
    ] {
        assert_eq!(outcome(body), Outcome::Trapped, "{body}");
    }
}

#[test]
fn a_flood_of_log_lines() {
    let receipt = cut(&pricing(
        "(loop $again (call $log (i32.const 1) (i32.const 64) (i32.const 1000)) (br $again)) unreachable",
    ));
    assert_eq!(receipt.outcome, Outcome::TooManyHostCalls);
    assert_eq!(receipt.log.iter().map(|line| line.message.len()).sum::<usize>(), limits::LOG_BYTES_MAX);
    assert!(receipt.log_cut > 900 && receipt.host_calls == limits::HOST_CALLS_MAX + 1);
}

#[test]
fn a_flood_of_calls() {
    let body = "(loop $again (call $config_get (i32.const 64) (i32.const 4) (i32.const 128)) (br $again)) unreachable";
    assert_eq!(outcome(body), Outcome::TooManyHostCalls);
}

#[test]
fn answers_without_end() {
    // A hundred thousand adjustments at one place, each with a label of a hundred kilobytes.
    let many = format!("{} (call $ok (i32.const 2048) (i32.const 1))", adjustment_at_2048(-500, 0, 100_000));
    assert_eq!(outcome(&many), Outcome::OutputTooLarge);
    let aliased = "(call $ok (i32.const 2048) (i32.const 2000))";
    assert_eq!(outcome(aliased), Outcome::OutputTooLarge);
    assert_eq!(outcome("(call $err (i32.const 0) (i32.const 120000))"), Outcome::OutputTooLarge);
    let logged =
        "(call $log (i32.const 1) (i32.const 0) (i32.const 120000)) (call $ok (i32.const 0) (i32.const 0))";
    assert_eq!(outcome(logged), Outcome::OutputTooLarge);
    // Beyond its own memory.
    assert_eq!(outcome("(call $ok (i32.const 2048) (i32.const 1000000000))"), Outcome::BadOutput);
    assert_eq!(outcome("(call $err (i32.const -16) (i32.const 32))"), Outcome::BadOutput);
}

#[test]
fn an_error_is_cut_to_what_people_read() {
    let long = "(memory.fill (i32.const 65536) (i32.const 97) (i32.const 50000)) (call $err (i32.const 65536) (i32.const 50000))";
    let receipt = cut(&pricing(long));
    assert_eq!((receipt.outcome, receipt.detail.len()), (Outcome::Declined, 1_000));
}

#[test]
fn bytes_that_are_no_text() {
    let data = "(data (i32.const 64) \"\\ff\\fe\\80\")";
    let label = format!("{} (call $ok (i32.const 2048) (i32.const 1))", adjustment_at_2048(-500, 64, 3));
    for body in [
        label.as_str(),
        "(call $err (i32.const 64) (i32.const 3))",
        "(call $log (i32.const 1) (i32.const 64) (i32.const 3)) (call $ok (i32.const 0) (i32.const 0))",
    ] {
        assert_eq!(cut(&pricing_with(data, body)).outcome, Outcome::BadOutput, "{body}");
    }
}

#[test]
fn nonsense_in_the_answer() {
    let data = "(data (i32.const 64) \"Text\\0a\\e2\\80\\ae\")";
    let answer = |bps, at, len| {
        let body = format!("{} (call $ok (i32.const 2048) (i32.const 1))", adjustment_at_2048(bps, at, len));
        cut(&pricing_with(data, &body))
    };
    assert_eq!(answer(-500, 64, 4).outcome, Outcome::Answered);
    for (receipt, words) in [
        (answer(-10_001, 64, 4), "no sensible change"),
        (answer(i32::MAX, 64, 4), "no sensible change"),
        (answer(-500, 64, 0), "the label has 0 characters"),
        (answer(-500, 64, 5), "control characters"),
        (answer(-500, 69, 3), "control characters"),
    ] {
        assert_eq!(receipt.outcome, Outcome::BadOutput);
        assert!(receipt.detail.contains(words), "{}", receipt.detail);
    }
    // No such level of the log, no such kind of a change, no such kind of a result.
    let change = format!(
        "{} (i32.store8 (i32.const 2056) (i32.const 9)) (call $ok (i32.const 2048) (i32.const 1))",
        adjustment_at_2048(-500, 64, 4)
    );
    for body in [
        "(call $log (i32.const 77) (i32.const 64) (i32.const 4)) (call $ok (i32.const 0) (i32.const 0))",
        change.as_str(),
        "(call $answer (i32.const 7) (i32.const 0) (i32.const 0))",
        "(i32.const -8)",
        "(i32.const 3)",
    ] {
        assert_eq!(outcome(body), Outcome::BadOutput, "{body}");
    }
}

#[test]
fn carts_that_are_too_large_are_not_shown() {
    let receipt = quote(&load(&example("hello")), &cart(limits::LINES_MAX + 1)).receipt;
    assert_eq!((receipt.outcome, receipt.fuel), (Outcome::InputTooLarge, 0));
    let receipt = quote(&load(&example("hello")), &cart(limits::LINES_MAX)).receipt;
    assert_eq!(receipt.outcome, Outcome::Answered);
}

#[test]
fn settings_that_are_a_bomb() {
    let large = json!({ "a": "x".repeat(limits::CONFIG_BYTES_MAX) });
    assert!(matches!(Settings::new(&large, None), Err(SettingsError::TooLarge(_))));
    assert_eq!(Settings::new(&json!([1]), None).err(), Some(SettingsError::NoObject));
    assert!(serde_json::from_str::<Value>(&format!("{{\"a\":{}", "[".repeat(1_000_000))).is_err());
    // The largest that is allowed, read until something ends: the guest's memory does, not ours.
    let settings = json!({ "a": "x".repeat(limits::CONFIG_BYTES_MAX - 20) });
    let settings = Settings::new(&settings, None).unwrap();
    let greedy = load(&pricing("(loop $again (call $config_all (i32.const 128)) (br $again)) unreachable"));
    let receipt = greedy.call::<Pricing>(engine(), &settings, &cart(1)).receipt;
    assert_eq!(receipt.outcome, Outcome::OutOfMemory);
    // A plugin that takes its settings for a small list of steps says so, and goes on living.
    let demand = load(&example("demand-pricing"));
    let steps: Vec<_> = (0..1_000).map(|n| json!({ "sold_percent": n % 100, "percent": 1 })).collect();
    let settings = json!({ "demand": steps, "floor_percent": 50, "cap_percent": 200 });
    assert!(demand.manifest.check_config(&settings).is_err(), "the schema says at most 20");
    let receipt =
        demand.call::<Pricing>(engine(), &Settings::new(&settings, None).unwrap(), &cart(500)).receipt;
    assert_eq!(receipt.outcome, Outcome::Answered);
}

#[test]
fn many_at_once_do_not_disturb_each_other() {
    let (honest, endless) =
        (load(&example("hello")), load(&pricing("(loop $again (br $again)) unreachable")));
    std::thread::scope(|scope| {
        let hostile: Vec<_> =
            (0..4).map(|_| scope.spawn(|| quote(&endless, &cart(8)).receipt.outcome)).collect();
        for _ in 0..200 {
            assert_eq!(quote(&honest, &cart(8)).receipt.outcome, Outcome::Answered);
        }
        assert!(hostile.into_iter().all(|thread| thread.join().unwrap() == Outcome::OutOfFuel));
    });
}
