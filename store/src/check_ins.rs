//! Check-ins: scans that scanners upload, each decided and stored once, and the admissions that they make.
//!
//! A scan carries the scanner's own id, so an upload may be repeated: what is known already is answered as before.
//! An upload is one transaction of two statements: one reads everything that the decisions depend on, one writes the
//! scans and where their tickets stand now. Nothing is locked between them. Instead the second statement writes only
//! over what the first one read; when another server was faster, the whole upload is decided again. That keeps locks
//! and row versions off the usual path, where nobody else holds a copy of the same ticket. Uploads of one list that
//! arrive while another is being written share the next transaction ([`Doors`]).

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use diesel::{prelude::*, result::Error as Diesel};
use diesel_async::{AnsiTransactionManager, RunQueryDsl, TransactionManager};
use eventflow_core::{
    Id, Refusal,
    check_in::{
        self, Admission, Decision, Earlier, EntryPolicy, EventFacts, ListRules, Override, Reason, Scan,
        ScanKind, WINDOW_TOLERANCE_MINUTES,
    },
    id,
    ticket::{Flags, Token, TokenError},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit_log,
    db::{Db, Scope, Tx},
    error::{Error, OrNotFound, Result},
    schema::{check_in_lists, scans},
};

mod doors;
mod statements;

pub use doors::Doors;
use statements::{Known, KnownTicket, Load, Move, Store};

/// Scans of one upload.
pub const SCANS_MAX: usize = 500;
/// A scanner's clock may be ahead by this much; what lies later happened now.
pub const AHEAD_MAX_MINUTES: i64 = 10;
/// How long a scanner may have been without a network; older times are taken as this old.
pub const BEHIND_MAX_DAYS: i64 = 30;
/// How often an upload is decided anew because others wrote first. Each time at least one of them got on.
const ATTEMPTS_MAX: usize = 8;

/// What a scanner saw.
#[derive(Debug, Clone)]
pub enum Presented {
    /// A code, verified against the tenant's key ring.
    Code(Result<Token, TokenError>),
    /// A ticket that staff looked up by name or number.
    Ticket(Uuid),
}

/// Where scans come from.
#[derive(Debug, Clone)]
pub struct Source {
    pub device: Option<Uuid>,
    pub gate: String,
    /// As in the audit log.
    pub actor: Arc<str>,
    pub may_override: bool,
}

#[derive(Debug, Clone)]
pub struct NewScan {
    pub source: Arc<Source>,
    /// The scanner's own id for the scan.
    pub client_id: Uuid,
    pub presented: Presented,
    pub kind: ScanKind,
    pub scanned_at: DateTime<Utc>,
    pub override_reason: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Upload {
    pub list: Id<id::CheckInList>,
    /// In the order in which they happened; a client sends at most [`SCANS_MAX`].
    pub scans: Vec<NewScan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Admitted,
    AlreadyAdmitted,
    Refused,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::AlreadyAdmitted => "already_admitted",
            Self::Refused => "refused",
        }
    }

    pub fn parse(text: &str) -> Result<Self> {
        [Self::Admitted, Self::AlreadyAdmitted, Self::Refused]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or_else(|| Error::Corrupt(format!("outcome of a scan: {text}")))
    }

    /// Whether the answer names the first admission. Once made it never changes, so that a repetition is answered alike.
    fn speaks_of_first(self, entry_no: Option<i32>) -> bool {
        self == Self::AlreadyAdmitted || entry_no.is_some()
    }
}

/// What a door shows of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSummary {
    pub id: Uuid,
    pub label: String,
    pub tier_name: String,
    pub type_no: i32,
    pub flags: Flags,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanResult {
    pub client_id: Uuid,
    pub outcome: Outcome,
    /// Why it was refused; what was lifted when it was admitted; empty otherwise.
    pub reasons: Vec<Reason>,
    pub ticket: Option<TicketSummary>,
    /// The first admission of the ticket at this list, when the outcome speaks of it.
    pub first: Option<Admission>,
    /// Counts the entries of the ticket at this list, this one included.
    pub entry_no: Option<i32>,
}

