//! Wrong on purpose: a process that is told to be a mutant breaks one rule, so that `cargo xtask torture --mutants` can show
//! that the checker sees it. Debug builds only: in a release build [`is`] is false before anything runs, and nothing there
//! reads the environment variable.

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// Claims do not mind that the place is taken; the index that forbids it has to be dropped too.
    DoubleClaims,
    /// A pool gives more places than it has; the constraint that forbids it has to be dropped too.
    FullPools,
    /// A buyer gets as many places as they like.
    AnyNumber,
    /// Places are released when our deadline has passed, whatever the provider says.
    OwnTimer,
    /// Whose account an event comes from does not matter.
    AnyAccount,
    /// Each attempt to refund is a new one.
    UnkeyedRefunds,
    /// Signatures are good for ever.
    StaleWebhooks,
    /// An order is found whoever asks; row-level security has to be switched off too.
    AnyTenant,
}

/// What this process was told to break, by `EVENTFLOW_MUTANT` at its start.
#[cfg(debug_assertions)]
pub fn chosen() -> Option<Mutant> {
    static CHOSEN: std::sync::OnceLock<Option<Mutant>> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| match std::env::var("EVENTFLOW_MUTANT").ok()?.as_str() {
        "double-claims" => Some(Mutant::DoubleClaims),
        "full-pools" => Some(Mutant::FullPools),
        "any-number" => Some(Mutant::AnyNumber),
        "own-timer" => Some(Mutant::OwnTimer),
        "any-account" => Some(Mutant::AnyAccount),
        "unkeyed-refunds" => Some(Mutant::UnkeyedRefunds),
        "stale-webhooks" => Some(Mutant::StaleWebhooks),
        "any-tenant" => Some(Mutant::AnyTenant),
        _ => None,
    })
}

/// No release build is a mutant.
#[cfg(not(debug_assertions))]
pub const fn chosen() -> Option<Mutant> {
    None
}

/// Whether this process is that mutant.
pub fn is(mutant: Mutant) -> bool {
    chosen() == Some(mutant)
}

#[cfg(test)]
mod tests {
    #[test]
    fn nobody_is_a_mutant_unasked() {
        assert_eq!(super::chosen(), None);
    }
}
