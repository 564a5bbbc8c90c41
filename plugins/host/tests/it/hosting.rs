//! Publishing, going back, leaving broken plugins alone, and keeping tenants apart.

use std::{fs, process::Command, sync::Arc};

use eventflow_core::pricing::TicketPrice;
use eventflow_plugin_host::{
    BreakerState, CompileError, Compiled, FailurePolicy, Hook, Host, InstallError, Keep, Key, Outcome,
    Patience, Quote, Refused, Settings, Step, Stopped, Upload,
    hooks::Pricing,
    limits,
    pricing::{GuardRails, Prices},
    values::Cart,
};
use serde_json::json;
use uuid::Uuid;

use crate::support::{cart, directory, example, host, load, pricing, pricing_with};

const KEY: Key = Key { tenant: Uuid::from_u128(1), plugin: Uuid::from_u128(2) };

fn label(host: &Host, key: Key) -> Option<String> {
    let call = host.call::<Pricing>(key, &Settings::default(), &cart(2))?;
    Some(call.answer.map_or(call.receipt.detail, |answer| answer[0].label.clone()))
}

#[test]
fn a_new_version_takes_over_at_once_and_can_be_taken_back() {
    let host = host("publish");
    assert_eq!(label(&host, KEY), None);
    let hello = Arc::new(host.install(&example("hello")).unwrap());
    assert_eq!(host.publish(KEY, hello).generation, 1);
    assert_eq!(label(&host, KEY).as_deref(), Some("Hello"));
    assert!(host.rollback(KEY).is_err(), "there is nothing before it");
    let data = "(data (i32.const 64) \"Next\")";
    let next = crate::support::adjustment_at_2048(-500, 64, 4);
    let next = pricing_with(data, &format!("{next} (call $ok (i32.const 2048) (i32.const 1))"));
    assert_eq!(host.publish(KEY, Arc::new(host.install(&next).unwrap())).generation, 2);
    assert_eq!(label(&host, KEY).as_deref(), Some("Next"));
    assert_eq!(host.rollback(KEY).unwrap().generation, 3);
    assert_eq!(label(&host, KEY).as_deref(), Some("Hello"));
    host.rollback(KEY).unwrap();
    assert_eq!(label(&host, KEY).as_deref(), Some("Next"));
    let other = Key { tenant: Uuid::from_u128(9), ..KEY };
    assert_eq!(label(&host, other), None, "another tenant does not have it");
    assert!(host.remove(KEY).is_some() && label(&host, KEY).is_none());
}

#[test]
fn calls_go_on_while_versions_change() {
    let host = host("swap");
    let versions = [example("hello"), pricing("(call $ok (i32.const 0) (i32.const 0))")]
        .map(|wasm| Arc::new(host.install(&wasm).unwrap()));
    host.publish(KEY, versions[0].clone());
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| {
            (0..300).all(|_| {
                let call = host.call::<Pricing>(KEY, &Settings::default(), &cart(2));
                call.is_some_and(|call| call.receipt.outcome == Outcome::Answered)
            })
        });
        for n in 0..100 {
            host.publish(KEY, versions[n % 2].clone());
        }
        assert!(calling.join().unwrap());
    });
}

