//! Everything the sandbox remembers. An object is the JSON that the API shows, plus the account that owns it and what
//! only the sandbox knows. Every change is one line of the state file, so that a restart, also after a kill, goes on
//! where it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::Utc;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{ApiError, Result};
use crate::events::Delivery;
use crate::form::Params;
use crate::idempotency::{Stored, is_fresh};

/// Stripe's default and largest page.
const DEFAULT_PAGE: i64 = 10;
const MAX_PAGE: i64 = 100;

/// One object of the API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Object {
    /// Connected account; `None` is the platform's own.
    pub account: Option<String>,
    /// Order of creation.
    pub sequence: u64,
    pub json: Value,
    /// What the API does not show: line items of a session, how a card will treat refunds.
    pub hidden: Value,
}

impl Object {
    pub fn id(&self) -> &str {
        self.json["id"].as_str().unwrap_or_default()
    }

    pub fn kind(&self) -> &str {
        self.json["object"].as_str().unwrap_or_default()
    }
}

/// One line of the truth that checkers read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub sequence: u64,
    /// Sandbox clock, seconds.
    pub at: i64,
    pub kind: String,
    pub id: String,
    pub account: Option<String>,
    pub data: Value,
}

/// One line of the state file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
enum Change {
    Clock { offset: i64 },
    Object(Box<Object>),
    Entry(Entry),
    Key { key: String, stored: Stored },
    Delivery(Delivery),
    Delivered { id: u64 },
}

#[derive(Default)]
pub struct State {
    sequence: u64,
    /// Seconds that the sandbox's clock is ahead of the machine's.
    clock_offset: i64,
    objects: HashMap<String, Object>,
    /// Ids by kind in order of creation: lists are pages of these.
    by_kind: BTreeMap<String, BTreeMap<u64, String>>,
    /// Due times of open sessions.
    open_sessions: BTreeSet<(i64, String)>,
    journal: Vec<Entry>,
    keys: HashMap<String, Stored>,
    pub deliveries: BTreeMap<u64, Delivery>,
    changes: Vec<Change>,
    file: Option<StateFile>,
}

struct StateFile {
    path: PathBuf,
    file: File,
}

