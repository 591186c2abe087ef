//! The simulator from outside: every test starts one on a free port and talks HTTP to it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod api_faults;
mod charge;
mod idempotency;
mod lifecycle;
mod notification_faults;
mod notifications;
mod page;
mod program;
mod receiver;
mod refunds;
mod shapes;
mod snap;
mod support;
