//! pretix seating plans, version 0.0.1 of their schema.
//!
//! | pretix | here |
//! |---|---|
//! | category `name`, `color` | category `key` and `name`, `color` |
//! | zone `zone_id` (else `name`), `name` | section `key`, `name` |
//! | row `row_number`, `row_label` | row `label`, `shown` |
//! | seat `seat_number` | the number; `shown` where the guid says another one |
//! | seat `seat_guid` | the technical label `<zone>-<row>-<seat>`; others are not kept, and a note says so |
//! | positions of zone, row and seat, added | the line or arc of the row, with its gaps |
//! | area of a shape, its `text` | shape, text |
//!
//! The other way standing areas become shapes with their name, tables and booths rows. Sizes of seats, directions of
//! booking, `uuid`s and `seat_label`s are left out.

mod read;
mod schema;
mod write;

pub(super) use read::import;
pub(super) use write::export;

/// Height of a text that does not say it.
const TEXT_SIZE: f64 = 16.0;

#[cfg(test)]
mod tests;
