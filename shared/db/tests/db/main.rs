//! The SQL of the fleet against a real PostgreSQL, with parallel connections where rows are fought for.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the tests look at rows past the functions and ask the server to prepare each statement"
)]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "`--nocapture` shows how much a race or a search has tried"
)]

mod alerts;
mod check_ins;
mod connection;
mod guests;
mod handovers;
mod idempotency;
mod images;
mod invariants;
mod life_cycle;
mod mailings;
mod notifications;
mod offers;
mod outbox;
mod payments;
mod permutations;
mod personal_data;
mod promos;
mod races;
mod realtime;
mod refund_shares;
mod refunds;
mod reports;
mod reviews;
mod seat_lines;
mod seats;
mod sessions;
mod settlement;
mod sources;
mod statements;
mod stock;
mod support;
mod transfers;
mod users;
mod waiting_list;
mod webhooks;
