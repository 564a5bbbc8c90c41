use super::{
    statements::{KnownAdmission, KnownTicket, StoredScan},
    *,
};
use eventflow_core::ticket::Minute;

const TICKET: Uuid = Uuid::from_u128(0x71c);
const EVENT: Uuid = Uuid::from_u128(0xe);

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn at(minute: i64) -> DateTime<Utc> {
    time("2026-09-01T19:00:00Z") + TimeDelta::minutes(minute)
}

fn source(may_override: bool) -> Arc<Source> {
    Arc::new(Source { device: None, gate: "North".into(), actor: "key_1".into(), may_override })
}

fn scan(id: u128, kind: ScanKind, minute: i64) -> NewScan {
    let token = Token {
        kid: 0,
        event_no: 5,
        ticket_id: TICKET,
        generation: 0,
        type_no: 1,
        not_before: Minute::floor(at(-60)).unwrap(),
        not_after: Minute::ceil(at(180)).unwrap(),
        flags: Flags::NONE,
    };
    NewScan {
        source: source(false),
        client_id: Uuid::from_u128(id),
        presented: Presented::Code(Ok(token)),
        kind,
        scanned_at: at(minute),
        override_reason: None,
    }
}

fn upload(scans: Vec<NewScan>) -> Upload {
    Upload { list: Id::from_uuid(Uuid::from_u128(1)), scans }
}

fn ticket() -> KnownTicket {
    KnownTicket {
        id: TICKET,
        event_id: EVENT,
        label: "Balkon, Reihe 2, Platz 7".into(),
        tier_name: "Kategorie 3".into(),
        type_no: 1,
        state: "valid".into(),
        generation: 0,
        kid: 0,
        flags: 0,
        not_before: at(-60),
        not_after: at(180),
    }
}

/// What the database knows of each scan of the upload: the ticket, and nothing else yet.
fn known(upload: &Upload, re_entry: bool) -> Vec<Known> {
    let rows = upload.scans.iter().map(|scan| Known {
        client_id: scan.client_id,
        event_id: EVENT,
        event_no: 5,
        livemode: false,
        type_nos: Vec::new(),
        re_entry,
        zone_mask: 0,
        stored: None,
        ticket: Some(ticket()),
        admission: None,
        first_gate: None,
    });
    rows.collect()
}

fn inside_since(minute: i64) -> KnownAdmission {
    KnownAdmission {
        ticket_id: TICKET,
        inside: true,
        entries: 1,
        first_admitted_at: at(minute),
        last_admitted_at: at(minute),
        last_gate: "South".into(),
    }
}

fn outcomes(judged: &Judgement) -> Vec<Outcome> {
    judged.results.iter().map(|result| result.outcome).collect()
}

#[test]
fn two_scans_of_one_ticket_see_each_other() {
    let upload = upload(vec![scan(9, ScanKind::Entry, 0), scan(2, ScanKind::Entry, 1)]);
    let judged = judge(&upload, known(&upload, false)).unwrap();
    assert_eq!(outcomes(&judged), [Outcome::Admitted, Outcome::AlreadyAdmitted]);
    let first = Some(Admission { gate: "North".into(), at: at(0) });
    assert!(judged.results.iter().all(|result| result.first == first));
    assert_eq!(judged.results[0].entry_no, Some(1));
    let ids: Vec<_> = judged.new.iter().map(|scan| scan.client_id.as_u128()).collect();
    assert_eq!(ids, [2, 9], "stored in the order of their ids");
    let (_, standing) = &judged.standings[0];
    assert_eq!((standing.entries, standing.inside, standing.before), (1, true, None));
}

#[test]
fn a_guest_who_went_out_comes_in_again_where_the_list_has_it() {
    let scans = vec![scan(1, ScanKind::Entry, 0), scan(2, ScanKind::Exit, 5), scan(3, ScanKind::Entry, 9)];
    let upload = upload(scans);
    for (re_entry, last) in [(true, Outcome::Admitted), (false, Outcome::AlreadyAdmitted)] {
        let judged = judge(&upload, known(&upload, re_entry)).unwrap();
        assert_eq!(outcomes(&judged), [Outcome::Admitted, Outcome::Admitted, last]);
        assert_eq!(judged.standings[0].1.entries, if re_entry { 2 } else { 1 });
        assert_eq!(judged.results[1].entry_no, Some(1), "the exit ends the first entry");
    }
}

