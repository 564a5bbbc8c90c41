//! What can go wrong at a provider, sorted by what the caller may conclude.

/// A result of a provider call.
pub type Result<T, E = ProviderError> = std::result::Result<T, E>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Network failure, time-out or a server that is not there: the provider may or may not have acted.
    #[error("the payment provider is unreachable: {0}")]
    Unreachable(String),
    /// The provider failed while it worked on the request, and gives this answer to each later one with the same key: it may
    /// or may not have acted.
    #[error("the payment provider failed: {0}")]
    Failed(String),
    /// 429, or 409 because the same key or object is in use right now. Try again later with the same key.
    #[error("the payment provider is busy: {0}")]
    Busy(String),
    /// A 4xx: the provider understood and did not act. Repeating the same request gives the same answer.
    #[error("the payment provider refused ({code}): {message}")]
    Refused { code: String, message: String },
    /// The account asked for has no such object.
    #[error("the payment provider knows no such object")]
    NotFound,
    /// An answer arrived that cannot be read: the provider may have acted.
    #[error("unexpected answer of the payment provider: {0}")]
    Unexpected(String),
}

impl ProviderError {
    /// True when the effect may exist: read back (get, list) before starting anything new.
    pub fn outcome_is_unknown(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Failed(_) | Self::Unexpected(_) | Self::Busy(_) => true,
            Self::Refused { .. } | Self::NotFound => false,
        }
    }

    /// True when the same call with the same key can succeed later.
    pub fn is_worth_retrying(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Failed(_) | Self::Busy(_))
    }

    pub(crate) fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::Refused { code: code.into(), message: message.into() }
    }
}
