//! What an upload is, told from its bytes: nothing of it is compiled or run here. Each refusal says what to do.

use eventflow_plugin_build::MANIFEST_SECTION;
use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::{
    limits,
    manifest::{Manifest, ManifestError},
};

/// The package that plugins import from and export to.
pub const PACKAGE: &str = "eventflow:plugin";
/// The version of it that this platform has. A plugin of an earlier minor version of the same major fits.
pub const VERSION: &str = "1.0.0";

const IMPORTS: [&str; 3] = ["log", "config", "key-value"];
/// Has no functions: components name it for its types.
const TYPES: &str = "types";

/// A point where the platform calls a plugin: an exported interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    Pricing,
    CartRequests,
    Validation,
    Notification,
    NoticeRequests,
    Ticket,
}

impl Hook {
    pub const ALL: [Self; 6] = [
        Self::Pricing,
        Self::CartRequests,
        Self::Validation,
        Self::Notification,
        Self::NoticeRequests,
        Self::Ticket,
    ];

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pricing => "pricing",
            Self::CartRequests => "cart_requests",
            Self::Validation => "validation",
            Self::Notification => "notification",
            Self::NoticeRequests => "notice_requests",
            Self::Ticket => "ticket",
        }
    }

    /// The interface's name in WIT.
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Pricing => "pricing",
            Self::CartRequests => "cart-requests",
            Self::Validation => "validation",
            Self::Notification => "notification",
            Self::NoticeRequests => "notice-requests",
            Self::Ticket => "ticket",
        }
    }

    /// How large a plugin with this hook may be: buyers do not wait for messages.
    pub const fn upload_bytes_max(self) -> usize {
        match self {
            Self::Notification | Self::NoticeRequests => limits::NOTIFICATION_UPLOAD_BYTES_MAX,
            Self::Pricing | Self::CartRequests | Self::Validation | Self::Ticket => limits::UPLOAD_BYTES_MAX,
        }
    }

    /// The function that the interface has.
    pub const fn function(self) -> &'static str {
        match self {
            Self::Pricing => "quote",
            Self::CartRequests | Self::NoticeRequests => "requests",
            Self::Validation => "validate",
            Self::Notification => "notify",
            Self::Ticket => "fields",
        }
    }
}

/// Why an upload is no plugin. The text is for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    #[error("the file has {0} bytes; a plugin of notifications has at most {max}, any other {others}. Build in release mode with `opt-level = \"s\"`, `lto = true`", max = limits::NOTIFICATION_UPLOAD_BYTES_MAX, others = limits::UPLOAD_BYTES_MAX)]
    TooLarge(usize),
    #[error("the file has {0} bytes; only a plugin that has no hooks but notification and notice-requests may have more than {max}, and it exports `{hook}`. In Python leave that hook out; in Rust build in release mode with `opt-level = \"s\"`, `lto = true`", hook = .1.interface(), max = limits::UPLOAD_BYTES_MAX)]
    TooLargeFor(usize, Hook),
    #[error(
        "this is native code (ELF or a compiled .cwasm), which is never accepted. Upload the component, the .wasm file that `eventflow plugin build` writes; the platform compiles it"
    )]
    NativeCode,
    #[error("this is text. Upload the component, the .wasm file that `eventflow plugin build` writes")]
    Text,
    #[error(
        "this is a core WebAssembly module, not a component. `eventflow plugin build` makes a component of it"
    )]
    CoreModule,
    #[error("this is no WebAssembly file")]
    NotWasm,
    #[error("the component is not valid: {0}")]
    Invalid(String),
    #[error(
        "it imports `{0}`. Plugins have no files, clock, chance or network: build Rust for wasm32-unknown-unknown, and JavaScript with WASI stubbed, as the templates do"
    )]
    Wasi(String),
    #[error(
        "it imports `{0}`, which is not there. A plugin may import log, config and key-value of {PACKAGE}@{VERSION}"
    )]
    UnknownImport(String),
    #[error(
        "it was built for `{0}`, this platform has {PACKAGE}@{VERSION}. Build it again with the SDK of that major version"
    )]
    WrongVersion(String),
    #[error(
        "it exports `{0}`, which is no hook. The hooks are pricing, validation, notification, ticket, cart-requests and notice-requests of {PACKAGE}@{VERSION}"
    )]
    UnknownExport(String),
    #[error(
        "it exports no hook. With the Rust SDK a line such as `eventflow_plugin::export!(pricing = quote);` does"
    )]
    NoHook,
    #[error("it has no manifest. `eventflow plugin build` adds plugin.json to the component")]
    NoManifest,
    #[error("its manifest is not right: {0}")]
    Manifest(#[from] ManifestError),
}

