//! The plugins that we ship, and some that do wrong.

use std::{collections::HashMap, path::Path, sync::OnceLock};

#[expect(dead_code, reason = "the tests of the host use all of it")]
#[path = "../../../../plugins/host/tests/it/support/components.rs"]
pub mod components;

/// A plugin of `examples/plugins`, as its author uploads it.
pub fn example(name: &str) -> Vec<u8> {
    static ALL: OnceLock<HashMap<String, Vec<u8>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../plugins");
        let built = eventflow_plugin_build::build(&root.join("examples/plugins"), Some(&target));
        built.expect("the examples build").into_iter().map(|built| (built.name, built.component)).collect()
    });
    all.get(name).unwrap_or_else(|| panic!("there is no example {name}")).clone()
}