/// A stored scan.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = scans)]
pub struct ScanRow {
    pub id: Uuid,
    pub check_in_list_id: Uuid,
    pub device_id: Option<Uuid>,
    pub client_id: Uuid,
    pub ticket_id: Option<Uuid>,
    pub kind: String,
    pub outcome: String,
    pub reason: String,
    pub entry_no: Option<i32>,
    pub gate: String,
    pub override_reason: String,
    pub actor: String,
    pub scanned_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
}

/// Decides and stores an upload in a transaction of its own; the results are in the order of the scans.
async fn upload_alone(db: &Db, scope: &Scope, upload: &Upload) -> Result<Vec<ScanResult>> {
    for _ in 0..ATTEMPTS_MAX {
        match db.run(scope, async |tx| attempt(tx, upload).await).await {
            Err(error) if was_overtaken(&error) => {}
            result => return result,
        }
    }
    Err(contended())
}

/// Decides and stores an upload within the transaction of an idempotency key.
pub async fn upload_within(tx: &mut Tx, upload: &Upload) -> Result<Vec<ScanResult>> {
    for _ in 0..ATTEMPTS_MAX {
        // A transaction in a transaction: a savepoint.
        AnsiTransactionManager::begin_transaction(&mut **tx).await?;
        match attempt(tx, upload).await {
            Ok(results) => {
                AnsiTransactionManager::commit_transaction(&mut **tx).await?;
                return Ok(results);
            }
            Err(error) => {
                AnsiTransactionManager::rollback_transaction(&mut **tx).await?;
                if !was_overtaken(&error) {
                    return Err(error);
                }
            }
        }
    }
    Err(contended())
}

/// The scans of a list in the order of their arrival.
pub async fn list(
    tx: &mut Tx,
    list: Id<id::CheckInList>,
    limit: i64,
    after: Option<Uuid>,
) -> Result<Vec<ScanRow>> {
    let known = check_in_lists::table.find((tx.tenant(), list.uuid())).select(check_in_lists::id);
    known.first::<Uuid>(&mut **tx).await.optional().or_not_found("check-in list")?;
    let mut query = scans::table
        .filter(scans::tenant_id.eq(tx.tenant()).and(scans::check_in_list_id.eq(list.uuid())))
        .order(scans::id)
        .limit(limit)
        .select(ScanRow::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(scans::id.gt(after));
    }
    Ok(query.load(&mut **tx).await?)
}

/// A stored scan.
pub async fn get(tx: &mut Tx, id: Id<id::Scan>) -> Result<ScanRow> {
    scans::table
        .find((tx.tenant(), id.uuid()))
        .select(ScanRow::as_select())
        .first(&mut **tx)
        .await
        .optional()
        .or_not_found("scan")
}

/// The reasons in a stored scan: their codes with spaces between them.
pub fn parse_reasons(text: &str) -> Result<Vec<Reason>> {
    text.split_ascii_whitespace()
        .map(|code| {
            Reason::ALL
                .iter()
                .copied()
                .find(|reason| reason.code() == code)
                .ok_or_else(|| Error::Corrupt(format!("reason of a scan: {code}")))
        })
        .collect()
}

/// A time that a scanner reports, within what we believe, and as exact as it will be stored: the answer to a repeated
/// scan is made from what was stored.
pub fn believable(scanned_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let (earliest, latest) =
        (now - TimeDelta::days(BEHIND_MAX_DAYS), now + TimeDelta::minutes(AHEAD_MAX_MINUTES));
    scanned_at.clamp(earliest, latest).trunc_subsecs(6)
}

async fn attempt(tx: &mut Tx, upload: &Upload) -> Result<Vec<ScanResult>> {
    let known = Load::new(tx.tenant(), upload).run(tx).await?;
    if known.is_empty() {
        return Err(Refusal::not_found("check-in list").into());
    }
    let judged = judge(upload, known)?;
    if judged.new.is_empty() {
        return Ok(judged.results);
    }
    let (new, moved): (Vec<_>, Vec<_>) = judged
        .standings
        .iter()
        .filter(|(_, standing)| standing.changed())
        .partition(|(_, s)| s.before.is_none());
    let stored = Store::new(tx.tenant(), upload, &judged.new, &new).run(tx).await?;
    let all_moved = moved.is_empty() || Move::new(tx.tenant(), upload, &moved).run(tx).await?;
    if !stored || !all_moved {
        return Err(Error::Database(Diesel::RollbackTransaction));
    }
    for scan in judged.new.iter().filter(|scan| scan.is_overridden()) {
        let detail = json!({ "list": upload.list, "lifted": scan.reason, "reason": scan.override_reason });
        let ticket =
            scan.ticket_id.map(|ticket| Id::<id::Ticket>::from(ticket).to_string()).unwrap_or_default();
        audit_log::record(tx, "check_ins.create", ticket, detail).await?;
    }
    Ok(judged.results)
}

