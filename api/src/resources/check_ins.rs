//! Check-ins: uploads of scans. A scanner sends what it scanned, one by one or after hours without a network; each scan
//! is decided and stored once, and sending it again gets the same answer.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventflow_core::{Id, Refusal, access::Permission, check_in, id};
use eventflow_store::check_ins::{self, NewScan, Presented, ScanResult, ScanRow, Source, Upload};
use poem_openapi::{Enum, Object, OpenApi, param::Query, payload::Json, types::ToJSON};
use serde_json::Value;

use super::Tag;
use crate::{
    auth::{Call, Principal},
    problem::Failure,
    shapes::{ClientUuid, ReasonCode, ScannedText},
    wire::{Cursor, Page, Ref, Text, Window},
};

/// After this many signatures other requests get a turn.
const SIGNATURES_IN_A_ROW: usize = 16;

/// Which way the guest went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
#[oai(rename_all = "snake_case")]
enum ScanKind {
    #[default]
    Entry,
    Exit,
}

/// What came of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum Outcome {
    /// Went in; or out, for an exit.
    Admitted,
    /// The ticket is good, and was used.
    AlreadyAdmitted,
    Refused,
}

/// To admit against the decision; needs `check_ins:override`. Never lifts a bad signature.
#[derive(Debug, Object)]
struct OverrideRequest {
    /// For the audit log.
    reason: Text<1, 200>,
}

/// One scan: a `token`, or with a secret key a `ticket_id`.
#[derive(Debug, Object)]
struct ScanUpload {
    /// The scanner's own id for this scan: sending it again has no second effect.
    id: ClientUuid,
    /// What the camera read, even when it is no ticket of ours.
    token: Option<ScannedText>,
    /// A ticket that staff looked up; with a secret key only.
    ticket_id: Option<Ref<id::Ticket>>,
    #[oai(default)]
    kind: ScanKind,
    /// By the scanner's clock; now when absent. At most 10 minutes ahead and 30 days ago are believed.
    scanned_at: Option<DateTime<Utc>>,
    #[oai(rename = "override")]
    override_request: Option<OverrideRequest>,
}

/// An upload of scans.
#[derive(Debug, Object)]
#[oai(example)]
struct NewCheckIns {
    /// A device leaves it out: it is bound to its list.
    check_in_list_id: Option<Ref<id::CheckInList>>,
    /// Where the scans happened; a device leaves it out.
    gate: Option<Text<0, 80>>,
    /// In the order in which they happened.
    #[oai(validator(min_items = 1, max_items = 500))]
    scans: Vec<ScanUpload>,
}

impl poem_openapi::types::Example for NewCheckIns {
    fn example() -> Self {
        let id = uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
        Self {
            check_in_list_id: Some(id.into()),
            gate: Some(Text("North".into())),
            scans: vec![ScanUpload {
                id: ClientUuid(id),
                token: None,
                ticket_id: Some(id.into()),
                kind: ScanKind::Entry,
                scanned_at: None,
                override_request: None,
            }],
        }
    }
}

/// What the door shows of a ticket.
#[derive(Debug, Clone, Object)]
struct ScannedTicket {
    id: Ref<id::Ticket>,
    label: String,
    tier_name: String,
    type_no: u16,
    /// What to look at: `id_check`, `accessible`, `companion`, `rotating`, `test`.
    flags: Vec<String>,
}

/// The decision on one scan.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
struct CheckInResult {
    /// The scanner's own id.
    id: ClientUuid,
    outcome: Outcome,
    /// Why it was refused.
    reason: Option<ReasonCode>,
    /// What an override lifted.
    overridden: Option<Vec<ReasonCode>>,
    /// Absent when the code is no ticket of this tenant.
    ticket: Option<ScannedTicket>,
    /// When the ticket was first admitted at this list: now, or before.
    first_admitted_at: Option<DateTime<Utc>>,
    /// The gate of that first admission.
    gate: Option<String>,
    /// Counts the entries of the ticket at this list.
    entry_no: Option<u32>,
}

/// The decisions on an upload, in the order of its scans.
#[derive(Debug, Object)]
struct CheckInResults {
    results: Vec<CheckInResult>,
}

