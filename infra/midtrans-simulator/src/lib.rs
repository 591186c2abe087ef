#![doc = include_str!("../README.md")]

mod admin;
mod answer;
mod api;
mod card;
mod charge;
mod config;
mod core_api;
mod customer;
mod delivery;
mod faults;
mod format;
mod idempotency;
mod index_page;
mod journal;
mod lifecycle;
mod message;
mod method;
mod notifications;
mod page;
mod page_routes;
mod references;
mod refunds;
mod server;
mod signature;
mod sim;
mod snap;
mod snap_request;
mod transaction;
mod world;

pub use config::Config;
pub use server::Simulator;
pub use signature::signature;
