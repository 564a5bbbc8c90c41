//! The sale under pressure and in the face of faults: races, webhooks, crashes. Every test ends with the checker.

mod crashes;
mod herd;
mod race;
mod webhooks;
