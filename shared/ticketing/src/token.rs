//! The signed text in a ticket's QR code. A gate that has the public keys knows without a connection that it was issued
//! here; whether the ticket was used or voided since, only the database knows.
//!
//! `GF1.<key id>.<payload>.<signature>`, payload and signature in unpadded base64url. The signature (Ed25519) covers
//! every byte before the last dot, so version and key id cannot be changed either. The payload is 40 bytes: the ticket
//! code (16), the ids of event and ticket type (8 each) and the time of issue in seconds since 1970 (8), numbers signed
//! and big-endian. Fixed places instead of JSON keep the QR code at 49×49 modules and need no parser at the gate.

use crate::SigningKeys;
use crate::keys::{LONGEST_ID, is_id};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{EventId, TicketTypeId, Timestamp};
use ring::signature::{ED25519, KeyPair as _, UnparsedPublicKey};
use std::fmt;

const VERSION: &str = "GF1";
const PAYLOAD: usize = 40;

/// Longest text that can be a token: nothing longer is looked at.
pub const LONGEST: usize = VERSION.len() + 1 + LONGEST_ID + 1 + 54 + 1 + 86;

/// What identifies an issued ticket: 128 random bits, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketCode([u8; 16]);

impl TicketCode {
    /// Reads a code as the database keeps it. Upper case is refused: a code has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let digits: [u8; 32] = text.as_bytes().try_into().ok()?;
        let mut code = [0; 16];
        for (byte, pair) in code.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(Self(code))
    }
}

impl fmt::Display for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TicketCode {
    /// A code admits to an event: a log shows only its first digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.to_string().get(..6).unwrap_or_default())
    }
}

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    /// Which ticket.
    pub code: TicketCode,
    /// To which event it admits.
    pub event: EventId,
    /// Of which kind it is.
    pub ticket_type: TicketTypeId,
    /// When it was issued; whole seconds.
    pub issued_at: Timestamp,
}

/// Why a text is not one of our tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not look like a token: another QR code, or cut off.
    #[error("this is not a ticket")]
    Malformed,
    /// It is signed with a key that is not known here: an old ticket after its key was retired, a gate with outdated
    /// keys, or a forgery.
    #[error("this ticket is signed with an unknown key")]
    UnknownKey,
    /// The signature does not fit.
    #[error("this ticket is forged")]
    Forged,
}

impl TokenError {
    /// Stable, for clients: `malformed`, `unknown_key` or `forged`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Forged => "forged",
        }
    }
}

impl SigningKeys {
    /// The token of a ticket, signed with the current key. The same claims give the same token. The time of issue is cut
    /// to whole seconds.
    pub fn sign(&self, claims: &Claims) -> String {
        let key = self.current();
        let mut token = format!("{VERSION}.{}.", key.id);
        URL_SAFE_NO_PAD.encode_string(claims.to_bytes(), &mut token);
        let signature = key.pair.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// What a token says, if one of these keys signed it.
    ///
    /// # Errors
    /// Why it is not to be believed.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let mut parts = signed.split('.');
        let (Some(VERSION), Some(id), Some(payload), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        if !is_id(id) {
            return Err(TokenError::Malformed);
        }
        // The decoder refuses padding and stray bits at the end, so that a token has exactly one spelling.
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed);
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        let payload: [u8; PAYLOAD] = payload.try_into().map_err(|_| TokenError::Malformed)?;
        let key = self.find(id).ok_or(TokenError::UnknownKey)?;
        UnparsedPublicKey::new(&ED25519, key.pair.public_key())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| TokenError::Forged)?;
        Claims::from_bytes(&payload).ok_or(TokenError::Malformed)
    }
}

impl Claims {
    fn to_bytes(self) -> [u8; PAYLOAD] {
        let mut bytes = [0; PAYLOAD];
        let numbers = [
            self.event.get(),
            self.ticket_type.get(),
            self.issued_at.unix_seconds(),
        ]
        .map(i64::to_be_bytes);
        let all = self.code.0.iter().chain(numbers.as_flattened());
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
        bytes
    }

    fn from_bytes(bytes: &[u8; PAYLOAD]) -> Option<Self> {
        let (code, rest) = bytes.split_first_chunk()?;
        let (event, rest) = rest.split_first_chunk()?;
        let (ticket_type, rest) = rest.split_first_chunk()?;
        let (issued_at, _) = rest.split_first_chunk()?;
        let issued_at = jiff::Timestamp::from_second(i64::from_be_bytes(*issued_at)).ok()?;
        Some(Self {
            code: TicketCode(*code),
            event: EventId::new(i64::from_be_bytes(*event)),
            ticket_type: TicketTypeId::new(i64::from_be_bytes(*ticket_type)),
            issued_at: Timestamp::new(issued_at),
        })
    }
}