#[test]
fn fixtures_have_to_pass() {
    let host = host("fixtures");
    let cart = json!(cart(1));
    let with = |fixture: serde_json::Value| {
        let manifest = json!({ "name": "hello", "version": "2.0.0", "fixtures": [fixture] });
        eventflow_plugin_build::with_manifest(&example("hello"), manifest.to_string().as_bytes())
    };
    let right = json!([{ "change": { "percent_bps": -1000 }, "label": "Hello", "attributes": [] }]);
    host.install(&with(json!({ "name": "a", "hook": "pricing", "input": cart, "output": right }))).unwrap();
    for (fixture, words) in [
        (json!({ "name": "a", "hook": "pricing", "input": cart, "output": [] }), "a: expected []"),
        (json!({ "name": "a", "hook": "pricing", "input": cart, "error": "no" }), "expected the error `no`"),
        (json!({ "name": "a", "hook": "pricing", "input": cart, "max_fuel": 10 }), "the fixture allows 10"),
        (json!({ "name": "a", "hook": "pricing", "input": { "nwo": 1 } }), "unknown field `nwo`"),
        (json!({ "name": "a", "hook": "ticket", "input": {} }), "missing field"),
        (json!({ "name": "a", "hook": "pricing", "config": { "x": 1 }, "input": cart }), "has no settings"),
    ] {
        let error = host.install(&with(fixture)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn the_compiler_is_a_child_with_limits() {
    let directory = directory("child");
    let broken = |program: &'static str, arguments: &'static [&'static str]| {
        let host = Host::new(&directory, move || {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        });
        match host.unwrap().install(&pricing("(call $ok (i32.const 0) (i32.const 0))")) {
            Err(InstallError::Compile(error)) => error,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it was installed"),
        }
    };
    assert!(matches!(broken("/nonexistent/compiler", &[]), CompileError::Io(_)));
    assert!(matches!(broken("/bin/false", &[]), CompileError::Failed(_)));
    let killed = broken("/bin/sh", &["-c", "kill -9 $$"]);
    assert!(matches!(&killed, CompileError::Failed(text) if text.contains("signal: 9")), "{killed}");
    let refused = broken("/bin/sh", &["-c", "echo no thanks >&2; exit 3"]);
    assert!(matches!(&refused, CompileError::Refused(text) if text == "no thanks"), "{refused}");
    // What it says is code is believed only if this very engine can have made it.
    let mut lies = Command::new("/bin/sh");
    lies.args(["-c", "echo not code"]);
    let upload = Upload::read(&pricing("unreachable")).unwrap();
    let compiled = Compiled::in_child(lies, &upload).unwrap();
    let host = host("child-lies");
    assert!(eventflow_plugin_host::Plugin::load(host.engine(), &upload, &compiled).is_err());
}

#[test]
fn a_cache_that_was_damaged_is_not_believed() {
    let host = host("cache");
    let wasm = pricing("(call $ok (i32.const 0) (i32.const 0))");
    host.install(&wasm).unwrap();
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    let files = || fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let [file] = files().try_into().unwrap();
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&whole[..whole.len() / 2], &whole[..10], b"", &flipped] {
        fs::write(&file, damaged).unwrap();
        host.restore(&wasm).unwrap();
        assert_eq!(fs::read(&file).unwrap(), whole, "compiled again, and stored whole");
    }
    // Another plugin's code under this one's name.
    let other = pricing("unreachable");
    host.install(&other).unwrap();
    let other = files().into_iter().find(|path| *path != file).unwrap();
    fs::copy(&other, &file).unwrap();
    host.restore(&wasm).unwrap();
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[test]
fn a_plugin_that_fails_again_and_again_is_left_alone() {
    let host = host("breaker");
    let broken = Arc::new(host.install(&pricing("unreachable")).unwrap());
    host.publish(KEY, broken);
    let outcome = || host.call::<Pricing>(KEY, &Settings::default(), &cart(1)).unwrap().receipt.outcome;
    assert!((0..limits::BREAKER_CALLS).all(|_| outcome() == Outcome::Trapped));
    assert_eq!(outcome(), Outcome::Suspended);
    assert_eq!(host.breaker(KEY, Hook::Pricing), BreakerState::Open);
    host.publish(KEY, Arc::new(host.install(&example("hello")).unwrap()));
    assert_eq!(outcome(), Outcome::Answered, "another version gets another chance");
}

fn prices(lines: usize) -> Prices {
    let ticket = TicketPrice { price_minor: 5_000, fee_minor: 200, tax_rate_bps: 700, tax_inclusive: true };
    Prices::new("EUR".parse().expect("a currency"), GuardRails::default(), vec![ticket; lines])
}

#[test]
fn plugins_run_one_after_the_other_and_failures_follow_the_policy() {
    let host = host("quote");
    let broken = Key { plugin: Uuid::from_u128(3), ..KEY };
    host.publish(KEY, Arc::new(load_on(&host, &example("hello"))));
    host.publish(broken, Arc::new(load_on(&host, &pricing("unreachable"))));
    let step = |key: Key, policy| {
        let name = if key == broken { "hostile" } else { "hello" };
        Step { key, name: name.to_owned(), settings: Settings::default(), policy }
    };
    let quote = |cart| Quote::new(cart, prices(2), Keep::Failures);
    let twice = [step(KEY, FailurePolicy::Refuse), step(KEY, FailurePolicy::Refuse)];
    let mut quoted = quote(cart(2));
    host.quote(&mut quoted, &twice, Patience::Full).unwrap();
    assert!(!quoted.is_degraded && quoted.calls.len() == 2);
    assert!(quoted.calls.iter().all(|called| called.recording.is_none()));
    let amounts: Vec<_> = quoted.prices.items().iter().map(|item| item.amount_minor).collect();
    assert_eq!(amounts, [-500, -500, -450, -450]);
    let (_, totals) = quoted.prices.priced().unwrap();
    assert_eq!(totals.total_minor, 2 * (4_050 + 200));

    let skip = [step(broken, FailurePolicy::Skip), step(KEY, FailurePolicy::Refuse)];
    let mut quoted = quote(cart(2));
    host.quote(&mut quoted, &skip, Patience::Short).unwrap();
    assert!(quoted.is_degraded && quoted.prices.items().len() == 2);
    let recording = quoted.calls[0].recording.as_ref().unwrap();
    assert_eq!(recording.input["lines"].as_array().unwrap().len(), 2);

    let refuse = [step(KEY, FailurePolicy::Refuse), step(broken, FailurePolicy::Refuse)];
    let stopped = host.quote(&mut quote(cart(2)), &refuse, Patience::Short).unwrap_err();
    let refused = Refused { plugin: "hostile".to_owned(), outcome: Outcome::Trapped };
    assert_eq!(stopped, Stopped::Refused(refused));
    let mut look = quote(cart(2));
    look.cart.preview = true;
    host.quote(&mut look, &refuse, Patience::Full).unwrap();
    assert!(look.is_degraded);
}

fn look(host: &Host, settings: &Settings, cart: Cart) -> (Quote, Result<(), Stopped>) {
    let step =
        Step { key: KEY, name: "it".to_owned(), settings: settings.clone(), policy: FailurePolicy::Refuse };
    let lines = cart.lines.len();
    let mut quote = Quote::new(Cart { preview: true, ..cart }, prices(lines), Keep::All);
    let done = host.quote(&mut quote, &[step], Patience::Short);
    (quote, done)
}

/// A look that has an answer: the changes, and whether the plugin was called for it.
fn looked(host: &Host, settings: &Settings, cart: Cart) -> (Vec<i64>, bool) {
    let (quote, done) = look(host, settings, cart);
    assert_eq!(done, Ok(()));
    let amounts = quote.prices.items().iter().map(|item| item.amount_minor).collect();
    (amounts, !quote.calls[0].receipt.is_repeated)
}

#[test]
fn who_is_told_nothing_new_is_not_asked_again() {
    let host = host("facts");
    let settings =
        json!({ "demand": [{ "sold_percent": 50, "percent": 10 }], "floor_percent": 50, "cap_percent": 200 });
    let read = || Settings::new(&settings, None).unwrap();
    host.publish(KEY, Arc::new(load_on(&host, &example("demand-pricing"))));
    let now = read();
    let with = |change: fn(&mut Cart)| {
        let mut cart = cart(2);
        change(&mut cart);
        looked(&host, &now, cart)
    };
    assert_eq!(with(|_| ()), (vec![500, 500], true));
    // Neither seats nor buyer nor lots are among its facts.
    assert_eq!(with(|cart| cart.lines[0].seat = None), (vec![500, 500], false));
    assert_eq!(with(|cart| cart.buyer.codes = vec!["FRIENDS".to_owned()]), (vec![500, 500], false));
    assert_eq!(with(|cart| cart.seed = 7), (vec![500, 500], false));
    // Demand, time, and whatever else there is are.
    assert_eq!(with(|cart| cart.tiers[0].sold = 49), (vec![], true));
    assert_eq!(with(|cart| cart.now += 1), (vec![500, 500], true));
    assert_eq!(with(|cart| cart.locale = "de".to_owned()), (vec![500, 500], true));
    assert_eq!(looked(&host, &read(), cart(2)), (vec![500, 500], true), "settings that were read again");
    let order = || {
        let step =
            Step { key: KEY, name: "it".to_owned(), settings: now.clone(), policy: FailurePolicy::Refuse };
        let mut quote = Quote::new(cart(2), prices(2), Keep::All);
        host.quote(&mut quote, &[step], Patience::Short).unwrap();
        quote.calls.remove(0)
    };
    let recorded = &order().recording.expect("an order's call").input;
    assert_eq!(recorded["tiers"][0]["sold"], 60);
    assert!(
        recorded["lines"][0].get("seat").is_none_or(serde_json::Value::is_null),
        "what it was told: {recorded}"
    );
    let (one, other) = (order(), order());
    assert!(!one.receipt.is_repeated && !other.receipt.is_repeated, "an order is always worked out");
    host.publish(KEY, Arc::new(load_on(&host, &example("demand-pricing"))));
    assert_eq!(with(|_| ()), (vec![500, 500], true), "a version that was published again");
}

#[test]
fn who_takes_long_is_called_where_it_may_wait() {
    let host = host("patience");
    // Far more instructions than a thread that serves requests has for it, and far fewer than a call has.
    let busy = "(local.set $n (i32.const 1000000)) (loop $on \
         (br_if $on (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) (call $ok (i32.const 0) (i32.const 0))";
    host.publish(KEY, Arc::new(host.install(&pricing(busy)).unwrap()));
    let (quote, done) = look(&host, &Settings::default(), cart(2));
    assert_eq!((done, quote.calls.len()), (Err(Stopped::TooLong), 0));
    assert_eq!(host.breaker(KEY, Hook::Pricing), BreakerState::Closed, "nothing failed");
    let step = Step {
        key: KEY,
        name: "it".to_owned(),
        settings: Settings::default(),
        policy: FailurePolicy::Refuse,
    };
    let mut quote = quote.again();
    host.quote(&mut quote, &[step], Patience::Full).unwrap();
    let receipt = &quote.calls[0].receipt;
    assert!(receipt.outcome == Outcome::Answered && receipt.fuel > limits::FUEL_SHORT);
    assert_eq!(receipt.fuel_limit, limits::fuel(2));
}

fn load_on(host: &Host, wasm: &[u8]) -> eventflow_plugin_host::Plugin {
    host.install(wasm).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn hooks_that_a_plugin_does_not_have() {
    let plugin = load(&example("hello"));
    assert_eq!(plugin.hooks().collect::<Vec<_>>(), [Hook::Pricing]);
    let receipt = crate::support::call::<eventflow_plugin_host::hooks::Validation>(&plugin, &cart(1)).receipt;
    assert_eq!(receipt.outcome, Outcome::NoSuchHook);
}