impl State {
    /// Reads the file, if there is one, and writes it anew without what has been overwritten since.
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let mut state = Self::default();
        let Some(path) = path else { return Ok(state) };
        if path.exists() {
            let reader = BufReader::new(File::open(path).context("cannot open the state file")?);
            for line in reader.lines() {
                // The last line is torn when the sandbox was killed while writing it.
                let Ok(change) = serde_json::from_str(&line?) else { break };
                state.apply(change);
            }
        }
        state.compact(path)?;
        Ok(state)
    }

    fn compact(&mut self, path: &Path) -> anyhow::Result<()> {
        let temporary = path.with_extension("new");
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
        let mut objects: Vec<_> = self.objects.values().cloned().collect();
        objects.sort_by_key(|object| object.sequence);
        let changes = std::iter::once(Change::Clock { offset: self.clock_offset })
            .chain(objects.into_iter().map(|object| Change::Object(Box::new(object))))
            .chain(self.journal.iter().cloned().map(Change::Entry))
            .chain(
                self.keys
                    .iter()
                    .map(|(key, stored)| Change::Key { key: key.clone(), stored: stored.clone() }),
            )
            .chain(self.deliveries.values().cloned().map(Change::Delivery));
        let mut text = Vec::new();
        for change in changes {
            serde_json::to_writer(&mut text, &change)?;
            text.push(b'\n');
        }
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path).context("cannot replace the state file")?;
        self.file = Some(StateFile { path: path.to_owned(), file });
        Ok(())
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Clock { offset } => self.clock_offset = offset,
            Change::Object(object) => self.index(*object),
            Change::Entry(entry) => {
                self.sequence = self.sequence.max(entry.sequence);
                self.journal.push(entry);
            }
            Change::Key { key, stored } => _ = self.keys.insert(key, stored),
            Change::Delivery(delivery) => {
                self.sequence = self.sequence.max(delivery.id);
                self.deliveries.insert(delivery.id, delivery);
            }
            Change::Delivered { id } => _ = self.deliveries.remove(&id),
        }
    }

    /// Writes what has changed. Called at the end of every locked section, before anybody is answered.
    pub fn flush(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        let Some(state_file) = &mut self.file else { return };
        let mut text = Vec::new();
        for change in &changes {
            if serde_json::to_writer(&mut text, change).is_ok() {
                text.push(b'\n');
            }
        }
        if let Err(error) = state_file.file.write_all(&text) {
            tracing::error!(%error, "the state file cannot be written");
        }
    }

    /// Forgets everything, also on disk.
    pub fn reset(&mut self) -> anyhow::Result<()> {
        let path = self.file.take().map(|file| file.path);
        // Ids keep counting, so that a cursor from before cannot mean something else.
        *self = Self { sequence: self.sequence, ..Self::default() };
        path.map_or(Ok(()), |path| self.compact(&path))
    }

    /// The sandbox's clock, seconds.
    pub fn now(&self) -> i64 {
        Utc::now().timestamp() + self.clock_offset
    }

    pub fn clock_offset(&self) -> i64 {
        self.clock_offset
    }

    pub fn advance(&mut self, seconds: i64) {
        self.clock_offset += seconds;
        let offset = self.clock_offset;
        self.changes.push(Change::Clock { offset });
        let now = self.now();
        self.keys.retain(|_, stored| is_fresh(stored, now));
    }

    pub fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Stores a new object. Its id and kind are in the JSON.
    pub fn insert(&mut self, account: Option<&str>, json: Value, hidden: Value) -> Value {
        let sequence = self.next_sequence();
        let object = Object { account: account.map(str::to_owned), sequence, json: json.clone(), hidden };
        self.changes.push(Change::Object(Box::new(object.clone())));
        self.index(object);
        json
    }

    /// Changes an object that is known to exist, and gives the new JSON.
    pub fn update(&mut self, id: &str, change: impl FnOnce(&mut Object)) -> Value {
        let Some(mut object) = self.objects.get(id).cloned() else { return Value::Null };
        change(&mut object);
        self.changes.push(Change::Object(Box::new(object.clone())));
        let json = object.json.clone();
        self.index(object);
        json
    }

    fn index(&mut self, object: Object) {
        self.sequence = self.sequence.max(object.sequence);
        if object.kind() == "checkout.session" {
            let due = (object.json["expires_at"].as_i64().unwrap_or_default(), object.id().to_owned());
            if object.json["status"] == "open" {
                self.open_sessions.insert(due);
            } else {
                self.open_sessions.remove(&due);
            }
        }
        self.by_kind
            .entry(object.kind().to_owned())
            .or_default()
            .insert(object.sequence, object.id().to_owned());
        self.objects.insert(object.id().to_owned(), object);
    }

    /// An open session whose time is up.
    pub fn due_session(&self) -> Option<String> {
        let now = self.now();
        self.open_sessions.first().filter(|(due, _)| *due <= now).map(|(_, id)| id.clone())
    }

    /// An object of any account; only the control API and the sandbox itself may look this way.
    pub fn find(&self, id: &str) -> Option<&Object> {
        self.objects.get(id)
    }

    /// An object as `account` sees it: other accounts' objects do not exist.
    pub fn get(&self, account: Option<&str>, kind: &str, id: &str) -> Result<&Object> {
        self.objects
            .get(id)
            .filter(|object| object.kind() == kind && object.account.as_deref() == account)
            .ok_or_else(|| ApiError::not_found(kind, id))
    }

    /// All objects of a kind, newest first.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Object> {
        self.by_kind.get(kind).into_iter().flat_map(|ids| ids.values().rev()).map(|id| &self.objects[id])
    }

    /// A page in Stripe's list shape: newest first, cursors, `limit`, `created[gt]` and its sisters.
    pub fn list(
        &self,
        account: Option<&str>,
        kind: &str,
        url: &str,
        params: &Params,
        keep: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let limit = params.integer("limit")?.unwrap_or(DEFAULT_PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(ApiError::invalid("limit", format!("limit must be between 1 and {MAX_PAGE}.")));
        }
        let limit = usize::try_from(limit).unwrap_or_default();
        let cursor = |name: &str| -> Result<Option<u64>> {
            let Some(id) = params.text(name)? else { return Ok(None) };
            self.get(account, kind, id).map(|object| Some(object.sequence))
        };
        let (after, before) = (cursor("starting_after")?, cursor("ending_before")?);
        let created = Created::read(params)?;
        let matching = self
            .of_kind(kind)
            .filter(|object| object.account.as_deref() == account)
            .filter(|object| after.is_none_or(|after| object.sequence < after))
            .filter(|object| before.is_none_or(|before| object.sequence > before))
            .filter(|object| created.contains(object.json["created"].as_i64().unwrap_or_default()))
            .filter(|object| keep(&object.json))
            .map(|object| object.json.clone());
        let mut data: Vec<Value> = if before.is_some() {
            // The page just before the cursor, still newest first.
            let mut newer: Vec<_> = matching.collect();
            newer.split_off(newer.len().saturating_sub(limit + 1)).into_iter().collect()
        } else {
            matching.take(limit + 1).collect()
        };
        let has_more = data.len() > limit;
        if has_more && before.is_some() {
            data.remove(0);
        }
        data.truncate(limit);
        Ok(json!({"object": "list", "url": url, "has_more": has_more, "data": data}))
    }

    /// Adds a line to the journal.
    pub fn record(&mut self, kind: &str, account: Option<&str>, id: &str, data: Value) {
        let entry = Entry {
            sequence: self.next_sequence(),
            at: self.now(),
            kind: kind.into(),
            id: id.into(),
            account: account.map(str::to_owned),
            data,
        };
        self.changes.push(Change::Entry(entry.clone()));
        self.journal.push(entry);
    }

    pub fn journal(&self) -> &[Entry] {
        &self.journal
    }

    pub fn stored_key(&self, key: &str) -> Option<&Stored> {
        self.keys.get(key).filter(|stored| is_fresh(stored, self.now()))
    }

    pub fn store_key(&mut self, key: String, stored: Stored) {
        self.changes.push(Change::Key { key: key.clone(), stored: stored.clone() });
        self.keys.insert(key, stored);
    }

    pub fn put_delivery(&mut self, delivery: Delivery) {
        self.changes.push(Change::Delivery(delivery.clone()));
        self.deliveries.insert(delivery.id, delivery);
    }

    pub fn remove_delivery(&mut self, id: u64) {
        self.changes.push(Change::Delivered { id });
        self.deliveries.remove(&id);
    }
}

