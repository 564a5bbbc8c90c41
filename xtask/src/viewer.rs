//! The viewer of `/docs`: Scalar's API reference (MIT), of which its npm package has all in one file. It is fetched when
//! it is built, and served by our own server: pages of the documentation ask nobody else.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha512};

use crate::install::{self, Need};
use crate::{process, repository};

const PACKAGE: &str = "@scalar/api-reference";
const VERSION: &str = "1.72.1";
/// Of the package, as npm's lock files say it.
const SHA512: &str =
    "XpEJ0rfc/cXbCrR+iC4kK0o/WwX2dTtGQbT049OlPKAHD6IMIFdTeGz2r+M27P2EDWKyUITRm/NzlP8z2pw/Ow==";
const FILE: &str = "package/dist/browser/standalone.js";
const DIST: &str = "tools/viewer/dist";

/// `cargo xtask docs`
pub fn build() -> Result<()> {
    let dist = repository::root().join(DIST);
    let stamp = dist.join("version");
    if fs::read_to_string(&stamp).is_ok_and(|version| version == VERSION) {
        return Ok(());
    }
    install::install(&[Need::Node])?;
    fs::create_dir_all(&dist)?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", "--pack-destination"]).arg(&dist).arg(format!("{PACKAGE}@{VERSION}"));
    npm.current_dir(&dist);
    let name = String::from_utf8(process::output(npm)?)?;
    let package = dist.join(name.trim());
    let sum = BASE64_STANDARD.encode(Sha512::digest(fs::read(&package)?));
    ensure!(sum == SHA512, "{PACKAGE} {VERSION} is not what it was: its SHA-512 is {sum}");
    let mut tar = Command::new("tar");
    tar.arg("-xzOf").arg(&package).arg(FILE);
    fs::write(dist.join("viewer.js"), process::output(tar).context("the package has no viewer")?)?;
    fs::remove_file(package)?;
    fs::write(stamp, VERSION)?;
    println!("{DIST}/viewer.js is of {PACKAGE} {VERSION}");
    Ok(())
}
