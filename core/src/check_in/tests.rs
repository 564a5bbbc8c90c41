use uuid::Uuid;

use super::*;
use crate::ticket::Minute;

const KNOWN: TicketFacts = TicketFacts::Known { generation: 2, state: TicketState::Valid };

/// A scan that is admitted; each test changes one thing.
#[derive(Clone)]
struct Case {
    kind: ScanKind,
    token: Result<Token, TokenError>,
    event: EventFacts,
    list: ListRules<'static>,
    ticket: TicketFacts,
    earlier: Option<Earlier>,
    now: DateTime<Utc>,
    overriding: Option<Override<'static>>,
}

fn case() -> Case {
    Case {
        kind: ScanKind::Entry,
        token: Ok(Token {
            kid: 1,
            event_no: 9,
            ticket_id: Uuid::from_u128(1),
            generation: 2,
            type_no: 5,
            not_before: Minute(1_000),
            not_after: Minute(2_000),
            flags: Flags::NONE.with_zone_mask(0b0011),
        }),
        event: EventFacts { event_no: 9, live: true },
        list: ListRules {
            type_nos: Some(&[4, 5]),
            zone_mask: 0b0110,
            window_tolerance_minutes: WINDOW_TOLERANCE_MINUTES,
            policy: EntryPolicy::Single,
            admit_unknown: false,
        },
        ticket: KNOWN,
        earlier: None,
        now: Minute(1_500).to_utc(),
        overriding: None,
    }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn token(self, change: impl FnOnce(&mut Token)) -> Self {
        self.with(|case| change(case.token.as_mut().expect("the case has a good token")))
    }

    fn forced(self) -> Self {
        self.with(|case| case.overriding = Some(Override { permitted: true, reason: "guest of the house" }))
    }

    fn decide(&self) -> Decision {
        decide(&Scan {
            kind: self.kind,
            token: &self.token,
            event: self.event,
            list: self.list,
            ticket: self.ticket,
            earlier: self.earlier.as_ref(),
            now: self.now,
            overriding: self.overriding,
        })
    }

    /// The code of what speaks against the scan, or `admitted` or `exited`.
    fn outcome(&self) -> &'static str {
        match self.decide() {
            Decision::Admitted { .. } => "admitted",
            Decision::Exited { .. } => "exited",
            Decision::AlreadyAdmitted { .. } => Reason::AlreadyAdmitted.code(),
            Decision::Refused { reason } => reason.code(),
        }
    }
}

fn admission(gate: &str, minute: u32) -> Admission {
    Admission { gate: gate.into(), at: Minute(minute).to_utc() }
}

fn earlier(inside: bool) -> Option<Earlier> {
    Some(Earlier { first: admission("north", 1_100), last: admission("south", 1_200), inside })
}

fn state(generation: u16, state: TicketState) -> TicketFacts {
    TicketFacts::Known { generation, state }
}

/// One case per reason, in the order of the decision.
fn objectionable() -> Vec<(Reason, Case)> {
    let token_error = |error| case().with(|c| c.token = Err(error));
    vec![
        (Reason::Malformed, token_error(TokenError::NotCanonical)),
        (Reason::UnknownKey, token_error(TokenError::UnknownKey)),
        (Reason::RevokedKey, token_error(TokenError::RevokedKey)),
        (Reason::BadSignature, token_error(TokenError::Signature)),
        (Reason::WrongEvent, case().token(|t| t.event_no = 8)),
        (Reason::TestTicketInLive, case().token(|t| t.flags = t.flags.with(Flags::TEST))),
        (Reason::NotYetValid, case().with(|c| c.now = Minute(989).to_utc())),
        (Reason::Expired, case().with(|c| c.now = Minute(2_011).to_utc())),
        (Reason::UnknownTicket, case().with(|c| c.ticket = TicketFacts::Unknown)),
        (Reason::Superseded, case().with(|c| c.ticket = state(3, TicketState::Valid))),
        (Reason::Void, case().with(|c| c.ticket = state(2, TicketState::Void))),
        (Reason::Frozen, case().with(|c| c.ticket = state(2, TicketState::Frozen))),
        (Reason::WrongList, case().token(|t| t.type_no = 6)),
        (Reason::WrongZone, case().token(|t| t.flags = Flags::NONE.with_zone_mask(0b1001))),
        (Reason::AlreadyAdmitted, case().with(|c| c.earlier = earlier(true))),
        (Reason::NotInside, case().with(|c| c.kind = ScanKind::Exit)),
    ]
}

