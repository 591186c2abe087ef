//! What every function needs from its surroundings, and nothing about what it does: configuration read once at boot,
//! secrets, the clock, randomness. Nothing else in the fleet reads the environment, the time or the random source.

mod clock;
mod env;
mod link;
pub mod random;
mod secret;
mod secrets_extension;
pub mod telemetry;
pub mod webhook;

pub use clock::Clock;
pub use env::{BootError, Env};
pub use link::LinkKey;
pub use secret::Secret;