#[test]
fn an_earlier_admission_is_told_with_its_gate() {
    let upload = upload(vec![scan(1, ScanKind::Entry, 10)]);
    let mut known = known(&upload, false);
    known[0].admission = Some(inside_since(2));
    known[0].first_gate = Some("South".into());
    let judged = judge(&upload, known).unwrap();
    assert_eq!(outcomes(&judged), [Outcome::AlreadyAdmitted]);
    assert_eq!(judged.results[0].first, Some(Admission { gate: "South".into(), at: at(2) }));
    assert!(!judged.standings[0].1.changed(), "nothing to write but the scan");
    assert_eq!(judged.new.len(), 1);
}

#[test]
fn a_scan_that_is_known_gets_its_answer_again() {
    let upload = upload(vec![scan(1, ScanKind::Entry, 10), scan(1, ScanKind::Exit, 11)]);
    let mut known = known(&upload, false);
    known.truncate(1);
    known[0].stored = Some(StoredScan {
        outcome: "admitted".into(),
        reason: "expired already_admitted".into(),
        entry_no: Some(1),
        ticket_id: Some(TICKET),
    });
    known[0].admission = Some(inside_since(2));
    let judged = judge(&upload, known).unwrap();
    assert!(judged.new.is_empty() && !judged.standings[0].1.changed());
    assert_eq!(judged.results[0], judged.results[1]);
    assert_eq!(judged.results[0].reasons, [Reason::Expired, Reason::AlreadyAdmitted]);
    assert_eq!(judged.results[0].first.as_ref().unwrap().at, at(2));
}

#[test]
fn a_code_that_is_not_ours_is_stored_without_a_ticket() {
    let mut forged = scan(1, ScanKind::Entry, 0);
    forged.presented = Presented::Code(Err(TokenError::Signature));
    forged.override_reason = Some("the guest is known to me".into());
    forged.source = source(true);
    let upload = upload(vec![forged]);
    let mut known = known(&upload, false);
    known[0].ticket = None;
    let judged = judge(&upload, known).unwrap();
    assert_eq!(judged.results[0].reasons, [Reason::BadSignature]);
    assert_eq!((judged.new[0].ticket_id, judged.new[0].outcome), (None, Outcome::Refused));
    assert!(judged.standings.is_empty());
}

#[test]
fn an_override_counts_as_an_entry_and_needs_the_permission() {
    let mut second = scan(1, ScanKind::Entry, 10);
    second.override_reason = Some("left his coat in the car".into());
    let mut upload = upload(vec![second]);
    let known = |upload: &Upload| {
        let mut known = known(upload, false);
        known[0].admission = Some(inside_since(2));
        known
    };
    let refused = judge(&upload, known(&upload)).unwrap();
    assert_eq!(outcomes(&refused), [Outcome::AlreadyAdmitted]);
    upload.scans[0].source = source(true);
    let judged = judge(&upload, known(&upload)).unwrap();
    assert_eq!((judged.results[0].outcome, judged.results[0].entry_no), (Outcome::Admitted, Some(2)));
    assert_eq!(judged.new[0].reason, "already_admitted");
    assert!(judged.new[0].is_overridden());
    assert_eq!(judged.standings[0].1.before, Some((1, true)));
}

#[test]
fn a_ticket_that_was_looked_up_follows_the_same_rules() {
    let mut by_hand = scan(1, ScanKind::Entry, 0);
    by_hand.presented = Presented::Ticket(TICKET);
    let upload = upload(vec![by_hand]);
    assert_eq!(outcomes(&judge(&upload, known(&upload, false)).unwrap()), [Outcome::Admitted]);
    let judge_with = |ticket: Option<KnownTicket>| {
        let mut known = known(&upload, false);
        known[0].ticket = ticket;
        judge(&upload, known).unwrap().results[0].reasons.clone()
    };
    assert_eq!(judge_with(Some(KnownTicket { state: "void".into(), ..ticket() })), [Reason::Void]);
    assert_eq!(judge_with(Some(KnownTicket { event_id: TICKET, ..ticket() })), [Reason::WrongEvent]);
    assert_eq!(judge_with(None), [Reason::UnknownTicket]);
}

#[test]
fn times_that_nobody_believes_are_bounded() {
    let now = at(0);
    assert_eq!(believable(at(-90), now), at(-90));
    assert_eq!(believable(at(9), now), at(9));
    assert_eq!(believable(at(600), now), at(10));
    let (read, stored) = (time("2026-09-01T19:00:00.123456789Z"), time("2026-09-01T19:00:00.123456Z"));
    assert_eq!(believable(read, now), stored);
    assert_eq!(believable(time("1999-12-31T23:59:59Z"), now), now - TimeDelta::days(30));
}

#[test]
fn stored_reasons_read_back() {
    assert_eq!(parse_reasons("").unwrap(), []);
    assert_eq!(parse_reasons("frozen wrong_zone").unwrap(), [Reason::Frozen, Reason::WrongZone]);
    assert!(parse_reasons("because").is_err());
}