#[test]
fn every_reason_has_a_case_and_the_good_ticket_is_admitted() {
    let cases = objectionable();
    assert_eq!(cases.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), Reason::ALL);
    for (reason, case) in cases {
        assert_eq!(case.outcome(), reason.code());
    }
    assert_eq!(case().decide(), Decision::Admitted { overridden: vec![] });
}

#[test]
fn every_unreadable_code_is_malformed() {
    for &error in TokenError::ALL {
        let outcome = case().with(|c| c.token = Err(error)).outcome();
        match error {
            TokenError::UnknownKey => assert_eq!(outcome, "unknown_key"),
            TokenError::RevokedKey => assert_eq!(outcome, "revoked_key"),
            TokenError::Signature => assert_eq!(outcome, "bad_signature"),
            _ => assert_eq!(outcome, "malformed", "{error:?}"),
        }
    }
}

#[test]
fn edges_of_the_rules() {
    let exit = || case().with(|c| c.kind = ScanKind::Exit);
    let returning =
        |inside| case().with(|c| (c.list.policy, c.earlier) = (EntryPolicy::ReEntry, earlier(inside)));
    let second = TimeDelta::seconds(1);
    let ten = TimeDelta::minutes(10);
    let (opens, closes) = (Minute(1_000).to_utc(), Minute(2_000).to_utc());
    for (name, case, outcome) in [
        ("ten minutes early", case().with(|c| c.now = opens - ten), "admitted"),
        ("a second earlier", case().with(|c| c.now = opens - ten - second), "not_yet_valid"),
        ("ten minutes late", case().with(|c| c.now = closes + ten), "admitted"),
        ("a second later", case().with(|c| c.now = closes + ten + second), "expired"),
        (
            "no tolerance",
            case().with(|c| (c.list.window_tolerance_minutes, c.now) = (0, opens - second)),
            "not_yet_valid",
        ),
        ("the largest tolerance", case().with(|c| c.list.window_tolerance_minutes = u32::MAX), "admitted"),
        ("the latest window", case().token(|t| t.not_after = Minute(u32::MAX)), "admitted"),
        ("a window turned round", case().token(|t| t.not_after = Minute(900)), "expired"),
        (
            "a test ticket in test mode",
            case().token(|t| t.flags = t.flags.with(Flags::TEST)).with(|c| c.event.live = false),
            "admitted",
        ),
        (
            "a list of all types",
            case().token(|t| t.type_no = 77).with(|c| c.list.type_nos = None),
            "admitted",
        ),
        ("a list of no types", case().with(|c| c.list.type_nos = Some(&[])), "wrong_list"),
        ("a ticket without zones", case().token(|t| t.flags = Flags::NONE), "admitted"),
        ("a gate without zones", case().with(|c| c.list.zone_mask = 0), "admitted"),
        (
            "sold after the manifest",
            case().with(|c| (c.ticket, c.list.admit_unknown) = (TicketFacts::Unknown, true)),
            "admitted",
        ),
        ("re-issued after the manifest", case().token(|t| t.generation = 3), "unknown_ticket"),
        (
            "re-issued after the manifest, admitted",
            case().token(|t| t.generation = 3).with(|c| c.list.admit_unknown = true),
            "admitted",
        ),
        (
            "re-issued, but the manifest says void",
            case().token(|t| t.generation = 3).with(|c| c.ticket = state(2, TicketState::Void)),
            "void",
        ),
        (
            "a superseded code of a void ticket",
            case().with(|c| c.ticket = state(3, TicketState::Void)),
            "superseded",
        ),
        ("single entry, went out", case().with(|c| c.earlier = earlier(false)), "already_admitted"),
        ("re-entry, went out", returning(false), "admitted"),
        ("re-entry, still inside", returning(true), "already_admitted"),
        ("leaves", exit().with(|c| c.earlier = earlier(true)), "exited"),
        ("leaves twice", exit().with(|c| c.earlier = earlier(false)), "not_inside"),
        (
            "leaves late, with a ticket that was voided",
            exit().with(|c| {
                (c.earlier, c.ticket) = (earlier(true), state(2, TicketState::Void));
                c.now = Minute(9_000).to_utc();
            }),
            "exited",
        ),
        (
            "leaves another event",
            exit().with(|c| c.earlier = earlier(true)).token(|t| t.event_no = 8),
            "wrong_event",
        ),
    ] {
        assert_eq!(case.outcome(), outcome, "{name}");
    }
}

