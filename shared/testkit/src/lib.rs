//! What tests start from: a database of their own, rows to work on, requests made from the files in `events/`.
//!
//! Everything here panics when something is missing; a test that cannot run fails.

mod api;
mod audit;
mod database;
mod environment;
mod form;
mod gateway;
mod rows;

pub use self::gateway::Gateway;
pub use api::{Api, Reply, TestTokens, event_file, twins};
pub use audit::every_change_is_audited;
pub use database::TestDb;
pub use environment::env;
pub use form::{Form, png_header};
pub use rows::{Rows, line};

/// A moment at which tests begin: noon UTC on 1 January 2030.
pub fn start() -> domain::Timestamp {
    domain::Timestamp::parse("2030-01-01T12:00:00Z").expect("the date is valid")
}
