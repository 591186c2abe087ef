#![doc = include_str!("../README.md")]

pub mod administration;
pub mod api_keys;
pub mod audit;
pub mod cart;
pub mod categories;
mod connection;
mod error;
pub mod event_staff;
pub mod events;
pub mod idempotency;
pub mod guests;
pub mod images;
pub mod issued;
pub mod ledger;
pub mod mail_log;
pub mod migrations;
pub mod orders;
pub mod outbox;
pub mod password_resets;
pub mod payments;
pub mod personal_data;
pub mod preferences;
mod rds_token;
pub mod refunds;
pub mod sessions;
pub mod settlement;
mod sql;
pub mod reconciliation;
pub mod stock;
pub mod ticket_types;
pub mod users;
pub mod verifications;

pub use connection::{Config, Conn, Db};
pub use error::{DbError, Result};
pub use tokio_postgres::{Client, Transaction};
