//! Errors of the store: a refusal for the caller, or a fault of ours whose chain is logged at the boundary.

use diesel::result::{DatabaseErrorKind, Error as Diesel};
use eventflow_core::{ErrorCode, Refusal};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What Postgres, and the library that speaks to it, say when it is not the statement that is wrong.
const PASSING: [&str; 9] = [
    "lock timeout",
    "statement timeout",
    "terminating connection",
    "connection closed",
    "error communicating with the server",
    "the database system is",
    "read-only transaction",
    "No space left on device",
    "File too large",
];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be met; the text is for the client.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("database: {0}")]
    Database(Diesel),
    /// No connection could be had in time, or the server went away.
    #[error("database is not reachable: {0}")]
    DatabaseDown(String),
    #[error("redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// What we stored ourselves does not read back; a defect.
    #[error("stored data: {0}")]
    Corrupt(String),
}

impl Error {
    pub fn refused(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, detail))
    }

    /// The name of the violated constraint, when that is what went wrong.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(Diesel::DatabaseError(_, info)) => info.constraint_name(),
            _ => None,
        }
    }

    /// Turns the violation of `constraint` into a refusal and leaves every other error alone.
    pub fn on_constraint(self, constraint: &str, refusal: impl FnOnce() -> Refusal) -> Self {
        if self.constraint() == Some(constraint) { Self::Refused(refusal()) } else { self }
    }

    /// True when a repetition of the whole transaction may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(Diesel::DatabaseError(kind, info)) => {
                matches!(kind, DatabaseErrorKind::SerializationFailure)
                    || info.message().contains("deadlock detected")
            }
            _ => false,
        }
    }
}

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        match &error {
            Diesel::DatabaseError(DatabaseErrorKind::ClosedConnection, info) => {
                Self::DatabaseDown(info.message().to_owned())
            }
            // A lock or statement that took too long is load, and a database that is restarted, full or read-only for a
            // moment comes back: no defects.
            Diesel::DatabaseError(_, info)
                if PASSING.iter().any(|reason| info.message().contains(reason)) =>
            {
                Self::DatabaseDown(info.message().to_owned())
            }
            Diesel::BrokenTransactionManager => Self::DatabaseDown("the connection broke".into()),
            _ => Self::Database(error),
        }
    }
}

/// `on_constraint` for results.
pub trait OnConstraint<T> {
    fn on_constraint(self, constraint: &str, refusal: impl FnOnce() -> Refusal) -> Result<T>;
}

impl<T> OnConstraint<T> for std::result::Result<T, Diesel> {
    fn on_constraint(self, constraint: &str, refusal: impl FnOnce() -> Refusal) -> Result<T> {
        self.map_err(|error| Error::from(error).on_constraint(constraint, refusal))
    }
}

/// A row that must be there, or a 404 that does not tell whether another tenant has it.
pub trait OrNotFound<T> {
    fn or_not_found(self, what: &str) -> Result<T>;
}

impl<T> OrNotFound<T> for std::result::Result<Option<T>, Diesel> {
    fn or_not_found(self, what: &str) -> Result<T> {
        self?.ok_or_else(|| Error::Refused(Refusal::not_found(what)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_goes_away_or_is_busy_is_no_defect() {
        let error = |message: &str| {
            let kind = DatabaseErrorKind::Unknown;
            Error::from(Diesel::DatabaseError(kind, Box::new(message.to_owned())))
        };
        for message in [
            "terminating connection due to administrator command",
            "canceling statement due to lock timeout",
            "canceling statement due to statement timeout",
            "connection closed",
            "error communicating with the server: Connection reset by peer (os error 104)",
            "the database system is in recovery mode",
            "cannot execute INSERT in a read-only transaction",
            "could not extend file \"base/16384/16401\": No space left on device",
        ] {
            assert!(matches!(error(message), Error::DatabaseDown(_)), "{message}");
        }
        assert!(matches!(error("division by zero"), Error::Database(_)));
    }
}
