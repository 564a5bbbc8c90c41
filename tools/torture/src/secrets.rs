//! What a run has used and the logs of its servers must not tell.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    machines::{BOOTSTRAP_TOKEN, DATABASE_PASSWORD, MASTER_KEY, STRIPE_KEY, WEBHOOK_SECRET},
    world::World,
};

/// Each text with what it is. Addresses, tokens of buyers and codes of tickets, of which there are many, the checker
/// knows by their form.
pub fn of(world: &World) -> BTreeMap<String, &'static str> {
    let mut secrets = BTreeMap::from([
        (BOOTSTRAP_TOKEN.to_owned(), "the bootstrap token"),
        (DATABASE_PASSWORD.to_owned(), "the password of the database"),
        (MASTER_KEY.to_owned(), "the master key"),
        (STRIPE_KEY.to_owned(), "the key of the payment provider"),
        (WEBHOOK_SECRET.to_owned(), "the secret of a webhook"),
        ("Ada Lovelace".to_owned(), "the name of a person"),
        ("Grace Hopper".to_owned(), "the name of a person"),
    ]);
    for shop in &world.shops {
        secrets.insert(shop.secret.clone(), "a secret key");
        secrets.insert(shop.publishable.clone(), "a publishable key");
        secrets.extend(shop.scanners.iter().map(|token| (token.clone(), "the token of a scanner")));
    }
    secrets
}

/// The logs of the servers of a run.
pub fn logs(artefacts: &Path) -> Result<Vec<PathBuf>> {
    let mut logs = Vec::new();
    for file in fs::read_dir(artefacts)? {
        let path = file?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("server-") && path.extension().is_some_and(|kind| kind == "log") {
            logs.push(path);
        }
    }
    logs.sort();
    Ok(logs)
}
