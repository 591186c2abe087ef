//! What admins do to accounts, and how people change their own password, against a real PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod audit;
mod deletion;
mod deletion_races;
#[path = "../environment/mod.rs"]
mod environment;
mod lists;
mod passwords;
mod roles;
mod support;
