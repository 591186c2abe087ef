//! Midtrans as the fleet uses it: Snap pages, the status of a transaction, cancel, expire, refund, and the signature of a
//! notification. Source of the protocol: Midtrans documentation, Snap and Core API.
//!
//! [`imagekit`] speaks to the service that shows pictures.
//!
//! Nothing here retries: a GET is repeated by whoever asked, and a POST is repeated only after its effect was looked up.

mod error;
pub mod imagekit;
mod midtrans;
mod notification;
mod snap;

pub use error::GatewayError;
pub use midtrans::{Midtrans, RefundReport, TransactionReport};
pub use notification::{Notification, signature_matches};
pub use snap::{Customer, Item, SnapOrder, SnapPage};