/// A stored scan.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct CheckIn {
    id: Ref<id::Scan>,
    check_in_list_id: Ref<id::CheckInList>,
    /// The scanner's own id.
    client_id: ClientUuid,
    /// Absent when the scan came with a secret key.
    device_id: Option<Ref<id::Device>>,
    /// Absent when the code is no ticket of this tenant.
    ticket_id: Option<Ref<id::Ticket>>,
    kind: ScanKind,
    outcome: Outcome,
    /// Why it was refused.
    reason: Option<ReasonCode>,
    /// What an override lifted.
    overridden: Option<Vec<ReasonCode>>,
    override_reason: Option<String>,
    entry_no: Option<u32>,
    gate: String,
    /// The credential that uploaded it.
    actor: String,
    scanned_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
}

fn shape_outcome(outcome: check_ins::Outcome) -> Outcome {
    match outcome {
        check_ins::Outcome::Admitted => Outcome::Admitted,
        check_ins::Outcome::AlreadyAdmitted => Outcome::AlreadyAdmitted,
        check_ins::Outcome::Refused => Outcome::Refused,
    }
}

/// The reason of a refusal, and what was lifted at an admission.
fn shape_reasons(
    outcome: check_ins::Outcome,
    reasons: Vec<check_in::Reason>,
) -> (Option<ReasonCode>, Option<Vec<ReasonCode>>) {
    match outcome {
        check_ins::Outcome::Admitted => {
            let lifted: Vec<_> = reasons.into_iter().map(ReasonCode).collect();
            (None, Some(lifted).filter(|lifted| !lifted.is_empty()))
        }
        _ => (reasons.into_iter().next().map(ReasonCode), None),
    }
}

fn shape_result(result: ScanResult) -> CheckInResult {
    let (reason, overridden) = shape_reasons(result.outcome, result.reasons);
    let (first_admitted_at, gate) = result.first.map(|first| (first.at, first.gate)).unzip();
    CheckInResult {
        id: ClientUuid(result.client_id),
        outcome: shape_outcome(result.outcome),
        reason,
        overridden,
        ticket: result.ticket.map(|ticket| ScannedTicket {
            id: ticket.id.into(),
            label: ticket.label,
            tier_name: ticket.tier_name,
            type_no: u16::try_from(ticket.type_no).unwrap_or_default(),
            flags: ticket.flags.names().map(str::to_owned).collect(),
        }),
        first_admitted_at,
        gate,
        entry_no: result.entry_no.and_then(|entry_no| u32::try_from(entry_no).ok()),
    }
}

fn shape_results(results: Vec<ScanResult>) -> CheckInResults {
    CheckInResults { results: results.into_iter().map(shape_result).collect() }
}

fn shape_row(row: ScanRow) -> eventflow_store::Result<CheckIn> {
    let outcome = check_ins::Outcome::parse(&row.outcome)?;
    let (reason, overridden) = shape_reasons(outcome, check_ins::parse_reasons(&row.reason)?);
    Ok(CheckIn {
        id: row.id.into(),
        check_in_list_id: row.check_in_list_id.into(),
        client_id: ClientUuid(row.client_id),
        device_id: row.device_id.map(Into::into),
        ticket_id: row.ticket_id.map(Into::into),
        kind: if row.kind == "exit" { ScanKind::Exit } else { ScanKind::Entry },
        outcome: shape_outcome(outcome),
        reason,
        overridden,
        override_reason: Some(row.override_reason).filter(|reason| !reason.is_empty()),
        entry_no: row.entry_no.and_then(|entry_no| u32::try_from(entry_no).ok()),
        gate: row.gate,
        actor: row.actor,
        scanned_at: row.scanned_at,
        received_at: row.received_at,
    })
}

/// The list and where the scans come from: a device's own, or what a secret key names.
fn place(call: &Call, body: &NewCheckIns) -> Result<(Id<id::CheckInList>, Arc<Source>), Refusal> {
    let asked = body.check_in_list_id.map(|list| list.0);
    let (list, device, gate) = match &call.principal {
        Principal::Device { list, .. } if asked.is_some_and(|asked| asked != *list) => {
            return Err(Refusal::not_found("check-in list"));
        }
        Principal::Device { device, list, gate } => (*list, Some(device.uuid()), gate.to_string()),
        _ => {
            let missing =
                || Refusal::invalid("check_in_list_id", "A secret key names the list of the scans.");
            let gate = body.gate.as_ref().map(|gate| gate.0.clone()).unwrap_or_default();
            (asked.ok_or_else(missing)?, None, gate)
        }
    };
    let may_override = call.may(Permission::CheckInsOverride);
    Ok((list, Arc::new(Source { device, gate, actor: call.scope.actor.clone(), may_override })))
}

