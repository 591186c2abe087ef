//! Passes for Google Wallet: a link that holds the event and the ticket as a JWT, signed by a service account of the issuer. Nobody
//! is called; Google reads the link when its bearer opens it.

use super::rsa::RsaKey;
use super::{ISSUER, KeyError, Pass, PassError, at_the_place};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use domain::language::Language;
use ring::digest;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Where a pass is saved.
const SAVE: &str = "https://pay.google.com/gp/v/save/";

/// Longest JWT in characters: browsers may cut longer links, says Google.
pub const LONGEST: usize = 1_800;

/// Most characters of a name, tried one after the other until the link is short enough. Few names fit besides what Google asks for.
const CUTS: [usize; 14] = [WHOLE, 200, 80, 60, 50, 44, 38, 34, 30, 26, 22, 18, 14, 10];

/// Nothing is left out.
const WHOLE: usize = usize::MAX;

/// Who signs passes: a service account that Google knows as a developer of an issuer.
pub struct Signer {
    issuer: String,
    account: String,
    key: RsaKey,
}

/// Why nothing can be signed for an issuer by an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The id of the issuer is none.
    #[error("the id of an issuer has digits only")]
    Issuer,
    /// It is not the key file of a service account.
    #[error("expected the key file of a service account: JSON with client_email and private_key")]
    Account,
    /// The key in it cannot be used.
    #[error("the private_key of the service account cannot be used: {0}")]
    Key(#[from] KeyError),
}

/// What counts of the key file of a service account.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
}

impl Signer {
    /// Reads the id of an issuer and the key file (JSON) of its service account.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn parse(issuer: &str, account: &str) -> Result<Self, SignerError> {
        if issuer.is_empty() || !issuer.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SignerError::Issuer);
        }
        let account: Account = serde_json::from_str(account).map_err(|_| SignerError::Account)?;
        Ok(Self {
            issuer: issuer.to_owned(),
            account: account.client_email,
            key: RsaKey::parse(&account.private_key)?,
        })
    }

    /// The link that saves a pass. Where it would be too long, the end of the event is left out, then names are cut. It names no origins:
    /// those are for a button that a script of Google draws, not for links.
    ///
    /// # Errors
    /// If the key does not sign.
    pub fn link(&self, pass: &Pass<'_>, now: Timestamp) -> Result<String, PassError> {
        // What is said about the event at full length, so that all its tickets name it alike.
        let version = version(&serde_json::to_vec(&class(pass, WHOLE))?);
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let mut jwt = String::new();
        for most in CUTS {
            let claims = json!({
                "iss": self.account,
                "aud": "google",
                "typ": "savetowallet",
                "iat": now.unix_seconds(),
                "payload": self.payload(pass, &version, most),
            });
            let claims = serde_json::to_vec(&claims)?;
            jwt = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
            if jwt.len() + self.signature_length() <= LONGEST {
                break;
            }
        }
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(jwt.as_bytes())?);
        Ok(format!("{SAVE}{jwt}.{signature}"))
    }

    /// The event and the ticket. Google keeps what it was told first under an id, so the ids change with what is said about the event.
    fn payload(&self, pass: &Pass<'_>, version: &str, most: usize) -> Value {
        let ticket = &pass.ticket;
        let class_id = format!("{}.event-{}-{version}", self.issuer, pass.event_id);
        let mut class = class(pass, most);
        if let Some(class) = class.as_object_mut() {
            class.insert("id".to_owned(), class_id.as_str().into());
        }
        let mut object = json!({
            // A ticket that was passed on has another code, and so is another pass.
            "id": format!("{}.{}-{version}", self.issuer, ticket.code),
            "classId": class_id,
            "state": if pass.admits { "ACTIVE" } else { "INACTIVE" },
            "barcode": {"type": "QR_CODE", "value": ticket.token},
            "ticketType": words(ticket.kind, most),
            "ticketHolderName": cut(ticket.holder, most),
        });
        if let Some((object, seat)) = object.as_object_mut().zip(pass.seat) {
            // Section, row and seat each on their own would take twice the room.
            let seat = words(&seat.words(Language::Id), most);
            object.insert("seatInfo".to_owned(), json!({"seat": seat}));
        }
        json!({"eventTicketClasses": [class], "eventTicketObjects": [object]})
    }

    /// Characters of a signature with the dot before it.
    fn signature_length(&self) -> usize {
        1 + (self.key.length() * 4).div_ceil(3)
    }
}

/// The event, without its id.
fn class(pass: &Pass<'_>, most: usize) -> Value {
    let ticket = &pass.ticket;
    // Google asks for both. What is known is one text, most often a place and its town.
    let (place, address) = ticket
        .location
        .split_once(", ")
        .unwrap_or((ticket.location, ticket.location));
    let mut class = json!({
        "issuerName": ISSUER,
        "reviewStatus": "UNDER_REVIEW",
        "eventName": words(ticket.event, most),
        "venue": {"name": words(place, most), "address": words(address, most)},
        "dateTime": {"start": at_the_place(ticket.date, ticket.zone)},
    });
    if let Some((date, end)) = class
        .get_mut("dateTime")
        .and_then(Value::as_object_mut)
        .zip(pass.ends.filter(|_| most == WHOLE))
    {
        date.insert("end".to_owned(), at_the_place(end, ticket.zone).into());
    }
    class
}

/// A text that is the same in every language; Google wants to know one.
fn words(text: &str, most: usize) -> Value {
    json!({"defaultValue": {"language": "id", "value": cut(text, most)}})
}

/// Names what is said about an event in eight digits.
fn version(class: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, class);
    hash.as_ref()
        .iter()
        .take(4)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A text of so many characters at most, with an ellipsis where it was longer.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}
