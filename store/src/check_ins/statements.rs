//! The statements of an upload. Each is one text with arrays as parameters, whatever the number of scans, so that the
//! server prepares and plans it once per connection.

use chrono::{DateTime, Utc};
use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use eventflow_core::{
    check_in::{Admission, Reason, ScanKind, TicketFacts},
    ticket::{Flags, Minute, Token},
};
use uuid::Uuid;

use super::{Judged, Outcome, Presented, ScanResult, Standing, TicketSummary, Upload, parse_reasons};
use crate::{
    db::{Tx, new_uuid},
    error::{Error, Result},
    tickets,
};

/// Reads, for every scan of an upload, the rules of the list, the scan itself if it was uploaded before, its ticket and
/// where the ticket stands. No row at all when there is no such list.
#[derive(Debug, QueryId)]
pub(super) struct Load {
    tenant: Uuid,
    list: Uuid,
    client_ids: Vec<Uuid>,
    ticket_ids: Vec<Option<Uuid>>,
}

/// One row of [`Load`].
#[derive(Debug, Clone, Queryable)]
pub(super) struct Known {
    pub client_id: Uuid,
    pub event_id: Uuid,
    pub event_no: i32,
    pub livemode: bool,
    pub type_nos: Vec<i32>,
    pub re_entry: bool,
    pub zone_mask: i16,
    pub stored: Option<StoredScan>,
    pub ticket: Option<KnownTicket>,
    pub admission: Option<KnownAdmission>,
    /// The gate of the first admission.
    pub first_gate: Option<String>,
}

#[derive(Debug, Clone, Queryable)]
pub(super) struct StoredScan {
    pub outcome: String,
    pub reason: String,
    pub entry_no: Option<i32>,
    pub ticket_id: Option<Uuid>,
}

#[derive(Debug, Clone, Queryable)]
pub(super) struct KnownTicket {
    pub id: Uuid,
    pub event_id: Uuid,
    pub label: String,
    pub tier_name: String,
    pub type_no: i32,
    pub state: String,
    pub generation: i32,
    pub kid: i16,
    pub flags: i32,
    pub not_before: DateTime<Utc>,
    pub not_after: DateTime<Utc>,
}

#[derive(Debug, Clone, Queryable)]
pub(super) struct KnownAdmission {
    pub ticket_id: Uuid,
    pub inside: bool,
    pub entries: i32,
    pub first_admitted_at: DateTime<Utc>,
    pub last_admitted_at: DateTime<Utc>,
    pub last_gate: String,
}

impl Load {
    pub(super) fn new(tenant: Uuid, upload: &Upload) -> Self {
        let mut scans: Vec<_> =
            upload.scans.iter().map(|scan| (scan.client_id, scan.presented.ticket_id())).collect();
        // A scan that stands twice in the upload counts once, as it was sent first: the sort keeps the order of equals.
        scans.sort_by_key(|(client_id, _)| *client_id);
        scans.dedup_by_key(|(client_id, _)| *client_id);
        let (client_ids, ticket_ids) = scans.into_iter().unzip();
        Self { tenant, list: upload.list.uuid(), client_ids, ticket_ids }
    }

    pub(super) async fn run(self, tx: &mut Tx) -> Result<Vec<Known>> {
        Ok(self.load(&mut **tx).await?)
    }
}

impl Query for Load {
    type SqlType = (
        SqlUuid,
        SqlUuid,
        Integer,
        Bool,
        Array<Integer>,
        Bool,
        SmallInt,
        Nullable<(Text, Text, Nullable<Integer>, Nullable<SqlUuid>)>,
        Nullable<(
            SqlUuid,
            SqlUuid,
            Text,
            Text,
            Integer,
            Text,
            Integer,
            SmallInt,
            Integer,
            Timestamptz,
            Timestamptz,
        )>,
        Nullable<(SqlUuid, Bool, Integer, Timestamptz, Timestamptz, Text)>,
        Nullable<Text>,
    );
}

