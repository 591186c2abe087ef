//! People and what they may do.

use crate::text::texts;
use std::fmt;

texts! {
    /// A person's name.
    PersonName: 1..=100, "is not allowed to be empty";
    /// A phone number as the person writes it.
    Phone: 1..=30, "is not allowed to be empty";
}

/// What an account may do. Organizers own events, staff check tickets in, admins run the platform.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Buys tickets.
    User,
    /// Publishes events and sells tickets.
    Organizer,
    /// Scans tickets at the gate.
    Staff,
    /// Runs the platform.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::User, Self::Organizer, Self::Staff, Self::Admin];

    /// As stored and as in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organizer => "organizer",
            Self::Staff => "staff",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether this role may publish events.
    pub const fn may_publish(self) -> bool {
        matches!(self, Self::Organizer | Self::Admin)
    }

    /// Whether this role may check tickets at a gate.
    pub const fn may_check_in(self) -> bool {
        matches!(self, Self::Staff | Self::Organizer | Self::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A mail address. Kept as written; compared without regard to case.
#[derive(Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Email(#[schemars(extend("format" = "email"), length(max = 254))] String);

impl Email {
    /// An address with one `@`, a local part of at most 64 bytes and a domain with a dot. What the address accepts is
    /// proved by the verification mail, not by a longer grammar.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@')?;
        let plain = |part: &str| {
            !part.chars().any(|c| {
                c.is_control()
                    || c.is_whitespace()
                    || matches!(c, '@' | '<' | '>' | '(' | ')' | ',' | ';' | ':' | '"' | '\\')
            })
        };
        let dotted = |part: &str| {
            !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.contains("..")
        };
        let labels = domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
        let good = text.len() <= 254
            && local.len() <= 64
            && plain(local)
            && dotted(local)
            && domain.contains('.')
            && labels;
        good.then(|| Self(text.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    /// Addresses are personal data: a log shows only the domain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "…@{}",
            self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
        )
    }
}

impl<'de> serde::Deserialize<'de> for Email {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("must be a valid email"))
    }
}

/// A password on its way to the hash: never printed, never serialised.
#[derive(Clone, schemars::JsonSchema)]
pub struct Password(#[schemars(length(max = 128))] String);

impl Password {
    /// Most characters taken. Long pass phrases fit; a megabyte to hash does not.
    pub const MAX: usize = 128;

    /// The characters, for the hash only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> serde::Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        match text.chars().count() {
            0 => Err(serde::de::Error::custom("is not allowed to be empty")),
            length if length > Self::MAX => {
                Err(serde::de::Error::custom("must be at most 128 characters long"))
            }
            _ => Ok(Self(text.into_owned())),
        }
    }
}

/// A password that somebody chooses: at least [`NewPassword::MIN`] characters, any characters, and none of the first
/// guesses of every attack.
#[derive(Debug, Clone, schemars::JsonSchema)]
pub struct NewPassword(Password);

impl NewPassword {
    /// Fewest characters: what NIST SP 800-63B asks for, and what the reset form of the web client enforces.
    pub const MIN: usize = 8;

    /// The characters, for the hash only.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Passwords of at least eight characters that lead every list of leaked ones.
const FIRST_GUESSES: [&str; 30] = [
    "password",
    "password1",
    "password12",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyuiop",
    "qwerty123",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "11111111",
    "00000000",
    "88888888",
    "abcd1234",
    "abc12345",
    "letmein1",
    "welcome1",
    "superman",
    "indonesia",
    "bismillah",
    "sayangku",
    "jakarta123",
];

impl<'de> serde::Deserialize<'de> for NewPassword {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let password = Password::deserialize(input)?;
        if password.expose().chars().count() < Self::MIN {
            return Err(serde::de::Error::custom(
                "length must be at least 8 characters long",
            ));
        }
        let lower = password.expose().to_lowercase();
        if FIRST_GUESSES.contains(&lower.as_str()) {
            return Err(serde::de::Error::custom(
                "is among the most guessed passwords, please choose another",
            ));
        }
        Ok(Self(password))
    }
}

/// Years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Age(#[schemars(range(min = 1, max = 150))] i32);

impl Age {
    /// Years.
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for Age {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match crate::text::whole_number(input)? {
            years if years < 1 => Err(serde::de::Error::custom("Age must be greater than 0")),
            years => match i32::try_from(years) {
                Ok(years) if years <= 150 => Ok(Self(years)),
                _ => Err(serde::de::Error::custom("must be at most 150")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_or_refused() {
        for good in [
            "a@b.co",
            "ayu.putri+tix@mail.example.test",
            "búho@españa.es",
            " a@b.co ",
        ] {
            assert!(Email::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "@b.co",
            "a@",
            "a b@c.co",
            "a@b..co",
            ".a@b.co",
            "a..b@c.co",
            "a@-b.co",
            "a@b.co\r\nBcc: x@y.zz",
            "a@b@c.co",
            "<a@b.co>",
        ] {
            assert!(Email::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(
            format!("{:?}", Email::parse("ayu@example.test").unwrap()),
            "…@example.test"
        );
    }

    #[test]
    fn passwords_are_judged_by_length_and_by_the_list_of_first_guesses() {
        let chosen = |text: &str| serde_json::from_value::<NewPassword>(serde_json::json!(text)).is_ok();
        assert!(chosen("correct horse battery staple"));
        assert!(chosen("ünïcödé!"));
        assert!(chosen(&"x".repeat(128)));
        for bad in ["", "short", "Password123", "12345678", &"x".repeat(129)] {
            assert!(!chosen(bad), "{bad}");
        }
        assert_eq!(
            format!("{:?}", serde_json::from_str::<Password>("\"hunter22\"").unwrap()),
            "***"
        );
    }

    #[test]
    fn ages_are_whole_and_sane() {
        for bad in ["0", "-1", "151", "20.5", "\"x\""] {
            assert!(serde_json::from_str::<Age>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<Age>("\"21\"").unwrap().get(), 21);
    }
}
