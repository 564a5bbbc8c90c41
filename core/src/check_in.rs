//! The decision at a door: may the holder of this code go in (or out), and if not, why.
//!
//! The same function runs on the server and, compiled to wasm32, in the scanner without a network; the facts come from
//! the database or from the scanner's manifest. Objections are looked for in a fixed order: signature, key, event and
//! window, the ticket's state, the list's rules, earlier scans. The first one that nobody lifts is the answer.
//!
//! A supervisor may lift some objections, with a reason ([`Reason::is_overridable`]). Never one that says that the code
//! is not a live ticket of this event, and never one where another person holds the right to enter: a superseded code, or
//! a void ticket, whose seat may have been sold again. The way out there is to issue a ticket.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    order::TicketState,
    ticket::{Flags, Token, TokenError},
};

/// How far a door's clock, and a guest, may be off the ticket's window.
pub const WINDOW_TOLERANCE_MINUTES: u32 = 10;
/// Characters of the reason of an override, so that logs stay readable.
pub const OVERRIDE_REASON_MAX_CHARS: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanKind {
    Entry,
    Exit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryPolicy {
    /// One admission per ticket, ever.
    Single,
    /// A guest who was scanned out may come in again.
    ReEntry,
}

/// The event at whose door the scan happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFacts {
    pub event_no: u32,
    /// Sells for money. Tickets of test mode never open its doors.
    pub live: bool,
}

/// The rules of the check-in list that the scanner works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListRules<'a> {
    /// Ticket types that it admits; `None` for all.
    pub type_nos: Option<&'a [u16]>,
    /// Zones behind this gate, one bit each; 0 for a gate without zones.
    pub zone_mask: u8,
    pub window_tolerance_minutes: u32,
    pub policy: EntryPolicy,
    /// Admit a well-signed ticket that the facts do not know. Only for scanners without a network, whose manifest may be
    /// older than the ticket; the server knows every ticket.
    pub admit_unknown: bool,
}

/// What the database or the manifest says about the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketFacts {
    Unknown,
    Known { generation: u16, state: TicketState },
}

/// An earlier admission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    pub gate: String,
    pub at: DateTime<Utc>,
}

/// What earlier scans say about a ticket that was admitted before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    pub first: Admission,
    pub last: Admission,
    /// Admitted and not scanned out since.
    pub inside: bool,
}

/// Somebody at the door wants to admit against the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Override<'a> {
    /// Whether the credential holds `check_ins:override`.
    pub permitted: bool,
    /// Why, in words, for the audit log. Blank or too long is no reason.
    pub reason: &'a str,
}

/// Everything that the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    pub kind: ScanKind,
    pub token: &'a Result<Token, TokenError>,
    pub event: EventFacts,
    pub list: ListRules<'a>,
    pub ticket: TicketFacts,
    pub earlier: Option<&'a Earlier>,
    pub now: DateTime<Utc>,
    pub overriding: Option<Override<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Goes in. `overridden` names what a supervisor lifted, empty for an ordinary admission.
    Admitted {
        overridden: Vec<Reason>,
    },
    /// Went out; recorded, so that re-entry is possible where the policy has it.
    Exited {
        overridden: Vec<Reason>,
    },
    /// The ticket is good, and was used.
    AlreadyAdmitted {
        first: Admission,
        last: Admission,
    },
    Refused {
        reason: Reason,
    },
}

macro_rules! reasons {
    ($($name:ident = $code:literal, $overridable:literal, $text:literal;)*) => {
        /// Why a scan is not simply admitted. Codes are stable: scanners branch on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Reason { $(#[doc = $text] #[serde(rename = $code)] $name),* }

        impl Reason {
            /// In the order in which the decision looks for them.
            pub const ALL: &[Reason] = &[$(Reason::$name),*];
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code),* } }
            /// Whether a supervisor may admit against it.
            pub const fn is_overridable(self) -> bool { match self { $(Self::$name => $overridable),* } }
            /// One English sentence for the scanner's screen.
            pub const fn text(self) -> &'static str { match self { $(Self::$name => $text),* } }
        }
    };
}

reasons! {
    Malformed = "malformed", false, "This is not a ticket code.";
    UnknownKey = "unknown_key", false, "The code is signed with a key that is not known here.";
    RevokedKey = "revoked_key", false, "The code is signed with a key that was revoked.";
    BadSignature = "bad_signature", false, "The signature is wrong: the code is forged or damaged.";
    WrongEvent = "wrong_event", false, "The ticket is for another event.";
    TestTicketInLive = "test_ticket_in_live", false, "This is a test ticket.";
    NotYetValid = "not_yet_valid", true, "The ticket is not valid yet.";
    Expired = "expired", true, "The ticket is not valid any more.";
    UnknownTicket = "unknown_ticket", true, "The code is genuine, but the ticket is not known here yet.";
    Superseded = "superseded", false, "A newer code was issued for this ticket.";
    Void = "void", false, "The ticket was refunded or withdrawn.";
    Frozen = "frozen", true, "The payment of the ticket is disputed.";
    WrongList = "wrong_list", true, "This entrance does not admit this kind of ticket.";
    WrongZone = "wrong_zone", true, "The ticket is for another zone.";
    AlreadyAdmitted = "already_admitted", true, "The ticket was used already.";
    NotInside = "not_inside", true, "The ticket was not scanned in.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<TokenError> for Reason {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Prefix
            | TokenError::Length
            | TokenError::Alphabet
            | TokenError::NotCanonical
            | TokenError::Version => Self::Malformed,
            TokenError::UnknownKey => Self::UnknownKey,
            TokenError::RevokedKey => Self::RevokedKey,
            TokenError::Signature => Self::BadSignature,
        }
    }
}