impl QueryFragment<Pg> for Load {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH asked AS (SELECT * FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.client_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<SqlUuid>>, _>(&self.ticket_ids)?;
        // The condition is always true. It makes the planner expect one row, with the arrays at hand as without, so
        // that it settles on one plan, of index look-ups, and does not plan every upload anew.
        out.push_sql(
            ") AS u (client_id, ticket_id) WHERE nullif(u.client_id, u.client_id) IS NULL), \
             mine AS (SELECT ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(" AS tenant_id, ");
        out.push_bind_param::<SqlUuid, _>(&self.list)?;
        // LATERAL with LIMIT: a look-up in an index per scan, whatever the planner believes of the size of the tables.
        out.push_sql(
            " AS list_id) \
             SELECT asked.client_id, l.event_id, e.event_no, n.livemode, l.type_nos, l.re_entry, l.zone_mask, \
               k.outcome, k.reason, k.entry_no, k.ticket_id, \
               t.id, t.event_id, t.label, t.tier_name, t.type_no, t.state, t.generation, t.kid, t.flags, t.not_before, \
               t.not_after, \
               a.ticket_id, a.inside, a.entries, a.first_admitted_at, a.last_admitted_at, a.last_gate, f.gate \
             FROM mine \
             JOIN check_in_lists l ON l.tenant_id = mine.tenant_id AND l.id = mine.list_id \
             JOIN events e ON e.tenant_id = l.tenant_id AND e.id = l.event_id \
             JOIN tenants n ON n.id = l.tenant_id \
             CROSS JOIN asked \
             LEFT JOIN LATERAL (SELECT * FROM scans WHERE tenant_id = mine.tenant_id AND check_in_list_id = mine.list_id \
               AND client_id = asked.client_id LIMIT 1) k ON true \
             LEFT JOIN LATERAL (SELECT * FROM tickets WHERE tenant_id = mine.tenant_id \
               AND id = CASE WHEN k.id IS NULL THEN asked.ticket_id ELSE k.ticket_id END LIMIT 1) t ON true \
             LEFT JOIN LATERAL (SELECT * FROM admissions WHERE tenant_id = mine.tenant_id \
               AND check_in_list_id = mine.list_id \
               AND ticket_id = CASE WHEN k.id IS NULL THEN asked.ticket_id ELSE k.ticket_id END LIMIT 1) a ON true \
             LEFT JOIN LATERAL (SELECT gate FROM scans WHERE tenant_id = mine.tenant_id \
               AND check_in_list_id = mine.list_id AND ticket_id = a.ticket_id AND entry_no = 1 \
               AND outcome = 'admitted' AND kind = 'entry' LIMIT 1) f ON true",
        );
        Ok(())
    }
}

impl Presented {
    fn ticket_id(&self) -> Option<Uuid> {
        match self {
            Self::Code(token) => token.as_ref().ok().map(|token| token.ticket_id),
            Self::Ticket(ticket) => Some(*ticket),
        }
    }
}

impl Known {
    pub(super) fn standing(&self) -> Option<(Uuid, Standing)> {
        let row = self.admission.as_ref()?;
        let first_gate = self.first_gate.clone().unwrap_or_default();
        let standing = Standing {
            entries: row.entries,
            inside: row.inside,
            first: Some(Admission { gate: first_gate, at: row.first_admitted_at }),
            last: Some(Admission { gate: row.last_gate.clone(), at: row.last_admitted_at }),
            before: Some((row.entries, row.inside)),
        };
        Some((row.ticket_id, standing))
    }

    /// The answer to a scan that was uploaded before.
    pub(super) fn stored_result(
        &self,
        first: impl Fn(Uuid) -> Option<Admission>,
    ) -> Result<Option<ScanResult>> {
        let Some(stored) = &self.stored else { return Ok(None) };
        let outcome = Outcome::parse(&stored.outcome)?;
        let result = ScanResult {
            client_id: self.client_id,
            outcome,
            reasons: parse_reasons(&stored.reason)?,
            ticket: self.ticket.as_ref().map(KnownTicket::summary),
            first: stored.ticket_id.filter(|_| outcome.speaks_of_first(stored.entry_no)).and_then(first),
            entry_no: stored.entry_no,
        };
        Ok(Some(result))
    }

    pub(super) fn ticket_facts(&self) -> Result<TicketFacts> {
        let Some(ticket) = &self.ticket else { return Ok(TicketFacts::Unknown) };
        let corrupt = || Error::Corrupt(format!("state or generation of ticket {}", ticket.id));
        Ok(TicketFacts::Known {
            generation: u16::try_from(ticket.generation).map_err(|_| corrupt())?,
            state: ticket.state.parse().map_err(|_| corrupt())?,
        })
    }

