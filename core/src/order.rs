//! The states of orders, payments, refunds, tickets and claims, and the only ways from one to another (I8).
//!
//! ```text
//!             +-> processing --+                    +-> partially_refunded --+-> refunded
//!             |    (async      |                    |                        |
//!  pending ---+    method)     +-> paid ------------+------------------------+-> disputed -+-> paid, refunded, ... (won)
//!             |                |    ^                                                      +-> charged_back (lost)
//!             +-> expired -----+----+ (late money, the same seats are free)
//!             +-> cancelled ---+--> refund_due ------> refunded
//!                                   (late money, the seats are gone)
//! ```
//!
//! `needs_review` stands aside: the platform stopped because the facts contradict each other, and a person decides.
//! A move to the same state is no move: whoever repeats one must notice and change nothing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The text is no state of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} `{text}`")]
pub struct UnknownState {
    pub kind: &'static str,
    pub text: String,
}

macro_rules! states {
    ($(#[doc = $doc:literal])* $name:ident, $kind:literal, { $($(#[doc = $state_doc:literal])* $state:ident = $text:literal => [$($next:ident),*];)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[doc = $state_doc])* #[serde(rename = $text)] $state),* }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$state),*];

            /// The text on the wire and in the database.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$state => $text),* } }

            /// The states that may follow: the graph itself.
            pub const fn successors(self) -> &'static [$name] { match self { $(Self::$state => &[$(Self::$next),*]),* } }

            pub fn can_become(self, next: Self) -> bool { self.successors().contains(&next) }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = UnknownState;
            fn from_str(text: &str) -> Result<Self, UnknownState> {
                Self::ALL.iter().copied().find(|state| state.as_str() == text)
                    .ok_or_else(|| UnknownState { kind: $kind, text: text.into() })
            }
        }
    };
}

states! {
    /// The state of an order.
    OrderState, "order state", {
        /// Seats are claimed, the buyer is at the checkout.
        Pending = "pending" => [Processing, Paid, Expired, Cancelled, RefundDue, NeedsReview];
        /// The buyer finished the checkout with a delayed method; the money is not there yet.
        Processing = "processing" => [Paid, Expired, Cancelled, RefundDue, NeedsReview];
        /// The money is there, tickets are issued.
        Paid = "paid" => [PartiallyRefunded, Refunded, Disputed, NeedsReview];
        /// The deadline passed and the provider confirmed that nobody can pay any more.
        Expired = "expired" => [Paid, RefundDue, NeedsReview];
        /// The buyer or the organizer gave it up before it was paid.
        Cancelled = "cancelled" => [RefundDue, NeedsReview];
        /// Money came that the order can no longer use; it is on its way back.
        RefundDue = "refund_due" => [Refunded, Disputed, NeedsReview];
        /// All money went back.
        Refunded = "refunded" => [Disputed, NeedsReview];
        /// Some money went back.
        PartiallyRefunded = "partially_refunded" => [Refunded, Disputed, NeedsReview];
        /// The bank withdrew the money and decides; tickets are frozen.
        Disputed = "disputed" => [Paid, PartiallyRefunded, Refunded, RefundDue, ChargedBack, NeedsReview];
        /// The dispute is lost; tickets are void.
        ChargedBack = "charged_back" => [NeedsReview];
        /// Facts contradict each other (another amount, a refund that failed): a person decides.
        NeedsReview = "needs_review" => [Paid, Expired, Cancelled, RefundDue, PartiallyRefunded, Refunded, Disputed, ChargedBack];
    }
}

states! {
    /// The state of one attempt to pay an order.
    PaymentState, "payment state", {
        /// Stored with its idempotency key; whether the provider knows it is open until it answers.
        Creating = "creating" => [Open, Processing, Paid, Expired, Failed];
        /// The buyer can pay at the provider.
        Open = "open" => [Processing, Paid, Expired, Failed];
        /// Finished by the buyer, the money is on its way.
        Processing = "processing" => [Paid, Failed];
        Paid = "paid" => [];
        /// The provider confirmed that nobody can pay it any more.
        Expired = "expired" => [];
        /// The provider refused it, or the delayed method failed.
        Failed = "failed" => [];
    }
}

states! {
    /// The state of a refund.
    RefundState, "refund state", {
        /// Stored with its idempotency key; accepted by the provider at most.
        Pending = "pending" => [Unknown, Succeeded, Failed];
        /// We asked and heard no answer; a reconciler finds out. Never counted as failed.
        Unknown = "unknown" => [Pending, Succeeded, Failed];
        /// The provider sent the money. A bank may still return it.
        Succeeded = "succeeded" => [Failed];
        Failed = "failed" => [];
    }
}

states! {
    /// The state of a ticket.
    TicketState, "ticket state", {
        Valid = "valid" => [Frozen, Void];
        /// Its payment is disputed: not admitted until that is decided.
        Frozen = "frozen" => [Valid, Void];
        /// Refunded, charged back or withdrawn: never admitted again.
        Void = "void" => [];
    }
}