/// Reads one scan; the signature is checked here, before any transaction begins.
async fn read_scan(
    call: &Call,
    source: &Arc<Source>,
    at: usize,
    scan: ScanUpload,
    now: DateTime<Utc>,
) -> Result<NewScan, Failure> {
    let by_server = matches!(call.principal, Principal::Secret { .. });
    let presented = match (scan.token, scan.ticket_id) {
        (Some(token), None) => Presented::Code(call.app.signer.verify(call.tenant(), &token.0).await?),
        (None, Some(ticket)) if by_server => Presented::Ticket(ticket.uuid()),
        (None, Some(_)) => {
            let detail = "A device scans codes; only a secret key names tickets.";
            return Err(Refusal::invalid(format!("scans[{at}].ticket_id"), detail).into());
        }
        _ => {
            let detail = "Expected either `token` or `ticket_id`.";
            return Err(Refusal::invalid(format!("scans[{at}].token"), detail).into());
        }
    };
    if scan.override_request.is_some() {
        call.require(Permission::CheckInsOverride)?;
    }
    Ok(NewScan {
        source: source.clone(),
        client_id: scan.id.0,
        presented,
        kind: match scan.kind {
            ScanKind::Entry => check_in::ScanKind::Entry,
            ScanKind::Exit => check_in::ScanKind::Exit,
        },
        scanned_at: check_ins::believable(scan.scanned_at.unwrap_or(now), now),
        override_reason: scan.override_request.map(|request| request.reason.0),
    })
}

/// The scan as lists have it, for webhooks.
pub(super) async fn object(call: Call, id: Id<id::Scan>) -> Result<Option<Value>, Failure> {
    let row = call.read(async |tx| check_ins::get(tx, id).await).await?;
    Ok(shape_row(row)?.to_json())
}

pub struct CheckIns;

#[OpenApi(prefix_path = "/v1", tag = "Tag::CheckIn")]
impl CheckIns {
    /// Upload scans, and get the decision on each.
    #[oai(path = "/check-ins", method = "post", operation_id = "check_ins.create")]
    async fn create(&self, call: Call, body: Json<NewCheckIns>) -> Result<Json<CheckInResults>, Failure> {
        let now = Utc::now();
        let (list, source) = place(&call, &body.0)?;
        let mut upload = Upload { list, scans: Vec::with_capacity(body.0.scans.len()) };
        for (at, scan) in body.0.scans.into_iter().enumerate() {
            if at > 0 && at % SIGNATURES_IN_A_ROW == 0 {
                tokio::task::yield_now().await;
            }
            upload.scans.push(read_scan(&call, &source, at, scan, now).await?);
        }
        // The ids of the scans make a repetition harmless; a key on top of them is honoured all the same.
        let results = if call.idempotency.is_some() {
            call.write(async |tx| check_ins::upload_within(tx, &upload).await.map(shape_results)).await?
        } else {
            shape_results(call.app.doors.upload(&call.app.db, &call.scope, upload).await?)
        };
        Ok(Json(results))
    }

    /// List the scans of a check-in list in the order of their arrival.
    #[oai(path = "/check-ins", method = "get", operation_id = "check_ins.list")]
    async fn list(
        &self,
        call: Call,
        check_in_list_id: Query<Ref<id::CheckInList>>,
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))] limit: Query<Option<u32>>,
        cursor: Query<Option<Cursor>>,
    ) -> Result<Json<Page<CheckIn>>, Failure> {
        let window = Window::new(limit.0, cursor.0)?;
        let rows = call
            .read(async |tx| check_ins::list(tx, check_in_list_id.0.0, window.fetch(), window.after).await)
            .await?;
        let rows = rows.into_iter().map(shape_row).collect::<eventflow_store::Result<Vec<_>>>()?;
        Ok(Json(window.page(rows, |row| row.id.uuid(), |row| row)))
    }
}
