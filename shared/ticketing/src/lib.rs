#![doc = include_str!("../README.md")]

mod keys;
pub mod pdf;
pub mod qr;
pub mod revocation;
pub mod token;
pub mod wallet;

pub use keys::{KeysError, PublicKey, SigningKeys};
pub use token::{Claims, TicketCode, TokenError};
