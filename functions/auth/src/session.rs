//! What log-in and refresh have in common: the pair of tokens that carries a session.

use crate::App;
use db::sessions::Device;
use domain::{SessionId, Timestamp};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use web::Origin;
use web::tokens::Subject;

/// What every refresh token begins with.
const PREFIX: &str = "gfr_";

/// Characters of a refresh token after its beginning: 32 random bytes in hexadecimal.
const DIGITS: usize = 64;

/// A token that renews a session, once. It is no access token.
#[derive(JsonSchema)]
pub(crate) struct RefreshToken(#[schemars(regex(pattern = "^gfr_[0-9a-f]{64}$"))] String);

impl RefreshToken {
    fn random() -> Self {
        Self(format!("{PREFIX}{}", runtime::random::hex::<32>()))
    }

    /// Under what it is kept.
    pub(crate) fn hash(&self) -> [u8; 32] {
        runtime::random::sha256(&self.0)
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for RefreshToken {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(input)?;
        let digits = text.strip_prefix(PREFIX).unwrap_or_default();
        if digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.into_owned()))
        } else {
            Err(D::Error::custom("is not a refresh token"))
        }
    }
}

/// The tokens of a session.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokensOut {
    /// Send it as `Authorization: Bearer …`.
    token: String,
    /// Seconds that `token` lives.
    expires_in: i64,
    /// Gets the next pair of tokens at `POST /auth/refresh`, once.
    refresh_token: String,
}

/// A refresh token that is about to be kept, and the answer that it will be part of.
pub(crate) struct NextTokens {
    refresh: RefreshToken,
    now: Timestamp,
}

impl NextTokens {
    /// A new random refresh token.
    pub(crate) fn new(now: Timestamp) -> Self {
        let refresh = RefreshToken::random();
        Self { refresh, now }
    }

    /// Under what the refresh token is kept.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.refresh.hash()
    }

    /// The pair, once the refresh token is kept.
    pub(crate) fn of(
        self,
        app: &App,
        user: &db::users::User,
        session: SessionId,
    ) -> domain::Result<TokensOut> {
        let subject = Subject {
            id: user.id,
            email: &user.email,
            name: &user.name,
            role: user.role,
            session,
        };
        Ok(TokensOut {
            token: app.tokens.issue(&subject, self.now)?,
            expires_in: app.tokens.lifetime_seconds(),
            refresh_token: self.refresh.0,
        })
    }
}

/// Where a request comes from, for the list of sessions.
pub(crate) fn device(origin: &Origin) -> Device<'_> {
    Device {
        ip: origin.client_ip(),
        user_agent: origin.user_agent(),
    }
}
