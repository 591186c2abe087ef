//! Tickets in the wallets of phones: a signed file for Apple's, a signed link for Google's. Both carry the same token as the QR code
//! on paper, so a gate cannot tell them apart. A pass shows what was true when it was made; nothing is sent to it afterwards.

pub mod apple;
pub mod google;
mod rsa;
mod signature;
mod zip;

use crate::pdf::Page;
use domain::seating::SeatName;
use domain::{EventId, Timestamp};

pub use rsa::KeyError;

/// What stands on a pass.
#[derive(Debug, Clone)]
pub struct Pass<'a> {
    /// What stands on the same ticket on paper. Its seat is not looked at: a pass speaks two languages.
    pub ticket: Page<'a>,
    /// Where its holder sits; `None` without a seat.
    pub seat: Option<&'a SeatName>,
    /// Its event.
    pub event_id: EventId,
    /// When the event ends; `None` if its organizer does not say.
    pub ends: Option<Timestamp>,
    /// Whether it still lets somebody in; otherwise it is shown as used up.
    pub admits: bool,
}

/// Who issues passes, as wallets show it.
const ISSUER: &str = "GiggleFest";

/// A moment as a clock at the place shows it, with its distance to UTC: `2030-01-05T19:30:00+07:00`. Unknown zones are read as UTC.
fn at_the_place(at: Timestamp, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    at.inner()
        .to_zoned(zone)
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

/// Why there is no pass.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The certificate does not count at this moment.
    #[error("the certificate that signs passes is good from {from} to {until} only")]
    Expired {
        /// First moment at which it counts.
        from: Timestamp,
        /// Last moment at which it counts.
        until: Timestamp,
    },
    /// The key did not sign.
    #[error("failed to sign a pass")]
    Signing,
    /// The signature cannot be written down.
    #[error("failed to encode the signature of a pass: {0}")]
    Encoding(String),
    /// A part of the pass cannot be written as JSON.
    #[error("failed to write a pass as JSON")]
    Json(#[from] serde_json::Error),
}