/// A component that may be compiled: its imports, exports and manifest are known and allowed.
#[derive(Debug, Clone)]
pub struct Upload {
    pub wasm: Vec<u8>,
    /// The SHA-256 of the bytes.
    pub hash: [u8; 32],
    /// In the order of [`Hook::ALL`], each with the name under which the component exports it.
    pub hooks: Vec<(Hook, String)>,
    pub imports: Vec<String>,
    pub manifest: Manifest,
}

impl Upload {
    pub fn read(wasm: &[u8]) -> Result<Self, UploadError> {
        if wasm.len() > limits::NOTIFICATION_UPLOAD_BYTES_MAX {
            return Err(UploadError::TooLarge(wasm.len()));
        }
        check_kind(wasm)?;
        Validator::new_with_features(features())
            .validate_all(wasm)
            .map_err(|error| UploadError::Invalid(error.message().to_owned()))?;
        let Parts { imports, exports, manifest } = parts(wasm)?;
        imports.iter().try_for_each(|name| check_import(name))?;
        let mut hooks = Vec::new();
        for name in exports {
            hooks.extend(hook(&name)?.map(|hook| (hook, name)));
        }
        hooks.sort();
        if hooks.is_empty() {
            return Err(UploadError::NoHook);
        }
        if let Some((hook, _)) = hooks.iter().find(|(hook, _)| wasm.len() > hook.upload_bytes_max()) {
            return Err(UploadError::TooLargeFor(wasm.len(), *hook));
        }
        let manifest = Manifest::parse(&manifest.ok_or(UploadError::NoManifest)?)?;
        Ok(Self { wasm: wasm.to_owned(), hash: Sha256::digest(wasm).into(), hooks, imports, manifest })
    }
}

/// WebAssembly 2 and components, without threads and without what differs between processors.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::WASM2;
    features.insert(WasmFeatures::COMPONENT_MODEL | WasmFeatures::TAIL_CALL | WasmFeatures::EXTENDED_CONST);
    features.insert(WasmFeatures::MULTI_MEMORY);
    features
}

fn check_kind(wasm: &[u8]) -> Result<(), UploadError> {
    if wasm.starts_with(b"\x7fELF") {
        return Err(UploadError::NativeCode);
    }
    if wasm.starts_with(b"\0asm\x01\0\0\0") {
        return Err(UploadError::CoreModule);
    }
    if wasm.starts_with(b"\0asm") {
        return Ok(());
    }
    let is_text = !wasm.is_empty() && str::from_utf8(&wasm[..wasm.len().min(64)]).is_ok();
    Err(if is_text { UploadError::Text } else { UploadError::NotWasm })
}

struct Parts {
    imports: Vec<String>,
    exports: Vec<String>,
    manifest: Option<Vec<u8>>,
}

/// Imports, exports and manifest of the outermost component; what is nested in it can only use what it is given.
fn parts(wasm: &[u8]) -> Result<Parts, UploadError> {
    let invalid = |error: wasmparser::BinaryReaderError| UploadError::Invalid(error.message().to_owned());
    let mut parts = Parts { imports: Vec::new(), exports: Vec::new(), manifest: None };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(invalid)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(UploadError::CoreModule);
            }
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    parts.imports.push(import.map_err(invalid)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    parts.exports.push(export.map_err(invalid)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if depth == 1 && section.name() == MANIFEST_SECTION => {
                parts.manifest = Some(section.data().to_owned());
            }
            _ => {}
        }
    }
    Ok(parts)
}

fn check_import(name: &str) -> Result<(), UploadError> {
    if name.starts_with("wasi:") || name.starts_with("wasi_") {
        return Err(UploadError::Wasi(name.to_owned()));
    }
    let interface = ours(name)?.ok_or_else(|| UploadError::UnknownImport(name.to_owned()))?;
    if IMPORTS.contains(&interface) || interface == TYPES {
        return Ok(());
    }
    Err(UploadError::UnknownImport(name.to_owned()))
}

/// The hook that an export is; none if it is not of our package, such as the `init` that JavaScript's tool leaves behind:
/// nobody calls it.
fn hook(name: &str) -> Result<Option<Hook>, UploadError> {
    let Some(interface) = ours(name)? else { return Ok(None) };
    let hook = Hook::ALL.into_iter().find(|hook| hook.interface() == interface);
    hook.map(Some).ok_or_else(|| UploadError::UnknownExport(name.to_owned()))
}

/// The interface in a name such as `eventflow:plugin/log@1.0.0`, if it is ours and of our major version.
fn ours(name: &str) -> Result<Option<&str>, UploadError> {
    let Some(rest) = name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')) else {
        return Ok(None);
    };
    let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if major(version) != major(VERSION) {
        return Err(UploadError::WrongVersion(name.to_owned()));
    }
    Ok(Some(interface))
}
