//! Uploads that are no plugins. Each is refused with words that say what to do.

use eventflow_plugin_host::{Compiled, Hook, InstallError, Outcome, Plugin, Upload, UploadError, limits};

use crate::support::{
    cart, component_of, engine, example, load, pricing, pricing_with, quote, wit_directory, with_manifest,
};

fn refused(wasm: &[u8]) -> UploadError {
    match Upload::read(wasm) {
        Err(error) => error,
        Ok(upload) => panic!("not refused: {:?}", upload.hooks),
    }
}

fn component(text: &str) -> Vec<u8> {
    with_manifest(&wat::parse_str(text).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn what_is_no_component() {
    assert_eq!(refused(b""), UploadError::NotWasm);
    assert_eq!(refused(b"(component)"), UploadError::Text);
    assert_eq!(refused(&[0xff, 0xfe, 0x00]), UploadError::NotWasm);
    assert_eq!(refused(&wat::parse_str("(module)").unwrap()), UploadError::CoreModule);
    assert!(matches!(refused(b"\0asm\x0d\0\x01\0\xff\xff"), UploadError::Invalid(_)));
}

#[test]
fn ten_megabytes() {
    let large = |bytes: usize| {
        let data = format!("(data (i32.const 0) \"{}\")", "a".repeat(bytes));
        pricing_with(&data, "(call $ok (i32.const 0) (i32.const 0))")
    };
    assert!(matches!(refused(&large(25 << 20)), UploadError::TooLarge(size) if size > 25 << 20));
    // What only messages may have; one more hook, and it is too large again.
    let error = refused(&large(10 << 20));
    assert!(matches!(error, UploadError::TooLargeFor(size, Hook::Pricing) if size > 10 << 20), "{error}");
    let module = format!(
        r#"(module (memory (export "memory") 1) (data (i32.const 0) "{}")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "eventflow:plugin/notification@1.0.0#notify") (param i32) (result i32) unreachable))"#,
        "a".repeat(10 << 20)
    );
    let notification = component_of("", "notification-plugin", &module);
    assert_eq!(Upload::read(&notification).unwrap().hooks[0].0, Hook::Notification);
}

#[test]
fn native_code_in_any_dress() {
    let upload = Upload::read(&example("hello")).unwrap();
    let compiled = Compiled::here(&upload).unwrap();
    assert_eq!(refused(compiled.bytes()), UploadError::NativeCode);
    let dressed = [b"\0asm\x0d\0\x01\0", compiled.bytes()].concat();
    assert!(matches!(refused(&dressed), UploadError::Invalid(_)));
    // As a custom section it is a comment, and nobody runs comments.
    let mut carried = pricing("(call $ok (i32.const 0) (i32.const 0))");
    let section = eventflow_plugin_build::with_manifest(b"", &compiled.bytes()[..1_000]);
    carried.extend(section.iter().copied().map(|byte| if byte == b'e' { b'x' } else { byte }));
    assert!(quote(&load(&carried), &cart(1)).answer.is_some());
}

#[test]
fn exports_that_are_no_hooks() {
    let export =
        |name: &str| component(&format!("(component (instance $i) (export \"{name}\" (instance $i)))"));
    assert_eq!(
        refused(&export("eventflow:plugin/princing@1.0.0")),
        UploadError::UnknownExport("eventflow:plugin/princing@1.0.0".to_owned())
    );
    assert_eq!(refused(&export("wasi:cli/run@0.2.6")), UploadError::NoHook);
    for version in ["0.9.0", "2.0.0", "10.0.0"] {
        let error = refused(&export(&format!("eventflow:plugin/pricing@{version}")));
        assert!(matches!(error, UploadError::WrongVersion(_)), "{error}");
    }
    assert_eq!(refused(&component("(component)")), UploadError::NoHook);
}

#[test]
fn imports_that_are_not_there() {
    let import = |name: &str| component(&format!("(component (import \"{name}\" (instance)))"));
    assert!(matches!(refused(&import("wasi:clocks/wall-clock@0.2.6")), UploadError::Wasi(_)));
    assert!(matches!(refused(&import("eventflow:plugin/files@1.0.0")), UploadError::UnknownImport(_)));
    assert!(matches!(refused(&import("acme:secrets/store@1.0.0")), UploadError::UnknownImport(_)));
    assert!(matches!(refused(&import("eventflow:plugin/log@2.0.0")), UploadError::WrongVersion(_)));
}

#[test]
fn a_plugin_without_a_manifest_or_with_a_wrong_one() {
    let bare =
        wat::parse_str("(component (instance $i) (export \"eventflow:plugin/pricing@1.0.0\" (instance $i)))")
            .unwrap();
    assert_eq!(refused(&bare), UploadError::NoManifest);
    for manifest in ["", "[]", "{\"name\":\"A\",\"version\":\"1\"}", &"[".repeat(100_000)] {
        let wasm = eventflow_plugin_build::with_manifest(&bare, manifest.as_bytes());
        assert!(matches!(refused(&wasm), UploadError::Manifest(_)), "{manifest:.40}");
    }
}

#[test]
fn what_differs_between_processors_is_not_valid() {
    for items in [
        "(memory $m 1 1 shared)",
        "(func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))",
    ] {
        let module = format!("(component (core module {items}))");
        assert!(matches!(refused(&component(&module)), UploadError::Invalid(_)), "{items}");
    }
}

fn not_loaded(wasm: &[u8]) -> InstallError {
    let upload = Upload::read(wasm).unwrap_or_else(|error| panic!("{error}"));
    let compiled = Compiled::here(&upload).unwrap_or_else(|error| panic!("{error}"));
    match Plugin::load(engine(), &upload, &compiled) {
        Err(error) => error,
        Ok(_) => panic!("it was loaded"),
    }
}

/// Built for a later minor version, it fits as long as it uses nothing that is new there.
#[test]
fn a_later_minor_version() {
    let mut wit = "package eventflow:plugin@1.7.0;".to_owned();
    for file in std::fs::read_dir(wit_directory()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        wit += &text.replace("package eventflow:plugin@1.0.0;", "");
    }
    let module = r#"(module
        (import "eventflow:plugin/log@1.7.0" "write" (func $log (param i32 i32 i32)))
        (memory (export "memory") 2)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
        (func (export "eventflow:plugin/pricing@1.7.0#quote") (param i32) (result i32)
            (call $log (i32.const 1) (i32.const 64) (i32.const 0)) (i32.const 1024)))"#;
    let plugin = load(&component_of(&wit, "pricing-plugin", module));
    assert_eq!(quote(&plugin, &cart(0)).receipt.outcome, Outcome::Answered);
}

const OTHER_CART: &str = "package eventflow:plugin@1.0.0;
    interface pricing { record cart { now: s64 } quote: func(cart: cart) -> result<list<string>, string>; }
    world other { export pricing; }";

#[test]
fn hooks_with_other_types() {
    let module = r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "eventflow:plugin/pricing@1.0.0#quote") (param i64) (result i32) unreachable))"#;
    let error = not_loaded(&component_of(OTHER_CART, "other", module));
    assert!(matches!(error, InstallError::Types(..)), "{error}");
    let error = not_loaded(&component(
        "(component (instance $i) (export \"eventflow:plugin/pricing@1.0.0\" (instance $i)))",
    ));
    assert!(error.to_string().contains("`quote` is missing"), "{error}");
}

#[test]
fn plugins_that_ask_for_too_much_or_do_not_start() {
    let pages = limits::MEMORY_BYTES_MAX / 65_536 + 1;
    let module = format!(
        r#"(module (memory (export "memory") {pages})
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "eventflow:plugin/pricing@1.0.0#quote") (param i32) (result i32) unreachable))"#
    );
    let error = not_loaded(&component_of("", "pricing-plugin", &module));
    assert!(matches!(&error, InstallError::Load(text) if text.contains("memory")), "{error}");
    let error = not_loaded(&pricing_with("(table $t 100000 funcref)", "unreachable"));
    assert!(matches!(&error, InstallError::Load(text) if text.contains("table")), "{error}");
    let forever = "(func $forever (loop $again (br $again))) (start $forever)";
    let error = not_loaded(&pricing_with(forever, "unreachable"));
    assert!(matches!(&error, InstallError::Start(text) if text.contains("fuel")), "{error}");
}
