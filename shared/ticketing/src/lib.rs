#![doc = include_str!("../README.md")]

mod keys;
pub mod qr;
pub mod token;

pub use keys::{KeysError, PublicKey, SigningKeys};
pub use token::{Claims, TicketCode, TokenError};