states! {
    /// The state of a claim: the right of one order to one seat or to places of a pool.
    ClaimState, "claim state", {
        /// Of an order that may still be paid.
        Reserved = "reserved" => [Sold, Released];
        Sold = "sold" => [Released];
        /// Over; the seat can be claimed again.
        Released = "released" => [];
    }
}

impl OrderState {
    /// Where the platform has nothing left to do. Only the outside world moves such an order on: late money, a dispute,
    /// a bank that returns a refund or changes its mind.
    pub const TERMINAL: &[OrderState] = &[Self::Expired, Self::Cancelled, Self::Refunded, Self::ChargedBack];

    pub fn is_terminal(self) -> bool {
        Self::TERMINAL.contains(&self)
    }

    /// An end state of I15: terminal, or with valid tickets.
    pub fn is_at_rest(self) -> bool {
        self.is_terminal() || self.is_fulfilled()
    }

    /// The order's tickets are good.
    pub const fn is_fulfilled(self) -> bool {
        matches!(self, Self::Paid | Self::PartiallyRefunded)
    }

    /// The buyer may still pay, so that the order's claims must stay (I9).
    pub const fn is_payable(self) -> bool {
        matches!(self, Self::Pending | Self::Processing)
    }
}

impl PaymentState {
    pub const fn is_terminal(self) -> bool {
        self.successors().is_empty()
    }
}

impl ClaimState {
    /// Nobody else can have the seat (I1).
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Reserved | Self::Sold)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Debug, hash::Hash};

    use super::*;

    /// Every state can be reached from `start`, no state follows itself, texts are unique and parse.
    fn check_graph<S>(all: &[S], start: S, successors: fn(S) -> &'static [S])
    where
        S: Copy + Ord + Hash + Debug + fmt::Display + FromStr<Err = UnknownState> + Serialize,
    {
        let mut reached = BTreeSet::from([start]);
        let mut queue = vec![start];
        while let Some(state) = queue.pop() {
            let next = successors(state);
            assert!(!next.contains(&state), "{state:?} follows itself");
            assert_eq!(
                next.iter().collect::<BTreeSet<_>>().len(),
                next.len(),
                "{state:?} names a state twice"
            );
            queue.extend(next.iter().copied().filter(|&state| reached.insert(state)));
        }
        assert_eq!(reached, all.iter().copied().collect(), "some states cannot be reached");
        for &state in all {
            assert_eq!(state.to_string().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.to_string());
        }
        assert_eq!(all.iter().map(S::to_string).collect::<BTreeSet<_>>().len(), all.len());
        assert!("nonsense".parse::<S>().is_err() && "".parse::<S>().is_err());
    }

    #[test]
    fn graphs_are_connected_and_texts_parse() {
        check_graph(OrderState::ALL, OrderState::Pending, OrderState::successors);
        check_graph(PaymentState::ALL, PaymentState::Creating, PaymentState::successors);
        check_graph(RefundState::ALL, RefundState::Pending, RefundState::successors);
        check_graph(TicketState::ALL, TicketState::Valid, TicketState::successors);
        check_graph(ClaimState::ALL, ClaimState::Reserved, ClaimState::successors);
    }

    #[test]
    fn terminal_orders_leave_only_by_the_documented_exits() {
        use OrderState::*;
        let exits: Vec<_> =
            OrderState::TERMINAL.iter().map(|&state| (state, state.successors().to_vec())).collect();
        assert_eq!(
            exits,
            [
                (Expired, vec![Paid, RefundDue, NeedsReview]),
                (Cancelled, vec![RefundDue, NeedsReview]),
                (Refunded, vec![Disputed, NeedsReview]),
                (ChargedBack, vec![NeedsReview]),
            ]
        );
    }

    #[test]
    fn every_order_can_come_to_rest() {
        for &start in OrderState::ALL {
            let ends = start.is_at_rest() || start.successors().iter().any(|next| next.is_at_rest());
            assert!(ends, "{start:?}");
        }
    }

    #[test]
    fn orders_never_go_back_to_the_checkout_and_money_is_never_forgotten() {
        use OrderState::*;
        for &state in OrderState::ALL {
            assert!(!state.can_become(Pending), "{state:?}");
            assert!(!state.can_become(Processing) || state == Pending, "{state:?}");
            // An order that took money ends unpaid only through a person.
            if !matches!(state, Pending | Processing | NeedsReview) {
                assert!(!state.can_become(Expired) && !state.can_become(Cancelled), "{state:?}");
            }
        }
        assert!(!Cancelled.can_become(Paid) && !Refunded.can_become(Paid) && !ChargedBack.can_become(Paid));
    }

    #[test]
    fn ends_of_the_other_graphs() {
        assert!(TicketState::Void.successors().is_empty() && ClaimState::Released.successors().is_empty());
        assert!(RefundState::Failed.successors().is_empty());
        assert!(!RefundState::Succeeded.can_become(RefundState::Unknown));
        let open: Vec<_> = PaymentState::ALL.iter().filter(|state| !state.is_terminal()).collect();
        assert_eq!(open, [&PaymentState::Creating, &PaymentState::Open, &PaymentState::Processing]);
        assert!(!PaymentState::Expired.can_become(PaymentState::Paid), "an expired session cannot be paid");
    }
}
