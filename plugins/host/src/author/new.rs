//! `plugin new`: a project that builds and passes its test as it is. It carries the SDK and the interface of this platform,
//! so that both fit each other.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

/// What a project is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    Rust,
    JavaScript,
    /// For `notification` only: it is large.
    Python,
}

impl FromStr for Template {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "rust" => Ok(Self::Rust),
            "js" => Ok(Self::JavaScript),
            "python" => Ok(Self::Python),
            _ => Err(format!("there is no template `{name}`; there are rust, js and python")),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum NewError {
    #[error(
        "the name of a plugin is 1 to 40 lower-case letters, digits and hyphens, and begins with a letter"
    )]
    Name,
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
}

macro_rules! files {
    ($($path:literal from $source:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../", $source)))),*]
    };
}

const RUST: &[(&str, &str)] = files! {
    "Cargo.toml" from "templates/rust/Cargo.toml.txt",
    "plugin.json" from "templates/rust/plugin.json",
    "README.md" from "templates/rust/README.md",
    "src/lib.rs" from "templates/rust/src/lib.rs",
    "fixtures/four.json" from "templates/rust/fixtures/four.json",
    "sdk/Cargo.toml" from "templates/rust/sdk.toml.txt",
    "sdk/src/lib.rs" from "guest/src/lib.rs",
    "sdk/src/config.rs" from "guest/src/config.rs",
    "sdk/src/glue.rs" from "guest/src/glue.rs",
    "sdk/src/helpers.rs" from "guest/src/helpers.rs",
    "sdk/src/key_value.rs" from "guest/src/key_value.rs",
    "sdk/src/log.rs" from "guest/src/log.rs",
};

const JAVASCRIPT: &[(&str, &str)] = files! {
    "package.json" from "templates/javascript/package.json",
    "package-lock.json" from "templates/javascript/package-lock.json",
    "plugin.json" from "templates/javascript/plugin.json",
    "README.md" from "templates/javascript/README.md",
    "src/plugin.js" from "templates/javascript/src/plugin.js",
    "src/plugin.d.ts" from "templates/javascript/src/plugin.d.ts",
    "src/platform.d.ts" from "templates/javascript/src/platform.d.ts",
    "wit/world.wit" from "templates/javascript/wit/world.wit",
    "fixtures/four.json" from "templates/javascript/fixtures/four.json",
};

const PYTHON: &[(&str, &str)] = files! {
    "requirements.txt" from "templates/python/requirements.txt",
    "plugin.json" from "templates/python/plugin.json",
    "README.md" from "templates/python/README.md",
    "src/plugin.py" from "templates/python/src/plugin.py",
    "wit/world.wit" from "templates/python/wit/world.wit",
    "fixtures/reminder.json" from "templates/python/fixtures/reminder.json",
};

/// Writes a project into a new directory, which is named after the plugin.
pub fn create(parent: &Path, name: &str, template: Template) -> Result<PathBuf, NewError> {
    let is_name_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if name.len() > 40 || !begins_well || !name.chars().all(is_name_char) {
        return Err(NewError::Name);
    }
    let project = parent.join(name);
    if project.exists() {
        return Err(NewError::Exists(project));
    }
    let (files, interface) = match template {
        Template::Rust => (RUST, "wit"),
        Template::JavaScript => (JAVASCRIPT, "wit/deps"),
        Template::Python => (PYTHON, "wit/deps"),
    };
    for (path, text) in files {
        write(&project.join(path), &text.replace("{plugin-name}", name))?;
    }
    let interface = project.join(interface).join("eventflow-plugin-1.0.0");
    eventflow_plugin_build::WIT.iter().try_for_each(|(file, text)| write(&interface.join(file), text))?;
    Ok(project)
}

fn write(path: &Path, text: &str) -> Result<(), NewError> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|error| NewError::File { path: path.to_owned(), error })
}