/// `created=…` or `created[gt|gte|lt|lte]=…`
struct Created {
    from: i64,
    to: i64,
}

impl Created {
    fn read(params: &Params) -> Result<Self> {
        let mut created = Self { from: i64::MIN, to: i64::MAX };
        if params.value("created").is_string() {
            let exact = params.integer("created")?.unwrap_or_default();
            return Ok(Self { from: exact, to: exact });
        }
        let bounds = params.child("created");
        if let Some(bound) = bounds.integer("gt")? {
            created.from = bound.saturating_add(1);
        }
        if let Some(bound) = bounds.integer("gte")? {
            created.from = created.from.max(bound);
        }
        if let Some(bound) = bounds.integer("lt")? {
            created.to = bound.saturating_sub(1);
        }
        if let Some(bound) = bounds.integer("lte")? {
            created.to = created.to.min(bound);
        }
        Ok(created)
    }

    fn contains(&self, created: i64) -> bool {
        (self.from..=self.to).contains(&created)
    }
}

/// A random id like Stripe's: `pi_3Kq…`.
pub fn new_id(prefix: &str, length: usize) -> String {
    let mut random = rand::rng();
    let tail = (0..length).map(|_| char::from(random.sample(rand::distr::Alphanumeric)));
    prefix.chars().chain(tail).collect()
}