#[test]
fn the_first_objection_in_the_order_is_the_answer() {
    // Everything is wrong at once; repairing one thing after the other uncovers the next.
    let mut all = case()
        .token(|t| {
            (t.event_no, t.type_no) = (8, 6);
            t.flags = Flags::TEST.with_zone_mask(0b1001);
        })
        .with(|c| {
            c.now = Minute(3_000).to_utc();
            c.ticket = state(3, TicketState::Void);
            c.earlier = earlier(true);
        });
    let good = all.token.expect("the case has a good token");
    all.token = Err(TokenError::Signature);
    type Repair<'a> = &'a dyn Fn(&mut Case);
    let repairs: [(&str, Repair<'_>); 10] = [
        ("bad_signature", &|c| c.token = Ok(good)),
        ("wrong_event", &|c| c.token.as_mut().unwrap().event_no = 9),
        ("test_ticket_in_live", &|c| c.event.live = false),
        ("expired", &|c| c.now = Minute(1_500).to_utc()),
        ("superseded", &|c| c.ticket = state(2, TicketState::Void)),
        ("void", &|c| c.ticket = state(2, TicketState::Frozen)),
        ("frozen", &|c| c.ticket = KNOWN),
        ("wrong_list", &|c| c.list.type_nos = None),
        ("wrong_zone", &|c| c.list.zone_mask = 0),
        ("already_admitted", &|c| c.earlier = None),
    ];
    for (outcome, repair) in repairs {
        assert_eq!(all.outcome(), outcome);
        repair(&mut all);
    }
    assert_eq!(all.outcome(), "admitted");
}

#[test]
fn a_used_ticket_shows_both_gates() {
    let used = case().with(|c| c.earlier = earlier(true));
    assert_eq!(
        used.decide(),
        Decision::AlreadyAdmitted { first: admission("north", 1_100), last: admission("south", 1_200) }
    );
}

#[test]
fn a_supervisor_lifts_what_may_be_lifted_and_nothing_else() {
    for (reason, case) in objectionable() {
        let forced = case.clone().forced();
        let expected = match (reason.is_overridable(), reason) {
            (false, _) => Decision::Refused { reason },
            (true, Reason::NotInside) => Decision::Exited { overridden: vec![reason] },
            (true, _) => Decision::Admitted { overridden: vec![reason] },
        };
        assert_eq!(forced.decide(), expected, "{reason}");
        for (permitted, words) in [(false, "please"), (true, ""), (true, " \n\t")] {
            let unfounded = case.clone().with(|c| c.overriding = Some(Override { permitted, reason: words }));
            assert_eq!(unfounded.outcome(), reason.code(), "{permitted} {words:?}");
        }
    }
    let hard: Vec<_> =
        Reason::ALL.iter().filter(|reason| !reason.is_overridable()).map(|r| r.code()).collect();
    assert_eq!(
        hard,
        [
            "malformed",
            "unknown_key",
            "revoked_key",
            "bad_signature",
            "wrong_event",
            "test_ticket_in_live",
            "superseded",
            "void"
        ]
    );
}

#[test]
fn an_override_is_told_everything_that_it_lifted() {
    let late = |c: &mut Case| {
        c.now = Minute(3_000).to_utc();
        c.ticket = state(2, TicketState::Frozen);
        c.earlier = earlier(true);
    };
    let forced = case().with(late).forced();
    let overridden = vec![Reason::Expired, Reason::Frozen, Reason::AlreadyAdmitted];
    assert_eq!(forced.decide(), Decision::Admitted { overridden });
    let void = forced.with(|c| c.ticket = state(2, TicketState::Void));
    assert_eq!(void.outcome(), "void", "what comes after a lifted objection still counts");
}

#[test]
fn too_many_words_are_no_reason() {
    let just = "x".repeat(OVERRIDE_REASON_MAX_CHARS);
    assert!(Override { permitted: true, reason: &just }.has_reason());
    assert!(!Override { permitted: true, reason: &format!("{just}x") }.has_reason());
}

#[test]
fn codes_of_reasons_are_unique_and_match_the_wire() {
    let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    for &reason in Reason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        assert!(!reason.text().is_empty());
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len());
}
