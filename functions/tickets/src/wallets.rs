//! Which wallets this fleet signs passes for.

use db::issued::IssuedTicket;
use domain::error::Kind;
use domain::event::EventStatus;
use domain::{Error, Timestamp};
use runtime::{Env, Secret};
use schemars::JsonSchema;
use serde::Serialize;
use ticketing::pdf::Page;
use ticketing::wallet::{Pass, PassError, apple, google};

/// An app on phones that keeps tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wallet {
    /// Apple Wallet.
    Apple,
    /// Google Wallet.
    Google,
}

/// What passes are signed with. It is read when a pass is asked for: a mistake in it must not keep anybody from their QR code.
#[derive(Debug, Clone, Default)]
pub struct Wallets {
    apple: Option<(Secret, Secret)>,
    google: Option<(String, Secret)>,
}

impl Wallets {
    /// Reads `APPLE_PASS_CERTIFICATES` and `APPLE_PASS_KEY`, `GOOGLE_WALLET_ISSUER` and `GOOGLE_WALLET_ACCOUNT`, described in the
    /// README of `ticketing`. A wallet without any of its two is not offered.
    pub fn from_env(env: &Env) -> Self {
        let pair = |one: &str, other: &str| {
            let (one, other) = (env.get(one), env.get(other));
            let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
            (one.is_some() || other.is_some()).then(|| (text(one), text(other)))
        };
        let apple = pair("APPLE_PASS_CERTIFICATES", "APPLE_PASS_KEY");
        let google = pair("GOOGLE_WALLET_ISSUER", "GOOGLE_WALLET_ACCOUNT");
        Self {
            apple: apple.map(|(certificates, key)| (Secret::new(certificates), Secret::new(key))),
            google: google.map(|(issuer, account)| (issuer, Secret::new(account))),
        }
    }

    /// Those that passes are made for.
    pub(crate) fn offered(&self) -> Vec<Wallet> {
        let apple = self.apple.as_ref().map(|_| Wallet::Apple);
        let google = self.google.as_ref().map(|_| Wallet::Google);
        apple.into_iter().chain(google).collect()
    }

    /// A pass for Apple Wallet.
    pub(crate) fn apple(&self, pass: &Pass<'_>, now: Timestamp) -> Result<Vec<u8>, Error> {
        let (certificates, key) = self.apple.as_ref().ok_or_else(not_offered)?;
        let signer = apple::Signer::parse(certificates.expose(), key.expose()).map_err(Error::internal)?;
        signer.pass(pass, now).map_err(failed)
    }

    /// The link that saves a pass in Google Wallet.
    pub(crate) fn google(&self, pass: &Pass<'_>, now: Timestamp) -> Result<String, Error> {
        let (issuer, account) = self.google.as_ref().ok_or_else(not_offered)?;
        let signer = google::Signer::parse(issuer, account.expose()).map_err(Error::internal)?;
        signer.link(pass, now).map_err(failed)
    }
}

fn not_offered() -> Error {
    Error::new(
        Kind::NotFound,
        "pass_not_offered",
        "Passes for this wallet are not offered here",
    )
}

fn failed(error: PassError) -> Error {
    match error {
        PassError::Expired { .. } => Error::unavailable("The pass", 3_600).because(error),
        _ => Error::internal(error),
    }
}

/// What stands on the pass of a ticket.
pub(crate) fn pass<'a>(ticket: &'a IssuedTicket, token: &'a str) -> Pass<'a> {
    Pass {
        ticket: Page {
            event: &ticket.event_name,
            date: ticket.event_date,
            zone: &ticket.event_time_zone,
            location: &ticket.event_location,
            kind: &ticket.ticket_name,
            holder: &ticket.holder_name,
            code: &ticket.code,
            order: &ticket.order_code,
            seat: None,
            token,
        },
        seat: ticket.seat.as_ref(),
        event_id: ticket.event_id,
        ends: ticket.event_ends_at,
        admits: ticket.status == "valid" && ticket.event_status != EventStatus::Cancelled,
    }
}