/// Decides a scan. Pure: the caller stores the scan and its outcome.
pub fn decide(scan: &Scan<'_>) -> Decision {
    let token = match scan.token {
        Ok(token) => token,
        Err(error) => return Decision::Refused { reason: Reason::from(*error) },
    };
    let mut overridden = Vec::new();
    for reason in objections(token, scan).into_iter().flatten() {
        if !scan.lifts(reason) {
            return refusal(reason, scan.earlier);
        }
        overridden.push(reason);
    }
    match scan.kind {
        ScanKind::Entry => Decision::Admitted { overridden },
        ScanKind::Exit => Decision::Exited { overridden },
    }
}

/// What speaks against the scan, in the order of the decision.
fn objections(token: &Token, scan: &Scan<'_>) -> [Option<Reason>; 6] {
    let foreign = foreign(token, scan.event);
    match scan.kind {
        ScanKind::Entry => [
            foreign,
            outside_window(token, scan),
            ticket_state(token, scan),
            wrong_list(token, scan.list),
            wrong_zone(token.flags, scan.list),
            used(scan),
        ],
        // Nobody is kept inside because a ticket expired or was frozen meanwhile.
        ScanKind::Exit => [foreign, not_inside(scan), None, None, None, None],
    }
}

fn foreign(token: &Token, event: EventFacts) -> Option<Reason> {
    if token.event_no != event.event_no {
        return Some(Reason::WrongEvent);
    }
    (event.live && token.flags.contains(Flags::TEST)).then_some(Reason::TestTicketInLive)
}

fn outside_window(token: &Token, scan: &Scan<'_>) -> Option<Reason> {
    let tolerance = TimeDelta::minutes(i64::from(scan.list.window_tolerance_minutes));
    if scan.now < token.not_before.to_utc() - tolerance {
        return Some(Reason::NotYetValid);
    }
    (scan.now > token.not_after.to_utc() + tolerance).then_some(Reason::Expired)
}

fn ticket_state(token: &Token, scan: &Scan<'_>) -> Option<Reason> {
    let unknown = (!scan.list.admit_unknown).then_some(Reason::UnknownTicket);
    let TicketFacts::Known { generation, state } = scan.ticket else {
        return unknown;
    };
    if token.generation < generation {
        return Some(Reason::Superseded);
    }
    match state {
        TicketState::Void => Some(Reason::Void),
        TicketState::Frozen => Some(Reason::Frozen),
        // Re-issued since the manifest was made: as new to these facts as an unknown ticket.
        TicketState::Valid if token.generation > generation => unknown,
        TicketState::Valid => None,
    }
}

fn wrong_list(token: &Token, list: ListRules<'_>) -> Option<Reason> {
    let admits = list.type_nos.is_none_or(|type_nos| type_nos.contains(&token.type_no));
    (!admits).then_some(Reason::WrongList)
}

fn wrong_zone(flags: Flags, list: ListRules<'_>) -> Option<Reason> {
    let (ticket, gate) = (flags.zone_mask(), list.zone_mask);
    (ticket != 0 && gate != 0 && ticket & gate == 0).then_some(Reason::WrongZone)
}

fn used(scan: &Scan<'_>) -> Option<Reason> {
    let earlier = scan.earlier?;
    let may_return = scan.list.policy == EntryPolicy::ReEntry && !earlier.inside;
    (!may_return).then_some(Reason::AlreadyAdmitted)
}

fn not_inside(scan: &Scan<'_>) -> Option<Reason> {
    let inside = scan.earlier.is_some_and(|earlier| earlier.inside);
    (!inside).then_some(Reason::NotInside)
}

fn refusal(reason: Reason, earlier: Option<&Earlier>) -> Decision {
    match earlier {
        Some(Earlier { first, last, .. }) if reason == Reason::AlreadyAdmitted => {
            Decision::AlreadyAdmitted { first: first.clone(), last: last.clone() }
        }
        _ => Decision::Refused { reason },
    }
}

impl Scan<'_> {
    fn lifts(&self, reason: Reason) -> bool {
        self.overriding.is_some_and(|overriding| {
            overriding.permitted && overriding.has_reason() && reason.is_overridable()
        })
    }
}

impl Override<'_> {
    /// Whether the reason is one that may stand in the audit log.
    pub fn has_reason(&self) -> bool {
        !self.reason.trim().is_empty() && self.reason.chars().count() <= OVERRIDE_REASON_MAX_CHARS
    }
}

#[cfg(test)]
mod tests;
