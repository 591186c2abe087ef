//! What several functions do with the payment gateway: they ask it behind one circuit breaker of the fleet, and apply what it
//! says in one transaction.

mod apply;
mod midtrans;

pub use apply::{Books, apply};
pub use midtrans::Midtrans;
