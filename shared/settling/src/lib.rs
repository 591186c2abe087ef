//! What several functions do with the payment gateway: they ask it behind one circuit breaker of the fleet.

mod midtrans;

pub use midtrans::Midtrans;
