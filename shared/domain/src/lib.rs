#![doc = include_str!("../README.md")]

pub mod api_key;
pub mod audit;
pub mod breaker;
pub mod calendar;
pub mod cart;
pub mod csv;
pub mod error;
pub mod event;
pub mod idempotency;
pub mod ids;
pub mod image;
pub mod inventory;
pub mod ledger;
pub mod message;
pub mod money;
pub mod notification;
pub mod order;
pub mod page;
pub mod payment;
pub mod preferences;
pub mod price;
pub mod promo;
pub mod rate;
pub mod reconciliation;
pub mod refund;
pub mod review;
pub mod session;
pub mod text;
pub mod ticket;
pub mod time;
pub mod user;

pub use error::{Error, FieldError, Kind, Result};
pub use ids::*;
pub use money::Rupiah;
pub use time::Timestamp;