/// True when another upload wrote one of our scans or admissions between our two statements.
fn was_overtaken(error: &Error) -> bool {
    matches!(error, Error::Database(Diesel::RollbackTransaction))
        || matches!(error.constraint(), Some("scans_entry_no_key"))
        || error.is_transient()
}

fn contended() -> Error {
    Error::DatabaseDown("too many scanners write the same tickets at once".into())
}

/// Where a ticket stands at the list.
#[derive(Debug, Clone, Default)]
struct Standing {
    entries: i32,
    inside: bool,
    first: Option<Admission>,
    last: Option<Admission>,
    /// `entries` and `inside` as they were read; `None` when there was no row.
    before: Option<(i32, bool)>,
}

impl Standing {
    fn earlier(&self) -> Option<Earlier> {
        Some(Earlier { first: self.first.clone()?, last: self.last.clone()?, inside: self.inside })
    }

    fn changed(&self) -> bool {
        self.before.unwrap_or_default() != (self.entries, self.inside)
    }

    fn enter(&mut self, admission: Admission) {
        self.entries += 1;
        self.inside = true;
        self.first.get_or_insert_with(|| admission.clone());
        self.last = Some(admission);
    }
}

/// A scan to store.
#[derive(Debug)]
struct Judged {
    source: Arc<Source>,
    client_id: Uuid,
    ticket_id: Option<Uuid>,
    kind: ScanKind,
    outcome: Outcome,
    reason: String,
    entry_no: Option<i32>,
    override_reason: String,
    scanned_at: DateTime<Utc>,
}

impl Judged {
    fn is_overridden(&self) -> bool {
        self.outcome == Outcome::Admitted && !self.reason.is_empty()
    }
}

/// The decisions on an upload.
#[derive(Debug)]
struct Judgement {
    results: Vec<ScanResult>,
    /// Scans that were not known yet, by the scanner's id, so that uploads that overlap wait for each other in turn.
    new: Vec<Judged>,
    /// By ticket, for the same reason.
    standings: Vec<(Uuid, Standing)>,
}

/// Decides the scans one after the other; each sees what the ones before it did. Pure.
fn judge(upload: &Upload, known: Vec<Known>) -> Result<Judgement> {
    let mut known: HashMap<Uuid, Known> = known.into_iter().map(|known| (known.client_id, known)).collect();
    let mut standings: HashMap<Uuid, Standing> = HashMap::new();
    for (ticket, standing) in known.values().filter_map(Known::standing) {
        standings.insert(ticket, standing);
    }
    let mut results: Vec<ScanResult> = Vec::with_capacity(upload.scans.len());
    let mut new = Vec::new();
    let mut repeated: HashMap<Uuid, usize> = HashMap::new();
    for (at, scan) in upload.scans.iter().enumerate() {
        if let Some(&first) = repeated.get(&scan.client_id) {
            results.push(results[first].clone());
            continue;
        }
        repeated.insert(scan.client_id, at);
        let facts = known
            .remove(&scan.client_id)
            .ok_or_else(|| Error::Corrupt("a scan is missing in the answer of the database".into()))?;
        let first = |ticket| standings.get(&ticket).and_then(|standing: &Standing| standing.first.clone());
        if let Some(result) = facts.stored_result(first)? {
            results.push(result);
            continue;
        }
        let (result, judged) = decide(scan, &facts, &mut standings)?;
        results.push(result);
        new.push(judged);
    }
    new.sort_unstable_by_key(|judged| judged.client_id);
    let mut standings: Vec<_> = standings.into_iter().collect();
    standings.sort_unstable_by_key(|(ticket, _)| *ticket);
    Ok(Judgement { results, new, standings })
}

