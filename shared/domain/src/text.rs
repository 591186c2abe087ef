//! Texts that cannot be built wrong.
//!
//! A refusal that starts with a lower-case letter continues the field's name (`must be a valid email`); one that starts
//! with a capital stands alone (`Quantity must be at least 1`), because existing clients know it in that form.

use serde::de::{self, Visitor};
use std::fmt;

/// Reads a whole number from a JSON number or a numeric text. Fractions, exponents in texts, and anything outside of
/// `i64` are refused; nothing is rounded.
pub(crate) fn whole_number<'de, D: serde::Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    struct Whole;
    impl Visitor<'_> for Whole {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }

        fn visit_i64<E: de::Error>(self, value: i64) -> Result<i64, E> {
            Ok(value)
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<i64, E> {
            i64::try_from(value).map_err(|_| E::custom("must be a smaller number"))
        }

        fn visit_f64<E: de::Error>(self, value: f64) -> Result<i64, E> {
            const EXACT: f64 = 9_007_199_254_740_992.0;
            if value.fract() == 0.0 && value.abs() < EXACT {
                Ok(value as i64)
            } else {
                Err(E::custom("must be a whole number"))
            }
        }

        fn visit_str<E: de::Error>(self, value: &str) -> Result<i64, E> {
            let digits = value.strip_prefix('-').unwrap_or(value);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(E::custom("must be a whole number"));
            }
            value.parse().map_err(|_| E::custom("must be a smaller number"))
        }
    }
    input.deserialize_any(Whole)
}

/// Declares a text type: trimmed, without control characters, between `min` and `max` characters.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $min:literal..=$max:literal, $empty:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
        #[serde(transparent)]
        #[schemars(transparent)]
        pub struct $name(#[schemars(length(min = $min, max = $max))] String);

        impl $name {
            /// The text, trimmed.
            ///
            /// # Errors
            /// What a person can do about it, when it is empty, too long or holds control characters.
            pub fn parse(text: &str) -> Result<Self, String> {
                crate::text::bounded(text, $min, $max, $empty).map(Self)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}
pub(crate) use texts;

/// The text trimmed and within its limits. Control characters are refused everywhere but in [`Description`]: they have
/// no business in a name and break mails, logs and PDF files.
pub(crate) fn bounded(text: &str, min: usize, max: usize, empty: &str) -> Result<String, String> {
    let text = text.trim();
    let length = text.chars().count();
    if length < min {
        return Err(empty.to_owned());
    }
    if length > max {
        return Err(format!("must be at most {max} characters long"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(text.to_owned())
}

texts! {
    /// What to look for; blanks alone find everything.
    SearchText: 0..=100, "";
}

/// A text of several lines, at most 10,000 characters; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct Description(#[schemars(length(max = 10_000))] String);

impl Description {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for Description {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        if text.chars().count() > 10_000 {
            return Err(de::Error::custom("must be at most 10000 characters long"));
        }
        if text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        {
            return Err(de::Error::custom("must not contain control characters"));
        }
        Ok(Self(text.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_without_rounding() {
        let read = |json: &str| whole_number(&mut serde_json::Deserializer::from_str(json)).ok();
        assert_eq!(read("3"), Some(3));
        assert_eq!(read("\"3\""), Some(3));
        assert_eq!(read("3.0"), Some(3));
        for bad in [
            "3.5",
            "\"3.5\"",
            "\"\"",
            "\"-\"",
            "1e309",
            "18446744073709551616",
            "1e16",
            "null",
            "{}",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_are_trimmed_and_limited_by_characters_not_bytes() {
        assert_eq!(bounded("  Ayu ", 1, 3, "empty").as_deref(), Ok("Ayu"));
        assert_eq!(bounded("ééé", 1, 3, "empty").as_deref(), Ok("ééé"));
        assert!(bounded("éééé", 1, 3, "empty").is_err());
        assert_eq!(bounded("  ", 1, 3, "empty"), Err("empty".to_owned()));
        assert!(bounded("a\u{0}b", 1, 9, "empty").is_err());
        assert!(bounded("a\r\nBcc: x", 1, 99, "empty").is_err());
    }
}
