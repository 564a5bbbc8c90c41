//! Seat maps: the document that organizers draw, the layout compiled from it, and the rules that work on seats.
//!
//! A [`SeatMap`] holds rows as rules. [`validate`] says what is wrong with it, [`Layout::compile`] lays every seat out
//! under a dense index, and everything that sells seats speaks in those indexes: [`Statuses`], [`rank`],
//! [`leaves_orphan`].

mod best_available;
mod bytes;
mod diff;
mod document;
pub mod exchange;
mod layout;
mod plan;
mod rules;
mod schema;
mod stadium;
mod status;
mod validate;
pub mod versions;

pub use best_available::{
    CANDIDATES_MAX, Candidate, QUANTITY_MAX, Quality, Request, Why, rank, rank_sold_as,
};
pub use diff::{Diff, DiffError};
pub use document::*;
pub use layout::{
    Bounds, Layout, LayoutArea, LayoutCategory, LayoutFloor, LayoutIcon, LayoutImage, LayoutRow,
    LayoutSection, LayoutShape, LayoutTable, LayoutText, LayoutZone, Rgb, RowKind, Seat, SeatIndex,
};
pub use plan::PlanError;
pub use rules::{Orphans, Picked, Rule, Rules, Violation, check, leaves_orphan};
pub use schema::schema;
pub use stadium::{stadium, stadium_on_one_floor};
pub use status::{DiffMismatch, SeatStatus, Snapshot, StatusError, Statuses};
pub use validate::{Finding, FindingCode, Severity, examine, is_publishable, validate};

#[cfg(test)]
mod drawings;
#[cfg(test)]
mod samples;