fn decide(
    scan: &NewScan,
    facts: &Known,
    standings: &mut HashMap<Uuid, Standing>,
) -> Result<(ScanResult, Judged)> {
    let decision = match &scan.presented {
        Presented::Code(token) => decide_token(scan, facts, token, standings)?,
        Presented::Ticket(_) => match facts.token_of_ticket()? {
            Ok(token) => decide_token(scan, facts, &Ok(token), standings)?,
            Err(reason) => Decision::Refused { reason },
        },
    };
    // Only a good signature, or our own row, says which ticket it was.
    let ticket_id = match &scan.presented {
        Presented::Code(token) => token.as_ref().ok().map(|token| token.ticket_id),
        Presented::Ticket(_) => facts.ticket.as_ref().map(|ticket| ticket.id),
    };
    let standing = ticket_id.map(|ticket| standings.entry(ticket).or_default());
    let mut entry_no = None;
    let (outcome, reasons) = match decision {
        Decision::Admitted { overridden } => {
            if let Some(standing) = standing {
                standing.enter(Admission { gate: scan.source.gate.clone(), at: scan.scanned_at });
                entry_no = Some(standing.entries);
            }
            (Outcome::Admitted, overridden)
        }
        Decision::Exited { overridden } => {
            if let Some(standing) = standing {
                standing.inside = false;
                entry_no = Some(standing.entries).filter(|entries| *entries > 0);
            }
            (Outcome::Admitted, overridden)
        }
        Decision::AlreadyAdmitted { .. } => (Outcome::AlreadyAdmitted, Vec::new()),
        Decision::Refused { reason } => (Outcome::Refused, vec![reason]),
    };
    let reason = reasons.iter().map(|reason| reason.code()).collect::<Vec<_>>().join(" ");
    let result = ScanResult {
        client_id: scan.client_id,
        outcome,
        reasons,
        ticket: ticket_id.and(facts.ticket.as_ref()).map(KnownTicket::summary),
        first: ticket_id
            .filter(|_| outcome.speaks_of_first(entry_no))
            .and_then(|ticket| standings.get(&ticket)?.first.clone()),
        entry_no,
    };
    let judged = Judged {
        source: scan.source.clone(),
        client_id: scan.client_id,
        ticket_id,
        kind: scan.kind,
        outcome,
        reason,
        entry_no,
        override_reason: scan.override_reason.clone().unwrap_or_default(),
        scanned_at: scan.scanned_at,
    };
    Ok((result, judged))
}

fn decide_token(
    scan: &NewScan,
    facts: &Known,
    token: &Result<Token, TokenError>,
    standings: &HashMap<Uuid, Standing>,
) -> Result<Decision> {
    let token = &(*token).map(|token| facts.prolonged(token));
    let earlier =
        token.as_ref().ok().and_then(|token| standings.get(&token.ticket_id)).and_then(Standing::earlier);
    let type_nos: Vec<u16> =
        facts.type_nos.iter().filter_map(|&type_no| u16::try_from(type_no).ok()).collect();
    let event_no =
        u32::try_from(facts.event_no).map_err(|_| Error::Corrupt("a negative number of an event".into()))?;
    Ok(check_in::decide(&Scan {
        kind: scan.kind,
        token,
        event: EventFacts { event_no, live: facts.livemode },
        list: ListRules {
            type_nos: (!type_nos.is_empty()).then_some(type_nos.as_slice()),
            zone_mask: u8::try_from(facts.zone_mask).unwrap_or(0),
            window_tolerance_minutes: WINDOW_TOLERANCE_MINUTES,
            policy: if facts.re_entry { EntryPolicy::ReEntry } else { EntryPolicy::Single },
            admit_unknown: false,
        },
        ticket: facts.ticket_facts()?,
        earlier: earlier.as_ref(),
        now: scan.scanned_at,
        overriding: scan
            .override_reason
            .as_deref()
            .map(|reason| Override { permitted: scan.source.may_override, reason }),
    }))
}

#[cfg(test)]
mod tests;