    /// A code with the end that its ticket has by now: the event may have been moved after it was printed.
    pub(super) fn prolonged(&self, token: Token) -> Token {
        let of_ticket = self.ticket.as_ref().filter(|ticket| ticket.id == token.ticket_id);
        let end = of_ticket.and_then(|ticket| Minute::ceil(ticket.not_after));
        Token { not_after: end.map_or(token.not_after, |end| end.max(token.not_after)), ..token }
    }

    /// The token of a ticket that was looked up: our own row stands for a signature.
    pub(super) fn token_of_ticket(&self) -> Result<std::result::Result<Token, Reason>> {
        let Some(ticket) = &self.ticket else { return Ok(Err(Reason::UnknownTicket)) };
        if ticket.event_id != self.event_id {
            return Ok(Err(Reason::WrongEvent));
        }
        let window = (ticket.not_before, ticket.not_after);
        tickets::token_of(
            ticket.id,
            self.event_no,
            ticket.kid,
            ticket.generation,
            ticket.type_no,
            ticket.flags,
            window,
        )
        .map(Ok)
    }
}

impl KnownTicket {
    pub(super) fn summary(&self) -> TicketSummary {
        TicketSummary {
            id: self.id,
            label: self.label.clone(),
            tier_name: self.tier_name.clone(),
            type_no: self.type_no,
            flags: Flags::from_bits(u16::try_from(self.flags).unwrap_or_default()),
        }
    }
}

/// Writes new scans, and the standing of tickets that stood nowhere before. It leaves out what exists by now.
#[derive(Debug, QueryId)]
pub(super) struct Store {
    tenant: Uuid,
    list: Uuid,
    devices: Vec<Option<Uuid>>,
    gates: Vec<String>,
    actors: Vec<String>,
    ids: Vec<Uuid>,
    client_ids: Vec<Uuid>,
    ticket_ids: Vec<Option<Uuid>>,
    kinds: Vec<&'static str>,
    outcomes: Vec<&'static str>,
    reasons: Vec<String>,
    entry_nos: Vec<Option<i32>>,
    override_reasons: Vec<String>,
    scanned_at: Vec<DateTime<Utc>>,
    opened: Standings,
}

/// Rows of `admissions`, one array a column.
#[derive(Debug, Default)]
struct Standings {
    ticket_ids: Vec<Uuid>,
    inside: Vec<bool>,
    entries: Vec<i32>,
    first_at: Vec<Option<DateTime<Utc>>>,
    last_at: Vec<Option<DateTime<Utc>>>,
    last_gates: Vec<String>,
}

impl Standings {
    fn new(standings: &[&(Uuid, Standing)]) -> Self {
        let mut columns = Self::default();
        for (ticket, standing) in standings {
            columns.ticket_ids.push(*ticket);
            columns.inside.push(standing.inside);
            columns.entries.push(standing.entries);
            columns.first_at.push(standing.first.as_ref().map(|admission| admission.at));
            columns.last_at.push(standing.last.as_ref().map(|admission| admission.at));
            columns.last_gates.push(standing.last.as_ref().map(|last| last.gate.clone()).unwrap_or_default());
        }
        columns
    }
}

impl Store {
    pub(super) fn new(tenant: Uuid, upload: &Upload, scans: &[Judged], opened: &[&(Uuid, Standing)]) -> Self {
        Self {
            tenant,
            list: upload.list.uuid(),
            devices: scans.iter().map(|scan| scan.source.device).collect(),
            gates: scans.iter().map(|scan| scan.source.gate.clone()).collect(),
            actors: scans.iter().map(|scan| scan.source.actor.to_string()).collect(),
            ids: scans.iter().map(|_| new_uuid()).collect(),
            client_ids: scans.iter().map(|scan| scan.client_id).collect(),
            ticket_ids: scans.iter().map(|scan| scan.ticket_id).collect(),
            kinds: scans.iter().map(|scan| kind_text(scan.kind)).collect(),
            outcomes: scans.iter().map(|scan| scan.outcome.as_str()).collect(),
            reasons: scans.iter().map(|scan| scan.reason.clone()).collect(),
            entry_nos: scans.iter().map(|scan| scan.entry_no).collect(),
            override_reasons: scans.iter().map(|scan| scan.override_reason.clone()).collect(),
            scanned_at: scans.iter().map(|scan| scan.scanned_at).collect(),
            opened: Standings::new(opened),
        }
    }

