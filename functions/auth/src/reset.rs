//! What the steps of a password reset have in common: the token that asking gives, the code that is mailed for it, and how a
//! code is checked.
//!
//! An address that nobody has goes through the same steps with the same answers: it gets a token, and codes that no six
//! digits match.

use db::Conn;
use db::password_resets::{self, MOST_TRIES, Reset};
use domain::user::NewPassword;
use domain::{Error, Timestamp};
use schemars::JsonSchema;
use serde::de::value::StrDeserializer;
use serde::de::{Error as _, IntoDeserializer as _};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;
use subtle::ConstantTimeEq as _;

/// Seconds that a token is good.
pub(crate) const TOKEN_SECONDS: i64 = 3_600;

/// Seconds that a code is good.
pub(crate) const CODE_SECONDS: i64 = 600;

/// The token of a reset as a client sends it. It opens nothing but the steps of its reset.
#[derive(JsonSchema)]
pub(crate) struct ResetToken(#[schemars(length(min = 1))] String);

impl ResetToken {
    /// Under what its row is found.
    pub(crate) fn hash(&self) -> [u8; 32] {
        runtime::random::sha256(&self.0)
    }

    /// What is kept of a code for this token. Without the token, which is not kept, a copy of the database does not even
    /// allow guessing.
    pub(crate) fn hash_with(&self, otp: &Otp) -> [u8; 32] {
        runtime::random::sha256(&format!("{}:{}", self.0, otp.0))
    }
}

impl fmt::Debug for ResetToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for ResetToken {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(input)?;
        if text.is_empty() {
            return Err(D::Error::custom("Token is required"));
        }
        Ok(Self(text.into_owned()))
    }
}

/// A code: six digits.
#[derive(JsonSchema)]
pub(crate) struct Otp(#[schemars(regex(pattern = "^[0-9]{6}$"))] String);

impl Otp {
    /// A random code. The remainder of 64 random bits favours no code by more than one in 10^13.
    pub(crate) fn random() -> Self {
        let number = u64::from_le_bytes(runtime::random::bytes()) % 1_000_000;
        Self(format!("{number:06}"))
    }

    /// The digits, for the mail.
    pub(crate) fn into_digits(self) -> String {
        self.0
    }
}

impl fmt::Debug for Otp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Otp {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(input)?;
        if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(D::Error::custom("OTP must be 6 digits"));
        }
        Ok(Self(text.into_owned()))
    }
}

/// The password that replaces a forgotten one. What makes it too short is said in the words of existing clients.
#[derive(Debug, JsonSchema)]
pub(crate) struct ReplacingPassword(pub(crate) NewPassword);

impl<'de> Deserialize<'de> for ReplacingPassword {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(input)?;
        if text.chars().count() < NewPassword::MIN {
            return Err(D::Error::custom("Password must be at least 8 characters"));
        }
        let text: StrDeserializer<'_, D::Error> = text.as_ref().into_deserializer();
        NewPassword::deserialize(text).map(Self)
    }
}

/// The same password once more.
#[derive(JsonSchema)]
pub(crate) struct Repetition(String);

impl Repetition {
    /// Whether it is that password.
    pub(crate) fn is_of(&self, password: &ReplacingPassword) -> bool {
        self.0 == password.0.expose()
    }
}

impl fmt::Debug for Repetition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Repetition {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input).map(Self)
    }
}

/// The reset of a token, unless there is none, its time is over, or too many wrong codes were tried with it. Nobody learns
/// which.
pub(crate) fn open(reset: Option<Reset>, now: Timestamp) -> Result<Reset, Error> {
    reset
        .filter(|reset| now < reset.expires_at && reset.wrong_tries < MOST_TRIES)
        .ok_or_else(|| Error::invalid("invalid_token", "Invalid reset token"))
}

/// Whether a code is the one that was mailed.
///
/// # Errors
/// `otp_not_generated` or `otp_expired` if no code would do.
pub(crate) fn is_right(reset: &Reset, hash: &[u8; 32], now: Timestamp) -> Result<bool, Error> {
    let code = reset.code.as_ref();
    let code = code.ok_or_else(|| Error::invalid("otp_not_generated", "OTP not generated"))?;
    if now >= code.expires_at {
        return Err(Error::invalid("otp_expired", "OTP has expired"));
    }
    Ok(code.hash.ct_eq(hash).into())
}

pub(crate) fn wrong_code() -> Error {
    Error::invalid("invalid_otp", "Invalid OTP")
}

/// Checks a code and counts it if it is wrong. The row is locked while that is done: of many guesses at once, no more are
/// looked at than the token has tries.
pub(crate) async fn check(
    conn: &mut Conn<'_>,
    token: &ResetToken,
    otp: &Otp,
    now: Timestamp,
) -> Result<(), Error> {
    let tx = conn.begin().await?;
    let reset = open(password_resets::lock(&tx, &token.hash()).await?, now)?;
    if is_right(&reset, &token.hash_with(otp), now)? {
        return Ok(());
    }
    password_resets::count_wrong_try(&tx, reset.id).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Err(wrong_code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_have_six_digits_and_hardly_repeat() {
        let codes: HashSet<String> = (0..1_000).map(|_| Otp::random().into_digits()).collect();
        assert!(codes.len() > 980, "{}", codes.len());
        for code in codes {
            assert!(
                serde_json::from_value::<Otp>(code.clone().into()).is_ok(),
                "{code}"
            );
        }
    }

    #[test]
    fn a_code_is_bound_to_its_token() {
        let token = |text: &str| ResetToken(text.to_owned());
        let otp = Otp("042917".to_owned());
        assert_eq!(token("a").hash_with(&otp), token("a").hash_with(&otp));
        assert_ne!(token("a").hash_with(&otp), token("b").hash_with(&otp));
        assert_ne!(token("a:042917").hash(), token("a").hash());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let shown = format!(
            "{:?} {:?}",
            ResetToken("abc".to_owned()),
            Otp("042917".to_owned())
        );
        assert_eq!(shown, "*** ***");
    }
}