    /// False when a row existed already: somebody was faster.
    pub(super) async fn run(self, tx: &mut Tx) -> Result<bool> {
        let asked = (self.ids.len(), self.opened.ticket_ids.len());
        let (scans, opened): (i64, i64) = self.get_result(&mut **tx).await?;
        Ok((usize::try_from(scans).ok(), usize::try_from(opened).ok()) == (Some(asked.0), Some(asked.1)))
    }
}

impl Query for Store {
    type SqlType = (BigInt, BigInt);
}

impl QueryFragment<Pg> for Store {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH new AS (INSERT INTO scans (tenant_id, check_in_list_id, device_id, gate, actor, id, client_id, \
               ticket_id, kind, outcome, reason, entry_no, override_reason, scanned_at) SELECT ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&self.list)?;
        out.push_sql(", s.* FROM unnest(");
        out.push_bind_param::<Array<Nullable<SqlUuid>>, _>(&self.devices)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.gates)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.actors)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.client_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<SqlUuid>>, _>(&self.ticket_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.kinds)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.outcomes)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.reasons)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Integer>>, _>(&self.entry_nos)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.override_reasons)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Timestamptz>, _>(&self.scanned_at)?;
        // `opened` counts `new`, so that every upload writes scans first and admissions second: two that overlap wait
        // for each other and never in a circle.
        out.push_sql(
            ") s ON CONFLICT ON CONSTRAINT scans_client_id_key DO NOTHING RETURNING 1), \
             opened AS (INSERT INTO admissions (tenant_id, check_in_list_id, ticket_id, inside, entries, \
               first_admitted_at, last_admitted_at, last_gate) SELECT ",
        );
        out.push_bind_param::<SqlUuid, _>(&self.tenant)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&self.list)?;
        out.push_sql(", s.* FROM unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.opened.ticket_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bool>, _>(&self.opened.inside)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Integer>, _>(&self.opened.entries)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Timestamptz>>, _>(&self.opened.first_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Timestamptz>>, _>(&self.opened.last_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.opened.last_gates)?;
        out.push_sql(
            ") s WHERE (SELECT count(*) FROM new) >= 0 ON CONFLICT DO NOTHING RETURNING 1) \
             SELECT (SELECT count(*) FROM new), (SELECT count(*) FROM opened)",
        );
        Ok(())
    }
}

/// Writes where tickets stand that stood somewhere before, each only if it still stands where it was read.
///
/// Exits and second entries are rare, and the right plan depends on how large the table is: planned each time.
#[derive(Debug)]
pub(super) struct Move {
    tenant: Uuid,
    list: Uuid,
    was_entries: Vec<i32>,
    was_inside: Vec<bool>,
    now: Standings,
}

impl Move {
    pub(super) fn new(tenant: Uuid, upload: &Upload, moved: &[&(Uuid, Standing)]) -> Self {
        let (was_entries, was_inside) = moved.iter().filter_map(|(_, standing)| standing.before).unzip();
        Self { tenant, list: upload.list.uuid(), was_entries, was_inside, now: Standings::new(moved) }
    }

    /// False when a row does not stand where it was read: somebody was faster.
    pub(super) async fn run(self, tx: &mut Tx) -> Result<bool> {
        let asked = self.now.ticket_ids.len();
        let moved = diesel::sql_query(
            "UPDATE admissions a SET inside = s.inside, entries = s.entries, last_admitted_at = s.last_at, \
               last_gate = s.last_gate \
             FROM unnest($3, $4, $5, $6, $7, $8, $9) \
               AS s (ticket_id, was_entries, was_inside, inside, entries, last_at, last_gate) \
             WHERE a.tenant_id = $1 AND a.check_in_list_id = $2 AND a.ticket_id = s.ticket_id \
               AND a.entries = s.was_entries AND a.inside = s.was_inside",
        )
        .bind::<SqlUuid, _>(self.tenant)
        .bind::<SqlUuid, _>(self.list)
        .bind::<Array<SqlUuid>, _>(self.now.ticket_ids)
        .bind::<Array<Integer>, _>(self.was_entries)
        .bind::<Array<Bool>, _>(self.was_inside)
        .bind::<Array<Bool>, _>(self.now.inside)
        .bind::<Array<Integer>, _>(self.now.entries)
        .bind::<Array<Nullable<Timestamptz>>, _>(self.now.last_at)
        .bind::<Array<Text>, _>(self.now.last_gates)
        .execute(&mut **tx)
        .await?;
        Ok(moved == asked)
    }
}

fn kind_text(kind: ScanKind) -> &'static str {
    match kind {
        ScanKind::Entry => "entry",
        ScanKind::Exit => "exit",
    }
}
